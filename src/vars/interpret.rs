//! Expressions -> values.

use std::sync::Arc;

use super::arguments::Given;
use super::engine::{Engine, Environment, offer_key};
use super::error::{Failure, Origin, Reason};
use super::key::Key;
use super::objects::Object;
use super::operators;
use super::python::{Outcome, items_of, iterate, truth, type_name};
use super::scope::{Names, Scopes};
use super::syntax::ast::{Arguments, Call, Comparison, Expression, Kind, Literal};
use super::touched::Touched;
use super::value::{Entries, Text, Value};
use super::{filters, functions, methods, syntax, tests, work};

/// Expressions inside of expressions, and macros that call themselves, end here.
const DEEPEST: usize = 250;

/// Evaluates one template.
pub struct Interpreter<'a> {
    /// The variables.
    pub engine: &'a Engine,
    /// Where the template stands.
    pub origin: Arc<Origin>,
    /// The variable that it belongs to.
    pub owner: Option<usize>,
    /// Names that the template itself sets.
    pub scopes: Scopes,
    /// The secrets that were asked for.
    pub touched: Touched,
    /// How deep the evaluation is.
    pub depth: usize,
}

impl<'a> Interpreter<'a> {
    /// An interpreter whose template sees these names beside the variables.
    pub fn new(engine: &'a Engine, origin: Arc<Origin>, owner: Option<usize>, names: Names) -> Self {
        Self { engine, origin, owner, scopes: Scopes::new(names), touched: Touched::default(), depth: 0 }
    }

