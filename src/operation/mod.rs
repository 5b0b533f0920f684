//! Tag-scoped procedures that are no convergence. Takes a connected host and its desired state; sends
//! events. Must not know the command line.

mod doctor;
mod output;
mod register_user;
mod syn2mas;

pub use doctor::doctor;
pub use register_user::{NewUser, register_user};
pub use syn2mas::syn2mas;

use std::sync::Arc;

use crate::host::Host;
use crate::pipeline::Prepared;
use crate::report::{Event, Sink};

/// What a procedure works with.
pub struct Context<'a> {
    /// The machine.
    pub host: &'a Arc<dyn Host>,
    /// Its variables and desired state.
    pub prepared: &'a Prepared,
    /// Its inventory name.
    pub name: &'a str,
    /// Where events go.
    pub sink: &'a Sink,
}

impl Context<'_> {
    fn stage(&self, text: impl Into<String>) {
        (self.sink)(self.name, Event::Stage { text: text.into() });
    }

    fn done(&self, text: impl Into<String>) {
        (self.sink)(self.name, Event::Done { text: text.into() });
    }
}
