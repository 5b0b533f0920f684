//! What a filter, test, method or function is given, bound to its parameters.

use std::sync::Arc;

use super::error::Failure;
use super::python::{Outcome, text_of, truth, type_name};
use super::value::Value;

/// Evaluated arguments.
#[derive(Clone, Default)]
pub struct Given {
    /// By position.
    pub positional: Vec<Value>,
    /// By name.
    pub named: Vec<(Arc<str>, Value)>,
}

impl Given {
    /// The first argument that is missing.
    pub fn first_missing(&self) -> Option<&Value> {
        self.positional.iter().chain(self.named.iter().map(|(_, value)| value)).find(|value| matches!(value, Value::Missing(_)))
    }

    /// Whether a secret is among them.
    pub fn is_secret(&self) -> bool {
        self.positional.iter().chain(self.named.iter().map(|(_, value)| value)).any(Value::is_secret)
    }

    /// Takes a named argument out.
    pub fn take_named(&mut self, name: &str) -> Option<Value> {
        let at = self.named.iter().position(|(found, _)| &**found == name)?;
        Some(self.named.remove(at).1)
    }

    /// Binds them to parameters.
    ///
    /// # Errors
    /// Too many, or an unknown name.
    pub fn bind<const N: usize>(self, callee: &str, parameters: [&'static str; N]) -> Outcome<Bound<N>> {
        let mut values = [const { None }; N];
        let count = self.positional.len();
        if count > N {
            return Err(Failure::failed(format!("`{callee}` takes at most {N} arguments, not {count}")));
        }
        for (slot, value) in values.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(at) = parameters.iter().position(|parameter| *parameter == &*name) else {
                let help = crate::diagnostic::did_you_mean(&name, parameters);
                let failure = Failure::failed(format!("`{callee}` has no argument `{name}`"));
                return Err(match help {
                    Some(help) => failure.help(help),
                    None => failure,
                });
            };
            if values[at].is_some() {
                return Err(Failure::failed(format!("`{callee}` is given `{name}` twice")));
            }
            values[at] = Some(value);
        }
        Ok(Bound { callee: callee.to_owned(), parameters, values })
    }
}

/// Arguments by parameter.
pub struct Bound<const N: usize> {
    callee: String,
    parameters: [&'static str; N],
    values: [Option<Value>; N],
}

impl<const N: usize> Bound<N> {
    /// An argument; `none` counts as given.
    pub fn take(&mut self, at: usize) -> Option<Value> {
        self.values.get_mut(at).and_then(Option::take).map(Value::resolve)
    }

    /// An argument that is neither absent nor `none`.
    pub fn some(&mut self, at: usize) -> Option<Value> {
        self.take(at).filter(|value| !matches!(value, Value::None))
    }

    /// An argument that must be given.
    pub fn need(&mut self, at: usize) -> Outcome {
        self.take(at).ok_or_else(|| {
            Failure::failed(format!("`{}` needs its argument `{}`", self.callee, self.parameters.get(at).copied().unwrap_or("")))
        })
    }

    /// A condition.
    pub fn truth(&mut self, at: usize, default: bool) -> Outcome<bool> {
        self.take(at).map_or(Ok(default), |value| truth(&value))
    }

    /// A text that must be given.
    pub fn need_text(&mut self, at: usize) -> Outcome<String> {
        let value = self.need(at)?;
        self.as_text(at, &value)
    }

    /// A text, or its default.
    pub fn text(&mut self, at: usize, default: &str) -> Outcome<String> {
        match self.take(at) {
            Some(value) => self.as_text(at, &value),
            None => Ok(default.to_owned()),
        }
    }

    /// A text, when it is given and not `none`.
    pub fn some_text(&mut self, at: usize) -> Outcome<Option<String>> {
        match self.some(at) {
            Some(value) => self.as_text(at, &value).map(Some),
            None => Ok(None),
        }
    }

    fn as_text(&self, at: usize, value: &Value) -> Outcome<String> {
        match value {
            Value::Text(_) => text_of(value),
            Value::Missing(failure) => Err(failure.clone()),
            other => Err(self.wrong(at, "text", other)),
        }
    }

    /// A whole number, when it is given and not `none`.
    pub fn some_int(&mut self, at: usize) -> Outcome<Option<i128>> {
        match self.some(at) {
            None => Ok(None),
            Some(Value::Int(number)) => Ok(Some(number)),
            Some(Value::Bool(value)) => Ok(Some(i128::from(value))),
            Some(Value::Missing(failure)) => Err(failure),
            Some(other) => Err(self.wrong(at, "a whole number", &other)),
        }
    }

    /// A whole number, or its default.
    pub fn int(&mut self, at: usize, default: i128) -> Outcome<i128> {
        Ok(self.some_int(at)?.unwrap_or(default))
    }

    fn wrong(&self, at: usize, wanted: &str, found: &Value) -> Failure {
        let parameter = self.parameters.get(at).copied().unwrap_or("");
        Failure::failed(format!("`{}` needs {wanted} as `{parameter}`, not a value of type `{}`", self.callee, type_name(found)))
    }
}
