//! The variables of one host while they are being evaluated.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use indexmap::{IndexMap, IndexSet};

use super::context::Context;
use super::convert::from_json;
use super::definition::{Definition, Definitions};
use super::error::{Failure, Origin, Reason};
use super::interpret::Interpreter;
use super::key::Key;
use super::lazy::{Lazy, Template};
use super::lookups;
use super::methods;
use super::objects::Object;
use super::peers::Peers;
use super::python::{Outcome, type_name};
use super::redact::Collector;
use super::scope::{Locals, Names};
use super::secrets;
use super::syntax::{self, Options};
use super::touched::{self, Touched};
use super::value::{Entries, Text, Value};
use crate::diagnostic::did_you_mean;
use crate::inventory::node::{Node, Value as Written};
use crate::inventory::vault;

/// More variables that need each other are refused; no inventory comes near.
const DEEPEST: usize = 400;
/// Keys whose values say whose a secret beside them is, and are none: of accounts, and of identity providers as Synapse
/// (`oidc_providers`) and MAS (`upstream_oauth2.providers`) have them. `synapse` as a secret would be taken out of every line.
const OPEN_KEYS: [&str; 25] = [
    "authorization_endpoint",
    "brand_name",
    "claims_imports",
    "client_auth_method",
    "client_id",
    "discovery_mode",
    "human_name",
    "id",
    "idp_brand",
    "idp_icon",
    "idp_id",
    "idp_name",
    "initial_type",
    "issuer",
    "jwks_uri",
    "pkce_method",
    "scope",
    "scopes",
    "synapse_idp_id",
    "token_endpoint",
    "token_endpoint_auth_method",
    "user_mapping_provider",
    "user_profile_method",
    "userinfo_endpoint",
    "username",
];
/// Below this much stack, evaluation goes on in a new one.
pub const STACK_LEFT: usize = 256 * 1024;
/// How large a new stack is.
pub const STACK_MORE: usize = 4 * 1024 * 1024;

/// One variable.
pub struct Slot {
    /// Where it comes from.
    pub definition: Arc<Definition>,
    /// Whether it is named as a secret, or comes from a file that is one.
    pub secret: bool,
    /// Whether a number of it was computed from a secret.
    pub secret_number: AtomicBool,
    /// The variables that its own expressions name.
    pub depends: Mutex<IndexSet<Arc<str>>>,
    value: OnceLock<Value>,
}

impl Slot {
    /// Whether something asked for it.
    pub fn was_read(&self) -> bool {
        self.value.get().is_some()
    }
}

/// All variables of a host.
pub struct Engine {
    me: Weak<Self>,
    /// The variables that layers define.
    pub slots: IndexMap<Arc<str>, Slot>,
    /// What is known besides.
    pub context: Context,
    magic: HashMap<Arc<str>, Value>,
    facts: HashMap<Arc<str>, Value>,
    path: Mutex<Vec<Arc<str>>>,
    /// The secrets that were met.
    pub collector: Arc<Mutex<Collector>>,
    /// `hostvars`; nothing inside of `hostvars` itself.
    peers: Option<Arc<Peers>>,
}

