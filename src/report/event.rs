//! What happens during a run, as data.

use serde::Serialize;

/// One thing that happened on a host.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
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
}

/// Where events go. Cheap to clone.
pub type Sink = std::sync::Arc<dyn Fn(&str, Event) + Send + Sync>;
