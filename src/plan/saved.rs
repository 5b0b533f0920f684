//! A plan that is kept, and whether it is still the one that would be made.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::fingerprint::Fingerprint;
use super::{Observed, Plan, VERSION};
use crate::desired::Desired;
use crate::diagnostic::{Diagnostic, Error, Kind, Result, Span};

/// More names than this are counted.
const SHOWN: usize = 8;

/// The plans of one call of `plan`, with what they came from. It holds no secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The version of this document.
    pub version: u32,
    /// The version of the program that made it.
    pub homestead: String,
    /// The run that made it.
    pub run: String,
    /// When: RFC 3339.
    pub at: String,
    /// What of the command line shaped it.
    pub arguments: Arguments,
    /// Lowercase hex, for this file alone: fingerprints of two files cannot be compared.
    pub salt: String,
    /// By name.
    pub hosts: BTreeMap<String, SavedHost>,
}

/// What of the command line shapes a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arguments {
    /// `-i`.
    pub inventory: Vec<String>,
    /// `--limit`.
    pub limit: Option<String>,
    /// `--tags`.
    pub tags: Vec<String>,
    /// The names of the variables that `-e` set. Never their values.
    pub extra_vars: BTreeSet<String>,
    /// `--roles-dir`.
    pub roles_dir: Option<String>,
}

/// One host's plan, and what it came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedHost {
    /// The plan as it was shown, as `plan --json` writes it.
    pub plan: Json,
    /// The declared users that would be made.
    pub users: Vec<String>,
    /// The inventory, as far as it concerns this host.
    pub desired: Fingerprint,
    /// The host, as far as the plan rests on it.
    pub observed: Fingerprint,
}

impl SavedHost {
    /// What is kept of a plan.
    ///
    /// # Errors
    /// A fault of homestead's own: a plan is always JSON.
    pub fn new(
        desired: &Desired,
        observed: &Observed,
        plan: &Plan,
        users: Vec<String>,
        salt: &[u8],
        redact: &dyn Fn(&str) -> String,
    ) -> Result<Self> {
        let mut plan =
            serde_json::to_value(plan).map_err(|error| Error::new(Kind::Usage, "the plan cannot be written down").caused_by(error))?;
        // Data that nobody touches grows all the same.
        for data in plan["kept"].as_array_mut().into_iter().flatten() {
            data["bytes"] = Json::Null;
        }
        let (desired_is, observed_is) = (Fingerprint::of_desired(desired, salt, redact), Fingerprint::of_observed(desired, observed, salt));
        Ok(Self { plan, users, desired: desired_is, observed: observed_is })
    }

    /// What is not as it was when the plan was made.
    fn moved(&self, now: &Self) -> Moved {
        let hidden = |same: bool, named: BTreeSet<String>, unnamed: &str| match (same, named.is_empty()) {
            (false, true) => BTreeSet::from([unnamed.to_owned()]),
            _ => named,
        };
        Moved {
            inventory: hidden(self.desired.whole == now.desired.whole, self.desired.differences(&now.desired), "a secret"),
            host: hidden(
                self.observed.whole == now.observed.whole,
                self.observed.differences(&now.observed),
                "the contents of a file with secrets",
            ),
            plan: self.plan != now.plan || self.users != now.users,
        }
    }
}

/// What is not as it was.
struct Moved {
    inventory: BTreeSet<String>,
    host: BTreeSet<String>,
    plan: bool,
}

