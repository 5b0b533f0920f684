//! The kind of value that a default's expression gives, as far as its form shows it. Nothing is evaluated: a
//! kind that depends on values stays unknown, and `# type:` above the default tells it.

use std::collections::HashMap;

use super::types::Type;
use crate::inventory::{Node, Value};
use crate::vars::syntax::ast::{Arguments, Expression, Kind, Literal, Operator, Statement};
use crate::vars::syntax::{self, Options};

/// Fills in the kinds of variables whose defaults are expressions. `known` holds the kinds of all variables,
/// empty where they are not known; `definitions` what the defaults and the wiring say, weak to strong.
pub fn complete(known: &mut HashMap<String, Vec<Type>>, definitions: &[(&str, &Node)]) {
    // Each round learns from the one before; a chain of references is not longer than this.
    for _ in 0..16 {
        let mut learned = Vec::new();
        for (name, node) in definitions {
            if known.get(*name).is_some_and(Vec::is_empty)
                && let Some(kinds) = of_node(node, known)
            {
                learned.push(((*name).to_owned(), kinds));
            }
        }
        if learned.is_empty() {
            return;
        }
        known.extend(learned);
    }
}

type Known = HashMap<String, Vec<Type>>;
type Kinds = Option<Vec<Type>>;

fn of_node(node: &Node, known: &Known) -> Kinds {
    let Value::Text(text) = &node.value else { return None };
    let template = syntax::parse(text, &Options::variables()).ok()?;
    match template.body.as_slice() {
        [Statement::Print(expression)] => of(expression, known),
        // Beside an expression, there is only text.
        parts if parts.iter().all(|part| matches!(part, Statement::Data(_) | Statement::Print(_))) => Some(vec![Type::Text]),
        _ => None,
    }
}

fn of(expression: &Expression, known: &Known) -> Kinds {
    match &expression.kind {
        Kind::Literal(literal) => Some(vec![match literal {
            Literal::None => Type::Nothing,
            Literal::Bool(_) => Type::Boolean,
            Literal::Int(_) => Type::Integer,
            Literal::Float(_) => Type::Number,
            Literal::Text(_) => Type::Text,
        }]),
        Kind::Name(name) => known.get(&**name).filter(|kinds| !kinds.is_empty()).cloned(),
        Kind::List(items) | Kind::Tuple(items) => Some(vec![Type::List(items_of(items, known).map(Box::new))]),
        Kind::Map(_) => Some(vec![Type::Mapping(None)]),
        Kind::Not(_) | Kind::Compare(..) | Kind::Test(..) => Some(vec![Type::Boolean]),
        Kind::Concat(_) => Some(vec![Type::Text]),
        Kind::And(parts) | Kind::Or(parts) => {
            let mut kinds = parts.iter().map(|part| of(part, known));
            let first = kinds.next()??;
            kinds.all(|kind| kind.as_ref() == Some(&first)).then_some(first)
        }
        Kind::Arithmetic(first, rest) => arithmetic(first, rest, known),
        Kind::Conditional(parts, otherwise) => Some(either(of(&parts[1], known)?, of(otherwise.as_deref()?, known)?)),
        Kind::Call(callee, arguments) => called(callee, arguments),
        Kind::Filter(subject, call) => filtered(subject, &call.name, &call.arguments, known),
        Kind::Attribute(..) | Kind::Item(..) | Kind::Slice(_) | Kind::Negative(_) | Kind::Positive(_) => None,
    }
}

/// What all items of a list are, where that is one kind.
fn items_of(items: &[Expression], known: &Known) -> Option<Type> {
    let [first] = of(items.first()?, known)?.try_into().ok()?;
    items.iter().all(|item| of(item, known).as_deref() == Some(std::slice::from_ref(&first))).then_some(first)
}

/// Both kinds, once each; lists of different things are lists.
fn either(mut one: Vec<Type>, other: Vec<Type>) -> Vec<Type> {
    for kind in other {
        let list = one.iter().position(|known| matches!((known, &kind), (Type::List(_), Type::List(_))));
        match list {
            Some(at) if one[at] != kind => one[at] = Type::List(None),
            Some(_) => {}
            None if one.contains(&kind) => {}
            None => one.push(kind),
        }
    }
    one
}

