//! `rollback`: brings a host back to an earlier generation, by what the host keeps: no inventory is asked what it
//! wants, and databases are left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::apply::{self, Operator, Run, apply};
use crate::desired::{Desired, meaning};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Host, LockHolder, store};
use crate::migration::{self, Migration, State};
use crate::pipeline::{leftovers, look, observe};
use crate::plan::{Generation, Memory, Observed, Plan, Schemas, Scope, Undo, plan, postgres_of};
use crate::secret::REDACTED;
use crate::versioned::Versioned as _;
use serde_json::Value as Json;

/// What a host can go back to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generations {
    /// What homestead remembers.
    pub memory: Memory,
    /// By number.
    pub kept: BTreeMap<u64, Generation>,
}

impl Generations {
    /// Reads them.
    ///
    /// # Errors
    /// The connection breaks; a newer homestead wrote them.
    pub async fn read(host: &dyn Host) -> Result<Self> {
        let (memory, documents) = store::generations(host).await?;
        let memory = memory.map_or_else(|| Ok(Memory::default()), |bytes| apply::understand(&bytes))?;
        let mut kept = BTreeMap::new();
        for document in documents {
            let generation = Generation::read(&document).map_err(|error| {
                Error::new(Kind::HostFailed, format!("`{}`: a generation on the host cannot be read", host.name()))
                    .caused_by(error)
                    .hint("a newer homestead may have written it; update this one")
            })?;
            // One that a run did not come to count is none.
            if generation.generation <= memory.generation {
                kept.insert(generation.generation, generation);
            }
        }
        Ok(Self { memory, kept })
    }

    /// The generation that is asked for; else the last good one: of a run that did not come to its end the one before it,
    /// and else the one before the current.
    fn choose(&self, name: &str, wanted: Option<u64>, undo: Option<&Undo>) -> Result<&Generation> {
        let numbers = || self.kept.keys().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let current = self.memory.generation;
        let number = match wanted {
            Some(number) => number,
            None if undo.is_some() => current,
            None => match self.kept.keys().copied().filter(|number| *number > 0 && *number < current).max() {
                Some(number) => number,
                None if self.kept.contains_key(&0) => {
                    return Err(Error::new(
                        Kind::Usage,
                        format!("`{name}`: generation 0 is all there is before the current one: the state before homestead"),
                    )
                    .hint("`homestead rollback 0` removes everything that homestead put there, but data"));
                }
                None => return Err(Error::new(Kind::HostFailed, format!("`{name}` keeps no generation to go back to"))),
            },
        };
        if number == current && undo.is_none() && wanted.is_some() {
            return Err(Error::new(Kind::Usage, format!("`{name}` is at generation {number}; nothing was touched"))
                .hint("`homestead plan` shows what differs from the inventory"));
        }
        self.kept.get(&number).ok_or_else(|| {
            Error::new(Kind::Usage, format!("`{name}` keeps no generation {number}; nothing was touched"))
                .hint(format!("it keeps {}", if self.kept.is_empty() { "none".to_owned() } else { numbers() }))
        })
    }
}

/// A host that was looked at, and the way back.
pub struct GoBack {
    host: Arc<dyn Host>,
    desired: Desired,
    observed: Observed,
    secrets: Vec<String>,
    /// What changes, by name: nobody knows any more which of the old values were secret.
    pub plan: Plan,
    /// The generation that it goes back to.
    pub target: u64,
}

