//! Why a value is missing: undefined, or failed on the way.

use std::sync::{Arc, OnceLock};

use crate::diagnostic::Span;

/// A place inside an expression.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where the text that holds the expression begins.
    pub origin: Arc<Origin>,
    /// How many bytes into the text it is.
    pub offset: usize,
}

/// A text that holds expressions.
#[derive(Debug)]
pub struct Origin {
    /// Where it begins in a user's file.
    pub span: Span,
    /// The text.
    pub source: Arc<str>,
    /// The variable that it defines; empty for an expression of a role.
    pub variable: Arc<str>,
}

/// What went wrong. It decides the code of the diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A name or attribute does not exist; `default(...)` replaces it.
    Undefined,
    /// The text is no template.
    Syntax,
    /// No such filter, test, lookup or function.
    Unknown,
    /// Variables need each other.
    Cycle,
    /// `omit` where a value is needed, or a value of a kind that no variable may hold.
    Unstorable,
    /// A value could not be worked out.
    Failed,
    /// Encrypted, and no password fits.
    Locked,
}

impl Reason {
    /// The code that `docs/errors.md` explains.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Undefined => "H0201",
            Self::Syntax => "H0202",
            Self::Unknown => "H0203",
            Self::Cycle => "H0204",
            Self::Unstorable => "H0205",
            Self::Failed => "H0206",
            Self::Locked => "H0207",
        }
    }
}

/// Why there is no value. Cheap to clone, so that it can travel like a value.
#[derive(Clone, Debug)]
pub struct Failure(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    reason: Reason,
    message: String,
    help: Option<String>,
    /// The name that does not exist.
    name: Option<String>,
    place: OnceLock<Place>,
}

impl Failure {
    /// A failure whose message holds no value: those may be secrets.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self::build(reason, message.into(), None, None)
    }

    /// A value could not be worked out.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Reason::Failed, message)
    }

    /// Something that does not exist.
    pub fn undefined(message: impl Into<String>) -> Self {
        Self::new(Reason::Undefined, message)
    }

    /// A variable that does not exist.
    pub fn undefined_name(name: &str) -> Self {
        Self::build(Reason::Undefined, format!("`{name}` is undefined"), None, Some(name.to_owned()))
    }

    /// With what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self::build(self.0.reason, self.0.message.clone(), Some(help.into()), self.0.name.clone())
    }

    fn build(reason: Reason, message: String, help: Option<String>, name: Option<String>) -> Self {
        Self(Arc::new(Inner { reason, message, help, name, place: OnceLock::new() }))
    }

    /// What went wrong.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Whether `default(...)` replaces it.
    pub fn is_undefined(&self) -> bool {
        self.0.reason == Reason::Undefined
    }

    /// What it says.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do, when it is known without the other variables.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The name that does not exist.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Where it happened.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.get()
    }

    /// Remembers where it happened; the first place, which is the innermost, stays.
    #[must_use]
    pub fn at(self, origin: &Arc<Origin>, offset: usize) -> Self {
        self.0.place.get_or_init(|| Place { origin: Arc::clone(origin), offset });
        self
    }
}
