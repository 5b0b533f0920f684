//! A connected host: what every command that touches a machine begins with.

use std::path::PathBuf;
use std::sync::Arc;

use super::global::GlobalArgs;
use super::prompt::{self, TerminalPrompt};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Environment, Facts, Host, LocalHost, Lock, LockHolder, SshHost};
use crate::pipeline::{ConnectionDefaults, HostFacts, Loaded, Transport, settings, variables};
use crate::vars::Variables;

/// What the command line says about connections, with passwords asked for once.
pub fn defaults(global: &GlobalArgs) -> Result<ConnectionDefaults> {
    let password = global.ask_pass.then(|| prompt::ask_hidden("SSH password: ")).transpose()?;
    let become_password = global.ask_become_pass.then(|| prompt::ask_hidden("BECOME password: ")).transpose()?;
    Ok(ConnectionDefaults {
        user: global.user.clone(),
        private_key: global.private_key.as_ref().map(|path| PathBuf::from(path.as_str())),
        password,
        become_password,
        accept_new_host_key: global.accept_new_host_key,
    })
}

/// Connects to a host of the inventory.
///
/// # Errors
/// Kind `Unreachable`, with what to do.
pub async fn connect(loaded: &Loaded, name: &str, defaults: &ConnectionDefaults) -> Result<Arc<dyn Host>> {
    // Connection variables rarely depend on facts, and facts need a connection.
    let variables = variables(loaded, name, &HostFacts::assumed(), &[])?;
    let environment = Environment {
        home: loaded.environment.get("HOME").map(PathBuf::from),
        agent_socket: loaded.environment.get("SSH_AUTH_SOCK").map(PathBuf::from),
        user: loaded.environment.get("USER").cloned(),
    };
    match settings(name, &variables, defaults)? {
        Transport::Local(settings) => Ok(Arc::new(LocalHost::connect(&settings, &environment).await?)),
        Transport::Ssh(settings) => Ok(Arc::new(SshHost::connect(&settings, &environment, &TerminalPrompt).await?)),
    }
}

/// Asks a host for its facts.
///
/// # Errors
/// The connection breaks; the host has no systemd.
pub async fn facts(host: &dyn Host, loaded: &Loaded, name: &str) -> Result<(HostFacts, Facts)> {
    let assumed = variables(loaded, name, &HostFacts::assumed(), &[])?;
    let user = assumed.get("matrix_user_name")?.value;
    let data = assumed.get("matrix_base_data_path")?.value;
    let paths = [data.as_str().unwrap_or("/")];
    let postgres = postgres_version_file(&assumed);
    let (facts, version) = tokio::join!(host::observe_facts(host, &paths), host::fetch(host, &postgres));
    let facts = facts?;
    let missing = facts.missing_tools();
    if !missing.is_empty() {
        return Err(Error::new(Kind::HostFailed, format!("`{name}` lacks {}", missing.join(", ")))
            .hint("install them with the distribution's package manager; nothing was touched"));
    }
    if facts.systemd.is_none() {
        return Err(Error::new(Kind::HostFailed, format!("`{name}` does not run systemd"))
            .hint("homestead runs services as systemd units; nothing was touched"));
    }
    let account = facts.users.get(user.as_str().unwrap_or("matrix")).map(|user| (user.uid, user.gid));
    let account = account.or_else(|| facts.next_system_id().map(|id| (id, id)));
    let version = version?.into_values().next();
    let postgres_version = version.and_then(|text| String::from_utf8_lossy(&text).trim().split('.').next()?.parse().ok());
    let known = HostFacts { facts: facts.ansible.clone(), account, postgres_version };
    Ok((known, facts))
}

/// The file in which Postgres writes down the version that made its data folder.
fn postgres_version_file(variables: &Variables) -> Vec<String> {
    let folder = variables.get("postgres_data_path").ok().and_then(|folder| folder.value.as_str().map(str::to_owned));
    folder.map(|folder| format!("{folder}/PG_VERSION")).into_iter().collect()
}

/// Takes a host's lock for a run.
///
/// # Errors
/// Kind `Locked`, with who holds it.
pub async fn lock(host: &dyn Host, loaded: &Loaded, command: &str) -> Result<Lock> {
    host::lock(host, &holder(loaded, command), loaded.lock_wait).await
}

/// Who asks for a host's lock, and for what.
pub fn holder(loaded: &Loaded, command: &str) -> LockHolder {
    let get = |name: &str| loaded.environment.get(name).map_or("unknown", String::as_str);
    let since = humantime::format_rfc3339_seconds(loaded.now).to_string();
    let run = format!("{}-{:08x}", since.replace([':', '-'], ""), rand::random::<u32>());
    LockHolder { who: format!("{}@{}", get("USER"), get("HOSTNAME")), run, command: format!("homestead {command}"), since }
}
