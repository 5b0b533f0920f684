//! Python's operators.

use std::cmp::Ordering;

use super::error::Failure;
use super::format::percent;
use super::key::Key;
use super::objects::Object;
use super::python::{Outcome, iterate, text_of, type_name};
use super::syntax::ast::Operator;
use super::value::{Text, Value};
use super::work;

/// No text or list made by `*` may be longer.
const LONGEST: usize = 10_000_000;

/// A number as both kinds.
enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(Self::Int(*number)),
            Value::Bool(value) => Some(Self::Int(i128::from(*value))),
            Value::Float(number) => Some(Self::Float(*number)),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "Python loses it too")]
    const fn float(&self) -> f64 {
        match self {
            Self::Int(number) => *number as f64,
            Self::Float(number) => *number,
        }
    }
}

/// The number that a value is, booleans being 0 and 1.
pub fn as_float(value: &Value) -> Option<f64> {
    Number::of(value).map(|number| number.float())
}

/// `left operator right`.
pub fn arithmetic(operator: Operator, left: Value, right: Value) -> Outcome {
    let (left, right) = (left.present()?, right.present()?);
    if let (Some(a), Some(b)) = (Number::of(&left), Number::of(&right)) {
        return numbers(operator, &a, &b);
    }
    match (operator, &left, &right) {
        (Operator::Add, Value::Text(a), Value::Text(b)) => {
            Ok(Value::Text(Text::new([a.as_str(), b.as_str()].concat(), a.is_secret() || b.is_secret())))
        }
        (Operator::Add, Value::List(a), Value::List(b)) if a.tuple == b.tuple => {
            let mut items = a.raw();
            items.extend(b.raw());
            Ok(if a.tuple { Value::tuple(items) } else { Value::list(items) })
        }
        (Operator::Add, Value::List(list), _) if !list.tuple => {
            Err(Failure::failed(format!("only a list can be added to a list, not a value of type `{}`", type_name(&right))))
        }
        (Operator::Multiply, Value::Text(_) | Value::List(_), Value::Int(_) | Value::Bool(_)) => repeat(&left, &right),
        (Operator::Multiply, Value::Int(_) | Value::Bool(_), Value::Text(_) | Value::List(_)) => repeat(&right, &left),
        (Operator::Remainder, Value::Text(text), _) => percent(text, &right),
        (Operator::Add | Operator::Subtract, Value::Object(a), _) => {
            Object::arithmetic(a, operator, &right).ok_or_else(|| unsupported(operator, &left, &right))?
        }
        _ => Err(unsupported(operator, &left, &right)),
    }
}

fn unsupported(operator: Operator, left: &Value, right: &Value) -> Failure {
    let symbol = match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Remainder => "%",
        Operator::Power => "**",
    };
    let failure = Failure::failed(format!("`{symbol}` cannot combine values of types `{}` and `{}`", type_name(left), type_name(right)));
    match (operator, left, right) {
        (Operator::Add, Value::Text(_), _) | (Operator::Add, _, Value::Text(_)) => failure.help("`~` joins values of any type as text"),
        (Operator::Add, Value::Map(_), Value::Map(_)) => failure.help("`a | combine(b)` joins mappings"),
        _ => failure,
    }
}

fn repeat(value: &Value, times: &Value) -> Outcome {
    let times = match times {
        Value::Int(number) => usize::try_from(*number).unwrap_or(0),
        _ => usize::from(matches!(times, Value::Bool(true))),
    };
    let too_long = |length: usize| {
        if length.saturating_mul(times) > LONGEST { Err(Failure::failed("`*` would make a value that is too long")) } else { Ok(()) }
    };
    match value {
        Value::Text(text) => {
            too_long(text.as_str().len())?;
            Ok(Value::Text(Text::new(text.as_str().repeat(times), text.is_secret())))
        }
        Value::List(list) => {
            let items = list.raw();
            too_long(items.len())?;
            let repeated = std::iter::repeat_n(items, times).flatten().collect();
            Ok(if list.tuple { Value::tuple(repeated) } else { Value::list(repeated) })
        }
        other => Ok(other.clone()),
    }
}

fn numbers(operator: Operator, left: &Number, right: &Number) -> Outcome {
    let too_large = || Failure::failed("the number is too large");
    let by_zero = || Failure::failed("division by zero");
    let (a, b) = (left.float(), right.float());
    if matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder) && b == 0.0 {
        return Err(by_zero());
    }
    if operator == Operator::Power && a == 0.0 && b < 0.0 {
        return Err(Failure::failed("0 has no negative power"));
    }
    if let (Number::Int(a), Number::Int(b), false) = (left, right, operator == Operator::Divide) {
        let (a, b) = (*a, *b);
        let result = match operator {
            Operator::Add => a.checked_add(b),
            Operator::Subtract => a.checked_sub(b),
            Operator::Multiply => a.checked_mul(b),
            Operator::FloorDivide => a.checked_div(b).map(|quotient| quotient - i128::from(a % b != 0 && (a < 0) != (b < 0))),
            Operator::Remainder => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
            Operator::Power if b < 0 => return Ok(Value::Float(left.float().powf(right.float()))),
            Operator::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            Operator::Divide => None,
        };
        return result.map(Value::Int).ok_or_else(too_large);
    }
    Ok(Value::Float(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::FloorDivide => floor_divide(a, b),
        Operator::Remainder => {
            let rest = a % b;
            match rest {
                0.0 => 0f64.copysign(b),
                rest if (rest < 0.0) != (b < 0.0) => rest + b,
                rest => rest,
            }
        }
        Operator::Power => a.powf(b),
    }))
}

