//! A procedure on every host that the command line names: connect, look, take the lock, do it.

use std::future::Future;
use std::sync::Arc;

use super::global::GlobalArgs;
use super::{converge, fleet, session};
use crate::desired::Operation;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Host, LockHolder};
use crate::operation::Context;
use crate::pipeline::{HostFacts, Loaded, Prepared};
use crate::report::{Sink, Terminal};

/// A host that a procedure works on.
pub struct Connected {
    host: Arc<dyn Host>,
    prepared: Prepared,
    /// Its inventory name.
    pub name: String,
    sink: Sink,
    loaded: Arc<Loaded>,
    facts: HostFacts,
}

impl Connected {
    /// Who asks for the host's lock, for a procedure that takes it on the host itself.
    pub fn holder(&self, command: &str) -> LockHolder {
        session::holder(&self.loaded, command)
    }

    /// The major version of the Postgres that made the data on the host.
    pub fn postgres_version(&self) -> Option<u32> {
        self.facts.postgres_version
    }

    /// The host as it would be if its data were of another major version of Postgres.
    ///
    /// # Errors
    /// The inventory is not valid then.
    pub fn with_postgres(&self, version: u32) -> Result<Prepared> {
        let facts = HostFacts { postgres_version: Some(version), ..self.facts.clone() };
        Prepared::new(&self.loaded, &self.name, &facts, &[])
    }

    /// What a role hands to a procedure.
    ///
    /// # Errors
    /// The role is not enabled on the host.
    pub fn operation(&self, run: &str, role: &str) -> Result<&Operation> {
        let found = self.prepared.desired.operations.iter().find(|operation| operation.run == run);
        found.ok_or_else(|| Error::new(Kind::Invalid, format!("`{role}` is not enabled on `{}`", self.name)))
    }

    /// What the library's procedures take.
    pub fn context(&self) -> Context<'_> {
        Context { host: &self.host, prepared: &self.prepared, name: &self.name, sink: &self.sink }
    }
}

/// Does `work` on each host. `lock` names what changes the host, for who meets its lock; nothing takes no lock.
///
/// # Errors
/// As [`fleet::each`].
pub async fn on_each<F, Fut, T>(global: &GlobalArgs, terminal: &Terminal, lock: Option<&str>, work: F) -> Result<Vec<T>>
where
    F: Fn(Connected) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let loaded = Arc::new(converge::load(global, terminal)?);
    let defaults = Arc::new(session::defaults(global)?);
    fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
        let (loaded, defaults, terminal) = (loaded.clone(), defaults.clone(), terminal.clone());
        let (work, lock) = (work.clone(), lock.map(str::to_owned));
        async move {
            let host = session::connect(&loaded, &name, &defaults).await?;
            let _lock = match lock {
                Some(command) => Some(session::lock(&*host, &loaded, &session::holder(&loaded, &command), &terminal.sink()).await?),
                None => None,
            };
            let (facts, _) = session::facts(&*host, &loaded, &name).await?;
            let prepared = Prepared::new(&loaded, &name, &facts, &[])?;
            terminal.learn(&prepared.redactor());
            work(Connected { host, prepared, name, sink: terminal.sink(), loaded, facts }).await
        }
    })
    .await
}
