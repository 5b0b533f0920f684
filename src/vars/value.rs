//! What an expression yields while it is being evaluated: Python's values, as Jinja2 sees them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use super::error::Failure;
use super::key::Key;
use super::lazy::Lazy;
use super::objects::Object;
use super::work;

/// A value. Cloning is cheap; lists and mappings are shared, as Python shares them.
#[derive(Clone)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number. Python has no bound; these bits hold every number that an inventory needs.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(Text),
    /// What `'x'.encode()` gives.
    Bytes(Arc<[u8]>),
    /// A list or a tuple.
    List(List),
    /// A mapping.
    Map(Map),
    /// `range(...)`: start, end, step.
    Range(i128, i128, i128),
    /// Undefined or failed: travels until something needs the value.
    Missing(Failure),
    /// What `'a' if false` gives: prints as nothing, and may not be stored.
    Blank,
    /// `omit`.
    Omit,
    /// A value inside a list or mapping that nobody has asked for yet.
    Lazy(Arc<Lazy>),
    /// Everything that has attributes or can be called.
    Object(Arc<Object>),
}

/// Text that knows whether a secret went into it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    text: Arc<str>,
    secret: bool,
}

impl Text {
    /// Text that may be shown.
    pub fn plain(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), secret: false }
    }

    /// Text that may be a secret.
    pub fn new(text: impl Into<Arc<str>>, secret: bool) -> Self {
        Self { text: text.into(), secret }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a secret went into it.
    pub const fn is_secret(&self) -> bool {
        self.secret
    }
}

/// A list that can be changed in place, as `{% set _ = list.append(x) %}` does.
#[derive(Clone)]
pub struct List {
    items: Arc<Mutex<Vec<Value>>>,
    /// Whether it is a tuple.
    pub tuple: bool,
    /// What a tuple's items are called, for Python's named tuples.
    names: &'static [&'static str],
}

impl List {
    /// A list.
    pub fn new(items: Vec<Value>) -> Self {
        Self { items: Arc::new(Mutex::new(items)), tuple: false, names: &[] }
    }

    /// A tuple whose items have names.
    pub fn named_tuple(items: Vec<Value>, names: &'static [&'static str]) -> Self {
        Self { names, ..Self::tuple(items) }
    }

    /// The item of a name.
    pub fn named(&self, name: &str) -> Option<Value> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.get(i128::try_from(at).ok()?)
    }

    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Self {
        Self { tuple: true, ..Self::new(items) }
    }

    /// The items, for changing. No other value's lock may be taken while it is held.
    pub fn lock(&self) -> MutexGuard<'_, Vec<Value>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// The items as they are, lazy ones too.
    pub fn raw(&self) -> Vec<Value> {
        self.lock().clone()
    }

    /// The items, each evaluated; failures stay values.
    pub fn items(&self) -> Vec<Value> {
        let mut items = self.raw();
        for item in &mut items {
            item.resolve_in_place();
        }
        items
    }

    /// One item; negative positions count from the end.
    pub fn get(&self, index: i128) -> Option<Value> {
        let found = {
            let items = self.lock();
            let length = i128::try_from(items.len()).ok()?;
            let at = if index < 0 { index + length } else { index };
            usize::try_from(at).ok().and_then(|at| items.get(at).cloned())
        };
        found.map(Value::resolve)
    }

    /// Whether both are one and the same.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.items, &other.items)
    }

    /// Another list with the same items.
    pub fn copy(&self) -> Self {
        Self { tuple: self.tuple, names: self.names, ..Self::new(self.raw()) }
    }
}

/// The entries of a mapping, in the order of their first insertion.
pub type Entries = IndexMap<Key, Value>;

/// A mapping that can be changed in place.
#[derive(Clone)]
pub struct Map {
    entries: Arc<Mutex<Entries>>,
}

impl Map {
    /// A mapping.
    pub fn new(entries: Entries) -> Self {
        Self { entries: Arc::new(Mutex::new(entries)) }
    }

