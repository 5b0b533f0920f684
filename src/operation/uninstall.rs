//! `uninstall`: takes everything of homestead's from a host, by what it wrote down there alone: no inventory is
//! asked what it wants.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::apply::{self, Operator, Run, apply};
use crate::desired::Desired;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Exec, Host};
use crate::pipeline::{leftovers, look as sight, observe};
use crate::plan::{KeptData, Memory, Observed, Plan, Scope, Step, plan, postgres_of};

/// What of homestead's own folder nobody needs once nothing runs: contents of files and notes about runs.
const TIDY: &str = "cd /var/lib/homestead && rm -rf -- staging objects generations journal undo.json undo.sql";
/// Where no data is left, nothing has to be remembered about it.
const FORGET: &str = "rm -rf -- /var/lib/homestead";

/// Which data goes for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// That of these roles.
    Roles(BTreeSet<String>),
    /// All of it.
    All,
}

/// A host that was looked at, and what would go from it.
pub struct Uninstall {
    host: Arc<dyn Host>,
    desired: Desired,
    observed: Observed,
    /// What goes.
    pub plan: Plan,
    /// Data that stays.
    pub kept: Vec<KeptData>,
}

impl Uninstall {
    /// Looks at a host; nothing where homestead has nothing there.
    ///
    /// # Errors
    /// The connection breaks; the host's memory cannot be read; a role is named that has no data there.
    pub async fn look(host: Arc<dyn Host>, name: &str, purge: &Purge) -> Result<Option<Self>> {
        let desired = Desired { host: name.to_owned(), ..Desired::default() };
        let (sight, _) = sight(&host, &desired, vec!["/".to_owned()], Vec::new(), None).await?;
        let missing = sight.facts.missing_tools();
        if !missing.is_empty() {
            return Err(Error::new(Kind::HostFailed, format!("`{name}` lacks {}; nothing was touched", missing.join(", "))));
        }
        let mut observed = observe(&host, &desired, sight).await?;
        let memory = &observed.memory;
        if memory.version == 0 {
            return Ok(None);
        }
        let roles = match purge {
            Purge::All => memory.data.keys().cloned().collect(),
            Purge::Roles(roles) => roles.clone(),
        };
        if let Some(role) = roles.iter().find(|role| !memory.data.contains_key(*role)) {
            let known: Vec<&str> = memory.data.keys().map(String::as_str).collect();
            return Err(Error::new(Kind::Usage, format!("`{name}` has no data of a role `{role}`; nothing was touched"))
                .hint(format!("it has data of {}", known.join(", "))));
        }
        leftovers(&host, &desired, &mut observed, &roles).await?;
        let scope = Scope { remove_orphans: true, purge: roles, ..Scope::default() };
        let mut plan = plan(&desired, &observed, &scope, &str::to_owned);
        let kept = std::mem::take(&mut plan.kept);
        reachable(&plan, &observed.memory)?;
        Ok(Some(Self { host, desired, observed, plan, kept }))
    }

    /// Carries it out. The host's lock is held.
    ///
    /// # Errors
    /// As [`apply`]; what was removed until then is gone, and doing it again goes on from there.
    pub async fn run(&self, operator: Operator<'_>) -> Result<()> {
        let run = Run::new(&self.host, &self.desired, &self.observed, &self.plan, operator, &str::to_owned);
        let again = |error: Error| error.hint("`homestead uninstall` once more goes on from here");
        apply(&run).await.map_err(again)?;
        let memory = apply::recall(&*self.host).await.map_err(again)?;
        let (what, script) = if nothing_left(&memory) { ("removing homestead's folder", FORGET) } else { ("tidying up", TIDY) };
        host::run(&*self.host, what, Exec::new(script)).await.map(drop).map_err(again)
    }
}

/// A database can only be removed by Postgres, or with all of its data.
fn reachable(plan: &Plan, memory: &Memory) -> Result<()> {
    let data = || plan.actions.iter().filter_map(|action| if let Step::RemoveData(data) = &action.step { Some(data) } else { None });
    if data().any(|data| data.role == "postgres") || postgres_of(&Desired::default(), memory).is_some() {
        return Ok(());
    }
    match data().flat_map(|data| &data.databases).next() {
        None => Ok(()),
        Some(database) => Err(Error::new(
            Kind::HostFailed,
            format!("there is no Postgres any more to remove the database `{database}` from; nothing was touched"),
        )
        .hint("it goes with the data of `postgres`: name that too, or give `--purge-all-data`")),
    }
}

/// Whether nothing is left that could be missed. Folders and networks that others use are theirs by now.
fn nothing_left(memory: &Memory) -> bool {
    memory.data.is_empty() && memory.keys.is_empty() && memory.databases.is_empty()
}
