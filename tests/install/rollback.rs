//! A service that does not come up: everything goes back to what it was.

use crate::common::wait_for;
use crate::installed::{Installed, changed_units};

/// Synapse takes it, and exits when it starts, as nothing answers at that port; homestead does not wait for it as long
/// as for one that may be slow.
const BROKEN: &str = "\
matrix_synapse_systemd_healthcheck_max_retries: 8
matrix_synapse_configuration_extension_yaml: |
  database: {args: {port: 1}}
";

const REASON: &str = "psycopg2.OperationalError: connection to server on socket \"/run-postgres/.s.PGSQL.1\" failed";

#[test]
fn a_service_that_does_not_come_up_is_put_back() {
    let Some(installed) = Installed::bare("rollback") else { return };
    a_first_install(&installed);
    a_change(&installed);
    a_database_password(&installed);
    a_bridge_of_somebody_else(&installed);
}

/// Nothing was there before, so nothing of ours stays but data and folders.
fn a_first_install(installed: &Installed) {
    let broken = installed.another_inventory();
    broken.append(BROKEN);
    let outcome = installed.homestead_on(&broken).run(&["install-all"]).exits(20);
    assert!(outcome.stderr.contains(REASON), "{}", outcome.text());
    assert!(
        outcome
            .stderr
            .ends_with("hint: put back: 0 files restored, 39 new files removed, 0 services restarted as before, 7 stopped again\n"),
        "{}",
        outcome.text()
    );
    let left = installed.sandbox.script(
        "systemctl list-units --all --no-legend 'matrix-*'; ls /etc/systemd/system | grep matrix; docker ps --all --quiet; \
         find /matrix -name homeserver.yaml -o -name labels -o -name traefik.yml; true",
    );
    assert_eq!(left, "");

    installed.homestead().run(&["install-all"]).exits(0);
    assert_eq!(installed.homestead().run(&["install-all"]).exits(0).stdout, "No changes.\n");
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
}

/// The files of before are back byte for byte, and only the service that was touched starts again.
fn a_change(installed: &Installed) {
    let (files, units) = (installed.files(), installed.units());
    let broken = installed.another_inventory();
    broken.append(BROKEN).set("matrix_client_element_brand", "Our Element");
    let outcome = installed.homestead_on(&broken).run(&["install-all"]).exits(20);
    assert!(outcome.stderr.contains(REASON), "{}", outcome.text());
    assert!(outcome.stderr.contains("hint: the last lines of matrix-synapse.service:\n"), "{}", outcome.text());
    assert!(
        outcome
            .stderr
            .ends_with("hint: put back: 2 files restored, 0 new files removed, 1 services restarted as before, 0 stopped again\n"),
        "{}",
        outcome.text()
    );
    assert_eq!(installed.files(), files);
    assert_eq!(changed_units(&units, &installed.units()), ["matrix-synapse.service"]);
    wait_for(60, "Synapse to answer again", || {
        let answer = installed.sandbox.exec("curl --silent --fail https://matrix.example.com/_matrix/client/versions", b"");
        answer.status.success().then_some(())
    });
    let plan = installed.homestead().run(&["plan", "--detailed-exitcode"]).exits(0);
    assert_eq!(plan.stdout, "No changes.\n");

    // The next run is not in the way of this one.
    broken.unset("matrix_synapse_configuration_extension_yaml");
    let mended = installed.homestead_on(&broken).run(&["install-all"]).exits(0);
    assert!(mended.stdout.contains("update file /matrix/client-element/config.json"), "{}", mended.text());
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
    assert_eq!(installed.homestead_on(&broken).run(&["install-all"]).exits(0).stdout, "No changes.\n");
}

/// Services that go back to their old configuration find the old passwords in Postgres.
fn a_database_password(installed: &Installed) {
    let stored = || {
        let query = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname IN ('synapse', 'matrix_authentication_service') ORDER BY 1";
        installed.sandbox.script(&format!("echo \"{query}\" | /matrix/postgres/bin/cli-non-interactive --tuples-only --no-align"))
    };
    let before = stored();
    assert_eq!(before.matches("SCRAM-SHA-256$").count(), 2, "{before}");
    let new = "test-only-new-Mo4ahboo";
    let broken = installed.another_inventory();
    broken.append(BROKEN).set("matrix_synapse_database_password", new);
    let homestead = installed.homestead_on(&broken).guarding(&[new.to_owned()]);
    homestead.run(&["install-all"]).exits(20);
    assert_eq!(stored(), before);
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
    broken.unset("matrix_synapse_configuration_extension_yaml");
    homestead.run(&["install-all"]).exits(0);
    let after = stored();
    let row = |text: &str, role: &str| text.lines().find(|line| line.starts_with(role)).unwrap().to_owned();
    assert_ne!(row(&after, "synapse|"), row(&before, "synapse|"));
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
    // Its own configuration brings its own password back.
    installed.homestead().run(&["install-all"]).exits(0);
    assert_eq!(installed.homestead().run(&["install-all"]).exits(0).stdout, "No changes.\n");
}

/// Synapse stops before MAS, which it requires, starts anew; what requires Synapse runs again at the end, however that is.
fn a_bridge_of_somebody_else(installed: &Installed) {
    installed.add_bridge();
    let changed = installed.another_inventory();
    changed.append(BROKEN).set("matrix_authentication_service_config_matrix_secret", "test-only-shared-Ohz9aece");
    let homestead = installed.homestead_on(&changed);
    let outcome = homestead.run(&["install-all"]).exits(20);
    assert!(outcome.stderr.contains("stopping matrix-synapse.service"), "{}", outcome.text());
    installed.has_bridge();
    changed.unset("matrix_synapse_configuration_extension_yaml");
    let outcome = homestead.run(&["install-all"]).exits(0);
    assert!(outcome.stderr.contains("stopping matrix-synapse.service"), "{}", outcome.text());
    installed.has_bridge();
}
