//! Statements -> output.

use std::sync::{Arc, Mutex};

use super::arguments::Given;
use super::error::Failure;
use super::interpret::Interpreter;
use super::objects::{Loop, Object};
use super::python::{Outcome, items_of, iterate, text_of};
use super::scope::Scopes;
use super::syntax::ast::{Call, Expression, For, Macro, Statement, Target};
use super::value::{Text, Value};
use super::work;

/// More turns are refused: an expression must come to an end.
const MOST_TURNS: usize = 1_000_000;

/// The pieces that a template puts out.
pub type Pieces = Vec<Value>;

/// Pieces as one value: nothing is `none`, one piece keeps its type, more are text.
pub fn join(pieces: Pieces) -> Value {
    let mut pieces = pieces.into_iter().filter(|piece| !matches!(piece, Value::None));
    let Some(first) = pieces.next() else {
        return Value::None;
    };
    let Some(second) = pieces.next() else {
        return first;
    };
    let mut out = String::new();
    let mut secret = false;
    for piece in [first, second].into_iter().chain(pieces) {
        match piece {
            Value::Missing(_) => return piece,
            Value::Omit => {}
            piece => match storable(piece, 0).and_then(|piece| text_of(&piece).map(|text| (piece, text))) {
                Ok((piece, text)) => {
                    out.push_str(&text);
                    secret |= piece.is_secret();
                }
                Err(failure) => return Value::Missing(failure),
            },
        }
    }
    Value::Text(Text::new(out, secret))
}

/// A piece as a variable would hold it, which is how its text shows it: tuples are lists.
fn storable(piece: Value, depth: usize) -> Outcome {
    if depth > 100 {
        return Err(Failure::failed("a value holds itself, so it has no text"));
    }
    Ok(match piece {
        Value::Bytes(bytes) if depth == 0 => Value::from(String::from_utf8_lossy(&bytes).into_owned()),
        Value::List(list) => {
            let items = list.items().into_iter().filter(|item| !matches!(item, Value::Omit));
            Value::list(items.map(|item| storable(item, depth + 1)).collect::<Outcome<_>>()?)
        }
        Value::Map(map) => {
            let entries = map.entries().into_iter().filter(|(_, value)| !matches!(value, Value::Omit));
            Value::map(entries.map(|(key, value)| Ok((key, storable(value, depth + 1)?))).collect::<Outcome<_>>()?)
        }
        other => other,
    })
}

