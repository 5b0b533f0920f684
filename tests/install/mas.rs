//! Moving in with MAS and out again on a running server, while a session goes on.

use serde_json::{Value, json};

use crate::common::wait_for;
use crate::installed::{Installed, changed_units};
use crate::requests::{INSIDE, ask_at, login_request, status_at};

const PASSWORD: &str = "test-only-aeP8eiZoo4ah";
const PUBLIC: &str = "https://matrix.example.com";
const MAS: &str = "matrix-authentication-service.service";

/// Who answers a login at an entrypoint: MAS marks its flows (MSC3824).
fn answers(installed: &Installed, entrypoint: &str) -> &'static str {
    let flows = ask_at(installed, &format!("{entrypoint}/_matrix/client/v3/login"), "", "");
    let marked = flows["flows"].as_array().unwrap().iter().any(|flow| flow["org.matrix.msc3824.delegated_oidc_compatibility"] == true);
    if marked { "MAS" } else { "Synapse" }
}

/// Waits until both entrypoints lead logins to the right program: Traefik looks for changes every other second.
#[track_caller]
fn until_answered_by(installed: &Installed, wanted: &str) {
    for entrypoint in [PUBLIC, INSIDE] {
        wait_for(30, &format!("{wanted} at {entrypoint}"), || (answers(installed, entrypoint) == wanted).then_some(()));
    }
}

fn login(installed: &Installed, entrypoint: &str, user: &str) -> Value {
    let body = login_request(user, PASSWORD).to_string();
    let answer = ask_at(installed, &format!("{entrypoint}/_matrix/client/v3/login"), "--json @-", &body);
    assert_eq!(answer["user_id"], format!("@{user}:example.com"), "{answer}");
    answer
}

/// The status of a request with a token.
fn with_token(installed: &Installed, entrypoint: &str, token: &Value) -> String {
    let header = format!("header = \"Authorization: Bearer {}\"\n", token.as_str().unwrap());
    status_at(installed, &format!("{entrypoint}/_matrix/client/v3/account/whoami"), "--config -", &header)
}

/// Installs with MAS as these settings say.
fn install(installed: &Installed, enabled: bool, migrating: bool, command: &str) {
    installed.inventory.set("matrix_authentication_service_enabled", &enabled.to_string());
    installed.inventory.set("matrix_authentication_service_migration_in_progress", &migrating.to_string());
    installed.homestead().run(&[command]).exits(0);
    let units = installed.units();
    assert!(units.values().all(|unit| unit.state == "active"), "{units:#?}");
    assert_eq!(units.contains_key(MAS), enabled);
}

#[test]
fn mas_comes_and_goes_while_a_session_goes_on() {
    let Some(installed) = Installed::bare("mas") else { return };
    install(&installed, false, false, "install-all");
    installed.homestead().run_with_input(&["register-user", "alice", "--password-stdin"], PASSWORD).exits(0);
    until_answered_by(&installed, "Synapse");
    let session = login(&installed, PUBLIC, "alice")["access_token"].clone();
    let keeps_working = |what: &str| wait_for(30, what, || (with_token(&installed, PUBLIC, &session) == "200").then_some(()));

    // While accounts move, MAS is there, and Synapse keeps every login.
    install(&installed, true, true, "install-all");
    keeps_working("the session while accounts move");
    let issuer = ask_at(&installed, &format!("{PUBLIC}/auth/.well-known/openid-configuration"), "", "");
    assert_eq!(issuer["issuer"], format!("{PUBLIC}/auth/"));
    until_answered_by(&installed, "Synapse");
    login(&installed, INSIDE, "alice");

    // Then MAS takes logins over on both entrypoints, and everything else stays with Synapse.
    let before = installed.units();
    install(&installed, true, false, "install-all");
    assert_eq!(changed_units(&before, &installed.units()), [MAS, "matrix-synapse.service"]);
    until_answered_by(&installed, "MAS");
    wait_for(30, "the refusal of a session that MAS does not know", || (with_token(&installed, PUBLIC, &session) == "401").then_some(()));
    installed.homestead().run_with_input(&["register-user", "bob", "--password-stdin"], PASSWORD).exits(0);
    for entrypoint in [PUBLIC, INSIDE] {
        let token = login(&installed, entrypoint, "bob")["access_token"].clone();
        wait_for(30, "the new session", || (with_token(&installed, entrypoint, &token) == "200").then_some(()));
        let versions = ask_at(&installed, &format!("{entrypoint}/_matrix/client/versions"), "", "");
        assert!(versions["versions"].as_array().is_some_and(|versions| !versions.is_empty()), "{versions}");
        let header = format!("header = \"Authorization: Bearer {}\"\n", token.as_str().unwrap());
        ask_at(&installed, &format!("{entrypoint}/_matrix/client/v3/logout"), "--request POST --config -", &header);
        wait_for(10, "the end of the session", || (with_token(&installed, entrypoint, &token) == "401").then_some(()));
    }
    assert_eq!(status_at(&installed, &format!("{PUBLIC}/auth"), "", ""), "302");

    // Back to the time of moving: all of it reverses.
    install(&installed, true, true, "install-all");
    until_answered_by(&installed, "Synapse");
    keeps_working("the session after going back");

    // And without MAS again.
    install(&installed, false, false, "setup-all");
    keeps_working("the session without MAS");
    until_answered_by(&installed, "Synapse");
    for entrypoint in [PUBLIC, INSIDE] {
        login(&installed, entrypoint, "alice");
    }
    assert_eq!(status_at(&installed, &format!("{PUBLIC}/auth/.well-known/openid-configuration"), "", ""), "404");
    let left = installed
        .sandbox
        .script("ls /etc/systemd/system | grep authentication || true; docker ps --all --quiet --filter name=authentication");
    assert_eq!(left, "");
    let client = ask_at(&installed, &format!("{PUBLIC}/.well-known/matrix/client"), "", "");
    assert_eq!(client.get("org.matrix.msc2965.authentication"), None, "{client}");
    assert_eq!(client["m.homeserver"], json!({"base_url": PUBLIC}));
}
