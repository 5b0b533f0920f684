//! Filters for what is missing.

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::{Outcome, truth, type_name};
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "default", run: default },
    Filter { name: "d", run: default },
    Filter { name: "mandatory", run: mandatory },
    Filter { name: "ternary", run: ternary },
    Filter { name: "type_debug", run: type_debug },
];

fn default(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("default", ["default_value", "boolean"])?;
    match given.take(1) {
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) => {
            if !matches!(value, Value::Missing(_)) {
                return if truth(&value)? { Ok(value) } else { Ok(given.take(0).unwrap_or_else(|| Value::text(""))) };
            }
        }
        Some(Value::Missing(failure)) => return Err(failure),
        Some(other) => {
            return Err(Failure::failed(format!("`default` needs a boolean as `boolean`, not a value of type `{}`", type_name(&other))));
        }
    }
    match value {
        Value::Missing(failure) if failure.is_undefined() => Ok(given.take(0).unwrap_or_else(|| Value::text(""))),
        value => Ok(value),
    }
}

fn mandatory(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let message = given.bind("mandatory", ["msg"])?.some_text(0)?;
    match value {
        Value::Missing(failure) if failure.is_undefined() => {
            let message = message.unwrap_or_else(|| format!("a mandatory value is missing: {}", failure.message()));
            Err(Failure::failed(message))
        }
        value => Ok(value),
    }
}

fn ternary(_: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("ternary", ["true_val", "false_val", "none_val"])?;
    let (for_true, for_false, for_none) = (given.need(0)?, given.need(1)?, given.some(2));
    if let (Value::None, Some(for_none)) = (&value, for_none) {
        return Ok(for_none);
    }
    Ok(if truth(&value)? { for_true } else { for_false })
}

#[expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]
fn type_debug(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    Ok(Value::from(match &value {
        Value::Missing(failure) if failure.is_undefined() => "UndefinedMarker",
        Value::Missing(_) => "CapturedExceptionMarker",
        value => type_name(value),
    }))
}
