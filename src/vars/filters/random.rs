//! `random` and `shuffle`, with Python's numbers where a seed is given.

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::mersenne::Mersenne;
use crate::vars::python::{Outcome, items_of, range_length};
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[Filter { name: "random", run: random }, Filter { name: "shuffle", run: shuffle }];

/// Random numbers: by a seed as Python's `Random(seed)` gives them, or from the random source that
/// was handed in.
pub fn generator(environment: &Environment<'_>, seed: Option<&Value>) -> Outcome<Mersenne> {
    match seed {
        Some(Value::Text(text)) => Ok(Mersenne::from_text(text.as_str())),
        Some(Value::Int(number)) => Ok(Mersenne::from_number(number.unsigned_abs())),
        Some(Value::Bool(value)) => Ok(Mersenne::from_number(u128::from(*value))),
        Some(_) => Err(Failure::failed("a seed must be text or a whole number")),
        None => {
            let mut bytes = [0; 64];
            environment.engine.context.random.fill(&mut bytes);
            Ok(Mersenne::from_bytes(&bytes))
        }
    }
}

fn random(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    let mut given = given.bind("random", ["start", "step", "seed"])?;
    let (start, step) = (given.some_int(0)?, given.some_int(1)?);
    let mut numbers = generator(environment, given.some(2).as_ref())?;
    let value = match value {
        Value::Bool(value) => Value::Int(i128::from(value)),
        other => other,
    };
    match &value {
        Value::Map(_) => Err(Failure::failed("`random` needs a list or a number")),
        Value::Int(end) => {
            let start = start.unwrap_or(0);
            let step = step.filter(|step| *step != 0).unwrap_or(1);
            let count = range_length(start, *end, step);
            let count = u64::try_from(count)
                .ok()
                .filter(|count| *count > 0)
                .ok_or_else(|| Failure::failed("`random` has nothing to choose from"))?;
            Ok(Value::Int(start + step * i128::from(numbers.below(count))))
        }
        other => {
            if start.is_some() || step.is_some() {
                return Err(Failure::failed("`random` takes `start` and `step` only with a number"));
            }
            let items = items_of(other)?;
            if items.is_empty() {
                return Err(Failure::failed("`random` has nothing to choose from"));
            }
            let at = numbers.below(items.len() as u64);
            Ok(usize::try_from(at).ok().and_then(|at| items.get(at).cloned()).unwrap_or(Value::None))
        }
    }
}

fn shuffle(environment: &Environment<'_>, value: Value, given: Given) -> Outcome {
    // What is no list comes back as it is.
    let Ok(mut items) = items_of(&value) else {
        return Ok(value);
    };
    let seed = given.bind("shuffle", ["seed"])?.some(0);
    let mut numbers = generator(environment, seed.as_ref())?;
    for at in (1..items.len()).rev() {
        let other = usize::try_from(numbers.below(at as u64 + 1)).unwrap_or(0);
        items.swap(at, other);
    }
    Ok(Value::list(items))
}
