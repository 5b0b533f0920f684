//! The variables of one host, for everyone outside of this stage.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::ThreadId;

use serde_json::Value as Json;

use super::context::Context;
use super::convert::{from_json, to_json};
use super::definition::{Definition, Definitions, definitions};
use super::engine::{Engine, STACK_LEFT, STACK_MORE};
use super::error::{Failure, Reason};
use super::locate::locate;
use super::redact::Redactor;
use super::scope::Locals;
use super::suspects::suspects;
use super::touched::Touched;
use super::value::Value;
use super::work;
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::inventory::layers::Layer;
use crate::inventory::node::Node;

/// A value that is worked out.
#[derive(Clone, PartialEq)]
pub struct Evaluated {
    /// The value.
    pub value: Json,
    /// Whether it is a secret, or was computed from one.
    pub secret: bool,
    /// The variables that its expressions name, in the order in which they were asked for.
    pub depends_on: Vec<String>,
}

impl fmt::Debug for Evaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Evaluated");
        if self.secret {
            shown.field("value", &crate::secret::REDACTED);
        } else {
            shown.field("value", &self.value);
        }
        shown.field("secret", &self.secret).field("depends_on", &self.depends_on).finish()
    }
}

/// All variables of one host. Cheap to clone; each is evaluated once, when it is asked for.
#[derive(Clone)]
pub struct Variables {
    engine: Arc<Engine>,
    gate: Arc<Gate>,
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variables({} of {})", self.engine.slots.len(), self.engine.context.host)
    }
}

impl Variables {
    /// Variables from layers, weak to strong. A layer of role defaults has the role's name.
    pub fn new(layers: Vec<Layer>, context: Context) -> Self {
        Self::over(Definitions::new(), layers, context)
    }

    /// The same over weaker definitions that are known.
    pub fn over(weaker: Definitions, layers: Vec<Layer>, context: Context) -> Self {
        Self { engine: Engine::new(definitions(weaker, layers), context), gate: Arc::default() }
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// There is no such variable, or it cannot be worked out.
    pub fn get(&self, name: &str) -> Result<Evaluated, Diagnostic> {
        let _entered = self.gate.enter();
        let Some(value) = self.engine.lookup(name, None, &mut Touched::default()) else {
            let diagnostic = Diagnostic::error(Reason::Undefined.code(), format!("there is no variable `{name}`"));
            return Err(match did_you_mean(name, self.engine.known_names()) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
        };
        let slot = self.engine.slots.get(name);
        let json = self.finished(&value, slot.map(|slot| &slot.definition.node.span))?;
        let (secret, depends_on) = match slot {
            Some(slot) => {
                let depends = slot.depends.lock().unwrap_or_else(PoisonError::into_inner);
                let secret = slot.secret || slot.secret_number.load(std::sync::atomic::Ordering::Relaxed);
                (secret, depends.iter().map(ToString::to_string).collect())
            }
            None => (false, Vec::new()),
        };
        Ok(Evaluated { secret: secret || value.is_secret(), value: json, depends_on })
    }

    /// The value of what a role's manifest says, with names such as `item` beside the variables.
    ///
    /// # Errors
    /// It cannot be worked out.
    pub fn evaluate(&self, node: &Node, locals: &[(&str, Json)]) -> Result<Evaluated, Diagnostic> {
        let _entered = self.gate.enter();
        let locals: Arc<Locals> = Arc::new(locals.iter().map(|(name, value)| (Arc::from(*name), from_json(value))).collect());
        let value = self.engine.build(node, None, Some(&locals), false).resolve();
        let json = self.finished(&value, Some(&node.span))?;
        Ok(Evaluated { secret: value.is_secret(), value: json, depends_on: Vec::new() })
    }

    /// The finished value. What is wrong with it as a whole stands where it is defined.
    fn finished(&self, value: &Value, span: Option<&Span>) -> Result<Json, Diagnostic> {
        stacker::maybe_grow(STACK_LEFT, STACK_MORE, || to_json(value)).map_err(|failure| {
            let mut diagnostic = diagnostic(&self.engine, &failure);
            diagnostic.span = diagnostic.span.or_else(|| span.cloned());
            diagnostic
        })
    }

    /// The variables that a user sets and that an expression of a role depends on, with their places.
    pub fn suspects(&self, node: &Node) -> Vec<(&str, &Span)> {
        node.as_text().map(|text| suspects(&self.engine, text)).unwrap_or_default()
    }

    /// All names that layers define.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.engine.names()
    }

    /// The names of those that something asked for so far: changing another one would have made no difference.
    pub fn asked_for(&self) -> impl Iterator<Item = &str> {
        self.engine.asked_for()
    }

    /// Where a variable comes from.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.engine.slots.get(name).map(|slot| &*slot.definition)
    }

    /// Takes every secret that was met so far out of texts.
    pub fn secrets(&self) -> Redactor {
        self.engine.collector.lock().unwrap_or_else(PoisonError::into_inner).redactor()
    }
}

/// A failure, for a user.
pub fn diagnostic(engine: &Engine, failure: &Failure) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(failure.reason().code(), failure.message());
    if let Some(place) = failure.place() {
        let owner = engine.slots.get(&place.origin.variable);
        if owner.is_none_or(|slot| !slot.definition.kind.is_users()) {
            return of_role(engine, diagnostic, &place.origin.source, &locate(place), failure);
        }
        diagnostic.span = Some(locate(place));
    }
    diagnostic.help = help(engine, failure);
    diagnostic
}

fn help(engine: &Engine, failure: &Failure) -> Option<String> {
    failure.help_text().map(str::to_owned).or_else(|| failure.name().and_then(|name| did_you_mean(name, engine.known_names())))
}

/// A failure in an expression of a role: a user finds it where the variable is set that it depends on.
fn of_role(engine: &Engine, mut diagnostic: Diagnostic, text: &str, span: &Span, failure: &Failure) -> Diagnostic {
    diagnostic.help = help(engine, failure);
    match suspects(engine, text).as_slice() {
        [(name, own)] => {
            diagnostic.message = format!("what depends on `{name}` cannot be worked out: {}", diagnostic.message);
            diagnostic.at(own).note("in this expression", span)
        }
        several => {
            several.iter().fold(diagnostic.at(span), |diagnostic, (name, own)| diagnostic.note(format!("`{name}` is set here"), own))
        }
    }
}

/// Lets one thread at a time evaluate, and that one as often as it likes: a template that is
/// rendered for a variable asks for others.
#[derive(Default)]
struct Gate {
    inside: Mutex<Option<(ThreadId, usize)>>,
    left: Condvar,
}

struct Entered<'a>(&'a Gate);

impl Gate {
    fn enter(&self) -> Entered<'_> {
        let me = std::thread::current().id();
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &mut *inside {
                None => {
                    *inside = Some((me, 1));
                    work::begin();
                    break;
                }
                Some((thread, times)) if *thread == me => {
                    *times += 1;
                    break;
                }
                Some(_) => inside = self.left.wait(inside).unwrap_or_else(PoisonError::into_inner),
            }
        }
        drop(inside);
        Entered(self)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut inside = self.0.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, times)) = &mut *inside {
            *times -= 1;
            if *times == 0 {
                *inside = None;
                self.0.left.notify_one();
            }
        }
    }
}
