//! What happens during a run, as data.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::Finding;
use crate::diagnostic::{Error, Kind};
use crate::operation::postgres::DatabaseContents;
use crate::plan::Plan;
use crate::secret::{REDACTED, Secret};

/// One thing that happened: on a host, or to the run as a whole.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run begins; the first event of it, and of no host.
    Begin {
        /// The command: `install-all`.
        command: String,
        /// The words of the command line, without secrets.
        line: Vec<String>,
        /// The hosts that it is about.
        hosts: Vec<String>,
        /// homestead's version.
        homestead: String,
    },
    /// What is going to be done, before it is.
    Plan {
        /// Without secrets.
        plan: Arc<Plan>,
    },
    /// A run came to a step. Everything before it is done.
    Step {
        /// Which.
        step: RunStep,
        /// The units that it is about; empty where it is about none in particular.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[schemars(default)]
        units: Vec<String>,
    },
    /// A stage began: `connect`, `observe`, `pull`, `push`, `restart`.
    Stage {
        /// In words.
        text: String,
    },
    /// A layer of an image came further.
    Pull {
        /// The image.
        image: String,
        /// The layer's short id.
        layer: String,
        /// What it does: `Downloading`.
        status: String,
        /// Bytes so far.
        current: u64,
        /// Bytes in all; 0 where unknown.
        total: u64,
    },
    /// Something is done.
    Done {
        /// In words.
        text: String,
    },
    /// Something that a user should know.
    Warning {
        /// In words.
        text: String,
    },
    /// A line of a program's output, as it came.
    Output {
        /// Without its line end.
        line: String,
        /// Whether it came on stderr.
        stderr: bool,
    },
    /// A unit that started passed its health check.
    Healthy {
        /// Its full name.
        unit: String,
    },
    /// A backup was made and read back.
    Backup {
        /// Where it lies.
        path: String,
        /// Packed.
        bytes: u64,
        /// What it holds.
        databases: Vec<DatabaseContents>,
    },
    /// An import is over.
    Imported {
        /// Where the data of before lies.
        old_data: Option<String>,
        /// What was imported.
        databases: Vec<DatabaseContents>,
    },
    /// MAS issued a token. The only event that holds a secret; no log keeps it.
    AdminToken {
        /// The token.
        #[serde(serialize_with = "revealed")]
        #[schemars(with = "String")]
        token: Secret<String>,
    },
    /// A host is done with a part of the command: the whole of it, but for `run-tags` with tags that are no part
    /// of one run.
    HostEnd {
        /// How it ended there.
        result: RunResult,
        /// The code that the process would end with for this host alone.
        exit_code: u8,
        /// How long it took, without the wait for its turn.
        seconds: f64,
        /// How many resources changed; absent where nothing was planned.
        #[serde(skip_serializing_if = "Option::is_none")]
        changes: Option<usize>,
        /// What was started, restarted, or stopped.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[schemars(default)]
        units: Vec<UnitEnd>,
        /// The error, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// The run is over: the last event of it but for `failed`.
    End {
        /// How.
        result: RunResult,
        /// The process's exit code.
        exit_code: u8,
        /// How long it took.
        seconds: f64,
        /// The file that keeps this run on this machine.
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<String>,
    },
    /// The command ends with an error; the last line.
    Failed(Failure),
}

impl Event {
    /// The same as a log may keep it.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        match self {
            Self::AdminToken { .. } => Self::AdminToken { token: Secret::new(REDACTED.to_owned()) },
            other => other.clone(),
        }
    }

    /// The same with every text that people or programs wrote changed by `redact`. Names and plans stay: a plan is
    /// redacted when it is made.
    #[must_use]
    pub fn map_texts(mut self, redact: &dyn Fn(&str) -> String) -> Self {
        match &mut self {
            Self::Stage { text } | Self::Done { text } | Self::Warning { text } | Self::Output { line: text, .. } => *text = redact(text),
            Self::Failed(failure) | Self::HostEnd { error: Some(failure), .. } => failure.map_texts(redact),
            _ => {}
        }
        self
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn revealed<S: Serializer>(token: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.reveal())
}

/// An error, as events tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// A lowercase fragment.
    pub message: String,
    /// What caused it, the nearest first.
    pub causes: Vec<String>,
    /// The process's exit code for it.
    pub exit_code: u8,
    /// What to do, and what was put back.
    pub hints: Vec<String>,
    /// Findings in the user's files.
    pub diagnostics: Vec<Finding>,
}

impl Failure {
    /// What an error says.
    pub fn of(error: &Error) -> Self {
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self {
            message: error.message.clone(),
            causes,
            exit_code: error.kind.exit_code(),
            hints: error.hints.clone(),
            diagnostics: error.diagnostics.iter().map(Finding::of).collect(),
        }
    }

    fn map_texts(&mut self, redact: &dyn Fn(&str) -> String) {
        self.message = redact(&self.message);
        for text in self.hints.iter_mut().chain(&mut self.causes) {
            *text = redact(text);
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunResult {
    /// As it should.
    Done,
    /// Something went wrong.
    Failed,
    /// A service did not come up, and the previous state was put back.
    RolledBack,
    /// The user stopped it.
    Interrupted,
    /// Another run holds the lock.
    Locked,
    /// A saved plan does not fit any more.
    Stale,
    /// There is no connection.
    Unreachable,
    /// The inventory is wrong.
    Invalid,
}

impl RunResult {
    /// What an exit code means.
    pub const fn of_exit_code(code: u8) -> Self {
        match code {
            0 => Self::Done,
            3 => Self::Invalid,
            4 => Self::Unreachable,
            20 => Self::RolledBack,
            21 => Self::Locked,
            22 => Self::Stale,
            130 => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    /// What a kind of error means.
    pub const fn of(kind: Kind) -> Self {
        Self::of_exit_code(kind.exit_code())
    }

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::Interrupted => "interrupted",
            Self::Locked => "locked",
            Self::Stale => "stale plan",
            Self::Unreachable => "unreachable",
            Self::Invalid => "invalid",
        }
    }
}

/// What a run did to a unit.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct UnitEnd {
    /// Its full name.
    pub unit: String,
    /// Whether it ran before, and so was away for a time.
    pub restarted: bool,
    /// From its stop, or the order to restart it, until it passed its health check; absent where nothing says when
    /// that was, and where it did not run before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_seconds: Option<f64>,
}

/// The steps of a run, in their order. A run goes through those that its plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunStep {
    /// Opens the connection.
    Connect,
    /// Takes the host's lock.
    Lock,
    /// Looks at the host.
    Observe,
    /// Compares.
    Plan,
    /// Looks for what would fail, before anything is touched.
    Check,
    /// Installs Docker.
    InstallDocker,
    /// Pulls and builds images.
    Pull,
    /// Makes users and networks.
    Prepare,
    /// Keeps what will change.
    Save,
    /// Writes folders, keys, and files.
    Write,
    /// Has systemd read its units again; enables and disables them.
    Reload,
    /// Stops units.
    Stop,
    /// Starts or restarts units.
    Restart,
    /// Waits for the health of the units.
    Health,
    /// Makes databases and sets passwords.
    Databases,
    /// Removes what nothing wants any more.
    Remove,
    /// Writes down that the run succeeded.
    Commit,
    /// Puts back what the run changed.
    RollBack,
}

impl RunStep {
    /// As events name it.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Where events go. Cheap to clone.
pub type Sink = std::sync::Arc<dyn Fn(&str, Event) + Send + Sync>;
