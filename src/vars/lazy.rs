//! A value that is worked out when something asks for it, and once.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::engine::Engine;
use super::error::{Failure, Origin, Reason};
use super::scope::Locals;
use super::value::Value;

/// A text with expressions, inside a variable.
pub struct Lazy {
    engine: Weak<Engine>,
    /// Where the text stands.
    pub origin: Arc<Origin>,
    /// The variable that it belongs to.
    pub owner: Option<usize>,
    /// What stands beside the variables: `item`.
    pub locals: Option<Arc<Locals>>,
    /// Whether the text itself is secret.
    pub secret: bool,
    state: Mutex<State>,
}

enum State {
    Waiting,
    Running,
    Done(Value),
}

impl Lazy {
    /// A value to be worked out later.
    pub const fn new(engine: Weak<Engine>, origin: Arc<Origin>, owner: Option<usize>, locals: Option<Arc<Locals>>, secret: bool) -> Self {
        Self { engine, origin, owner, locals, secret, state: Mutex::new(State::Waiting) }
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
        let Some(engine) = self.engine.upgrade() else {
            return Value::Missing(Failure::failed("the variables are gone"));
        };
        let value = match self.exchange(State::Running) {
            State::Done(value) => value,
            State::Running => Value::Missing(Failure::new(Reason::Cycle, engine.cycle(&self.origin.variable))),
            State::Waiting => engine.render_lazy(self),
        };
        self.exchange(State::Done(value.clone()));
        value
    }
}
