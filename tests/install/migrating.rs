//! `migrate`: a living server with two hundred accounts moves to MAS, while somebody asks all the time.

use std::time::Duration;

use serde_json::Value;

use crate::common::{Homestead, wait_for};
use crate::installed::Installed;
use crate::migrating::people::{PASSWORD, People};
use crate::migrating::prober::Prober;
use crate::requests::{ask, login_request};

mod interrupted;
mod people;
mod prober;

/// The demo's server without MAS, with cheap hashes and as many logins as a test likes.
const SETTINGS: &str = "
# Passwords have a pepper.
matrix_synapse_password_config_pepper: 'test-only-pepper-Oa7aenieg'
matrix_synapse_configuration_extension_yaml: |
  # Hashes that cost little.
  bcrypt_rounds: 4
  # Not beside MAS.
  session_lifetime: 24h
matrix_synapse_rc_login:
  address: {per_second: 1000, burst_count: 1000}
  account: {per_second: 1000, burst_count: 1000}
  failed_attempts: {per_second: 1000, burst_count: 1000}
matrix_authentication_service_configuration_extension_yaml: |
  rate_limiting:
    login:
      per_ip: {burst: 10000, per_second: 1000}
      per_account: {burst: 10000, per_second: 1000}
# Synapse no longer lists the provider: the sandbox's has no OpenID Connect.
matrix_authentication_service_syn2mas_command_extra_options: [--ignore-missing-auth-providers]
matrix_authentication_service_config_upstream_oauth2_providers:
  - id: 01HFVBY12TMNTYTBV8W921M5FA
    synapse_idp_id: oidc-dex
    issuer: https://example.com/dex
    client_id: synapse
    client_secret: 'test-only-quooPhohgh9E'
    token_endpoint_auth_method: client_secret_basic
    scope: openid
    claims_imports:
      localpart: {action: require, template: '{% raw %}{{ user.preferred_username }}{% endraw %}'}
";

/// A server with people on it.
fn inhabited(name: &str) -> Option<(Installed, People)> {
    let installed = Installed::bare(name)?;
    installed.inventory.unset("matrix_authentication_service_enabled");
    installed.inventory.append(SETTINGS);
    installed.homestead().run(&["install-all"]).exits(0);
    let people = People::move_in(&installed);
    Some((installed, people))
}

/// The options with which this machine sees the server.
fn seen(installed: &Installed) -> Vec<String> {
    let (https, http) = (installed.sandbox.port("https_port"), installed.sandbox.port("http_port"));
    let authority = installed.sandbox.text("ca_cert").to_owned();
    [
        "--ca".to_owned(),
        authority,
        "--resolve".to_owned(),
        format!("*:443:127.0.0.1:{https}"),
        "--resolve".to_owned(),
        format!("*:80:127.0.0.1:{http}"),
    ]
    .into()
}

fn migrate(installed: &Installed, homestead: &Homestead<'_>, options: &[&str]) -> crate::common::Outcome {
    let seen = seen(installed);
    let words: Vec<&str> = ["migrate", "--yes"].into_iter().chain(options.iter().copied()).chain(seen.iter().map(String::as_str)).collect();
    homestead.run(&words)
}

fn memory(installed: &Installed) -> Value {
    serde_json::from_str(&installed.sandbox.script("cat /var/lib/homestead/migration.json")).unwrap()
}