fn arithmetic(first: &Expression, rest: &[(Operator, Expression)], known: &Known) -> Kinds {
    let sum = rest.iter().all(|(operator, _)| *operator == Operator::Add);
    let kinds: Vec<Kinds> = std::iter::once(first).chain(rest.iter().map(|(_, part)| part)).map(|part| of(part, known)).collect();
    let lists: Vec<&Type> = kinds.iter().flatten().filter_map(|kinds| kinds.first().filter(|kind| matches!(kind, Type::List(_)))).collect();
    if sum && let Some(list) = lists.first() {
        let same = lists.len() == kinds.len() && lists.iter().all(|other| other == list);
        return Some(vec![if same { (*list).clone() } else { Type::List(None) }]);
    }
    let all = |kind: Type| kinds.iter().all(|kinds| kinds.as_deref() == Some(std::slice::from_ref(&kind)));
    match () {
        () if sum && kinds.iter().flatten().any(|kinds| *kinds == [Type::Text]) => Some(vec![Type::Text]),
        () if all(Type::Integer) && rest.iter().all(|(operator, _)| *operator != Operator::Divide) => Some(vec![Type::Integer]),
        () => None,
    }
}

fn called(callee: &Expression, arguments: &Arguments) -> Kinds {
    match &callee.kind {
        Kind::Name(name) if &**name == "lookup" => match &arguments.positional.first()?.kind {
            Kind::Literal(Literal::Text(name)) => {
                let bare = name.rsplit('.').next().unwrap_or(name);
                matches!(bare, "template" | "file" | "pipe" | "env" | "password").then(|| vec![Type::Text])
            }
            _ => None,
        },
        Kind::Attribute(_, method) => match &**method {
            "startswith" | "endswith" | "isdigit" => Some(vec![Type::Boolean]),
            "split" | "splitlines" | "rsplit" => Some(vec![Type::List(Some(Box::new(Type::Text)))]),
            "replace" | "strip" | "lstrip" | "rstrip" | "lower" | "upper" | "join" | "format" => Some(vec![Type::Text]),
            "keys" | "values" | "items" => Some(vec![Type::List(None)]),
            _ => None,
        },
        _ => None,
    }
}

fn filtered(subject: &Expression, name: &str, arguments: &Arguments, known: &Known) -> Kinds {
    let bare = name.rsplit('.').next().unwrap_or(name);
    let kind = match bare {
        "bool" => Type::Boolean,
        "int" | "length" | "count" => Type::Integer,
        "join" | "to_json" | "to_nice_json" | "to_yaml" | "to_nice_yaml" | "string" | "lower" | "upper" | "trim" | "replace"
        | "regex_replace" | "hash" | "password_hash" | "b64encode" | "b64decode" | "urlencode" | "quote" | "indent" | "to_uuid"
        | "dirname" | "basename" | "checksum" => Type::Text,
        "split" => Type::List(Some(Box::new(Type::Text))),
        "list" | "map" | "select" | "selectattr" | "reject" | "rejectattr" | "unique" | "sort" | "flatten" | "union" | "difference"
        | "intersect" | "dict2items" | "zip" | "product" => Type::List(None),
        "combine" | "items2dict" | "dict" => Type::Mapping(None),
        "default" | "d" => return Some(either(of(subject, known)?, of(arguments.positional.first()?, known)?)),
        "ternary" => return Some(either(of(arguments.positional.first()?, known)?, of(arguments.positional.get(1)?, known)?)),
        _ => return None,
    };
    Some(vec![kind])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn kinds(text: &str) -> String {
        let mut known: Known = [("flag", "boolean"), ("names", "list of texts"), ("port", "whole number"), ("word", "text")]
            .into_iter()
            .map(|(name, words)| (name.to_owned(), Type::read_all(words).unwrap()))
            .collect();
        known.insert("x".to_owned(), Vec::new());
        known.insert("alias".to_owned(), Vec::new());
        let node = |text: &str| Node::new(Value::Text(text.to_owned()), Span::whole("defaults.yml"));
        let (alias, x) = (node("{{ x }}"), node(text));
        complete(&mut known, &[("alias", &alias), ("x", &x)]);
        assert_eq!(known["alias"], known["x"]);
        known["x"].iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }

    #[test]
    fn the_form_of_an_expression_shows_its_kind() {
        let cases = [
            ("{{ flag }}", "boolean"),
            ("{{ names + ['a'] }}", "list of texts"),
            ("{{ names + unknown }}", "list"),
            ("{{ port }}/tcp", "text"),
            ("{{ port + 1 }}", "whole number"),
            ("{{ port if flag else '' }}", "whole number or text"),
            ("{{ unknown | default('a') }}", ""),
            ("{{ word | default('a') }}", "text"),
            ("{{ word ~ unknown }}", "text"),
            ("{{ flag and not other }}", "boolean"),
            ("{{ flag or word }}", ""),
            ("{{ lookup('template', 'a.tera') }}", "text"),
            ("{{ unknown | from_yaml | combine({}) }}", "mapping"),
            ("{{ unknown.attribute }}", ""),
            ("{% if flag %}a{% endif %}", ""),
            ("{{ no end", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(kinds(text), expected, "{text}");
        }
    }
}
