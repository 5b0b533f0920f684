//! What the databases were migrated to: it decides whether an older Synapse or MAS could still run on them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Run, databases};
use crate::desired::Service;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Host, Output, Script};
use crate::plan::{Schemas, SynapseSchema};

/// The roles whose start may change a schema.
const MIGRATING: [&str; 3] = ["matrix-synapse", "matrix-authentication-service", "postgres"];

/// Whether one of these units may have changed a schema.
pub fn may_change(services: &[Service], units: &BTreeSet<String>) -> bool {
    services.iter().any(|service| units.contains(&service.unit) && MIGRATING.contains(&service.role.as_str()))
}

/// What asks for the schemas before a run that may change them; nothing where they are not known and cannot be.
pub fn before(run: &Run<'_>) -> Option<Script> {
    let units = run.plan.restarts.iter().map(|restart| restart.unit.clone()).collect();
    let postgres = run.desired.services.iter().find(|service| service.role == "postgres")?;
    if !may_change(&run.desired.services, &units) || !run.observed.units.get(&postgres.unit).is_some_and(|state| state.active) {
        return None;
    }
    let names: BTreeSet<&str> = run.observed.memory.databases.keys().map(String::as_str).collect();
    Some(databases::script(&postgres.container, &question(&names)))
}

/// What asks for them now, in the databases of the memory and of the plan; nothing where there is no Postgres.
pub fn script(run: &Run<'_>) -> Option<Script> {
    let postgres = run.desired.services.iter().find(|service| service.role == "postgres")?;
    let mut names: BTreeSet<&str> = run.observed.memory.databases.keys().map(String::as_str).collect();
    names.extend(run.desired.databases.iter().map(|database| database.name.as_str()));
    Some(databases::script(&postgres.container, &question(&names)))
}

/// What the answer to one of these scripts means.
pub fn answer(run: &Run<'_>, output: &Output) -> Option<Schemas> {
    known(run, databases::answer(output, WHAT, run.redact).and_then(|text| understand(&text)))
}

/// What they are now.
pub async fn now(run: &Run<'_>) -> Option<Schemas> {
    let output = script(run)?.run(&**run.host).await;
    output.map_or_else(|error| known(run, Err(error)), |output| answer(run, &output))
}

/// What is not known refuses nothing later; a run does not fail for it.
fn known(run: &Run<'_>, read: Result<Schemas>) -> Option<Schemas> {
    match read {
        Ok(schemas) => Some(schemas),
        Err(error) => {
            tracing::debug!(host = run.plan.host, error = %(run.redact)(&error.message), "the schemas of the databases are not known");
            None
        }
    }
}

/// Asks the Postgres of a container.
///
/// # Errors
/// It does not run, or a database is not there.
pub async fn read(
    host: &Arc<dyn Host>,
    container: &str,
    names: &BTreeSet<&str>,
    redact: &(dyn Fn(&str) -> String + Sync),
) -> Result<Schemas> {
    understand(&databases::send(&**host, container, WHAT, &question(names), redact).await?)
}

/// What Postgres is asked.
const WHAT: &str = "to say what its databases were migrated to";

fn question(names: &BTreeSet<&str>) -> String {
    let mut sql = "SELECT 'postgres ' || current_setting('server_version_num')::int / 10000;\n".to_owned();
    for name in names {
        sql.push_str(&format!("\\connect {}\n{PROBE}", databases::identifier(name)));
    }
    sql
}

fn understand(text: &str) -> Result<Schemas> {
    parse(text).ok_or_else(|| Error::new(Kind::HostFailed, "what Postgres says about its schemas cannot be read"))
}

/// Whose database it is, its tables say.
const PROBE: &str = r"SELECT to_regclass('public.schema_compat_version') IS NOT NULL AS synapse, to_regclass('public._sqlx_migrations') IS NOT NULL AS mas \gset
\if :synapse
SELECT 'synapse ' || (SELECT version FROM public.schema_version) || ' ' || (SELECT compat_version FROM public.schema_compat_version);
\endif
\if :mas
SELECT 'mas ' || max(version) FROM public._sqlx_migrations;
\endif
";

fn parse(text: &str) -> Option<Schemas> {
    let mut schemas = Schemas::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        match words.next()? {
            "postgres" => schemas.postgres = Some(words.next()?.parse().ok()?),
            "synapse" => {
                schemas.synapse = Some(SynapseSchema { version: words.next()?.parse().ok()?, compat: words.next()?.parse().ok()? });
            }
            "mas" => schemas.mas = Some(words.next()?.parse().ok()?),
            _ => return None,
        }
    }
    Some(schemas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_program_is_refused_where_it_could_not_run() {
        let then = parse("postgres 17\nsynapse 92 90\nmas 20250901000000\n").unwrap();
        assert_eq!(then.synapse, Some(SynapseSchema { version: 92, compat: 90 }));
        assert_eq!(then.refuse(&then), None);
        let moved = Schemas { synapse: Some(SynapseSchema { version: 94, compat: 92 }), ..then };
        assert_eq!(moved.refuse(&then), None);
        let too_far = Schemas { synapse: Some(SynapseSchema { version: 95, compat: 93 }), ..then };
        assert!(too_far.refuse(&then).unwrap().contains("knows schema 93"));
        assert!(Schemas { mas: Some(20_251_001_000_000), ..then }.refuse(&then).unwrap().contains("would not start"));
        assert!(Schemas { postgres: Some(18), ..then }.refuse(&then).unwrap().contains("version 17 then"));
        // What nobody knows refuses nothing.
        assert_eq!(too_far.refuse(&Schemas::default()), None);
        assert_eq!(parse("nonsense"), None);
    }
}
