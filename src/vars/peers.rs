//! What `hostvars` knows: the variables of every host of the inventory, evaluated for that host.
//!
//! As in Ansible, roles have no part in it: a variable that no inventory sets is undefined there, and so is
//! `hostvars` itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::context::Context;
use super::definition::{Definitions, definitions};
use super::engine::Engine;
use super::key::Key;
use super::lazy::Lazy;
use super::redact::Collector;
use super::value::{Entries, Value};

/// The hosts of an inventory, while the variables of one of them are evaluated.
pub struct Peers {
    me: Weak<Self>,
    /// What is the same for all hosts, and the facts of the one that asks.
    context: Context,
    collector: Arc<Mutex<Collector>>,
    engines: Mutex<HashMap<Arc<str>, Arc<Engine>>>,
    all: OnceLock<Value>,
}

impl Peers {
    /// The hosts that a context knows.
    pub fn new(context: &Context, collector: &Arc<Mutex<Collector>>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            context: context.clone(),
            collector: Arc::clone(collector),
            engines: Mutex::default(),
            all: OnceLock::new(),
        })
    }

    /// `hostvars`: no host is looked at before something asks for it.
    pub fn all(&self) -> Value {
        let build = || {
            let names = self.context.hosts.names().into_iter().map(Arc::from);
            Value::map(names.map(|name: Arc<str>| (Key::Text(Arc::clone(&name)), Lazy::host(&self.me, name))).collect())
        };
        self.all.get_or_init(build).clone()
    }

    /// `hostvars[name]`
    pub fn variables(&self, name: &Arc<str>) -> Option<Value> {
        let engine = self.engine(name)?;
        let mut entries = Entries::new();
        for name in engine.every_name() {
            let value = Lazy::variable(&Arc::downgrade(&engine), Arc::from(name));
            entries.insert(Key::text(name), value);
        }
        Some(Value::map(entries))
    }

    fn engine(&self, name: &Arc<str>) -> Option<Arc<Engine>> {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engines.get(name) {
            return Some(Arc::clone(engine));
        }
        let (layers, magic) = self.context.hosts.variables(name)?;
        let mut context = self.context.clone();
        if context.host != **name {
            context.host = name.to_string();
            // Only the host that a run works on was asked for its facts.
            context.facts.clear();
        }
        context.magic = magic;
        let engine = Engine::of_peer(definitions(Definitions::new(), layers), context, Arc::clone(&self.collector));
        engines.insert(Arc::clone(name), Arc::clone(&engine));
        Some(engine)
    }
}
