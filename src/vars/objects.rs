//! Values with attributes and values that can be called.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};

use super::datetime::{DateTime, Duration};
use super::error::Failure;
use super::functions::Function;
use super::key::Key;
use super::python::Outcome;
use super::syntax::ast::{For, Macro, Operator};
use super::value::{Entries, Map, Value};

/// Such a value.
pub enum Object {
    /// `lookup`, `range`, ...
    Function(Function),
    /// `value.method`, not called yet.
    Method(Value, Arc<str>),
    /// `{% macro %}`, with what `caller()` gives there.
    Macro(Arc<Macro>),
    /// `namespace(...)`
    Namespace(Map),
    /// `loop`
    Loop(Loop),
    /// `cycler(...)`
    Cycler(Vec<Value>, AtomicUsize),
    /// `joiner(...)`
    Joiner(Value, AtomicBool),
    /// A date.
    Date(DateTime),
    /// The difference of two dates.
    Duration(Duration),
    /// `vars`
    Variables,
}

/// `loop` inside of `{% for %}`.
pub struct Loop {
    /// What is gone through.
    pub items: Arc<Vec<Value>>,
    /// The position of this turn.
    pub index: usize,
    /// How many loops call each other around this one.
    pub depth: usize,
    /// What `loop.changed(...)` was given last.
    pub changed: Mutex<Option<Value>>,
    /// The loop itself, for `loop(...)`.
    pub recursion: Option<Arc<For>>,
}

impl Object {
    /// Python's name of its type.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Function(_) => "function",
            Self::Method(..) => "builtin_function_or_method",
            Self::Macro(_) => "Macro",
            Self::Namespace(_) => "Namespace",
            Self::Loop(_) => "LoopContext",
            Self::Cycler(..) => "Cycler",
            Self::Joiner(..) => "Joiner",
            Self::Date(_) => "datetime",
            Self::Duration(_) => "timedelta",
            Self::Variables => "dict",
        }
    }

    /// What it is, in a user's words.
    pub fn describe(&self) -> String {
        match self {
            Self::Method(_, name) => format!("the method `{name}`, which is not called,"),
            other => format!("a value of type `{}`", other.type_name()),
        }
    }

    /// Its text, when it has one.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Date(date) => Some(date.to_string()),
            Self::Duration(duration) => Some(duration.to_string()),
            _ => None,
        }
    }

    /// Its `repr`, when it has a text.
    pub fn repr(&self) -> String {
        match self {
            Self::Date(date) => date.repr(),
            Self::Duration(duration) => duration.repr(),
            _ => String::new(),
        }
    }

    /// Its items, when it has some.
    pub fn iterate(&self) -> Option<Vec<Value>> {
        match self {
            Self::Loop(state) => Some(state.items.to_vec()),
            _ => None,
        }
    }

    /// Whether two are equal.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Duration(a), Self::Duration(b)) => a == b,
            _ => std::ptr::eq(self, other),
        }
    }

    /// Which of two comes first, where that means something.
    pub fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Duration(a), Self::Duration(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Whether it holds something, where that means something.
    pub fn contains(&self, needle: &Value) -> Option<bool> {
        match self {
            Self::Namespace(map) => Some(Key::from_value(needle).is_some_and(|key| map.lock().contains_key(&key))),
            _ => None,
        }
    }

    /// Sums and differences of dates.
    pub fn arithmetic(left: &Self, operator: Operator, right: &Value) -> Option<Outcome> {
        let Value::Object(right) = right else { return None };
        let result = match (left, operator, &**right) {
            (Self::Date(a), Operator::Subtract, Self::Date(b)) => Self::Duration(a.since(b)),
            (Self::Date(a), Operator::Subtract, Self::Duration(b)) => Self::Date(a.plus(b.negated())),
            (Self::Date(a), Operator::Add, Self::Duration(b)) => Self::Date(a.plus(*b)),
            (Self::Duration(a), Operator::Add, Self::Duration(b)) => Self::Duration(a.plus(*b)),
            (Self::Duration(a), Operator::Subtract, Self::Duration(b)) => Self::Duration(a.plus(b.negated())),
            _ => return None,
        };
        Some(Ok(Value::Object(Arc::new(result))))
    }

    /// An attribute that is no method.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        match self {
            Self::Namespace(map) => map.get_text(name),
            Self::Loop(state) => state.attribute(name),
            Self::Cycler(items, at) if name == "current" => items.get(at.load(std::sync::atomic::Ordering::Relaxed)).cloned(),
            Self::Date(date) => date.attribute(name),
            Self::Duration(duration) => duration.attribute(name),
            _ => None,
        }
    }

    /// Whether it has a method of this name.
    pub fn has_method(&self, name: &str) -> bool {
        match self {
            Self::Loop(_) => matches!(name, "cycle" | "changed"),
            Self::Cycler(..) => matches!(name, "next" | "reset"),
            Self::Date(_) => matches!(name, "strftime" | "isoformat" | "timestamp" | "date" | "weekday" | "isoweekday" | "replace"),
            Self::Duration(_) => name == "total_seconds",
            _ => false,
        }
    }

    /// Calls a method.
    pub fn call_method(&self, name: &str, arguments: &[Value]) -> Outcome {
        use std::sync::atomic::Ordering::Relaxed;
        match (self, name) {
            (Self::Loop(state), "cycle") if !arguments.is_empty() => Ok(arguments[state.index % arguments.len()].clone()),
            (Self::Loop(state), "changed") => {
                let now = Value::tuple(arguments.to_vec());
                let mut last = state.changed.lock().unwrap_or_else(PoisonError::into_inner);
                let changed = match &*last {
                    Some(before) => !super::operators::equal(before, &now)?,
                    None => true,
                };
                *last = Some(now);
                Ok(Value::Bool(changed))
            }
            (Self::Cycler(items, at), "next") if !items.is_empty() => {
                let now = at.load(Relaxed);
                at.store((now + 1) % items.len(), Relaxed);
                Ok(items.get(now).cloned().unwrap_or(Value::None))
            }
            (Self::Cycler(_, at), "reset") => {
                at.store(0, Relaxed);
                Ok(Value::None)
            }
            (Self::Date(date), _) => date.call(name, arguments),
            (Self::Duration(duration), "total_seconds") => Ok(Value::Float(duration.seconds())),
            _ => Err(Failure::failed(format!("`{name}` cannot be called on {}", self.describe()))),
        }
    }
}

impl Loop {
    fn attribute(&self, name: &str) -> Option<Value> {
        let length = self.items.len();
        Some(match name {
            "index" => Value::count(self.index + 1),
            "index0" => Value::count(self.index),
            "revindex" => Value::count(length - self.index),
            "revindex0" => Value::count(length - self.index - 1),
            "first" => Value::Bool(self.index == 0),
            "last" => Value::Bool(self.index + 1 == length),
            "length" => Value::count(length),
            "depth" => Value::count(self.depth + 1),
            "depth0" => Value::count(self.depth),
            "previtem" => match self.index.checked_sub(1).and_then(|at| self.items.get(at)) {
                Some(item) => item.clone(),
                None => Value::Missing(Failure::undefined("there is no previous item")),
            },
            "nextitem" => match self.items.get(self.index + 1) {
                Some(item) => item.clone(),
                None => Value::Missing(Failure::undefined("there is no next item")),
            },
            _ => return None,
        })
    }
}

/// A namespace from what `namespace(...)` is given.
pub fn namespace(entries: Entries) -> Value {
    Value::Object(Arc::new(Object::Namespace(Map::new(entries))))
}
