//! Accounts, logins through Traefik, and what MAS's doctor says about the deployment.

use serde_json::json;

use crate::installed::Installed;
use crate::requests::{ask, login_request, status, until_served};

const PASSWORD: &str = "test-only-Iequ3ohT8aiv";

#[test]
fn a_new_account_logs_in_through_traefik() {
    let Some(installed) = Installed::start("login") else { return };
    let mut homestead = installed.homestead();
    homestead = homestead.guarding(&[PASSWORD.to_owned()]);
    let register = ["register-user", "alice", "--password-stdin"];
    homestead.run_with_input(&register, &format!("{PASSWORD}\n")).exits(0);

    let login = ask(&installed, "/_matrix/client/v3/login", "--json @-", &login_request("alice", PASSWORD).to_string());
    assert_eq!(login["user_id"], "@alice:example.com", "{login}");
    let token = login["access_token"].as_str().unwrap();
    let whoami =
        ask(&installed, "/_matrix/client/v3/account/whoami", "--config -", &format!("header = \"Authorization: Bearer {token}\"\n"));
    assert_eq!((&whoami["user_id"], &whoami["device_id"]), (&json!("@alice:example.com"), &login["device_id"]), "{whoami}");
    let refused = status(&installed, "/_matrix/client/v3/login", "--json @-", &login_request("alice", "wrong").to_string());
    assert_eq!(refused, "403");

    let twice = homestead.run_with_input(&register, &format!("{PASSWORD}\n")).exits(2);
    assert!(twice.stderr.contains("error: the account `alice` was not made\n"), "{}", twice.text());
    assert!(twice.stderr.ends_with("hint: there is an account of that name already; choose another one\n"), "{}", twice.text());
    let nameless = homestead.run_with_input(&["register-user", "Alice", "--password-stdin"], PASSWORD).exits(1);
    assert!(nameless.stderr.starts_with("error: `Alice` is no username: `A` is not allowed in one\n"), "{}", nameless.text());
    let silent = homestead.run_with_input(&["register-user", "bob"], "").exits(1);
    assert!(silent.stderr.starts_with("error: there is no terminal to ask: Password for bob\n"), "{}", silent.text());

    // The same again in the manner of MDAD, without a word of the password in the inventory.
    homestead.run(&["run-tags", "register-user", "-e", &format!("username=bob password={PASSWORD} admin=no")]).exits(0);
    homestead.run(&["run-tags", "register-user", "-e", "username=carol"]).exits(1);
}

#[test]
fn a_server_without_mas_takes_the_same_commands() {
    let Some(installed) = Installed::bare("without-mas") else { return };
    installed.inventory.set("matrix_authentication_service_enabled", "false");
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned()]);
    homestead.run(&["install-all"]).exits(0);
    let units = installed.units();
    assert!(!units.contains_key("matrix-authentication-service.service") && units.contains_key("matrix-synapse.service"), "{units:#?}");
    assert!(units.values().all(|unit| unit.state == "active"), "{units:#?}");

    let register = ["register-user", "alice", "--admin", "--password-stdin"];
    homestead.run_with_input(&register, PASSWORD).exits(0);
    let login = ask(&installed, "/_matrix/client/v3/login", "--json @-", &login_request("alice", PASSWORD).to_string());
    assert_eq!(login["user_id"], "@alice:example.com", "{login}");
    let twice = homestead.run_with_input(&register, PASSWORD).exits(2);
    assert!(twice.stderr.ends_with("hint: there is an account of that name already; choose another one\n"), "{}", twice.text());
    let doctor = homestead.run(&["run-tags", "mas-cli-doctor"]).exits(3);
    assert!(
        doctor.stderr.ends_with("error: `matrix-authentication-service` is not enabled on `matrix.example.com`\n"),
        "{}",
        doctor.text()
    );
}

#[test]
fn the_doctor_is_good_and_names_what_is_not() {
    let Some(installed) = Installed::start("doctor") else { return };
    let doctor = ["run-tags", "mas-cli-doctor"];
    until_served(&installed);
    let good = installed.homestead().run(&doctor).exits(0);
    assert!(good.stdout.matches('✅').count() >= 4 && !good.stdout.contains(['❌', '⚠']), "{}", good.text());
    let long = installed.homestead().run(&["run-tags", "matrix-authentication-service-mas-cli-doctor"]).exits(0);
    assert_eq!(long.stdout.matches('✅').count(), good.stdout.matches('✅').count(), "{}", long.text());

    // MAS and Synapse no longer share their secret.
    let wrong = "test-only-wrong-Shu7eing9Ohp";
    installed.inventory.set("matrix_authentication_service_config_matrix_secret", wrong);
    let own = "{{ (matrix_homeserver_generic_secret_key ~ ':mas.hs.secret') | hash('sha512') | to_uuid }}";
    installed.inventory.set("matrix_synapse_matrix_authentication_service_secret", &format!("\"{own}\""));
    let homestead = installed.homestead().guarding(&[wrong.to_owned()]);
    homestead.run(&["install-all"]).exits(0);
    until_served(&installed);
    let bad = homestead.run(&doctor).exits(2);
    assert!(bad.stderr.contains("/_synapse/mas/is_localpart_available"), "{}", bad.text());
    assert!(bad.stderr.contains("hint: the shared secret of MAS (`matrix_authentication_service_config_matrix_secret`)"), "{}", bad.text());
    assert!(!bad.stderr.contains('✓'), "{}", bad.text());

    installed.sandbox.script("systemctl stop matrix-authentication-service.service");
    installed.inventory.unset("matrix_authentication_service_config_matrix_secret");
    homestead.run(&["install-all"]).exits(0);
    until_served(&installed);
    homestead.run(&doctor).exits(0);
}
