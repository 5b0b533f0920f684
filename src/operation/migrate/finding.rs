//! One answer of an examination.

use serde::Serialize;

use crate::diagnostic::Span;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It can go on; somebody should know.
    Warning,
    /// It cannot go on.
    Bad,
}

/// What an examination found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at, for people and programs: `synapse-settings`.
    pub name: &'static str,
    /// How much it weighs.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do, where something can be done.
    pub hint: Option<String>,
    /// The place in the user's files that it comes from.
    pub place: Option<Span>,
}

impl Finding {
    /// Whether the user's files are to blame, and not the server.
    pub fn is_of_the_inventory(&self) -> bool {
        matches!(self.name, "inventory" | "settings" | "databases" | "versions" | "passwords" | "providers")
    }

    /// Whether it was asked for from this machine, as a user of the server would.
    pub fn is_seen_from_outside(&self) -> bool {
        matches!(self.name, "dns" | "port" | "certificate" | "well-known")
    }
}
