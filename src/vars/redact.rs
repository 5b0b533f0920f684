//! Takes secrets out of texts that are shown.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
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
        let mut forms = BTreeSet::new();
        for secret in &self.secrets {
            for text in [secret.as_str(), secret.trim_end()] {
                forms.extend(written_forms(text));
            }
        }
        let mut forms: Vec<String> = forms.into_iter().filter(|form| form.chars().count() >= SHORTEST).collect();
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
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

/// Replaces secrets in texts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that no part of one is left beside a shorter one.
    forms: Arc<Vec<String>>,
    /// Secret only where nothing else stands beside them.
    numbers: Arc<BTreeSet<String>>,
}

impl Redactor {
    /// The text with every secret in it replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.numbers.contains(text.trim_matches('"')) {
            return Cow::Borrowed(REDACTED);
        }
        let mut shown = Cow::Borrowed(text);
        for form in self.forms.iter() {
            if shown.contains(form.as_str()) {
                shown = Cow::Owned(shown.replace(form.as_str(), REDACTED));
            }
        }
        shown
    }

    /// Whether it knows no secret.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty() && self.numbers.is_empty()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.forms.len())
    }
}