/// What filters, tests, functions and lookups may ask for.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The variables.
    pub engine: &'a Engine,
    /// The variable whose expression is evaluated.
    pub owner: Option<usize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Variables from their definitions.
    pub fn new(definitions: Definitions, context: Context) -> Arc<Self> {
        let collector = Arc::default();
        let peers = Peers::new(&context, &collector);
        Self::with(definitions, context, collector, Some(peers))
    }

    /// The variables of a host in `hostvars`. The secrets that are met there belong to the host that asks.
    pub fn of_peer(definitions: Definitions, context: Context, collector: Arc<Mutex<Collector>>) -> Arc<Self> {
        Self::with(definitions, context, collector, None)
    }

    fn with(definitions: Definitions, context: Context, collector: Arc<Mutex<Collector>>, peers: Option<Arc<Peers>>) -> Arc<Self> {
        let magic = context.magic.iter().map(|(name, value)| (Arc::from(name.as_str()), from_json(value))).collect();
        let mut facts: HashMap<Arc<str>, Value> = HashMap::new();
        let mut all = Entries::new();
        for (name, value) in &context.facts {
            let value = from_json(value);
            facts.insert(Arc::from(format!("ansible_{name}")), value.clone());
            all.insert(Key::text(name), value);
        }
        facts.insert(Arc::from("ansible_facts"), Value::map(all));
        let slots = definitions
            .into_iter()
            .map(|(name, definition)| {
                let slot = Slot {
                    secret: context.secret_names.contains(&*name) || definition.node.is_from_vault_file(),
                    definition,
                    secret_number: AtomicBool::new(false),
                    depends: Mutex::default(),
                    value: OnceLock::new(),
                };
                (name, slot)
            })
            .collect();
        Arc::new_cyclic(|me| Self { me: Weak::clone(me), slots, context, magic, facts, path: Mutex::default(), collector, peers })
    }

    /// The value of a variable, unless it does not exist. Remembers who asked.
    pub fn lookup(&self, name: &str, asking: Option<usize>, touched: &mut Touched) -> Option<Value> {
        if let Some(value) = self.magic.get(name).or_else(|| self.context.common.get(name)) {
            return Some(value.clone());
        }
        match name {
            "vars" => return Some(Value::Object(Arc::new(Object::Variables))),
            "hostvars" => return self.peers.as_ref().map(|peers| peers.all()),
            "inventory_hostname" => return Some(Value::text(self.context.host.as_str())),
            "inventory_hostname_short" => return Some(Value::text(self.context.host.split('.').next().unwrap_or_default())),
            "role_path" => return self.role(asking).map(|role| Value::text(format!("roles/{role}"))),
            "role_name" | "ansible_role_name" => return self.role(asking).map(Value::text),
            _ => {}
        }
        let slot = self.slots.get_full(name);
        // Facts are stronger than an inventory, and weaker than `-e`.
        if slot.as_ref().is_none_or(|(_, _, slot)| !slot.definition.is_extra())
            && let Some(value) = self.facts.get(name)
        {
            return Some(value.clone());
        }
        let (index, key, slot) = slot?;
        if let Some(asking) = asking.filter(|asking| *asking != index).and_then(|asking| self.slots.get_index(asking)) {
            lock(&asking.1.depends).insert(Arc::clone(key));
        }
        let value = self.variable(index, slot);
        if slot.secret || slot.secret_number.load(Ordering::Relaxed) {
            touched.secret = true;
            touched.add_numbers(&value, 0);
        }
        touched.secret |= matches!(&value, Value::Text(text) if text.is_secret());
        Some(value)
    }

    /// The role whose default asks.
    pub fn role(&self, asking: Option<usize>) -> Option<&str> {
        self.slots.get_index(asking?)?.1.definition.role.as_deref()
    }

    /// The value of a variable by its position.
    pub fn variable(&self, index: usize, slot: &Slot) -> Value {
        slot.value.get_or_init(|| self.build(&slot.definition.node, Some(index), None, slot.secret)).clone().resolve()
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.slots.keys().map(|name| &**name)
    }

    /// The names of the variables that something asked for.
    pub fn asked_for(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().filter(|(_, slot)| slot.value.get().is_some()).map(|(name, _)| &**name)
    }

    /// All names that an expression may use, for "did you mean".
    pub fn known_names(&self) -> impl Iterator<Item = &str> {
        self.names()
            .chain(self.magic.keys().map(|name| &**name))
            .chain(self.context.common.names())
            .chain(self.facts.keys().map(|name| &**name))
    }

    /// All names that `hostvars[host]` holds.
    pub fn every_name(&self) -> impl Iterator<Item = &str> {
        let own = ["inventory_hostname", "inventory_hostname_short"].into_iter();
        own.chain(self.known_names().filter(|name| !matches!(*name, "inventory_hostname" | "inventory_hostname_short")))
    }

    /// What a user wrote, as a value. Texts with expressions stay lazy.
    pub fn build(&self, node: &Node, owner: Option<usize>, locals: Option<&Arc<Locals>>, secret: bool) -> Value {
        match &node.value {
            Written::Null => Value::None,
            Written::Bool(value) => Value::Bool(*value),
            Written::Int(number) => self.number(Value::Int(*number), secret),
            Written::Float(number) => self.number(Value::Float(*number), secret),
            Written::Hidden(scalar) => self.build(&Node::new((**scalar.reveal()).clone(), node.span.clone()), owner, locals, true),
            Written::Text(text) => self.build_text(text, node, owner, locals, secret),
            Written::Unsafe(text) => Value::Text(self.text(text, secret)),
            Written::Secret(text) => self.build_text(text.reveal(), node, owner, locals, true),
            Written::Sealed(text) => Value::Text(self.text(text.reveal(), true)),
            Written::Vault(text) => {
                let locked = vault::locked(text);
                let failure = Failure::new(Reason::Locked, locked.to_string()).help(locked.help());
                Value::Missing(failure.at(&self.origin("", node, owner), 0))
            }
            Written::Reference(reference) => match secrets::ask(reference, &self.context) {
                Ok(text) => Value::Text(self.text(text.reveal(), true)),
                Err(failure) => Value::Missing(failure.at(&self.origin("", node, owner), 0)),
            },
            Written::List(items) => Value::list(items.iter().map(|item| self.build(item, owner, locals, secret)).collect()),
            Written::Map(entries) => {
                let entry = |(key, value): &(Node, Node)| {
                    let key = written_key(key);
                    // Whose password it is may be told.
                    let secret = secret && !OPEN_KEYS.iter().any(|name| key == Key::text(name));
                    (key, self.build(value, owner, locals, secret))
                };
                Value::map(entries.iter().map(entry).collect())
            }
        }
    }

    fn number(&self, number: Value, secret: bool) -> Value {
        if let (true, Some(text)) = (secret, touched::number_text(&number)) {
            lock(&self.collector).number(&text);
        }
        number
    }

    fn text(&self, text: &str, secret: bool) -> Text {
        if secret {
            lock(&self.collector).direct(text);
        }
        Text::new(text, secret)
    }

    fn build_text(&self, text: &str, node: &Node, owner: Option<usize>, locals: Option<&Arc<Locals>>, secret: bool) -> Value {
        if !syntax::may_be_template(text) {
            return Value::Text(self.text(text, secret));
        }
        let origin = self.origin(text, node, owner);
        Lazy::template(&self.me, Template { origin, owner, locals: locals.map(Arc::clone), secret })
    }

    fn origin(&self, text: &str, node: &Node, owner: Option<usize>) -> Arc<Origin> {
        let variable = owner.and_then(|owner| self.slots.get_index(owner)).map_or_else(|| Arc::from(""), |(name, _)| Arc::clone(name));
        Arc::new(Origin { span: node.span.clone(), source: Arc::from(text), variable })
    }

    /// Works a lazy value out.
    pub fn render_lazy(&self, lazy: &Template) -> Value {
        let names: Names = lazy.locals.as_deref().map(|locals| locals.iter().cloned().collect()).unwrap_or_default();
        {
            let mut path = lock(&self.path);
            if path.len() >= DEEPEST {
                return Value::Missing(Failure::failed("the variables need each other too deeply").at(&lazy.origin, 0));
            }
            path.push(Arc::clone(&lazy.origin.variable));
        }
        let (value, touched) = self.render(&lazy.origin, lazy.owner, names, &Options::variables());
        lock(&self.path).pop();
        let value = touched.mark(with_newlines(value, &lazy.origin.source).marked(lazy.secret));
        match &value {
            Value::Text(text) if lazy.secret => lock(&self.collector).direct(text.as_str()),
            Value::Text(text) if text.is_secret() => lock(&self.collector).derived(text.as_str()),
            value if touched.secret || lazy.secret => {
                let mut numbers = Touched::default();
                numbers.add_numbers(value, 0);
                if let (false, Some((_, slot))) = (numbers.numbers.is_empty(), lazy.owner.and_then(|owner| self.slots.get_index(owner))) {
                    slot.secret_number.store(true, Ordering::Relaxed);
                }
                numbers.numbers.iter().for_each(|number| lock(&self.collector).number(number));
            }
            _ => {}
        }
        value
    }

    /// The value of a template, and the secrets that it asked for.
    pub fn render(&self, origin: &Arc<Origin>, owner: Option<usize>, names: Names, options: &Options) -> (Value, Touched) {
        stacker::maybe_grow(STACK_LEFT, STACK_MORE, || match syntax::parse(&origin.source, options) {
            Ok(template) => {
                let mut interpreter = Interpreter::new(self, Arc::clone(origin), owner, names);
                let value = interpreter.template(&template.body);
                (value, interpreter.touched)
            }
            Err(error) => {
                let open = unbalanced(&origin.source).filter(|(_, close)| !error.message.contains(close));
                let failure = Failure::new(Reason::Syntax, error.message);
                let failure = match open {
                    Some((open, close)) => failure.help(format!("each `{open}` needs its `{close}`")),
                    None => failure,
                };
                let failure = failure.at(origin, error.offset);
                (Value::Missing(failure), Touched::default())
            }
        })
    }

    /// What `{% include %}` puts out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn include(&self, name: &Value, optional: bool, owner: Option<usize>, names: Names) -> Outcome {
        let Some(name) = name.as_str() else {
            return Err(Failure::failed(format!("the name of a template must be text, not a value of type `{}`", type_name(name))));
        };
        let environment = Environment { engine: self, owner };
        let Some((path, text)) = lookups::files::read_if_there(&environment, name)? else {
            return if optional { Ok(Value::text("")) } else { Err(lookups::files::not_found(name)) };
        };
        let origin = Origin { span: crate::diagnostic::Span::new(path.as_str(), 1, 1), source: Arc::from(text), variable: Arc::from(name) };
        self.render(&Arc::new(origin), owner, names, &Options::file()).0.present()
    }

    /// The message of a cycle that ends at `name`.
    pub fn cycle(&self, name: &Arc<str>) -> String {
        let path = lock(&self.path);
        let start = path.iter().position(|step| step == name).unwrap_or(0);
        let mut steps: Vec<&str> = path[start..].iter().map(|step| &**step).collect();
        steps.dedup();
        if steps.len() > 1 && steps.last() == Some(&&**name) {
            steps.pop();
        }
        match steps.len() {
            0 | 1 => format!("`{name}` needs itself"),
            _ => format!("variables need each other: `{}` -> `{name}`", steps.join("` -> `")),
        }
    }
}