    fn environment(&self) -> Environment<'a> {
        Environment { engine: self.engine, owner: self.owner }
    }

    /// A failure, or a missing value, gets the place where it was met first.
    fn placed(&self, value: Value, offset: usize) -> Value {
        match value {
            Value::Missing(failure) => Value::Missing(failure.at(&self.origin, offset)),
            other => other,
        }
    }

    /// The value of an expression. Undefined values are values; an error ends the template.
    ///
    /// # Errors
    /// What ends the template.
    pub fn evaluate(&mut self, expression: &Expression) -> Outcome {
        if self.depth >= DEEPEST {
            return Err(Failure::failed("the expression nests too deep").at(&self.origin, expression.offset));
        }
        self.depth += 1;
        let result = work::spend(1).and_then(|()| self.evaluate_kind(expression)).and_then(|value| {
            // Names and parts of values make nothing new.
            let made =
                !matches!(expression.kind, Kind::Name(_) | Kind::Literal(_) | Kind::Attribute(..) | Kind::Item(..) | Kind::Conditional(..));
            if made { work::spend_on(&value).map(|()| value) } else { Ok(value) }
        });
        self.depth -= 1;
        match result {
            Ok(value) => Ok(self.placed(value.resolve(), expression.offset)),
            Err(failure) => Err(failure.at(&self.origin, expression.offset)),
        }
    }

    fn evaluate_kind(&mut self, expression: &Expression) -> Outcome {
        let offset = expression.offset;
        match &expression.kind {
            Kind::Literal(literal) => Ok(literal_value(literal)),
            Kind::Name(name) => Ok(self.name(name)),
            Kind::List(items) => Ok(Value::list(self.all(items)?)),
            Kind::Tuple(items) => Ok(Value::tuple(self.all(items)?)),
            Kind::Map(pairs) => self.mapping(pairs),
            Kind::Not(inner) => Ok(Value::Bool(!self.condition(inner)?)),
            Kind::Negative(inner) => operators::negative(self.evaluate(inner)?),
            Kind::Positive(inner) => operators::positive(self.evaluate(inner)?),
            Kind::And(parts) => self.first_with(parts, false),
            Kind::Or(parts) => self.first_with(parts, true),
            Kind::Arithmetic(first, rest) => {
                let mut value = self.evaluate(first)?;
                for (operator, operand) in rest {
                    let operand_value = self.evaluate(operand)?;
                    value = operators::arithmetic(*operator, value, operand_value)
                        .map_err(|failure| failure.at(&self.origin, operand.offset))?;
                }
                Ok(value)
            }
            Kind::Compare(first, rest) => self.compare(first, rest),
            Kind::Concat(parts) => operators::concat(&self.all(parts)?),
            Kind::Conditional(parts, otherwise) => {
                let [condition, value] = &**parts;
                if self.condition(condition)? {
                    return self.evaluate(value);
                }
                otherwise.as_ref().map_or(Ok(Value::Blank), |otherwise| self.evaluate(otherwise))
            }
            Kind::Attribute(object, name) => {
                let object = self.evaluate(object)?;
                Ok(self.attribute(&object, name))
            }
            Kind::Item(object, index) => {
                let object = self.evaluate(object)?;
                if let Kind::Slice(parts) = &index.kind {
                    return self.slice(&object, parts);
                }
                let index = self.evaluate(index)?;
                self.item(&object, &index)
            }
            Kind::Slice(_) => Err(Failure::failed("`:` stands for a part of a list only between `[` and `]`")),
            Kind::Call(callee, arguments) => self.call_expression(callee, arguments, offset),
            Kind::Filter(value, call) => {
                let value = self.evaluate(value)?;
                self.filter(value, call)
            }
            Kind::Test(value, call) => {
                let value = self.evaluate(value)?;
                let given = self.given(&call.arguments)?;
                let result =
                    tests::call(&self.environment(), &call.name, value, given).map_err(|failure| failure.at(&self.origin, call.offset))?;
                Ok(self.placed(result, call.offset))
            }
        }
    }

    /// Whether an expression holds.
    ///
    /// # Errors
    /// It has no value.
    pub fn condition(&mut self, expression: &Expression) -> Outcome<bool> {
        let value = self.evaluate(expression)?;
        truth(&value)
    }

    fn all(&mut self, expressions: &[Expression]) -> Outcome<Vec<Value>> {
        expressions.iter().map(|expression| self.evaluate(expression)).collect()
    }

    /// The first part that is as wanted; otherwise the last one as it is, undefined or not.
    fn first_with(&mut self, parts: &[Expression], wanted: bool) -> Outcome {
        let Some((last, rest)) = parts.split_last() else {
            return Ok(Value::None);
        };
        for part in rest {
            let value = self.evaluate(part)?;
            if truth(&value)? == wanted {
                return Ok(value);
            }
        }
        self.evaluate(last)
    }

    fn mapping(&mut self, pairs: &[(Expression, Expression)]) -> Outcome {
        let mut entries = Entries::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key_value = self.evaluate(key)?.present()?;
            let Some(key) = Key::from_value(&key_value) else {
                return Err(operators::unhashable(&key_value).at(&self.origin, key.offset));
            };
            entries.insert(key, self.evaluate(value)?);
        }
        Ok(Value::map(entries))
    }

    fn compare(&mut self, first: &Expression, rest: &[(Comparison, Expression)]) -> Outcome {
        let mut left = self.evaluate(first)?;
        for (comparison, operand) in rest {
            let right = self.evaluate(operand)?.present()?;
            let is_search = matches!(comparison, Comparison::In | Comparison::NotIn);
            if !(is_search && matches!(&right, Value::List(list) if list.len() == 0)) {
                left = left.present()?;
            }
            let holds = match comparison {
                Comparison::Equal => operators::equal(&left, &right)?,
                Comparison::NotEqual => !operators::equal(&left, &right)?,
                Comparison::Less => operators::order(&left, &right)?.is_lt(),
                Comparison::LessOrEqual => operators::order(&left, &right)?.is_le(),
                Comparison::Greater => operators::order(&left, &right)?.is_gt(),
                Comparison::GreaterOrEqual => operators::order(&left, &right)?.is_ge(),
                Comparison::In => self.contains(&right, &left)?,
                Comparison::NotIn => !self.contains(&right, &left)?,
            };
            if !holds {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn contains(&self, haystack: &Value, needle: &Value) -> Outcome<bool> {
        if matches!(haystack, Value::List(list) if list.len() == 0) {
            return Ok(false);
        }
        if let (Value::Object(object), Value::Text(_)) = (haystack, needle)
            && let Object::Variables = **object
        {
            return Ok(self.environment().get(haystack, needle).is_some());
        }
        operators::contains(haystack, needle)
    }

    /// The value of a name.
    pub fn name(&mut self, name: &Arc<str>) -> Value {
        if let Some(value) = self.scopes.get(name) {
            return value.clone();
        }
        if let Some(value) = self.engine.lookup(name, self.owner, &mut self.touched) {
            // Changing a list inside of a template changes it there, and nowhere else.
            let value = match value {
                Value::List(list) => Value::List(list.copy()),
                Value::Map(map) => Value::Map(map.copy()),
                other => return other,
            };
            self.scopes.set_outermost(name, value.clone());
            return value;
        }
        functions::global(name).unwrap_or_else(|| Value::Missing(Failure::undefined_name(name)))
    }

    /// `object.name`
    pub fn attribute(&self, object: &Value, name: &str) -> Value {
        if let Value::Missing(_) = object {
            return object.clone();
        }
        if methods::exists(object, name) {
            return Value::Object(Arc::new(Object::Method(object.clone(), Arc::from(name))));
        }
        self.environment().get(object, &Value::text(name)).unwrap_or_else(|| {
            let message = match object {
                Value::Map(_) => format!("the mapping has no key `{name}`"),
                other => format!("a value of type `{}` has no attribute `{name}`", type_name(other)),
            };
            Value::Missing(offer_key(Failure::undefined(message), object, name))
        })
    }

    /// `object[index]`
    fn item(&self, object: &Value, index: &Value) -> Outcome {
        let index = match (object, index) {
            (Value::Missing(_), _) => return Ok(object.clone()),
            (_, Value::Missing(failure)) => return Err(failure.clone()),
            (_, index) => index,
        };
        Ok(self.environment().item(object, index))
    }

    fn slice(&mut self, object: &Value, parts: &[Option<Expression>; 3]) -> Outcome {
        let mut bounds = [None; 3];
        for (bound, part) in bounds.iter_mut().zip(parts) {
            if let Some(part) = part {
                *bound = match self.evaluate(part)?.present()? {
                    Value::Int(number) => Some(number),
                    Value::Bool(value) => Some(i128::from(value)),
                    Value::None => None,
                    other => {
                        return Err(Failure::failed(format!(
                            "a bound between `[` and `]` must be a whole number, not a value of type `{}`",
                            type_name(&other)
                        )));
                    }
                };
            }
        }
        let pick = |length: usize| slice_positions(length, bounds);
        Ok(match object {
            Value::Missing(_) => object.clone(),
            Value::Text(text) => {
                let characters: Vec<char> = text.as_str().chars().collect();
                let picked: String = pick(characters.len())?.into_iter().filter_map(|at| characters.get(at)).collect();
                Value::Text(Text::new(picked, text.is_secret()))
            }
            Value::List(list) => {
                let items = list.raw();
                let picked = pick(items.len())?.into_iter().filter_map(|at| items.get(at).cloned()).collect();
                if list.tuple { Value::tuple(picked) } else { Value::list(picked) }
            }
            Value::Range(..) => {
                let items = iterate(object)?;
                Value::list(pick(items.len())?.into_iter().filter_map(|at| items.get(at).cloned()).collect())
            }
            other => return Err(Failure::failed(format!("a value of type `{}` has no parts", type_name(other)))),
        })
    }

    /// Evaluates arguments; missing ones stay values.
    ///
    /// # Errors
    /// What ends the template.
    pub fn given(&mut self, arguments: &Arguments) -> Outcome<Given> {
        let mut given = Given { positional: self.all(&arguments.positional)?, named: Vec::with_capacity(arguments.named.len()) };
        for (name, value) in &arguments.named {
            given.named.push((Arc::clone(name), self.evaluate(value)?));
        }
        if let Some(spread) = &arguments.spread {
            given.positional.extend(items_of(&self.evaluate(spread)?)?);
        }
        if let Some(spread) = &arguments.spread_named {
            match self.evaluate(spread)?.present()? {
                Value::Map(map) => {
                    for (key, value) in map.entries() {
                        given.named.push((Arc::from(key.json_name()), value));
                    }
                }
                other => return Err(Failure::failed(format!("`**` needs a mapping, not a value of type `{}`", type_name(&other)))),
            }
        }
        Ok(given)
    }

    /// Applies one filter.
    ///
    /// # Errors
    /// There is no such filter, or an argument ends the template.
    pub fn filter(&mut self, value: Value, call: &Call) -> Outcome {
        let given = self.given(&call.arguments)?;
        let result =
            filters::call(&self.environment(), &call.name, value, given).map_err(|failure| failure.at(&self.origin, call.offset))?;
        Ok(self.placed(result, call.offset))
    }

    fn call_expression(&mut self, callee: &Expression, arguments: &Arguments, offset: usize) -> Outcome {
        let callee_value = self.evaluate(callee)?;
        let mut given = self.given(arguments)?;
        if let Value::Object(object) = &callee_value
            && let Object::Function(function) = &**object
            && function.takes_templates()
        {
            for (value, expression) in given.positional.iter_mut().zip(&arguments.positional) {
                *value = self.embedded(value.clone(), expression);
            }
        }
        let result = self.call(callee_value, given);
        Ok(match result {
            Ok(value) => self.placed(value, offset),
            Err(failure) if failure.reason() == Reason::Unknown => return Err(failure),
            Err(failure) => Value::Missing(failure.at(&self.origin, offset)),
        })
    }

    /// Calls a value. What goes wrong inside is a missing value outside.
    ///
    /// # Errors
    /// It cannot be called, or the call fails.
    pub fn call(&mut self, callee: Value, given: Given) -> Outcome {
        let object = match callee {
            Value::Object(object) => object,
            Value::Missing(failure) => return Err(failure),
            other => return Err(Failure::failed(format!("a value of type `{}` cannot be called", type_name(&other)))),
        };
        if let Object::Macro(definition) = &*object {
            return self.call_macro(definition, given, None);
        }
        if let Some(Value::Missing(failure)) = given.first_missing() {
            return Err(failure.clone());
        }
        match &*object {
            Object::Function(function) => function.call(&self.environment(), given),
            Object::Method(subject, name) => methods::call(subject, name, given),
            Object::Loop(state) => self.call_loop(state, &given),
            Object::Joiner(separator, used) => {
                let first = !used.swap(true, std::sync::atomic::Ordering::Relaxed);
                Ok(if first { Value::text("") } else { separator.clone() })
            }
            other => Err(Failure::failed(format!("{} cannot be called", other.describe()))),
        }
    }

    /// Constant texts in a lookup's arguments may be templates themselves, as in
    /// `lookup('file', '{{ directory }}/name')`.
    fn embedded(&self, value: Value, expression: &Expression) -> Value {
        match (&expression.kind, value) {
            (Kind::Literal(Literal::Text(text)), _) if syntax::may_be_template(text) => {
                let origin =
                    Origin { span: self.origin.span.clone(), source: Arc::clone(text), variable: Arc::clone(&self.origin.variable) };
                self.engine.render(&Arc::new(origin), self.owner, Names::new(), &syntax::Options::variables()).0
            }
            (Kind::List(expressions) | Kind::Tuple(expressions), Value::List(list)) => {
                let items = list.raw().into_iter().zip(expressions).map(|(item, expression)| self.embedded(item, expression)).collect();
                Value::list(items)
            }
            (_, value) => value,
        }
    }
}

fn literal_value(literal: &Literal) -> Value {
    match literal {
        Literal::None => Value::None,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(number) => Value::Int(*number),
        Literal::Float(number) => Value::Float(*number),
        Literal::Text(text) => Value::Text(Text::plain(Arc::clone(text))),
    }
}

/// The positions that `[start:end:step]` picks.
fn slice_positions(length: usize, [start, end, step]: [Option<i128>; 3]) -> Outcome<Vec<usize>> {
    let length = i128::try_from(length).unwrap_or(i128::MAX);
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Failure::failed("the step between `[` and `]` cannot be 0"));
    }
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let bound = |given: Option<i128>, default: i128| match given {
        None => default,
        Some(at) => (if at < 0 { at.saturating_add(length) } else { at }).clamp(lowest, highest),
    };
    let (mut at, end) = if step > 0 { (bound(start, 0), bound(end, length)) } else { (bound(start, length - 1), bound(end, -1)) };
    let mut positions = Vec::new();
    while if step > 0 { at < end } else { at > end } {
        positions.extend(usize::try_from(at));
        at = at.saturating_add(step);
    }
    Ok(positions)
}
