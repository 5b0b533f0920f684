//! The two databases, and MAS's put aside.

use super::super::Context;
use super::super::postgres::query;
use crate::apply;
use crate::diagnostic::{Error, Kind, Result};
use crate::plan::database_fingerprint;

/// Where the accounts are.
#[derive(Clone, Debug)]
pub struct Databases {
    /// The container of Postgres.
    pub container: String,
    /// Synapse's database.
    pub synapse: String,
    /// MAS's.
    pub mas: String,
    /// The owner of MAS's.
    pub mas_owner: String,
}

impl Databases {
    /// Those of a host.
    ///
    /// # Errors
    /// Kind `Invalid` where they are not in the Postgres that homestead manages.
    pub fn of(context: &Context<'_>) -> Result<Self> {
        let mas = context.text("matrix_authentication_service_config_database_database")?;
        let synapse = context.text("matrix_synapse_database_database")?;
        let managed = |name: &str| context.prepared.desired.databases.iter().any(|database| database.name == name);
        match context.service("postgres") {
            Some(service) if managed(&mas) && managed(&synapse) => Ok(Self {
                container: service.container.clone(),
                synapse,
                mas,
                mas_owner: context.text("matrix_authentication_service_config_database_username")?,
            }),
            _ => Err(Error::new(Kind::Invalid, "the accounts are in a Postgres that homestead does not manage")
                .hint("`migrate` backs databases up and puts them aside, and can do so in its own Postgres only")
                .hint("`homestead run-tags syn2mas` moves the accounts without that; docs/moving-accounts.md has the steps")),
        }
    }

    /// Which of these tables MAS's database has.
    pub(super) async fn mas_tables(&self, context: &Context<'_>, names: &[&str]) -> Result<Vec<String>> {
        let list = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name IN ({list});\n");
        let rows = query(context, &self.container, &self.mas, &sql).await?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next()).collect())
    }

    /// Whether MAS's database is there at all.
    pub async fn has_mas(&self, context: &Context<'_>) -> Result<bool> {
        let sql = format!("SELECT count(*) FROM pg_database WHERE datname = {};\n", literal(&self.mas));
        let rows = query(context, &self.container, "", &sql).await?;
        Ok(rows.first().and_then(|row| row.first()).is_some_and(|count| count != "0"))
    }

    /// The database server's clock, RFC 3339.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn now(&self, context: &Context<'_>) -> Result<String> {
        let sql = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"');\n";
        let rows = query(context, &self.container, "", sql).await?;
        let now = rows.into_iter().next().and_then(|row| row.into_iter().next());
        now.ok_or_else(|| Error::new(Kind::HostFailed, "the database server does not tell the time"))
    }
}

/// An SQL string literal; the escape form, so that a backslash means itself.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Has the next run make MAS's database where it is not there. Who is about to put it aside says so first: whatever becomes of
/// them, a run then makes it again.
///
/// # Errors
/// The memory cannot be written.
pub async fn forget_mas(context: &Context<'_>, databases: &Databases) -> Result<()> {
    apply::amend(&**context.host, |memory| drop(memory.databases.remove(&databases.mas))).await
}

/// Renames MAS's database and makes an empty one in its place, if `again`. MAS must be stopped. Gives the name that it
/// has now; nothing where there was none.
///
/// # Errors
/// Postgres refuses.
pub async fn put_aside(context: &Context<'_>, databases: &Databases, stamp: &str, again: bool) -> Result<Option<String>> {
    forget_mas(context, databases).await?;
    let mut kept = None;
    if databases.has_mas(context).await? {
        // A name of Postgres has 63 bytes at most.
        let base: String = databases.mas.chars().take(39).collect();
        let name = format!("{base}_aside_{stamp}");
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {mas};\nALTER DATABASE {from} RENAME TO {to};\n",
            mas = literal(&databases.mas),
            from = identifier(&databases.mas),
            to = identifier(&name),
        );
        query(context, &databases.container, "", &sql).await?;
        kept = Some(name);
    }
    let wanted = context.prepared.desired.databases.iter().find(|database| database.name == databases.mas).filter(|_| again);
    if let Some(database) = wanted {
        let redactor = context.prepared.redactor();
        apply::put_databases(&**context.host, &databases.container, &[database], &|text| redactor.redact(text).into_owned()).await?;
        let (name, fingerprint) = (database.name.clone(), database_fingerprint(database));
        apply::amend(&**context.host, |memory| drop(memory.databases.insert(name, fingerprint))).await?;
    }
    Ok(kept)
}
