//! Takes secrets out of texts that are shown.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::secret::REDACTED;

/// Shorter texts would take too much out of what is shown.
const SHORTEST: usize = 4;
/// What was computed from a secret is often an ordinary word, so it must be longer.
const SHORTEST_DERIVED: usize = 8;

/// Secrets while variables are being evaluated.
#[derive(Default)]
pub struct Collector {
    secrets: BTreeSet<String>,
    numbers: BTreeSet<String>,
}

impl Collector {
    /// A text that is secret itself.
    pub fn direct(&mut self, text: &str) {
        if text.chars().count() >= SHORTEST && !is_trivial(text) {
            self.add(text);
        }
    }

    /// A text that was computed from a secret. Documents are none: they hold much that is no secret.
    pub fn derived(&mut self, text: &str) {
        if text.chars().count() >= SHORTEST_DERIVED && !is_trivial(text) && !text.trim_end().contains('\n') {
            self.add(text);
        }
    }

    /// A number that is secret. A short one is taken out only where it is the whole text, because its digits
    /// are everywhere; 0 and 1 say no more than a boolean.
    pub fn number(&mut self, number: &str) {
        if !matches!(number, "0" | "1") {
            self.numbers.insert(number.to_owned());
        }
        self.direct(number);
    }

    fn add(&mut self, text: &str) {
        if !self.secrets.contains(text) {
            self.secrets.insert(text.to_owned());
        }
    }

    /// A redactor for what is known by now.
    pub fn redactor(&self) -> Redactor {
        let mut forms = Forms::default();
        for secret in &self.secrets {
            for text in [secret.as_str(), secret.trim_end()] {
                written_forms(text).iter().filter(|form| form.chars().count() >= SHORTEST).for_each(|form| forms.add(form.as_bytes()));
            }
        }
        Redactor { forms: Arc::new(forms), numbers: Arc::new(self.numbers.clone()) }
    }
}

fn is_trivial(text: &str) -> bool {
    let text = text.trim();
    matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "none" | "null" | "disabled" | "enabled")
        || text.parse::<f64>().is_ok_and(|_| text.len() < 6)
}

/// The forms in which a secret may stand in a text.
fn written_forms(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or(&json).to_owned();
    vec![
        secret.replace('\'', "''"),
        secret.replace('\'', "'\"'\"'"),
        super::filters::encode::url_encode(secret, b""),
        super::filters::encode::url_encode(secret, b"/"),
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        super::filters::json::escape_ascii(secret),
        json,
        secret.to_owned(),
    ]
}

/// Texts to look for. How many there are matters little to how long it takes to look: they may be those of a fleet.
#[derive(Clone, Default)]
struct Forms(HashMap<[u8; SHORTEST], BTreeSet<Box<[u8]>>>);

impl Forms {
    /// Adds a form that is long enough.
    fn add(&mut self, form: &[u8]) {
        let Some(start) = form.first_chunk() else { return };
        let alike = self.0.entry(*start).or_default();
        if !alike.contains(form) {
            alike.insert(form.into());
        }
    }

    /// The length of the longest form that a text begins with.
    fn longest_at(&self, text: &[u8]) -> Option<usize> {
        let alike = self.0.get(text.first_chunk()?)?;
        let mut bound = text;
        loop {
            // What a text begins with sorts before the text, and a longer beginning after a shorter one.
            let form = alike.range::<[u8], _>((Bound::Unbounded, Bound::Included(bound))).next_back()?;
            let common = form.iter().zip(bound).take_while(|(one, other)| one == other).count();
            if common == form.len() {
                return Some(common);
            }
            bound = bound.get(..common)?;
        }
    }

    /// Where in a text they stand, from front to back; what overlaps is one place.
    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for (start, _) in text.char_indices() {
            let Some(length) = text.as_bytes().get(start..).and_then(|rest| self.longest_at(rest)) else { continue };
            match places.last_mut().filter(|last| start < last.end) {
                Some(last) => last.end = last.end.max(start + length),
                None => places.push(start..start + length),
            }
        }
        places
    }
}

/// Replaces secrets in texts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor {
    forms: Arc<Forms>,
    /// Secret only where nothing else stands beside them.
    numbers: Arc<BTreeSet<String>>,
}

impl Redactor {
    /// The text with every secret in it replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.numbers.contains(text.trim_matches('"')) {
            return Cow::Borrowed(REDACTED);
        }
        let places = self.forms.places(text);
        if places.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut end) = (String::new(), 0);
        for place in places {
            shown.push_str(text.get(end..place.start).unwrap_or_default());
            shown.push_str(REDACTED);
            end = place.end;
        }
        shown.push_str(text.get(end..).unwrap_or_default());
        Cow::Owned(shown)
    }

    /// Learns what another one knows.
    pub fn extend(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
            return;
        }
        let forms = Arc::make_mut(&mut self.forms);
        other.forms.0.values().flatten().for_each(|form| forms.add(form));
        if !other.numbers.is_empty() {
            Arc::make_mut(&mut self.numbers).extend(other.numbers.iter().cloned());
        }
    }

    /// Whether it knows no secret.
    pub fn is_empty(&self) -> bool {
        self.forms.0.is_empty() && self.numbers.is_empty()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.forms.0.values().map(BTreeSet::len).sum::<usize>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(secrets: &[&str], text: &str) -> String {
        let mut all = Redactor::default();
        for secret in secrets {
            let mut collector = Collector::default();
            collector.direct(secret);
            all.extend(&collector.redactor());
        }
        all.redact(text).into_owned()
    }

    #[test]
    fn every_form_of_every_secret_goes() {
        assert_eq!(redact(&["hunter2", "hunter22"], "a hunter22, a hunter2 and a hunter"), "a [redacted], a [redacted] and a hunter");
        assert_eq!(redact(&["abcdef", "cdefghij"], "abcdefghij klm"), "[redacted] klm");
        assert_eq!(redact(&["abcd", "efgh"], "abcdefgh"), "[redacted][redacted]");
        assert_eq!(redact(&["abcd", "abcdzzzz"], "abcdyyyy"), "[redacted]yyyy");
        assert_eq!(
            redact(&["schlüssel"], "der schlüssel, das schlüsselbrett, schl\\u00fcssel"),
            "der [redacted], das [redacted]brett, [redacted]"
        );
        assert_eq!(redact(&["it's me"], "'it'\"'\"'s me' is it%27s%20me"), "'[redacted]' is [redacted]");
        assert_eq!(redact(&[], "abcdefgh"), "abcdefgh");
    }
}