#[test]
fn a_living_server_moves_and_goes_back_and_moves_for_good() {
    let Some((installed, people)) = inhabited("migrating") else { return };
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned()]);
    let vars = installed.inventory.read("inventory/host_vars/matrix.example.com/vars.yml");

    // Up to the cut-over nobody notices anything.
    let prober = Prober::start(&installed, &people);
    let before = installed.units();
    what_stands_in_the_way_is_told(&installed, &homestead);
    one_gives_up(&installed, &homestead);
    let rehearsed = migrate(&installed, &homestead, &["--step", "backup"]).exits(0);
    assert!(rehearsed.stdout.contains("users                                 201\n"), "{}", rehearsed.text());
    assert!(rehearsed.stdout.contains("links to identity providers            20\n"), "{}", rehearsed.text());
    let told = [
        "✓ 201 passwords are bcrypt, with Synapse's pepper: MAS understands them\n",
        "✓ 20 accounts of `oidc-dex` will belong to MAS's provider with `synapse_idp_id: oidc-dex`\n",
        "! 10 phone numbers will not be kept: MAS knows e-mail addresses only\n",
        "✓ there are no bridges and no bots that the move could break\n",
        " 0 in the way\n",
    ];
    assert!(told.iter().all(|text| rehearsed.stdout.contains(text)), "{}", rehearsed.text());
    // Not a mistake: `migrate` switches it off, and says where it stands.
    let line = vars.lines().position(|line| line.contains("session_lifetime")).unwrap() + 1;
    let place = format!("vars.yml:{line}:3)\n");
    assert!(
        rehearsed.stdout.lines().any(|line| format!("{line}\n").ends_with(&place) && line.starts_with("! session_lifetime")),
        "{}",
        rehearsed.text()
    );
    let changed = crate::installed::changed_units(&before, &installed.units());
    assert_eq!(changed, ["matrix-authentication-service.service"]);
    let again = homestead.run(&["install-all"]).exits(0);
    assert!(again.stdout.ends_with("No changes.\n") && again.stdout.contains("a migration to MAS is not finalized"), "{}", again.text());

    let moved = migrate(&installed, &homestead, &["--step", "verify"]).exits(0);
    let downtime = prober.stop();
    eprintln!("\nmeasured: {downtime}");
    eprintln!("told: {}", moved.stderr.lines().find(|line| line.contains("nobody could log in for")).unwrap());
    downtime.is_one_window_below(Duration::from_secs(60));
    people.are_in_mas(&installed);
    let state = memory(&installed);
    assert_eq!((state["state"].as_str().unwrap(), state["accounts"]["users"].as_u64()), ("moved", Some(202)));
    assert_eq!(installed.inventory.read("inventory/host_vars/matrix.example.com/vars.yml"), vars);
    assert!(homestead.run(&["install-all"]).exits(0).stdout.ends_with("No changes.\n"));
    let tag = homestead.run(&["run-tags", "syn2mas"]).exits(3);
    assert!(tag.stderr.contains("the accounts moved to MAS on ") && tag.stderr.contains("already"), "{}", tag.text());

    // Back again: what is lost is named.
    homestead.run_with_input(&["register-user", "newcomer", "--password-stdin"], PASSWORD).exits(0);
    let back = migrate(&installed, &homestead, &["--revert"]).exits(0);
    assert!(back.stdout.contains("users that are new") && back.stdout.contains("(newcomer)"), "{}", back.text());
    assert!(back.stdout.contains("sessions that began"), "{}", back.text());
    people.are_in_synapse(&installed);
    let databases = installed
        .sandbox
        .script("docker exec matrix-postgres psql -U matrix -h 127.0.0.1 -d matrix -Atc 'SELECT datname FROM pg_database'");
    assert!(databases.contains("matrix_authentication_service_aside_"), "{databases}");
    assert!(homestead.run(&["install-all"]).exits(0).stdout.ends_with("No changes.\n"));

    // And for good; what nobody can change for the user is left, and decided until then.
    installed.inventory.set("matrix_authentication_service_enabled", "\"{{ false }}\"");
    let left = migrate(&installed, &homestead, &[]).exits(3);
    assert!(left.stderr.contains("warning[H0842]: `matrix_authentication_service_enabled` does not fit"), "{}", left.text());
    people.are_in_mas(&installed);
    installed.inventory.unset("matrix_authentication_service_enabled");
    migrate(&installed, &homestead, &[]).exits(0);
    people.are_in_mas(&installed);
    finalized(&installed, &homestead, &vars);
    people.are_in_mas(&installed);
}

/// The inventory is to blame, or the server.
fn what_stands_in_the_way_is_told(installed: &Installed, homestead: &Homestead<'_>) {
    let unmapped = ["--step", "preflight", "-e", r#"{"matrix_authentication_service_config_upstream_oauth2_providers": []}"#];
    let refused = migrate(installed, homestead, &unmapped).exits(3);
    let text = "✗ 20 accounts of the provider `oidc-dex`, and no provider of MAS has `synapse_idp_id: oidc-dex`";
    assert!(refused.stdout.contains(text) && refused.stdout.contains("synapse_idp_id: oidc-dex\n"), "{}", refused.text());
    assert!(refused.stderr.contains("error: 1 thing stands in the way of the move; nothing was touched\n"), "{}", refused.text());

    let sql = |statement: &str| {
        installed
            .sandbox
            .script(&format!("docker exec matrix-postgres psql -v ON_ERROR_STOP=1 -q -U matrix -h 127.0.0.1 -d synapse -c \"{statement}\""))
    };
    sql("INSERT INTO users (name, creation_ts, admin, is_guest, deactivated) VALUES ('@old:example.net', 1760000000, 0, 0, 0)");
    let refused = migrate(installed, homestead, &["--json", "--step", "preflight"]).exits(2);
    let bad: Vec<Value> = refused
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["event"] == "finding" && line["verdict"] == "bad")
        .collect();
    assert_eq!(bad.len(), 1, "{}", refused.text());
    assert_eq!((&bad[0]["name"], &bad[0]["place"]), (&"accounts".into(), &Value::Null), "{}", bad[0]);
    assert!(bad[0]["text"].as_str().unwrap().contains("@old:example.net"), "{}", bad[0]);
    sql("DELETE FROM users WHERE name = '@old:example.net'");
    installed.sandbox.script("test ! -e /var/lib/homestead/migration.json");
}

