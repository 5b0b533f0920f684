//! `syn2mas` as a tag: from Synapse's accounts to MAS's.

use crate::installed::{Installed, changed_units};
use crate::requests::{ask, login_request, status};

const PASSWORD: &str = "test-only-Ohng7ahgh2ie";
const CHECK: [&str; 4] = ["run-tags", "syn2mas", "-e", "matrix_authentication_service_syn2mas_subcommand=check"];
const DRY_RUN: [&str; 4] =
    ["run-tags", "matrix-authentication-service-syn2mas", "-e", "matrix_authentication_service_syn2mas_dry_run=true"];
const MIGRATE: [&str; 2] = ["run-tags", "matrix-authentication-service-mas-cli-syn2mas"];

#[test]
fn accounts_move_to_mas_and_a_failure_leaves_what_was() {
    let Some(installed) = Installed::bare("moving") else { return };
    installed.inventory.set("matrix_authentication_service_migration_in_progress", "true");
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned()]);
    homestead.run(&["install-all"]).exits(0);
    homestead.run_with_input(&["register-user", "alice", "--admin", "--password-stdin"], PASSWORD).exits(0);
    let login = || ask(&installed, "/_matrix/client/v3/login", "--json @-", &login_request("alice", PASSWORD).to_string());
    let before = login();
    assert_eq!(before["user_id"], "@alice:example.com", "{before}");
    let header = format!("header = \"Authorization: Bearer {}\"\n", before["access_token"].as_str().unwrap());
    let whoami = || ask(&installed, "/_matrix/client/v3/account/whoami", "--config -", &header);

    // Neither a check nor a dry run stops anything.
    let units = installed.units();
    let check = homestead.run(&CHECK).exits(0);
    assert!(
        check.stdout.contains("Check completed successfully") && check.text().contains("nothing prevents the migration"),
        "{}",
        check.text()
    );
    let dry = homestead.run(&DRY_RUN).exits(0);
    assert!(dry.text().contains("`matrix_authentication_service_syn2mas_dry_run` is now called"), "{}", dry.text());
    assert!(dry.text().contains("nothing was changed in Synapse"), "{}", dry.text());
    assert_eq!(changed_units(&units, &installed.units()), [""; 0]);

    what_prevents_it_is_said_and_undone(&installed, &units);
    assert_eq!(whoami()["user_id"], "@alice:example.com");

    // What the host has must be what the inventory declares.
    installed.inventory.set("matrix_synapse_max_upload_size_mb", "61");
    let stale = homestead.run(&MIGRATE).exits(2);
    assert!(stale.stderr.contains("homeserver.yaml` is not as the inventory declares it"), "{}", stale.text());
    installed.inventory.unset("matrix_synapse_max_upload_size_mb");

    let done = homestead.run(&MIGRATE).exits(0);
    assert!(done.text().contains("the accounts are in MAS, and Synapse and MAS are stopped"), "{}", done.text());
    let state = |unit: &str| installed.units()[unit].state.clone();
    assert_eq!(
        (state("matrix-synapse.service").as_str(), state("matrix-authentication-service.service").as_str()),
        ("inactive", "inactive")
    );
    let twice = homestead.run(&MIGRATE).exits(3);
    assert!(twice.stderr.contains("error: the accounts moved to MAS on ") && twice.stderr.contains(" already\n"), "{}", twice.text());
    // With the toggle still in place, Synapse would take its old logins back.
    let stale = homestead.run(&["install-all"]).exits(3);
    assert!(stale.stderr.contains("error[H0840]: the accounts moved to MAS on "), "{}", stale.text());
    // Where the host has forgotten it, MAS's database has not.
    installed.sandbox.script("mv /var/lib/homestead/migration.json /root/");
    let full = homestead.run(&MIGRATE).exits(2);
    assert!(
        full.stderr.contains("error: MAS has accounts already, and syn2mas moves accounts into an empty database only"),
        "{}",
        full.text()
    );
    installed.sandbox.script("mv /root/migration.json /var/lib/homestead/");

    installed.inventory.unset("matrix_authentication_service_migration_in_progress");
    homestead.run(&["setup-all"]).exits(0);
    assert_eq!(whoami()["user_id"], "@alice:example.com");
    let after = login();
    assert_eq!(after["user_id"], "@alice:example.com", "{after}");
    let again = homestead.run(&MIGRATE).exits(3);
    assert!(again.stderr.starts_with("error: the accounts moved to MAS on "), "{}", again.text());
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
    assert_eq!(status(&installed, "/auth/.well-known/openid-configuration", "", ""), "200");
}

/// A user of a provider that Synapse no longer knows.
fn what_prevents_it_is_said_and_undone(installed: &Installed, units: &crate::installed::Units) {
    let sql = |statement: &str| {
        installed.sandbox.script(&format!(
            "docker exec -i matrix-postgres psql -v ON_ERROR_STOP=1 -q -U matrix -h 127.0.0.1 -d synapse <<'SQL'\n{statement}\nSQL"
        ))
    };
    sql("INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES ('oidc-dex', 'alice-at-dex', '@alice:example.com');");
    let homestead = installed.homestead();
    let check = homestead.run(&CHECK).exits(2);
    assert!(check.stderr.contains("error: syn2mas found what prevents the migration: "), "{}", check.text());
    assert!(check.stderr.contains("hint: add `synapse_idp_id: oidc-dex` to an entry in"), "{}", check.text());
    assert_eq!(changed_units(units, &installed.units()), [""; 0]);
    let migrate = homestead.run(&MIGRATE).exits(2);
    assert!(migrate.stderr.ends_with("hint: what ran before was started again\n"), "{}", migrate.text());
    let mut changed = changed_units(units, &installed.units());
    changed.sort();
    assert_eq!(changed, ["matrix-authentication-service.service", "matrix-synapse.service"]);
    assert!(installed.units().values().all(|unit| unit.state == "active"));
    sql("DELETE FROM user_external_ids;");
}
