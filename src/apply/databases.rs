//! Databases and their roles in the managed Postgres.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Run;
use crate::desired::Database;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Exec, Host, Output, Script, run as run_script};
use crate::plan::Step;
use crate::report::RunStep;
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

/// Statements that give roles the passwords of before, as hashes. Of two for a role, the last counts: the oldest.
const PASSWORDS: &str = "/var/lib/homestead/undo.sql";
const KEEP: &str = r#"
set -eu
umask 077
file=/var/lib/homestead/undo.sql
trap 'rm -f -- "$file.new"' EXIT
cat >"$file.new"
[ ! -e "$file" ] || cat -- "$file" >>"$file.new"
sync -- "$file.new"
mv -f -- "$file.new" "$file"
# Postgres answered: from here on its data counts, after a power cut too.
rm -f -- /var/lib/homestead/first-start
sync -- /var/lib/homestead
"#;

/// Whether the plan has databases.
pub fn are_wanted(run: &Run<'_>) -> bool {
    run.plan.actions.iter().any(|action| matches!(action.step, Step::PutDatabase(_)))
}

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
    run.step(RunStep::Databases).await?;
    run.stage(format!("databases: {}", names.join(", ")));
    let users: Vec<String> = wanted.iter().map(|database| literal(&database.username)).collect();
    let hashes = format!(
        "SELECT format('ALTER ROLE %I PASSWORD %L;', rolname, rolpassword) FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname IN ({});\n",
        users.join(", ")
    );
    let what = format!("to make the databases {}", names.join(", "));
    let before = Secret::new(ask(run, container, &what, &hashes).await?);
    run_script(&**run.host, "keeping the passwords of before", Exec::new(KEEP).stdin(before.reveal().as_bytes())).await?;
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

/// Removes databases for good, and the roles that own nothing then. Who is connected to one is disconnected.
///
/// # Errors
/// Postgres refuses; its own words come along.
pub async fn remove(run: &Run<'_>, container: &str, names: &[&str]) -> Result<()> {
    let sql: String = names.iter().map(|name| removal(name)).collect();
    ask(run, container, &format!("to remove the databases {}", names.join(", ")), &sql).await.map(drop)
}

/// Removes a database and its owner. The owner of others, or of anything in them, stays: that is not the
/// database's alone.
fn removal(name: &str) -> String {
    let (text, database) = (literal(name), identifier(name));
    format!(
        "SELECT coalesce((SELECT rolname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE datname = {text}), '') AS owner \\gset\n\
         DROP DATABASE IF EXISTS {database} WITH (FORCE);\n\
         SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname = :'owner' AND NOT rolsuper \
         AND NOT EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = pg_roles.oid) \\gexec\n"
    )
}

/// The bytes of each database that is there.
///
/// # Errors
/// Postgres does not answer.
pub async fn sizes(host: &dyn Host, container: &str, names: &BTreeSet<String>) -> Result<BTreeMap<String, u64>> {
    let wanted: Vec<String> = names.iter().map(|name| literal(name)).collect();
    let sql = format!("SELECT pg_database_size(datname) || ' ' || datname FROM pg_database WHERE datname IN ({});\n", wanted.join(", "));
    let output = send(host, container, "to say how large databases are", &sql, &str::to_owned).await?;
    let sizes = output.lines().filter_map(|line| line.split_once(' '));
    Ok(sizes.filter_map(|(bytes, name)| Some((name.to_owned(), bytes.parse().ok()?))).collect())
}

/// The statements that make databases, or set their roles' passwords, for psql.
pub fn statements_for(databases: &[&Database]) -> Secret<String> {
    let sql: String = databases.iter().map(|database| statements(database)).collect();
    Secret::new(format!("{PREAMBLE}{sql}"))
}

/// Gives the roles the passwords that they had before the runs that did not come to their end, for services that go back to
/// them.
///
/// # Errors
/// Postgres refuses or does not run.
pub async fn put_back(run: &Run<'_>) -> Result<()> {
    let mut contents = host::fetch(&**run.host, &[PASSWORDS.to_owned()]).await?;
    let before = Secret::new(contents.remove(PASSWORDS).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default());
    let container = run.desired.services.iter().find(|service| service.role == "postgres").map(|service| service.container.as_str());
    match container {
        Some(container) if !before.reveal().trim().is_empty() => {
            ask(run, container, "the previous passwords", before.reveal()).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn ask(run: &Run<'_>, container: &str, what: &str, sql: &str) -> Result<String> {
    send(&**run.host, container, what, sql, run.redact).await
}

/// Has psql in a container carry statements out; gives what it wrote.
///
/// # Errors
/// Postgres refuses or does not run.
pub async fn send(host: &dyn Host, container: &str, what: &str, sql: &str, redact: &(dyn Fn(&str) -> String + Sync)) -> Result<String> {
    answer(&script(container, sql).run(host).await?, what, redact)
}

/// The script that has psql in a container carry statements out.
pub fn script(container: &str, sql: &str) -> Script {
    Script::new(PSQL, [container]).stdin(format!("{PREAMBLE}{sql}"))
}

/// What it wrote.
///
/// # Errors
/// As [`send`].
pub fn answer(output: &Output, what: &str, redact: &(dyn Fn(&str) -> String + Sync)) -> Result<String> {
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
pub fn identifier(text: &str) -> String {
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
