//! `migrate`: a living server with two hundred accounts moves to MAS, while somebody asks all the time.

use std::time::{Duration, UNIX_EPOCH};

use regex::Regex;
use serde_json::Value;

use crate::common::{Homestead, Outcome, people, wait_for};
use crate::dashboard::MigrationWatcher;
use crate::installed::Installed;
use crate::migrating::inhabitants::{PASSWORD, People};
use crate::migrating::prober::{Prober, Told};
use crate::requests::{ask, login_request, status};

mod inhabitants;
mod interrupted;
mod prober;

/// A password that is set after the move.
const CHANGED: &str = "test-only-changed-ahV7eiza";

/// A server with people on it.
fn inhabited(name: &str) -> Option<(Installed, People)> {
    let installed = Installed::bare(name)?;
    people::without_mas(&installed.inventory);
    installed.homestead().run(&["install-all"]).exits(0);
    let people = People::move_in(&installed);
    Some((installed, people))
}

fn migrate(installed: &Installed, homestead: &Homestead<'_>, options: &[&str]) -> crate::common::Outcome {
    let seen = people::seen(&installed.sandbox);
    let words: Vec<&str> = ["migrate", "--yes"].into_iter().chain(options.iter().copied()).chain(seen.iter().map(String::as_str)).collect();
    homestead.run(&words)
}

fn memory(installed: &Installed) -> Value {
    serde_json::from_str(&installed.sandbox.script("cat /var/lib/homestead/migration.json")).unwrap()
}

#[test]
fn a_living_server_moves_and_goes_back_and_moves_for_good() {
    let Some((installed, people)) = inhabited("migrating") else { return };
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned(), CHANGED.to_owned()]);

    installed.add_bridge();

    // Up to the cut-over nobody notices anything.
    let prober = Prober::start(&installed, &people);
    let before = installed.units();
    what_stands_in_the_way_is_told(&installed, &homestead);
    let vars = installed.inventory.read("inventory/host_vars/matrix.example.com/vars.yml");
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

    let watcher = MigrationWatcher::start(&installed);
    if let Some(watcher) = &watcher {
        watcher.reads(&["Synapse has the accounts; MAS runs beside it.", "201 users", "Backup"], "migration-beside");
    }
    let moved = migrate(&installed, &homestead, &["--json", "--step", "verify"]).exits(0);
    if let Some(watcher) = watcher {
        watcher.reads(&["MAS has the accounts;", "Nobody could log in for ", "202 users"], "migration-moved");
        watcher.stop();
    }
    let told = window_of(&moved.json_lines());
    eprintln!("\ntold: {:?}", told.downtime);
    prober.stop().is_as_told(&told, Duration::from_secs(60));
    people.are_in_mas(&installed);
    installed.has_bridge();
    let state = memory(&installed);
    assert_eq!((state["state"].as_str().unwrap(), state["accounts"]["users"].as_u64()), ("moved", Some(202)));
    assert_eq!(installed.inventory.read("inventory/host_vars/matrix.example.com/vars.yml"), vars);
    assert!(homestead.run(&["install-all"]).exits(0).stdout.ends_with("No changes.\n"));
    let tag = homestead.run(&["run-tags", "syn2mas"]).exits(3);
    assert!(tag.stderr.contains("the accounts moved to MAS on ") && tag.stderr.contains("already"), "{}", tag.text());

    // Back again: what is lost is named.
    let session = something_of_each_kind_happens(&installed, &homestead);
    let back = migrate(&installed, &homestead, &["--revert"]).exits(0);
    what_is_lost_is_named(&back);
    people.are_in_synapse(&installed);
    installed.has_bridge();
    what_was_lost_is_lost(&installed, &session);
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
    the_lines_of_a_provider_are_found(installed, homestead);

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

