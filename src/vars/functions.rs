//! The names that every expression knows: `range`, `lookup`, `dict`, `now` and so on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::arguments::Given;
use super::engine::Environment;
use super::error::Failure;
use super::filters::time::now;
use super::key::Key;
use super::lookups;
use super::methods::mapping::entries;
use super::objects::{Object, namespace};
use super::python::{Outcome, range_length, truth, type_name};
use super::value::{Entries, Value};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Range,
    Dict,
    Namespace,
    Lookup,
    Query,
    Now,
    Undef,
    Cycler,
    Joiner,
    Lipsum,
}

/// The value of such a name.
pub fn global(name: &str) -> Option<Value> {
    let function = match name {
        "range" => Function::Range,
        "dict" => Function::Dict,
        "namespace" => Function::Namespace,
        "lookup" => Function::Lookup,
        "query" | "q" => Function::Query,
        "now" => Function::Now,
        "undef" => Function::Undef,
        "cycler" => Function::Cycler,
        "joiner" => Function::Joiner,
        "lipsum" => Function::Lipsum,
        "omit" => return Some(Value::Omit),
        _ => return None,
    };
    Some(Value::Object(Arc::new(Object::Function(function))))
}

impl Function {
    /// Whether constant texts among its arguments may be templates.
    pub const fn takes_templates(self) -> bool {
        matches!(self, Self::Lookup | Self::Query)
    }

    /// Calls it.
    ///
    /// # Errors
    /// It does not take these arguments, or fails.
    pub fn call(self, environment: &Environment<'_>, given: Given) -> Outcome {
        match self {
            Self::Range => range(&given),
            Self::Dict => {
                let mut all = Entries::new();
                for value in &given.positional {
                    all.extend(entries(value)?);
                }
                all.extend(named(given));
                Ok(Value::map(all))
            }
            Self::Namespace => {
                let mut all = Entries::new();
                for value in &given.positional {
                    all.extend(entries(value)?);
                }
                all.extend(named(given));
                Ok(namespace(all))
            }
            Self::Lookup => lookups::call(environment, given, false),
            Self::Query => lookups::call(environment, given, true),
            Self::Now => {
                let mut given = given.bind("now", ["utc", "fmt"])?;
                let moment = now(environment);
                Ok(match given.some_text(1)? {
                    Some(layout) => Value::from(moment.format(&layout)),
                    None => Value::Object(Arc::new(Object::Date(moment))),
                })
            }
            Self::Undef => {
                let hint = given.bind("undef", ["hint"])?.some_text(0)?;
                Ok(Value::Missing(Failure::undefined(hint.unwrap_or_else(|| "a mandatory variable has not been overridden".to_owned()))))
            }
            Self::Cycler if given.positional.is_empty() => Err(Failure::failed("`cycler` needs at least one item")),
            Self::Cycler => Ok(Value::Object(Arc::new(Object::Cycler(given.positional, AtomicUsize::new(0))))),
            Self::Joiner => {
                let separator = given.bind("joiner", ["sep"])?.take(0).unwrap_or_else(|| Value::text(", "));
                Ok(Value::Object(Arc::new(Object::Joiner(separator, AtomicBool::new(false)))))
            }
            Self::Lipsum => Err(Failure::failed("`lipsum` is not supported")),
        }
    }
}

fn named(given: Given) -> impl Iterator<Item = (Key, Value)> {
    given.named.into_iter().map(|(name, value)| (Key::Text(name), value))
}

fn range(given: &Given) -> Outcome {
    let mut numbers = Vec::with_capacity(3);
    for value in &given.positional {
        numbers.push(match value {
            // Larger ones could not be counted through.
            Value::Int(number) if number.unsigned_abs() < 1 << 62 => *number,
            Value::Bool(_) => i128::from(truth(value)?),
            other => return Err(Failure::failed(format!("`range` needs whole numbers, not a value of type `{}`", type_name(other)))),
        });
    }
    let (start, end, step) = match numbers.as_slice() {
        [end] => (0, *end, 1),
        [start, end] => (*start, *end, 1),
        [start, end, step] => (*start, *end, *step),
        _ => return Err(Failure::failed("`range` needs one to three numbers")),
    };
    if step == 0 || range_length(start, end, step) < 0 || !given.named.is_empty() {
        return Err(Failure::failed("`range` needs a step that is not 0"));
    }
    Ok(Value::Range(start, end, step))
}