impl SavedPlan {
    /// Reads a file. `name` is what it is called in messages, `homestead` the version of this program.
    ///
    /// # Errors
    /// It is no such file, or another homestead made it.
    pub fn read(text: &str, name: &str, homestead: &str) -> Result<Self> {
        let unusable = |finding: Diagnostic| {
            let mut error = Error::new(Kind::Usage, format!("the plan in `{name}` cannot be used; nothing was touched"));
            error.diagnostics.push(finding);
            error
        };
        let malformed = |error: &serde_json::Error| {
            let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let what = if error.is_eof() { "the plan is cut off: its end is missing" } else { "this is no saved plan" };
            unusable(
                Diagnostic::error("H0830", what)
                    .at(&Span::new(name, place(error.line()), place(error.column())))
                    .help("make one with `homestead plan --out FILE`"),
            )
        };
        let document: Json = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        let made_by = document["homestead"].as_str().unwrap_or_default();
        let version = document["version"].as_u64();
        if document.get("salt").is_some() && (version != Some(VERSION.into()) || made_by != homestead) {
            return Err(unusable(
                Diagnostic::error("H0831", format!("homestead {made_by} made this plan, and this is homestead {homestead}"))
                    .at(&Span::whole(name))
                    .help("what it would do may differ: make the plan anew with the program that applies it"),
            ));
        }
        serde_json::from_value(document).map_err(|error| malformed(&error))
    }

    /// The file.
    ///
    /// # Errors
    /// A fault of homestead's own: it is always JSON.
    pub fn text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        Ok(text.map_err(|error| Error::new(Kind::Usage, "the plan cannot be written down").caused_by(error))? + "\n")
    }

    /// The salt as bytes.
    ///
    /// # Errors
    /// Somebody changed it.
    pub fn salt(&self) -> Result<Vec<u8>> {
        hex::decode(&self.salt).map_err(|error| Error::new(Kind::Usage, "the salt of the saved plan is no hex").caused_by(error))
    }

    /// Whether a host's plan is still the one that is kept here. `given` are the names of the variables that `-e` sets
    /// now.
    ///
    /// # Errors
    /// Kind `Stale`, with what moved.
    pub fn check(&self, host: &str, now: &SavedHost, given: &BTreeSet<String>) -> Result<()> {
        let saved = self
            .hosts
            .get(host)
            .ok_or_else(|| Error::new(Kind::Usage, format!("the saved plan is not for `{host}`; nothing was touched")))?;
        let moved = saved.moved(now);
        if moved.inventory.is_empty() && moved.host.is_empty() && !moved.plan {
            return Ok(());
        }
        let message = format!("`{host}`: the plan of {} does not fit any more; nothing was touched", self.at);
        let mut error = Error::new(Kind::Stale, message);
        if !moved.inventory.is_empty() {
            error = error.hint(format!("the inventory says something else about {}", listed(&moved.inventory)));
        }
        if !moved.host.is_empty() {
            error = error.hint(format!("the host has changed: {}", listed(&moved.host)));
        }
        if moved.inventory.is_empty() && moved.host.is_empty() {
            error = error.hint("the plan in the file is not the one that its fingerprints belong to");
        }
        if *given != self.arguments.extra_vars {
            let names = |names: &BTreeSet<String>| match names.len() {
                0 => "no `-e`".to_owned(),
                _ => format!("`-e` for {}", listed(names)),
            };
            let (then, now) = (names(&self.arguments.extra_vars), names(given));
            error = error.hint(format!("it was made with {then}, and this run has {now}: give the same"));
        } else if !given.is_empty() && !moved.inventory.is_empty() {
            error = error.hint(format!("give the same values as then with `-e`: {}", listed(given)));
        }
        Err(error.hint("look at a new plan: `homestead plan --out FILE`"))
    }
}

