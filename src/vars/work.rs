//! How much work one question to the variables may take. Without an end, a macro that calls itself twice, or a list
//! that holds another twice, some sixty times over, would never be done, or would fill the memory.
//!
//! The count belongs to the thread, because evaluation never leaves the one that asked.

use std::cell::Cell;

use super::error::Failure;
use super::python::Outcome;
use super::value::Value;

/// Steps: a part of an expression, a turn of a loop, a value that is looked at, or 64 bytes of text that is made. The
/// variables of a whole server together take less than a tenth.
const MOST: u64 = 5_000_000;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(MOST) };
}

/// A new question begins.
pub fn begin() {
    LEFT.set(MOST);
}

/// Whether steps are left, taking some.
pub fn take(steps: usize) -> bool {
    LEFT.with(|left| {
        let rest = left.get().checked_sub(steps as u64);
        left.set(rest.unwrap_or(0));
        rest.is_some()
    })
}

/// Takes steps.
///
/// # Errors
/// None are left.
pub fn spend(steps: usize) -> Outcome<()> {
    if take(steps) { Ok(()) } else { Err(Failure::failed("the expression takes too much work, or makes too much text")) }
}

/// Takes the steps that a new value stands for, without what is inside of it.
///
/// # Errors
/// None are left.
pub fn spend_on(value: &Value) -> Outcome<()> {
    spend(match value {
        Value::Text(text) => text.as_str().len() / 64,
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => 0,
    })
}
