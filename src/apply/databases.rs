//! Databases and their roles in the managed Postgres.

use std::fmt::Write as _;
use std::sync::PoisonError;

use super::Run;
use crate::desired::Database;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Exec, Host};
use crate::plan::Step;
use crate::secret::Secret;

/// psql inside the container, over its socket. Its input holds passwords, so nothing of it is echoed.
/// A Postgres that recovers after a crash takes connections before it takes statements: it gets a minute.
const PSQL: &str = r#"
exec docker exec -i "$1" sh -c '
  export PGPASSWORD="$POSTGRES_PASSWORD"
  ask() { psql --no-psqlrc --quiet --no-align --tuples-only -v ON_ERROR_STOP=1 -h "${PGHOST:-/run/postgresql}" -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"; }
  tries=0
  until ask -c "SELECT 1" </dev/null >/dev/null 2>&1 || [ "$tries" -ge 60 ]; do tries=$((tries + 1)); sleep 1; done
  ask
'
"#;

/// Makes the databases of the plan, or sets their roles' passwords.
///
/// # Errors
/// Postgres refuses; its own words come along, without secrets.
pub async fn put(run: &Run<'_>) -> Result<()> {
    let wanted = run.plan.actions.iter().filter_map(|action| match &action.step {
        Step::PutDatabase(database) => Some(database),
        _ => None,
    });
    let wanted: Vec<&Database> = wanted.collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let container = run.desired.services.iter().find(|service| service.role == "postgres").map(|service| service.container.as_str());
    let container = container.ok_or_else(|| Error::new(Kind::HostFailed, "there are databases to make and no managed Postgres"))?;
    let names: Vec<&str> = wanted.iter().map(|database| database.name.as_str()).collect();
    run.stage(format!("databases: {}", names.join(", ")));
    let users: Vec<String> = wanted.iter().map(|database| literal(&database.username)).collect();
    let hashes = format!(
        "SELECT format('ALTER ROLE %I PASSWORD %L;', rolname, rolpassword) FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname IN ({});\n",
        users.join(", ")
    );
    let what = format!("to make the databases {}", names.join(", "));
    let before = ask(run, container, &what, &hashes).await?;
    *run.previous_passwords.lock().unwrap_or_else(PoisonError::into_inner) = Secret::new(before);
    let sql: String = wanted.iter().map(|database| statements(database)).collect();
    ask(run, container, &what, &sql).await.map(drop)
}

/// Makes databases in the Postgres of a container, or sets their roles' passwords, outside of a run.
///
/// # Errors
/// Postgres refuses; its own words come along, without secrets.
pub async fn put_into(host: &dyn Host, container: &str, databases: &[&Database], redact: &(dyn Fn(&str) -> String + Sync)) -> Result<()> {
    let sql: String = databases.iter().map(|database| statements(database)).collect();
    send(host, container, "the databases of the inventory", &sql, redact).await.map(drop)
}

/// Gives the roles the passwords that they had before [`put`], for services that go back to them.
///
/// # Errors
/// Postgres refuses or does not run.
pub async fn put_back(run: &Run<'_>) -> Result<()> {
    let before = run.previous_passwords.lock().unwrap_or_else(PoisonError::into_inner).reveal().clone();
    let container = run.desired.services.iter().find(|service| service.role == "postgres").map(|service| service.container.as_str());
    match container {
        Some(container) if !before.trim().is_empty() => ask(run, container, "the previous passwords", &before).await.map(drop),
        _ => Ok(()),
    }
}

async fn ask(run: &Run<'_>, container: &str, what: &str, sql: &str) -> Result<String> {
    send(&**run.host, container, what, sql, run.redact).await
}

async fn send(host: &dyn Host, container: &str, what: &str, sql: &str, redact: &(dyn Fn(&str) -> String + Sync)) -> Result<String> {
    let output = host.exec(Exec::new(PSQL).arguments(&[container]).stdin(format!("{PREAMBLE}{sql}").as_bytes())).await?;
    if output.status == 0 {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = redact(&String::from_utf8_lossy(&output.stderr));
    Err(Error::new(Kind::HostFailed, format!("Postgres refused {what}")).caused_by(complaint))
}

/// Keeps passwords out of Postgres's own log and out of psql's complaints.
const PREAMBLE: &str = "SET log_statement TO 'none'; SET log_min_error_statement TO 'panic'; SET log_min_duration_statement TO -1;\n\\set VERBOSITY terse\n\\set SHOW_CONTEXT never\n";

fn statements(database: &Database) -> String {
    let mut sql = String::new();
    let user = literal(&database.username);
    let _ = writeln!(
        sql,
        "SELECT format('CREATE ROLE %I LOGIN', {user}) WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {user}) \\gexec"
    );
    let _ = writeln!(sql, "ALTER ROLE {} WITH LOGIN PASSWORD {};", identifier(&database.username), literal(database.password.reveal()));
    for name in std::iter::once(&database.name).chain(&database.additional) {
        let text = literal(name);
        let _ = writeln!(
            sql,
            "SELECT format('CREATE DATABASE %I OWNER %I', {text}, {user}) WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {text}) \\gexec"
        );
        let _ = writeln!(sql, "ALTER DATABASE {} OWNER TO {};", identifier(name), identifier(&database.username));
    }
    sql
}

/// An SQL string literal (PostgreSQL manual, 4.1.2.2); the escape form, so that `\` means itself
/// whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A quoted SQL identifier (PostgreSQL manual, 4.1.1).
fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn names_and_passwords_cannot_break_out() {
        assert_eq!(literal(r"a'b\"), r"E'a''b\\'");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        let database = Database {
            name: "synapse".into(),
            username: "synapse".into(),
            password: Secret::new("x'; DROP".into()),
            additional: vec!["more".into()],
        };
        let sql = statements(&database);
        assert!(sql.contains("PASSWORD E'x''; DROP';"), "{sql}");
        assert_eq!(sql.matches("CREATE DATABASE").count(), 2);
    }
}