/// The brackets of a template that do not come in pairs.
fn unbalanced(source: &str) -> Option<(&'static str, &'static str)> {
    [("{{", "}}"), ("{%", "%}")].into_iter().find(|(open, close)| source.matches(open).count() != source.matches(close).count())
}

fn written_key(key: &Node) -> Key {
    match &key.value {
        Written::Null | Written::Map(_) | Written::Reference(_) => Key::None,
        Written::Bool(value) => Key::Bool(*value),
        Written::Int(number) => Key::Int(*number),
        Written::Float(number) => Key::Float(*number),
        Written::Text(text) | Written::Unsafe(text) | Written::Vault(text) => Key::text(text),
        Written::Secret(text) | Written::Sealed(text) => Key::text(text.reveal()),
        Written::Hidden(scalar) => written_key(&Node::new((**scalar.reveal()).clone(), key.span.clone())),
        Written::List(items) => Key::Tuple(items.iter().map(written_key).collect()),
    }
}

/// Jinja2 drops the last line break of a template; Ansible puts it back behind text.
pub fn with_newlines(value: Value, source: &str) -> Value {
    let Value::Text(text) = &value else { return value };
    let count = |text: &str| text.len() - text.trim_end_matches('\n').len();
    let missing = count(source).saturating_sub(count(text.as_str()));
    if missing == 0 {
        return value;
    }
    Value::Text(Text::new(format!("{}{}", text.as_str(), "\n".repeat(missing)), text.is_secret()))
}

