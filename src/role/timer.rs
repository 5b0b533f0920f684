//! `timers:` and the commands that they run.

use super::fields::Fields;
use super::manifest::Repeat;
use super::read::repeat;
use crate::diagnostic::Diagnostic;
use crate::inventory::Node;

/// A timer, and the unit without a container that it starts (systemd.timer(5)).
#[derive(Clone, Debug)]
pub struct Timer {
    /// Name of both units, without their endings.
    pub name: Node,
    /// One line for people.
    pub description: Node,
    /// Names for `start-group` and `stop-group`.
    pub groups: Vec<String>,
    /// Lower starts first.
    pub priority: Node,
    /// `OnCalendar=`.
    pub calendar: Node,
    /// `RandomizedDelaySec=`.
    pub random_delay: Option<Node>,
    /// Whether a time that passed while the machine was off is made up for.
    pub persistent: Option<Node>,
    /// What it runs, as a line of a unit.
    pub command: Node,
    /// Units that the command cannot do without.
    pub requires: Option<Node>,
    /// Units that start before the command.
    pub after: Option<Node>,
    /// Units that the command likes to have.
    pub wants: Option<Node>,
    /// `Environment=` lines.
    pub environment: Option<Node>,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// Reads one entry.
pub fn read(node: &Node) -> Result<Timer, Diagnostic> {
    let mut fields = Fields::of(node)?;
    let timer = Timer {
        name: fields.required("name")?.clone(),
        description: fields.required("description")?.clone(),
        groups: fields.texts("groups")?,
        priority: fields.required("priority")?.clone(),
        calendar: fields.required("calendar")?.clone(),
        random_delay: fields.optional("random_delay").cloned(),
        persistent: fields.optional("persistent").cloned(),
        command: fields.required("command")?.clone(),
        requires: fields.optional("requires").cloned(),
        after: fields.optional("after").cloned(),
        wants: fields.optional("wants").cloned(),
        environment: fields.optional("environment").cloned(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(timer)
}
