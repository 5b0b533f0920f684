//! A connected host: what every command that touches a machine begins with.

use std::path::PathBuf;
use std::sync::Arc;

use super::global::GlobalArgs;
use super::prompt::{self, TerminalPrompt};
use crate::apply::FIRST_START_PATH;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Environment, Facts, Host, LocalHost, Lock, LockHolder, SshHost};
use crate::migration::{self, Migration};
use crate::operation;
use crate::pipeline::{
    self, ConnectionDefaults, Downloads, HostFacts, Loaded, Prepared, Remembered, Sight, Transport, cache_folder, downloads_folder,
    settings, variables,
};
use crate::report::{Event, RunStep, Sink};
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
    reach(loaded, assumed_way(loaded, name, defaults)?).await
}

/// How to reach a host. Connection variables rarely depend on facts, and facts need a connection.
fn assumed_way(loaded: &Loaded, name: &str, defaults: &ConnectionDefaults) -> Result<Transport> {
    settings(name, &variables(loaded, name, &HostFacts::assumed(), &[])?, defaults)
}

async fn reach(loaded: &Loaded, way: Transport) -> Result<Arc<dyn Host>> {
    let environment = Environment {
        home: loaded.environment.get("HOME").map(PathBuf::from),
        agent_socket: loaded.environment.get("SSH_AUTH_SOCK").map(PathBuf::from),
        user: loaded.environment.get("USER").cloned(),
    };
    match way {
        Transport::Local(settings) => Ok(Arc::new(LocalHost::connect(&settings, &environment).await?)),
        Transport::Ssh(settings) => Ok(Arc::new(SshHost::connect(&settings, &environment, &TerminalPrompt).await?)),
    }
}

/// A host that answers, and what it should have.
pub struct Met {
    /// Its connection.
    pub host: Arc<dyn Host>,
    /// Its variables and desired state.
    pub prepared: Prepared,
    /// What its desired state depends on.
    pub known: HostFacts,
    /// Its real state, as far as it was looked at.
    pub sight: Sight,
    /// Its lock, for a run that changes it.
    pub lock: Option<Lock>,
}

/// Connects to a host, takes its lock for a run that changes it, asks for everything, and works out what it should
/// have.
///
/// # Errors
/// Kinds `Unreachable` and `Locked`; what is wrong with the inventory or the host.
pub async fn meet(
    loaded: &Arc<Loaded>,
    defaults: &ConnectionDefaults,
    name: &str,
    tags: &[String],
    lock: Option<&LockHolder>,
    step: &(dyn Fn(RunStep) + Sync),
) -> Result<Met> {
    step(RunStep::Connect);
    // What a host should have is worked out while it is being reached, from what is remembered of it: mostly it is
    // still the same.
    let cache = cache_folder(&loaded.environment);
    let remembered = Remembered::of(cache.as_ref().map(|folder| folder.join("facts")), name);
    let last = remembered.facts();
    let variables = variables(loaded, name, &last, tags)?;
    let way = settings(name, &variables, defaults).or_else(|_| assumed_way(loaded, name, defaults))?;
    let assuming = {
        let (loaded, name, tags) = (Arc::clone(loaded), name.to_owned(), tags.to_vec());
        tokio::task::spawn_blocking(move || match Prepared::of(&loaded, &name, &last, variables) {
            Ok(prepared) => Ok((prepared, last)),
            // The host may be another one by now.
            Err(_) => Prepared::new(&loaded, &name, &HostFacts::assumed(), &tags).map(|prepared| (prepared, HostFacts::assumed())),
        })
    };
    let host = reach(loaded, way).await?;
    let (assumed, assumption) = assuming.await.map_err(|error| Error::new(Kind::Usage, "a host's task ended badly").caused_by(error))??;
    let wanted = Wanted::of(&assumed.variables)?;
    let lock = lock.map(|holder| (holder, loaded.lock_wait));
    if lock.is_some() {
        step(RunStep::Lock);
    }
    step(RunStep::Observe);
    let (sight, lock) = Box::pin(pipeline::look(&host, &assumed.desired, wanted.space.clone(), wanted.contents(), lock)).await?;
    let known = wanted.known(name, &sight.facts, |path| sight.content(path))?;
    let mut prepared = if known == assumption {
        assumed
    } else {
        remembered.keep(&known);
        Prepared::new(loaded, name, &known, tags)?
    };
    Downloads::new(downloads_folder(&loaded.environment)).fetch(&mut prepared.desired).await?;
    Ok(Met { host, prepared, known, sight, lock })
}