/// An item by the text of its key, as a format names it: `{x[key]}`.
pub fn plain_item(value: &Value, key: &str) -> Option<Value> {
    match value {
        Value::Map(map) => map.get_text(key).or_else(|| map.get(&Key::Int(key.parse().ok()?))),
        Value::List(list) => list.get(key.parse().ok()?),
        _ => None,
    }
}

/// An attribute that is no item, as a format names it: `{x.name}`.
pub fn plain_attribute(value: &Value, name: &str) -> Option<Value> {
    match value {
        Value::List(list) => list.named(name),
        Value::Object(object) => object.attribute(name),
        _ => None,
    }
}

/// Offers the key of a mapping that is most like a name.
pub fn offer_key(failure: Failure, object: &Value, name: &str) -> Failure {
    let Value::Map(map) = object else { return failure };
    let keys = map.keys();
    match did_you_mean(name, keys.iter().filter_map(Value::as_str)) {
        Some(help) => failure.help(help),
        None => failure,
    }
}

impl Environment<'_> {
    /// `object[key]`, or the attribute of that name.
    pub fn item(&self, object: &Value, key: &Value) -> Value {
        if let Value::Missing(_) = object {
            return object.clone();
        }
        if let Some(value) = self.get(object, key) {
            return value;
        }
        if let Value::Text(name) = key
            && methods::exists(object, name.as_str())
        {
            return Value::Object(Arc::new(Object::Method(object.clone(), Arc::from(name.as_str()))));
        }
        let message = match (object, key) {
            (Value::Map(_), Value::Text(name)) if !name.is_secret() => format!("the mapping has no key `{}`", name.as_str()),
            (Value::List(list), Value::Int(index)) => format!("the list has no item {index}; it has {}", list.len()),
            (other, _) => format!("a value of type `{}` has no such item", type_name(other)),
        };
        let failure = Failure::undefined(message);
        Value::Missing(match key {
            Value::Text(name) if !name.is_secret() => offer_key(failure, object, name.as_str()),
            _ => failure,
        })
    }

    /// An item or plain attribute, when there is one.
    pub fn get(&self, object: &Value, key: &Value) -> Option<Value> {
        match object {
            Value::Map(map) => map.get(&Key::from_value(key)?),
            Value::List(list) => match key {
                Value::Int(index) => list.get(*index),
                Value::Bool(value) => list.get(i128::from(*value)),
                Value::Text(name) => list.named(name.as_str()),
                _ => None,
            },
            Value::Text(text) => {
                let Value::Int(index) = key else { return None };
                let length = i128::try_from(text.as_str().chars().count()).ok()?;
                let at = usize::try_from(if *index < 0 { index + length } else { *index }).ok()?;
                text.as_str().chars().nth(at).map(|character| Value::Text(Text::new(character.to_string(), text.is_secret())))
            }
            Value::Lazy(lazy) => self.get(&lazy.force(), key),
            Value::Object(object) => {
                let name = key.as_str()?;
                match &**object {
                    Object::Variables => self.engine.lookup(name, self.owner, &mut Touched::default()),
                    other => other.attribute(name),
                }
            }
            _ => None,
        }
    }
}