impl GoBack {
    /// Looks at a host, and whether it can go back.
    ///
    /// # Errors
    /// There is no such generation, something of it is missing, or its programs could not run on the databases of today:
    /// nothing was touched.
    pub async fn look(host: Arc<dyn Host>, name: &str, wanted: Option<u64>) -> Result<Self> {
        let facts = host::observe_facts(&*host, &["/"]).await?;
        let missing = facts.missing_tools();
        if !missing.is_empty() {
            return Err(Error::new(Kind::HostFailed, format!("`{name}` lacks {}; nothing was touched", missing.join(", "))));
        }
        let generations = Generations::read(&*host).await?;
        let mut found = host::fetch(&*host, &[apply::UNDO_PATH.to_owned(), migration::PATH.to_owned()]).await?;
        let undo = match found.remove(apply::UNDO_PATH) {
            Some(bytes) => apply::understand_undo(&bytes, &generations.memory)?,
            None => None,
        };
        let target = generations.choose(name, wanted, undo.as_ref())?;
        let refused = |reason: String| {
            Error::new(Kind::HostFailed, format!("`{name}` cannot go back to generation {}: {reason}", target.generation))
                .hint("nothing was touched")
        };
        let migration =
            found.get(migration::PATH).map(|bytes| Migration::read(bytes)).transpose().map_err(|error| {
                Error::new(Kind::HostFailed, format!("`{}` on the host cannot be read", migration::PATH)).caused_by(error)
            })?;
        if let Some(reason) = migrated(&migration.unwrap_or_default(), target.generation) {
            return Err(refused(reason).hint("a backup of the databases from before the migration is the only way back"));
        }
        if let Some(reason) = passwords(&generations.memory, target) {
            return Err(refused(reason).hint("set in the inventory what it was then, and run `homestead install-all`"));
        }
        let sums: BTreeSet<String> = target.files.values().map(|file| file.sha256.clone()).collect();
        let objects = store::objects(&*host, &sums).await?;
        let desired = target.desired(name, &objects).map_err(|lost| {
            let some: Vec<String> = lost.iter().take(3).map(|path| format!("`{path}`")).collect();
            let rest = if lost.len() > 3 { format!(" and {} more", lost.len() - 3) } else { String::new() };
            refused(format!("the content of {}{rest} was not kept, or is damaged", some.join(", ")))
        })?;
        let observed = observed(&host, &desired).await?;
        let now = schemas(&host, &desired, &observed).await;
        if let Some(reason) = now.refuse(&target.schemas) {
            return Err(
                refused(reason).hint("going back over this needs a backup of the database from then: `homestead postgres restore FILE`")
            );
        }
        let scope = Scope { remove_orphans: true, ..Scope::default() };
        let mut plan = plan(&desired, &observed, &scope, &str::to_owned);
        for action in &mut plan.actions {
            action.diff = None;
        }
        plan.kept.clear();
        let secrets = secrets(&desired, &observed);
        let target = target.generation;
        Ok(Self { host, desired, observed, secrets, plan, target })
    }

    /// Carries it out. The host's lock is held.
    ///
    /// # Errors
    /// As [`apply`].
    pub async fn run(&self, operator: Operator<'_>) -> Result<()> {
        let holder = LockHolder { command: format!("homestead rollback to {}", self.target), ..operator.holder.clone() };
        let operator = Operator { holder: &holder, ..operator };
        let redact = |text: &str| self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED));
        apply(&Run::new(&self.host, &self.desired, &self.observed, &self.plan, operator, &redact)).await
    }
}

async fn observed(host: &Arc<dyn Host>, desired: &Desired) -> Result<Observed> {
    let (sight, _) = look(host, desired, Vec::new(), Vec::new(), None).await?;
    let mut observed = observe(host, desired, sight).await?;
    leftovers(host, desired, &mut observed, &BTreeSet::new()).await?;
    Ok(observed)
}

/// What the databases are now; where Postgres does not run, what they were when it was last asked.
async fn schemas(host: &Arc<dyn Host>, desired: &Desired, observed: &Observed) -> Schemas {
    let last = observed.memory.schemas.unwrap_or_default();
    let Some(postgres) = postgres_of(desired, &observed.memory) else { return last };
    let names: BTreeSet<&str> = observed.memory.databases.keys().map(String::as_str).collect();
    match apply::read_schemas(host, &postgres.container, &names, &str::to_owned).await {
        Ok(schemas) => schemas,
        Err(error) => {
            tracing::debug!(host = host.name(), error = %error.message, "the schemas of the databases are not known");
            last
        }
    }
}