/// `a, b, and 3 more`
fn listed(names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(whole: &str, parts: &[(&str, &str)]) -> Fingerprint {
        Fingerprint { whole: whole.into(), parts: parts.iter().map(|(name, part)| ((*name).to_owned(), (*part).to_owned())).collect() }
    }

    fn host(desired: Fingerprint, observed: Fingerprint) -> SavedHost {
        SavedHost { plan: Json::Null, users: Vec::new(), desired, observed }
    }

    fn saved(names: &[&str]) -> SavedPlan {
        SavedPlan {
            version: VERSION,
            homestead: "1.0.0".into(),
            run: "r".into(),
            at: "2026-11-22T10:00:00Z".into(),
            arguments: Arguments {
                inventory: vec!["inventory/hosts".into()],
                limit: None,
                tags: vec!["install-all".into()],
                extra_vars: names.iter().map(|name| (*name).to_owned()).collect(),
                roles_dir: None,
            },
            salt: "00ff".into(),
            hosts: [("h".to_owned(), host(print("d", &[("file /a", "1")]), print("o", &[("a.service", "1")])))].into(),
        }
    }

    fn refusal(saved: &SavedPlan, now: &SavedHost, given: &[&str]) -> String {
        let given = given.iter().map(|name| (*name).to_owned()).collect();
        let error = saved.check("h", now, &given).unwrap_err();
        assert_eq!(error.kind, Kind::Stale);
        format!("{}\n{}", error.message, error.hints.join("\n"))
    }

    #[test]
    fn what_moved_is_named_and_nothing_else_is_refused() {
        let plan = saved(&[]);
        let same = plan.hosts["h"].clone();
        plan.check("h", &same, &BTreeSet::new()).unwrap();
        let moved = host(print("d2", &[("file /a", "2"), ("file /b", "1")]), print("o2", &[("a.service", "2")]));
        insta::assert_snapshot!(refusal(&plan, &moved, &[]), @"
        `h`: the plan of 2026-11-22T10:00:00Z does not fit any more; nothing was touched
        the inventory says something else about file /a, file /b
        the host has changed: a.service
        look at a new plan: `homestead plan --out FILE`
        ");
        let secret = host(print("d2", &[("file /a", "1")]), print("o", &[("a.service", "1")]));
        insta::assert_snapshot!(refusal(&saved(&["a"]), &secret, &[]), @"
        `h`: the plan of 2026-11-22T10:00:00Z does not fit any more; nothing was touched
        the inventory says something else about a secret
        it was made with `-e` for a, and this run has no `-e`: give the same
        look at a new plan: `homestead plan --out FILE`
        ");
        insta::assert_snapshot!(refusal(&saved(&["a"]), &secret, &["a"]), @"
        `h`: the plan of 2026-11-22T10:00:00Z does not fit any more; nothing was touched
        the inventory says something else about a secret
        give the same values as then with `-e`: a
        look at a new plan: `homestead plan --out FILE`
        ");
        let edited = SavedHost { users: vec!["alice".into()], ..same };
        assert!(refusal(&plan, &edited, &[]).contains("not the one that its fingerprints belong to"));
        assert_eq!(plan.check("other", &edited, &BTreeSet::new()).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn a_file_that_is_none_or_of_another_version_is_refused() {
        let text = saved(&[]).text().unwrap();
        assert_eq!(SavedPlan::read(&text, "p", "1.0.0").unwrap().text().unwrap(), text);
        let refused = |text: &str| {
            let error = SavedPlan::read(text, "p", "1.0.0").unwrap_err();
            assert_eq!(error.kind, Kind::Usage);
            format!("{} {}", error.diagnostics[0].code, error.diagnostics[0])
        };
        let cut_off = refused(&text[..text.len() / 2]);
        assert!(cut_off.starts_with("H0830 p:") && cut_off.ends_with(": the plan is cut off: its end is missing"), "{cut_off}");
        insta::assert_snapshot!(refused("---\na: b\n"), @"H0830 p:1:2: this is no saved plan");
        insta::assert_snapshot!(refused("{\"plans\": []}"), @"H0830 p: this is no saved plan");
        let newer = text.replace("\"version\": 1", "\"version\": 2");
        insta::assert_snapshot!(refused(&newer), @"H0831 p: homestead 1.0.0 made this plan, and this is homestead 1.0.0");
        insta::assert_snapshot!(refused(&text.replace("1.0.0", "0.9.0")), @"H0831 p: homestead 0.9.0 made this plan, and this is homestead 1.0.0");
    }
}