/// Asks a host for its facts.
///
/// # Errors
/// The connection breaks; the host has no systemd.
pub async fn facts(host: &dyn Host, loaded: &Loaded, name: &str) -> Result<(HostFacts, Facts)> {
    let wanted = Wanted::of(&variables(loaded, name, &HostFacts::assumed(), &[])?)?;
    let paths: Vec<&str> = wanted.space.iter().map(String::as_str).collect();
    let files = wanted.contents();
    let (facts, contents) = tokio::join!(host::observe_facts(host, &paths), host::fetch(host, &files));
    let (facts, contents) = (facts?, contents?);
    let known = wanted.known(name, &facts, |path| contents.get(path).map(Vec::as_slice))?;
    Ok((known, facts))
}

/// What is asked of a host because its desired state depends on it.
pub struct Wanted {
    /// Paths whose free space counts.
    pub space: Vec<String>,
    /// The file in which Postgres writes down the version that made its data folder.
    postgres: Option<String>,
    user: String,
}

impl Wanted {
    /// Reads it from a host's variables, worked out with assumed facts.
    ///
    /// # Errors
    /// A variable that cannot be evaluated.
    pub fn of(assumed: &Variables) -> Result<Self> {
        let text = |name: &str, default: &str| Ok::<_, Error>(assumed.get(name)?.value.as_str().unwrap_or(default).to_owned());
        let postgres = assumed.get("postgres_data_path").ok().and_then(|folder| folder.value.as_str().map(str::to_owned));
        Ok(Self {
            space: vec![text("matrix_base_data_path", "/")?],
            postgres: postgres.map(|folder| format!("{folder}/PG_VERSION")),
            user: text("matrix_user_name", "matrix")?,
        })
    }

    /// The files to read.
    pub fn contents(&self) -> Vec<String> {
        self.postgres.iter().cloned().chain([migration::PATH, operation::migrate::OPEN_PATH, FIRST_START_PATH].map(str::to_owned)).collect()
    }

    /// What the host's answers mean for its desired state; `content` gives that of a file.
    ///
    /// # Errors
    /// The host lacks what provisioning cannot do without, or what it remembers of a migration cannot be read.
    pub fn known<'c>(&self, name: &str, facts: &Facts, content: impl Fn(&str) -> Option<&'c [u8]>) -> Result<HostFacts> {
        let missing = facts.missing_tools();
        if !missing.is_empty() {
            return Err(Error::new(Kind::HostFailed, format!("`{name}` lacks {}", missing.join(", ")))
                .hint("install them with the distribution's package manager; nothing was touched"));
        }
        if facts.systemd.is_none() {
            return Err(Error::new(Kind::HostFailed, format!("`{name}` does not run systemd"))
                .hint("homestead runs services as systemd units; nothing was touched"));
        }
        let account = facts.users.get(&self.user).map(|user| (user.uid, user.gid));
        let account = account.or_else(|| facts.next_system_id().map(|id| (id, id)));
        let version = self.postgres.as_deref().and_then(&content);
        let postgres_version = version.and_then(|text| String::from_utf8_lossy(text).trim().split('.').next()?.parse().ok());
        let migration = content(migration::PATH).map_or_else(|| Ok(Migration::default()), operation::migrate::understand)?;
        Ok(HostFacts {
            facts: facts.ansible.clone(),
            account,
            postgres_version,
            migration,
            move_is_open: content(operation::migrate::OPEN_PATH).is_some(),
            first_start_is_open: content(FIRST_START_PATH).is_some(),
        })
    }
}

/// Takes a host's lock for a run, and puts back a move of accounts that was lost in the middle: the host is about to do so
/// itself, and waits for this lock.
///
/// # Errors
/// Kind `Locked`, with who holds it; what cannot be put back.
pub async fn lock(host: &dyn Host, loaded: &Loaded, holder: &LockHolder, sink: &Sink) -> Result<Lock> {
    let lock = host::lock(host, holder, loaded.lock_wait).await?;
    if operation::migrate::leftover(host, &lock).await? {
        sink(host.name(), Event::Warning { text: PUT_BACK.to_owned() });
    }
    Ok(lock)
}

/// What is told where an unfinished move of accounts was put back.
pub const PUT_BACK: &str = "an earlier run was lost while it moved accounts; what it changed was put back first";

/// Who asks for a host's lock, and for what.
pub fn holder(loaded: &Loaded, command: &str) -> LockHolder {
    let get = |name: &str| loaded.environment.get(name).map_or("unknown", String::as_str);
    let since = humantime::format_rfc3339_seconds(loaded.now).to_string();
    let run = loaded.run.clone();
    LockHolder { who: format!("{}@{}", get("USER"), get("HOSTNAME")), run, command: format!("homestead {command}"), since }
}
