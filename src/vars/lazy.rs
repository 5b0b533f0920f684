//! A value that is worked out when something asks for it, and once.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::engine::Engine;
use super::error::{Failure, Origin, Reason};
use super::peers::Peers;
use super::scope::Locals;
use super::touched::Touched;
use super::value::Value;

/// Such a value.
pub struct Lazy {
    work: Work,
    state: Mutex<State>,
}

/// How it is worked out.
enum Work {
    /// From a text with expressions.
    Template(Weak<Engine>, Template),
    /// It is a variable of another host.
    Variable(Weak<Engine>, Arc<str>),
    /// It is everything that another host has.
    Host(Weak<Peers>, Arc<str>),
}

/// A text with expressions, inside a variable.
pub struct Template {
    /// Where the text stands.
    pub origin: Arc<Origin>,
    /// The variable that it belongs to.
    pub owner: Option<usize>,
    /// What stands beside the variables: `item`.
    pub locals: Option<Arc<Locals>>,
    /// Whether the text itself is secret.
    pub secret: bool,
}

enum State {
    Waiting,
    Running,
    Done(Value),
}

impl Lazy {
    /// What a text comes to.
    pub fn template(engine: &Weak<Engine>, template: Template) -> Value {
        Self::value(Work::Template(Weak::clone(engine), template))
    }

    /// A variable of another host.
    pub fn variable(engine: &Weak<Engine>, name: Arc<str>) -> Value {
        Self::value(Work::Variable(Weak::clone(engine), name))
    }

    /// The variables of another host.
    pub fn host(peers: &Weak<Peers>, name: Arc<str>) -> Value {
        Self::value(Work::Host(Weak::clone(peers), name))
    }

    fn value(work: Work) -> Value {
        Value::Lazy(Arc::new(Self { work, state: Mutex::new(State::Waiting) }))
    }

    fn exchange(&self, state: State) -> State {
        std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state)
    }

    /// The value, when it is known already.
    pub fn known(&self) -> Option<Value> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Done(value) => Some(value.clone()),
            State::Waiting | State::Running => None,
        }
    }

    /// The value; a failure is a value here.
    pub fn force(&self) -> Value {
        if let Some(value) = self.known() {
            return value;
        }
        let value = match self.exchange(State::Running) {
            State::Done(value) => value,
            State::Running => self.cycle(),
            State::Waiting => self.work_out(),
        };
        self.exchange(State::Done(value.clone()));
        value
    }

    fn work_out(&self) -> Value {
        let value = match &self.work {
            Work::Template(engine, template) => engine.upgrade().map(|engine| engine.render_lazy(template)),
            Work::Variable(engine, name) => engine.upgrade().and_then(|engine| engine.lookup(name, None, &mut Touched::default())),
            Work::Host(peers, name) => peers.upgrade().and_then(|peers| peers.variables(name)),
        };
        value.unwrap_or_else(|| Value::Missing(Failure::failed("the variables are gone")))
    }

    fn cycle(&self) -> Value {
        let message = match &self.work {
            Work::Template(engine, template) => engine.upgrade().map(|engine| engine.cycle(&template.origin.variable)),
            Work::Variable(engine, name) => engine.upgrade().map(|engine| engine.cycle(name)),
            Work::Host(_, name) => Some(format!("the variables of `{name}` need themselves")),
        };
        Value::Missing(Failure::new(Reason::Cycle, message.unwrap_or_default()))
    }
}
