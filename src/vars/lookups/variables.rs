//! Lookups of variables and of the environment.

use super::texts;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::filters::regex;
use crate::vars::python::{Outcome, text_of};
use crate::vars::touched::Touched;
use crate::vars::value::Value;

/// `lookup('env', 'HOME')`
pub fn env(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let default = given.take_named("default");
    let find = |name: &String| {
        let found = environment.engine.context.environment.get(name.split_whitespace().next().unwrap_or_default());
        found.map_or_else(|| default.clone().unwrap_or_else(|| Value::text("")), |value| Value::from(value.as_str()))
    };
    Ok(texts(&terms)?.iter().map(find).collect())
}

/// `lookup('vars', 'name', default=...)`
pub fn vars(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let default = given.take_named("default");
    let mut found = Vec::new();
    for name in &terms {
        let Some(name) = name.as_str() else {
            return Err(Failure::failed("`lookup('vars')` needs names as text"));
        };
        match (environment.engine.lookup(name, environment.owner, &mut Touched::default()), &default) {
            (Some(value), _) => found.push(value.present()?),
            (None, Some(default)) => found.push(default.clone()),
            (None, None) => return Err(Failure::undefined_name(name)),
        }
    }
    Ok(found)
}

/// `query('varnames', '^matrix_')`
pub fn varnames(environment: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for term in texts(&terms)? {
        let regex = regex::compile(&term, false, false)?;
        for name in environment.engine.names() {
            if regex::search(&regex, name)?.is_some() {
                found.push(Value::from(name));
            }
        }
    }
    Ok(found)
}

/// `lookup('config', 'DEFAULT_FORKS')`: Ansible's own settings, of which we have the ones that mean
/// something here.
pub fn config(_: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    texts(&terms)?
        .iter()
        .map(|name| match name.as_str() {
            "DEFAULT_FORKS" => Ok(Value::Int(5)),
            "DEFAULT_REMOTE_USER" | "remote_user" => Ok(Value::None),
            "DEFAULT_BECOME" => Ok(Value::Bool(false)),
            "DEFAULT_BECOME_METHOD" => Ok(Value::text("sudo")),
            "DEFAULT_TIMEOUT" => Ok(Value::Int(10)),
            _ => Err(Failure::failed("there is no such setting of Ansible here")),
        })
        .collect()
}

/// `query('inventory_hostnames', 'all')`
pub fn inventory_hostnames(environment: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let groups = environment.engine.lookup("groups", None, &mut Touched::default());
    let mut found = Vec::new();
    for name in texts(&terms)?.iter().flat_map(|term| term.split([',', ':'])) {
        let hosts = groups.as_ref().and_then(|groups| environment.get(groups, &Value::from(name)));
        match hosts {
            Some(Value::List(hosts)) => found.extend(hosts.items()),
            _ if name == environment.engine.context.host => found.push(Value::from(name)),
            _ => {}
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|host| text_of(host).is_ok_and(|host| seen.insert(host)));
    Ok(found)
}
