//! Whether Postgres takes MAS with the credentials of the inventory.

use std::collections::BTreeSet;

use super::{Context, Docker, Findings, Verdict};
use crate::diagnostic::Result;
use crate::host::{Exec, complaint};

const CHECK: &str = "database";
/// $1: the container, $2: where it listens, $3: the user, $4: the database. The password is the first line of stdin.
/// Over TCP and the container's own address: nothing else asks for a password.
const LOG_IN: &str = r#"exec docker exec -i -- "$1" sh -c '
  IFS= read -r PGPASSWORD; export PGPASSWORD
  exec psql --no-psqlrc --quiet --no-align --tuples-only --no-password --host="$1" --username="$2" --dbname="$3" \
    --command="SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
' sh "$2" "$3" "$4""#;

pub(super) async fn check(context: &Context<'_>, docker: &Docker, running: &BTreeSet<String>, findings: &mut Findings) -> Result<()> {
    let variable = |name: &str| context.text(&format!("matrix_authentication_service_config_database_{name}"));
    let (user, database) = (variable("username")?, variable("database")?);
    let managed = context.service("postgres").filter(|_| {
        // One of the user's own may run beside the managed one.
        context.is_true("matrix_playbook_matrix_authentication_service_uses_managed_postgres").unwrap_or(false)
    });
    let Some(service) = managed else {
        findings.add(
            CHECK,
            &database,
            Verdict::Skipped,
            format!("MAS's database at {} is not homestead's; whether MAS reaches it says `mas-cli`, below", variable("host")?),
            None,
        );
        return Ok(());
    };
    let container = docker.container(&service.container).await?.filter(|container| container.running && running.contains(&service.unit));
    let Some(container) = container else {
        super::skip(findings, &[CHECK], &format!("{} does not run", service.unit));
        return Ok(());
    };
    let Some(address) = container.networks.values().flatten().next() else {
        super::skip(findings, &[CHECK], &format!("{} is in no network", service.unit));
        return Ok(());
    };
    let password = format!("{}\n", variable("password")?);
    let address = address.to_string();
    let arguments = [service.container.as_str(), &address, &user, &database];
    let output = context.host.exec(Exec::new(LOG_IN).arguments(&arguments).stdin(password.as_bytes())).await?;
    let said = context.prepared.redactor().redact(&complaint(&output)).into_owned();
    judge(&user, &database, output.status, String::from_utf8_lossy(&output.stdout).trim(), &said, findings);
    Ok(())
}

fn judge(user: &str, database: &str, status: u32, tables: &str, complaint: &str, findings: &mut Findings) {
    if status == 0 {
        if tables == "0" {
            findings.add(
                CHECK,
                database,
                Verdict::Warning,
                format!("Postgres takes the user `{user}`, and the database `{database}` is empty"),
                Some("MAS makes its tables when it starts"),
            );
        } else {
            findings.good(
                CHECK,
                database,
                format!("Postgres takes the user `{user}` in the database `{database}`, which has {tables} tables"),
            );
        }
        return;
    }
    let hint = if complaint.contains("password authentication failed") {
        "the password of the inventory is not Postgres's: `homestead install-service postgres` sets it"
    } else if complaint.contains("does not exist") {
        "`homestead install-service postgres` makes databases and users that are missing"
    } else {
        "`journalctl -u matrix-postgres` on the host says more"
    };
    findings.bad(CHECK, database, format!("Postgres does not let MAS in: {complaint}"), hint);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_come_with_their_way_out() {
        let said = |status, tables: &str, complaint: &str| {
            let mut findings = Findings::default();
            judge("mas", "masdb", status, tables, complaint, &mut findings);
            let finding = &findings.0[0];
            format!("{:?} {} | {}", finding.verdict, finding.text, finding.hint.as_deref().unwrap_or_default())
        };
        assert_eq!(said(0, "31", ""), "Good Postgres takes the user `mas` in the database `masdb`, which has 31 tables | ");
        assert!(said(0, "0", "").starts_with("Warning"));
        assert!(said(2, "", "FATAL:  password authentication failed for user").ends_with("`homestead install-service postgres` sets it"));
        assert!(said(2, "", "FATAL:  database \"masdb\" does not exist").contains("makes databases"));
    }
}
