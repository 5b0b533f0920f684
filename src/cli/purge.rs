//! `--purge-data`: data goes only when its role is named, and when somebody says so twice.

use std::collections::BTreeSet;

use clap::Args;

use super::{prompt, tag};
use crate::desired::Desired;
use crate::diagnostic::{Error, Kind, Result};
use crate::pipeline::Loaded;
use crate::plan::{KeptData, Plan, Step};
use crate::report::{Event, Sink};
use crate::role::Library;

/// Which data goes for good.
#[derive(Clone, Debug, Default, Args)]
pub struct PurgeArgs {
    /// Also remove the data of these roles that nothing wants any more, for good: folders and databases
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    purge_data: Vec<String>,
    /// Ask nothing
    #[arg(short, long)]
    pub yes: bool,
}

impl PurgeArgs {
    /// The roles that are named. One that no library has any more is taken at its word: a host may remember it.
    pub fn roles(&self, library: &Library) -> BTreeSet<String> {
        let named = self.purge_data.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        named.flat_map(|name| tag::roles_of(name, library).unwrap_or_else(|| BTreeSet::from([name.to_owned()]))).collect()
    }
}

/// Refuses to purge what is in use, or what nobody knows; says where there is nothing to purge.
///
/// # Errors
/// A role is enabled and all its data is wanted; a name is neither a role's nor one that the host remembers.
pub fn check(host: &str, purge: &BTreeSet<String>, loaded: &Loaded, desired: &Desired, plan: &Plan, sink: &Sink) -> Result<()> {
    let going: BTreeSet<&str> = purged(plan).map(|data| data.role.as_str()).collect();
    for role in purge.iter().filter(|role| !going.contains(role.as_str())) {
        if desired.roles.contains(role) {
            return Err(Error::new(Kind::Usage, format!("`{host}`: the data of `{role}` is in use; nothing was touched"))
                .hint("data can be removed once the inventory switches its role off"));
        }
        let nothing = format!("`{host}` has no data of `{role}` that homestead knows of");
        if tag::roles_of(role, &loaded.library).is_none() {
            let known: Vec<&str> = plan.kept.iter().map(|data| data.role.as_str()).collect();
            let error = Error::new(Kind::Usage, format!("{nothing}; nothing was touched"));
            return Err(if known.is_empty() { error } else { error.hint(format!("it has data of {}", known.join(", "))) });
        }
        sink(host, Event::Warning { text: nothing });
    }
    Ok(())
}

/// The data that a plan removes.
pub fn purged(plan: &Plan) -> impl Iterator<Item = &KeptData> {
    plan.actions.iter().filter_map(|action| match &action.step {
        Step::RemoveData(data) => Some(data),
        _ => None,
    })
}

/// Has the name of each role typed whose data goes.
///
/// # Errors
/// Something else was typed; there is no terminal.
pub fn confirm(host: &str, plan: &Plan) -> Result<()> {
    for data in purged(plan) {
        let question = format!("{host}: the data of {} is removed for good: {}", data.role, data.places());
        prompt::confirm_by_typing(&question, &data.role)?;
    }
    Ok(())
}