/// A migration of accounts between then and now.
fn migrated(migration: &Migration, target: u64) -> Option<String> {
    let moved = matches!(migration.state, State::Moved | State::Finalized);
    let first = migration.cut_over.as_ref().filter(|_| moved)?.generation;
    (target < first).then(|| {
        format!(
            "the accounts moved to Matrix Authentication Service with generation {first}, and who logged in since then exists only there"
        )
    })
}

/// A database whose role has another password, or another name, than then.
fn passwords(now: &Memory, then: &Generation) -> Option<String> {
    let changed: Vec<String> = then
        .databases
        .iter()
        .filter(|(name, fingerprint)| now.databases.get(*name).is_some_and(|known| known != *fingerprint))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    let names = changed.join(", ");
    (!changed.is_empty())
        .then(|| format!("the password or the owner of the database {names} changed since then, and databases are left alone"))
}

/// What may be secret of the old and the present files, for lines that services write. Names of keys tell, as no inventory
/// does any more.
fn secrets(desired: &Desired, observed: &Observed) -> Vec<String> {
    fn collect(value: &Json, secret: bool, found: &mut BTreeSet<String>) {
        const WORDS: [&str; 8] = ["secret", "password", "passphrase", "token", "pepper", "salt", "credential", "key"];
        match value {
            Json::String(text) if secret && text.len() >= 6 => drop(found.insert(text.clone())),
            Json::Array(items) => items.iter().for_each(|item| collect(item, secret, found)),
            Json::Object(entries) => entries.iter().for_each(|(name, value)| {
                let name = name.to_lowercase();
                collect(value, secret || WORDS.iter().any(|word| name.contains(word)), found);
            }),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for file in &desired.files {
        collect(&meaning::of(file.format, file.contents.reveal()), false, &mut found);
        if let Some(bytes) = observed.contents.get(&file.path) {
            collect(&meaning::of(file.format, &String::from_utf8_lossy(bytes)), false, &mut found);
        }
    }
    let mut secrets: Vec<String> = found.into_iter().collect();
    // A longer one may hold a shorter one.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Begun;

    fn generations(current: u64, kept: &[u64]) -> Generations {
        let memory = Memory { generation: current, ..Memory::default() };
        let kept = kept.iter().map(|number| (*number, Generation { generation: *number, ..Generation::default() })).collect();
        Generations { memory, kept }
    }

    #[test]
    fn without_a_number_it_is_the_last_good_one() {
        let chosen = |generations: &Generations, wanted, undo: Option<&Undo>| {
            generations.choose("h", wanted, undo).map(|generation| generation.generation).map_err(|error| error.message)
        };
        let five = generations(5, &[2, 3, 4, 5]);
        let undo = Undo::new(Begun::default(), &five.memory);
        assert_eq!(chosen(&five, None, None), Ok(4));
        assert_eq!(chosen(&five, None, Some(&undo)), Ok(5));
        assert_eq!(chosen(&five, Some(2), Some(&undo)), Ok(2));
        assert_eq!(chosen(&five, Some(1), None).unwrap_err(), "`h` keeps no generation 1; nothing was touched");
        assert_eq!(chosen(&five, Some(5), None).unwrap_err(), "`h` is at generation 5; nothing was touched");
        // Taking everything away must be asked for by its number.
        assert!(chosen(&generations(1, &[0, 1]), None, None).unwrap_err().contains("the state before homestead"));
        assert_eq!(chosen(&generations(1, &[0, 1]), Some(0), None), Ok(0));
    }

    #[test]
    fn accounts_that_moved_do_not_go_back() {
        let document = br#"{"version": 1, "state": "moved", "cut_over": {"at": "", "downtime_milliseconds": 0, "generation": 4, "accounts":
            {"users": 1, "passwords": 0, "sessions": 0, "access_tokens": 0, "refresh_tokens": 0, "emails": 0, "other_addresses": 0, "external_ids": 0}}}"#;
        let mut migration = Migration::read(document).unwrap();
        assert!(migrated(&migration, 3).unwrap().contains("with generation 4"));
        assert_eq!(migrated(&migration, 4), None);
        // One that was taken back.
        migration.state = State::None;
        assert_eq!(migrated(&migration, 3), None);
        assert_eq!(migrated(&Migration::default(), 3), None);
    }
}