/// Synapse offers a provider that people came through, and MAS does not know it: the lines to add are said, and with them,
/// and the provider's secret, there is nothing in the way any more.
fn the_lines_of_a_provider_are_found(installed: &Installed, homestead: &Homestead<'_>) {
    const VARIABLE: &str = "matrix_authentication_service_config_upstream_oauth2_providers";
    installed.inventory.unset(VARIABLE);
    let offered = ask(installed, "/_matrix/client/v3/login", "", "");
    assert!(offered.to_string().contains("\"oidc-dex\""), "Synapse offers the provider: {offered}");
    let refused = migrate(installed, homestead, &["--step", "preflight"]).exits(3);
    let text = "✗ 20 accounts of the provider `oidc-dex`, and no provider of MAS has `synapse_idp_id: oidc-dex`";
    assert!(refused.stdout.contains(text), "{}", refused.text());
    assert!(refused.stderr.contains("error: 1 thing stands in the way of the move; nothing was touched\n"), "{}", refused.text());
    let said = refused.stdout.lines().skip_while(|line| !line.contains("hint: add these lines to")).skip(1);
    let lines: Vec<&str> = said.take_while(|line| line.starts_with("      ")).map(|line| &line[4..]).collect();
    let text = format!("{VARIABLE}:\n{}\n", lines.join("\n"));
    let id = Regex::new("id: ([0-9A-HJKMNP-TV-Z]{26})\n").unwrap().captures(&text).unwrap()[1].to_owned();
    assert_eq!(
        text,
        format!(
            r#"{VARIABLE}:
  - id: {id}
    synapse_idp_id: oidc-dex
    human_name: "Our directory"
    issuer: "https://example.com/dex"
    client_id: "synapse"
    client_secret: '...'  # the one that Synapse has
    token_endpoint_auth_method: client_secret_basic
    scope: "openid profile"
    claims_imports:
      localpart: {{action: require, template: "{{% raw %}}{{{{ user.preferred_username }}}}{{% endraw %}}"}}
      displayname: {{action: suggest, template: "{{% raw %}}{{{{ user.name }}}}{{% endraw %}}"}}
      email: {{action: suggest, template: "{{% raw %}}{{{{ user.email }}}}{{% endraw %}}"}}
"#
        ),
        "{}",
        refused.text()
    );
    installed.inventory.append(&text.replace("'...'", "'test-only-quooPhohgh9E'"));
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

/// The window that a run told.
fn window_of(events: &[Value]) -> Told {
    let time = |event: &Value| -> u64 {
        let at = humantime::parse_rfc3339(event["at"].as_str().unwrap()).unwrap();
        u64::try_from(at.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
    };
    let find = |is: &dyn Fn(&Value) -> bool| events.iter().find(|event| is(event)).unwrap();
    let closing = find(&|event| event["event"] == "stage" && event["text"].as_str().unwrap().starts_with("closing the door"));
    let open = find(&|event| event["event"] == "cut_over");
    let downtime = Duration::from_millis(open["downtime_milliseconds"].as_u64().unwrap());
    Told { closes: time(closing), open: time(open), downtime }
}

/// Everything that going back loses, once each, made the way it is made on a living server where the sandbox's MAS has one.
/// Gives the token of a session that began, and of one that was ended.
fn something_of_each_kind_happens(installed: &Installed, homestead: &Homestead<'_>) -> [String; 2] {
    homestead.run_with_input(&["register-user", "newcomer", "--password-stdin"], PASSWORD).exits(0);
    let mas = |command: &str| installed.sandbox.script(&format!("docker exec matrix-authentication-service mas-cli manage {command}"));
    mas(&format!("set-password user101 '{CHANGED}'"));
    mas("add-email user102 user102@example.net");
    mas("lock-user user103");
    mas("lock-user --deactivate user104");
    let began = ask(installed, "/_matrix/client/v3/login", "--json @-", &login_request("user105", PASSWORD).to_string());
    let ended = people::token(106);
    let header = format!("header = \"Authorization: Bearer {ended}\"\n");
    ask(installed, "/_matrix/client/v3/logout", "--request POST --config -", &header);
    assert_eq!(status(installed, "/_matrix/client/v3/account/whoami", "--config -", &header), "401");
    let sql = "SELECT count(*) FROM devices WHERE user_id = '@user106:example.com'";
    wait_for(30, "MAS to tell Synapse of a session that ended", || {
        let count = installed.sandbox.script(&format!("docker exec matrix-postgres psql -U matrix -h 127.0.0.1 -d synapse -Atc \"{sql}\""));
        (count.trim() == "0").then_some(())
    });
    // Nobody can log in to the provider: it is a name.
    installed.sandbox.script(
        "docker exec -i matrix-postgres psql -v ON_ERROR_STOP=1 -q -U matrix -h 127.0.0.1 -d matrix_authentication_service <<'SQL'
INSERT INTO upstream_oauth_links (upstream_oauth_link_id, upstream_oauth_provider_id, user_id, subject, created_at)
  SELECT gen_random_uuid(), p.upstream_oauth_provider_id, u.user_id, 'subject-107', now()
  FROM upstream_oauth_providers p, users u WHERE u.username = 'user107';
SQL",
    );
    [began["access_token"].as_str().unwrap().to_owned(), ended]
}

/// Each of them, with how many there are and whom they are about.
fn what_is_lost_is_named(back: &Outcome) {
    let named = |count: &str, what: &str, users: &str| {
        let is_it = |line: &str| line.trim_start().starts_with(&format!("{count} {what}")) && line.contains(users);
        assert!(back.stdout.lines().any(is_it), "{count} {what} {users}: {}", back.text());
    };
    named("1", "users that are new", "(newcomer)");
    named("1", "e-mail addresses that were added", "(user102)");
    named("1", "links to identity providers that were made", "(user107)");
    named("1", "users that were deactivated", "(user104)");
    let line = |words: &str| back.stdout.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {}", back.text()));
    // The sandbox's MAS does not tell that it only hashed one anew.
    for user in ["newcomer", "user101"] {
        assert!(line("passwords that were set or changed").contains(user), "{}", back.text());
    }
    assert!(line("sessions that began").contains("user105"), "{}", back.text());
    assert!(line("sessions that were ended").contains("user106"), "{}", back.text());
    assert!(line("users that were locked").contains("user103"), "{}", back.text());
    assert!(!back.stdout.contains("homestead-probe-"), "{}", back.text());
}

/// And it is: who is new cannot log in, the old password counts, and no session that began since or ended goes on.
fn what_was_lost_is_lost(installed: &Installed, [began, ended]: &[String; 2]) {
    let login =
        |user: &str, password: &str| status(installed, "/_matrix/client/v3/login", "--json @-", &login_request(user, password).to_string());
    assert_eq!(login("newcomer", PASSWORD), "403");
    assert_eq!(login("user101", CHANGED), "403");
    for user in ["user101", "user103"] {
        assert_eq!(login(user, PASSWORD), "200", "{user}");
    }
    let whoami = |token: &str| {
        status(installed, "/_matrix/client/v3/account/whoami", "--config -", &format!("header = \"Authorization: Bearer {token}\"\n"))
    };
    assert_eq!((whoami(began), whoami(ended)), ("401".to_owned(), "401".to_owned()));
}

/// The inventory says it, nothing else changes, and nobody can go against it by accident.
fn finalized(installed: &Installed, homestead: &Homestead<'_>, before: &str) {
    let path = "inventory/host_vars/matrix.example.com/vars.yml";
    let after = installed.inventory.read(path);
    assert_eq!(
        after,
        format!(
            "{}matrix_authentication_service_enabled: true\n",
            before.replace("  session_lifetime: 24h\n", "").replace(people::SYNAPSES_PROVIDER, "")
        )
    );
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