impl Interpreter<'_> {
    /// The value of a whole template. Where it breaks off, the first thing that is missing counts.
    pub fn template(&mut self, body: &[Statement]) -> Value {
        let mut pieces = Vec::new();
        match self.run(body, &mut pieces) {
            Ok(()) => join(pieces),
            Err(failure) => pieces.into_iter().find(|piece| matches!(piece, Value::Missing(_))).unwrap_or(Value::Missing(failure)),
        }
    }

    fn captured(&mut self, body: &[Statement]) -> Outcome {
        let mut pieces = Vec::new();
        self.scopes.push();
        let result = self.run(body, &mut pieces);
        self.scopes.pop();
        result.map(|()| join(pieces))
    }

    fn run(&mut self, body: &[Statement], pieces: &mut Pieces) -> Outcome<()> {
        body.iter().try_for_each(|statement| self.statement(statement, pieces))
    }

    fn statement(&mut self, statement: &Statement, pieces: &mut Pieces) -> Outcome<()> {
        match statement {
            Statement::Data(text) => {
                work::spend(1 + text.len() / 64)?;
                pieces.push(Value::Text(Text::plain(Arc::clone(text))));
            }
            Statement::Print(expression) => {
                // A list that changes later is shown as it is now.
                let value = self.evaluate(expression)?;
                work::spend_on(&value)?;
                pieces.push(match value {
                    Value::List(list) => Value::List(list.copy()),
                    Value::Map(map) => Value::Map(map.copy()),
                    other => other,
                });
            }
            Statement::If(branches, otherwise) => {
                for (condition, body) in branches {
                    if self.condition(condition)? {
                        return self.run(body, pieces);
                    }
                }
                self.run(otherwise, pieces)?;
            }
            Statement::For(definition) => {
                let items = self.evaluate(&definition.items)?;
                let items = iterate(&items).map_err(|failure| failure.at(&self.origin, definition.items.offset))?;
                self.for_loop(definition, items, 0, pieces)?;
            }
            Statement::Set(target, value) => {
                let value = self.evaluate(value)?;
                self.assign(target, value)?;
            }
            Statement::SetBlock(target, filters, body) => {
                let value = self.captured(body)?;
                let value = self.filtered(value, filters)?;
                self.assign(target, value)?;
            }
            Statement::Filter(filters, body) => {
                let value = self.captured(body)?;
                let value = self.filtered(value, filters)?;
                pieces.push(value);
            }
            Statement::With(assignments, body) => {
                let mut values = Vec::with_capacity(assignments.len());
                for (_, value) in assignments {
                    values.push(self.evaluate(value)?);
                }
                self.scopes.push();
                let result = assignments
                    .iter()
                    .zip(values)
                    .try_for_each(|((target, _), value)| self.assign(target, value))
                    .and_then(|()| self.run(body, pieces));
                self.scopes.pop();
                result?;
            }
            Statement::Macro(definition) => {
                let value = Value::Object(Arc::new(Object::Macro(Arc::clone(definition))));
                self.scopes.set(&definition.name, value);
            }
            Statement::CallBlock(caller, call) => {
                let value = self.call_block(caller, call)?;
                pieces.push(value);
            }
            Statement::Include(name, optional) => {
                let value = self.evaluate(name)?.present()?;
                let rendered = self
                    .engine
                    .include(&value, *optional, self.owner, self.scopes.outermost())
                    .map_err(|failure| failure.at(&self.origin, name.offset))?;
                pieces.push(rendered);
            }
        }
        Ok(())
    }

    fn filtered(&mut self, mut value: Value, filters: &[Call]) -> Outcome {
        for call in filters {
            value = self.filter(value, call)?;
        }
        Ok(value)
    }

    fn for_loop(&mut self, definition: &Arc<For>, items: Vec<Value>, depth: usize, pieces: &mut Pieces) -> Outcome<()> {
        if depth > 50 {
            return Err(Failure::failed("the loop calls itself too often"));
        }
        let items = self.chosen(definition, items)?;
        if items.is_empty() {
            return self.run(&definition.otherwise, pieces);
        }
        if pieces.len() > MOST_TURNS || items.len() > MOST_TURNS {
            return Err(Failure::failed("the loop has too many turns"));
        }
        let items = Arc::new(items);
        let name: Arc<str> = Arc::from("loop");
        let mut changed = None;
        for index in 0..items.len() {
            let state = Arc::new(Object::Loop(Loop {
                items: Arc::clone(&items),
                index,
                depth,
                changed: Mutex::new(changed.take()),
                recursion: definition.recursive.then(|| Arc::clone(definition)),
            }));
            work::spend(1)?;
            self.scopes.push();
            self.scopes.set(&name, Value::Object(Arc::clone(&state)));
            let result = self.assign(&definition.target, items[index].clone()).and_then(|()| self.run(&definition.body, pieces));
            self.scopes.pop();
            result?;
            if let Object::Loop(state) = &*state {
                changed = state.changed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            }
        }
        Ok(())
    }

    /// The items for which the loop's `if` holds.
    fn chosen(&mut self, definition: &For, items: Vec<Value>) -> Outcome<Vec<Value>> {
        let Some(condition) = &definition.condition else {
            return Ok(items);
        };
        let mut chosen = Vec::new();
        for item in items {
            self.scopes.push();
            let holds = self.assign(&definition.target, item.clone()).and_then(|()| self.condition(condition));
            self.scopes.pop();
            if holds? {
                chosen.push(item);
            }
        }
        Ok(chosen)
    }

    /// `loop(...)` inside of a recursive loop.
    pub(super) fn call_loop(&mut self, state: &Loop, given: &Given) -> Outcome {
        let Some(definition) = &state.recursion else {
            return Err(Failure::failed("`loop(...)` needs `recursive` in its `{% for %}`"));
        };
        let items = given.positional.first().map_or(Ok(Vec::new()), iterate)?;
        let mut pieces = Vec::new();
        self.for_loop(definition, items, state.depth + 1, &mut pieces)?;
        Ok(join(pieces))
    }

    fn assign(&mut self, target: &Target, value: Value) -> Outcome<()> {
        match target {
            Target::Name(name) => self.scopes.set(name, value),
            Target::Attribute(name, attribute) => match self.name(name) {
                Value::Object(object) => match &*object {
                    Object::Namespace(map) => drop(map.lock().insert(super::key::Key::text(attribute), value)),
                    _ => return Err(not_a_namespace(name)),
                },
                _ => return Err(not_a_namespace(name)),
            },
            Target::Tuple(targets) => {
                let values = items_of(&value)?;
                if values.len() != targets.len() {
                    return Err(Failure::failed(format!("{} values cannot be given to {} names", values.len(), targets.len())));
                }
                for (target, value) in targets.iter().zip(values) {
                    self.assign(target, value)?;
                }
            }
        }
        Ok(())
    }

    fn call_block(&mut self, caller: &Arc<Macro>, call: &Expression) -> Outcome {
        let super::syntax::ast::Kind::Call(subject, arguments) = &call.kind else {
            return Err(Failure::failed("`{% call %}` needs a call").at(&self.origin, call.offset));
        };
        let target = self.evaluate(subject)?;
        let given = self.given(arguments)?;
        match target {
            Value::Object(object) => match &*object {
                Object::Macro(definition) => self.call_macro(definition, given, Some(Arc::clone(caller))),
                _ => Err(Failure::failed("`{% call %}` needs a macro").at(&self.origin, call.offset)),
            },
            other => other.present().and_then(|_| Err(Failure::failed("`{% call %}` needs a macro").at(&self.origin, call.offset))),
        }
    }

    /// Calls a macro. It sees the names of the template's outermost block, and its parameters.
    pub(super) fn call_macro(&mut self, definition: &Arc<Macro>, given: Given, caller: Option<Arc<Macro>>) -> Outcome {
        let outside = std::mem::take(&mut self.scopes);
        // The body of `{% call %}` stands where it was written, so it sees everything there.
        let is_caller = &*definition.name == "caller";
        self.scopes = Scopes::new(if is_caller { outside.flattened() } else { outside.outermost() });
        self.scopes.push();
        self.depth += 1;
        let result = if self.depth > 200 {
            Err(Failure::failed("a macro calls itself too often"))
        } else {
            self.macro_body(definition, given, caller)
        };
        self.depth -= 1;
        self.scopes = outside;
        result
    }

    fn macro_body(&mut self, definition: &Arc<Macro>, given: Given, caller: Option<Arc<Macro>>) -> Outcome {
        let Given { positional, named } = given;
        let mut named: Vec<_> = named;
        let count = definition.parameters.len();
        let mut positional = positional.into_iter();
        for (name, default) in &definition.parameters {
            let by_name = named.iter().position(|(found, _)| found == name).map(|at| named.remove(at).1);
            let value = match (positional.next().or(by_name), default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.evaluate(default)?,
                (None, None) => Value::Missing(Failure::undefined(format!("the macro's parameter `{name}` is not given"))),
            };
            self.scopes.set(name, value);
        }
        let rest: Vec<Value> = positional.collect();
        if !rest.is_empty() {
            self.scopes.set(&Arc::from("varargs"), Value::tuple(rest));
        }
        if let Some((name, _)) = named.first() {
            return Err(Failure::failed(format!("the macro `{}` has no parameter `{name}`; it has {count}", definition.name)));
        }
        if let Some(caller) = caller {
            self.scopes.set(&Arc::from("caller"), Value::Object(Arc::new(Object::Macro(caller))));
        }
        let mut pieces = Vec::new();
        self.run(&definition.body, &mut pieces)?;
        Ok(join(pieces))
    }
}

fn not_a_namespace(name: &str) -> Failure {
    Failure::failed(format!("attributes can be set on a `namespace` only, and `{name}` is none"))
}