/// Before anything moved, there is a way out.
fn one_gives_up(installed: &Installed, homestead: &Homestead<'_>) {
    let status = || -> Value { serde_json::from_str(&homestead.run(&["migrate", "--status", "--json"]).exits(0).stdout).unwrap() };
    let beside = migrate(installed, homestead, &["--step", "install-beside"]).exits(0);
    assert!(beside.stdout.contains("syn2mas finds nothing that prevents the move") || beside.stdout.contains("! "), "{}", beside.text());
    let document = status();
    assert_eq!((&document["migration"]["state"], &document["next"]), (&"beside".into(), &"rehearse".into()), "{document}");
    assert_eq!(document["decides"]["matrix_authentication_service_migration_in_progress"], "true", "{document}");

    migrate(installed, homestead, &["--revert"]).exits(3);
    let given_up = migrate(installed, homestead, &["--abort"]).exits(0);
    assert!(given_up.text().contains("Synapse has the logins as before"), "{}", given_up.text());
    // Systemd forgets units that stand still.
    assert!(installed.units().get("matrix-authentication-service.service").is_none_or(|unit| unit.state == "inactive"));
    let document = status();
    assert_eq!((&document["migration"]["state"], &document["next"]), (&"none".into(), &"preflight".into()), "{document}");
    let aside = document["migration"]["kept_databases"][0].as_str().unwrap();
    assert!(aside.starts_with("matrix_authentication_service_aside_"), "{document}");
    assert_eq!(document["decides"], serde_json::json!({}));
}

/// The inventory says it, nothing else changes, and nobody can go against it by accident.
fn finalized(installed: &Installed, homestead: &Homestead<'_>, before: &str) {
    let path = "inventory/host_vars/matrix.example.com/vars.yml";
    let after = installed.inventory.read(path);
    assert_eq!(after, format!("{}matrix_authentication_service_enabled: true\n", before.replace("  session_lifetime: 24h\n", "")));
    assert_eq!(installed.inventory.read(&format!("{path}.before-mas")), before);
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
    assert!(migrate(installed, homestead, &[]).exits(0).stderr.contains("nothing is left to do"));
    migrate(installed, homestead, &["--step", "cut-over"]).exits(3);
    migrate(installed, homestead, &["--revert"]).exits(3);
    homestead.run(&["run-tags", "syn2mas"]).exits(3);

    installed.inventory.append("matrix_authentication_service_migration_in_progress: true\n");
    for command in ["install-all", "setup-all", "plan"] {
        let refused = homestead.run(&[command]).exits(3);
        assert!(refused.stderr.contains("error[H0840]: the accounts moved to MAS on "), "{}", refused.text());
        assert!(refused.stderr.contains("vars.yml:"), "{}", refused.text());
    }
    installed.inventory.unset("matrix_authentication_service_migration_in_progress");
    installed.inventory.set("matrix_authentication_service_enabled", "false");
    let refused = homestead.run(&["setup-all"]).exits(3);
    assert!(refused.stderr.contains("error[H0841]: the accounts moved to MAS on "), "{}", refused.text());
    installed.inventory.set("matrix_authentication_service_enabled", "true");
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
}

/// Somebody logs in, whoever answers.
fn somebody_logs_in(installed: &Installed, user: &str) {
    let answer = wait_for(60, "a login", || {
        let answer = ask(installed, "/_matrix/client/v3/login", "--json @-", &login_request(user, PASSWORD).to_string());
        answer["access_token"].is_string().then_some(answer)
    });
    assert_eq!(answer["user_id"], format!("@{user}:example.com"));
}
