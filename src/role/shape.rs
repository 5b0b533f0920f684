//! What the configuration of a program may hold: names of settings and the kinds of their values, as a
//! role writes them down in a file of its own.

use super::fields::text;
use crate::diagnostic::Diagnostic;
use crate::inventory::{Node, Value};

/// What may stand at one place of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What it is.
    pub kind: ShapeKind,
    /// Whether `null` may stand there too.
    pub nullable: bool,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShapeKind {
    /// Anything.
    Any,
    /// Text.
    Text,
    /// True or false.
    Flag,
    /// A whole number that is not negative.
    Whole,
    /// Any number.
    Number,
    /// An address with its scheme.
    Url,
    /// An identifier as <https://github.com/ulid/spec> describes it.
    Ulid,
    /// One of these words.
    Words(Vec<String>),
    /// Any number of these.
    List(Box<Shape>),
    /// A mapping of these settings.
    Map {
        /// The known ones.
        settings: Vec<Setting>,
        /// What any other name may have; without it other names are unknown.
        rest: Option<Box<Shape>>,
    },
}

/// One name in a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name.
    pub name: String,
    /// Whether the mapping is useless without it.
    pub required: bool,
    /// What it may have.
    pub shape: Shape,
}

/// Reads a file of shapes: mappings are mappings, a list of one is a list of these, and a text is a kind.
///
/// # Errors
/// Something there is no shape.
pub fn read(node: &Node) -> Result<Shape, Diagnostic> {
    let always = |kind| Ok(Shape { kind, nullable: false });
    match &node.value {
        Value::Text(words) => word(words).ok_or_else(|| malformed(node, "this names no kind of value")),
        Value::List(items) => match items.as_slice() {
            [item] => always(ShapeKind::List(Box::new(read(item)?))),
            _ => Err(malformed(node, "a list holds the one shape that its items have")),
        },
        Value::Map(entries) => {
            let mut settings = Vec::new();
            let mut rest = None;
            for (key, value) in entries {
                let (name, shape) = (text(key)?, read(value)?);
                match name.strip_suffix('!') {
                    _ if name == "*" => rest = Some(Box::new(shape)),
                    Some(name) => settings.push(Setting { name: name.to_owned(), required: true, shape }),
                    None => settings.push(Setting { name: name.to_owned(), required: false, shape }),
                }
            }
            always(ShapeKind::Map { settings, rest })
        }
        _ => Err(malformed(node, "a shape is text, a list or a mapping")),
    }
}

fn malformed(node: &Node, why: &str) -> Diagnostic {
    Diagnostic::error("H0301", why)
        .at(&node.span)
        .help("the kinds are any, text, flag, whole, number, url, ulid, and words with ` | ` between them; `?` behind one allows null")
}

fn word(text: &str) -> Option<Shape> {
    let (name, nullable) = text.strip_suffix('?').map_or((text, false), |name| (name.trim_end(), true));
    let kind = match name {
        "any" => ShapeKind::Any,
        "text" => ShapeKind::Text,
        "flag" => ShapeKind::Flag,
        "whole" => ShapeKind::Whole,
        "number" => ShapeKind::Number,
        "url" => ShapeKind::Url,
        "ulid" => ShapeKind::Ulid,
        words if words.contains(" | ") => ShapeKind::Words(words.split(" | ").map(str::to_owned).collect()),
        _ => return None,
    };
    Some(Shape { kind, nullable })
}

impl Shape {
    /// The shape below a path such as `upstream_oauth2.providers`; items of a list have no name in it.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |shape, name| match &shape.kind {
            ShapeKind::Map { settings, .. } => settings.iter().find(|setting| setting.name == name).map(|setting| &setting.shape),
            _ => None,
        })
    }
}