/// Python divides what the remainder leaves, so that both agree.
fn floor_divide(a: f64, b: f64) -> f64 {
    let rest = a % b;
    let quotient = (a - rest) / b - if rest != 0.0 && (rest < 0.0) != (b < 0.0) { 1.0 } else { 0.0 };
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

/// `-value`.
pub fn negative(value: Value) -> Outcome {
    match value.present()? {
        Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(|| Failure::failed("the number is too large")),
        Value::Bool(value) => Ok(Value::Int(-i128::from(value))),
        Value::Float(number) => Ok(Value::Float(-number)),
        other => Err(Failure::failed(format!("a value of type `{}` has no sign", type_name(&other)))),
    }
}

/// `+value`.
pub fn positive(value: Value) -> Outcome {
    match value.present()? {
        Value::Bool(value) => Ok(Value::Int(i128::from(value))),
        number @ (Value::Int(_) | Value::Float(_)) => Ok(number),
        other => Err(Failure::failed(format!("a value of type `{}` has no sign", type_name(&other)))),
    }
}

/// `left == right`.
pub fn equal(left: &Value, right: &Value) -> Outcome<bool> {
    equal_within(left, right, 0)
}

fn equal_within(left: &Value, right: &Value, depth: usize) -> Outcome<bool> {
    if depth > 100 {
        return Err(Failure::failed("a value holds itself, so it cannot be compared"));
    }
    work::spend(1)?;
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return Ok(match (&a, &b) {
            (Number::Int(a), Number::Int(b)) => a == b,
            #[expect(clippy::float_cmp, reason = "Python compares them so")]
            _ => a.float() == b.float(),
        });
    }
    Ok(match (left, right) {
        (Value::Missing(failure), _) | (_, Value::Missing(failure)) => return Err(failure.clone()),
        (Value::Lazy(lazy), other) | (other, Value::Lazy(lazy)) => return equal_within(&lazy.force(), other, depth + 1),
        (Value::None, Value::None) | (Value::Blank, Value::Blank) | (Value::Omit, Value::Omit) => true,
        (Value::Text(a), Value::Text(b)) => a.as_str() == b.as_str(),
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            if a.tuple != b.tuple {
                return Ok(false);
            }
            if a.same(b) {
                return Ok(true);
            }
            let (a, b) = (a.items(), b.items());
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(&b) {
                if !equal_within(a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.same(b) {
                return Ok(true);
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, a) in a.entries() {
                match b.get(&key) {
                    Some(b) if equal_within(&a, &b, depth + 1)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Range(..), Value::Range(..)) => equal_within(&Value::list(iterate(left)?), &Value::list(iterate(right)?), depth + 1)?,
        (Value::Object(a), Value::Object(b)) => a.equals(b),
        _ => false,
    })
}

/// Which of two values Python sorts first.
pub fn order(left: &Value, right: &Value) -> Outcome<Ordering> {
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return Ok(match (&a, &b) {
            (Number::Int(a), Number::Int(b)) => a.cmp(b),
            _ => a.float().partial_cmp(&b.float()).unwrap_or(Ordering::Equal),
        });
    }
    match (left, right) {
        (Value::Missing(failure), _) | (_, Value::Missing(failure)) => Err(failure.clone()),
        (Value::Lazy(lazy), other) => order(&lazy.force(), other),
        (other, Value::Lazy(lazy)) => order(other, &lazy.force()),
        (Value::Text(a), Value::Text(b)) => Ok(a.as_str().cmp(b.as_str())),
        (Value::List(a), Value::List(b)) if a.tuple == b.tuple => {
            let (a, b) = (a.items(), b.items());
            for (a, b) in a.iter().zip(&b) {
                if !equal(a, b)? {
                    return order(a, b);
                }
            }
            Ok(a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) if a.order(b).is_some() => a.order(b).ok_or_else(|| unordered(left, right)),
        _ => Err(unordered(left, right)),
    }
}

fn unordered(left: &Value, right: &Value) -> Failure {
    Failure::failed(format!("values of types `{}` and `{}` have no order", type_name(left), type_name(right)))
}

/// `needle in haystack`.
pub fn contains(haystack: &Value, needle: &Value) -> Outcome<bool> {
    if let Value::Missing(failure) = needle {
        return Err(failure.clone());
    }
    match haystack {
        Value::Text(text) => match needle {
            Value::Text(part) => Ok(text.as_str().contains(part.as_str())),
            Value::Blank => Ok(true),
            other => Err(Failure::failed(format!("only text can be searched for in text, not a value of type `{}`", type_name(other)))),
        },
        Value::Map(map) => match Key::from_value(needle) {
            Some(key) => Ok(map.lock().contains_key(&key)),
            None => Err(unhashable(needle)),
        },
        Value::Lazy(lazy) => contains(&lazy.force(), needle),
        Value::Object(object) if object.contains(needle).is_some() => Ok(object.contains(needle).unwrap_or(false)),
        other => {
            for item in iterate(other)? {
                if equal(&item, needle)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// The failure of a value that can be no key.
pub fn unhashable(value: &Value) -> Failure {
    Failure::failed(format!("a value of type `{}` cannot be the key of a mapping", type_name(value)))
}

/// Text joined as `~` joins it.
pub fn concat(parts: &[Value]) -> Outcome {
    let mut out = String::new();
    let mut secret = false;
    for part in parts {
        out.push_str(&text_of(part)?);
        secret |= part.is_secret();
    }
    Ok(Value::Text(Text::new(out, secret)))
}