    /// The entries, for changing. No other value's lock may be taken while it is held.
    pub fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// The entries as they are, lazy ones too.
    pub fn raw(&self) -> Entries {
        self.lock().clone()
    }

    /// The keys.
    pub fn keys(&self) -> Vec<Value> {
        self.lock().keys().map(Key::to_value).collect()
    }

    /// The entries, each evaluated; failures stay values.
    pub fn entries(&self) -> Vec<(Key, Value)> {
        let raw = self.raw();
        raw.into_iter().map(|(key, value)| (key, value.resolve())).collect()
    }

    /// One entry.
    pub fn get(&self, key: &Key) -> Option<Value> {
        let found = self.lock().get(key).cloned();
        found.map(Value::resolve)
    }

    /// One entry, by text.
    pub fn get_text(&self, key: &str) -> Option<Value> {
        self.get(&Key::text(key))
    }

    /// Whether both are one and the same.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }

    /// Another mapping with the same entries.
    pub fn copy(&self) -> Self {
        Self::new(self.raw())
    }
}

impl Value {
    /// Text that may be shown.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(Text::plain(text))
    }

    /// A list.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(items))
    }

    /// A tuple.
    pub fn tuple(items: Vec<Self>) -> Self {
        Self::List(List::tuple(items))
    }

    /// A mapping.
    pub fn map(entries: Entries) -> Self {
        Self::Map(Map::new(entries))
    }

    /// A mapping with text keys.
    pub fn map_of<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::map(entries.into_iter().map(|(key, value)| (Key::text(key), value)).collect())
    }

    /// A whole number from a length or position.
    pub fn count(number: usize) -> Self {
        Self::Int(i128::try_from(number).unwrap_or(i128::MAX))
    }

    /// Itself, evaluated when it was not yet.
    #[must_use]
    pub fn resolve(self) -> Self {
        match self {
            Self::Lazy(lazy) => lazy.force(),
            other => other,
        }
    }

    fn resolve_in_place(&mut self) {
        if let Self::Lazy(lazy) = self {
            *self = lazy.force();
        }
    }

    /// The value, or the failure that it stands for.
    pub fn present(self) -> Result<Self, Failure> {
        match self.resolve() {
            Self::Missing(failure) => Err(failure),
            value => Ok(value),
        }
    }

    /// Its text, when it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// Whether a secret is somewhere in it. Lazy parts are looked at only when they are known.
    pub fn is_secret(&self) -> bool {
        self.secret_within(0)
    }

    fn secret_within(&self, depth: usize) -> bool {
        // Where the work has an end, so has the knowledge.
        if depth > 64 || !work::take(1) {
            return true;
        }
        match self {
            Self::Text(text) => text.is_secret(),
            Self::List(list) => list.raw().iter().any(|item| item.secret_within(depth + 1)),
            Self::Map(map) => map.raw().values().any(|value| value.secret_within(depth + 1)),
            Self::Lazy(lazy) => lazy.known().is_some_and(|value| value.secret_within(depth + 1)),
            _ => false,
        }
    }

    /// The same with every text in it marked as secret, where `secret` says so.
    #[must_use]
    pub fn marked(self, secret: bool) -> Self {
        if !secret {
            return self;
        }
        if !work::take(1) {
            return Self::Missing(Failure::failed("the value is too large"));
        }
        match self {
            Self::Text(text) if !text.secret => Self::Text(Text { secret: true, ..text }),
            Self::List(list) => {
                let items = list.raw().into_iter().map(|item| item.marked(true)).collect();
                Self::List(List { tuple: list.tuple, names: list.names, ..List::new(items) })
            }
            Self::Map(map) => Self::map(map.raw().into_iter().map(|(key, value)| (key, value.marked(true))).collect()),
            other => other,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::text(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::text(value)
    }
}

/// Values may be secrets, so a debug line names only the type.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", super::python::type_name(self))
    }
}
