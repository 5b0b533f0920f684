//! What an administrator does with a server that runs: accounts, backups, checks.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::common::{Homestead, wait_for};
use crate::installed::Installed;
use crate::requests::until_served;

const PASSWORD: &str = "test-only-Eim4ohnaeng0";
const BOT_PASSWORD: &str = "test-only-aeg3Ohkeithu";

/// Asks the server as a client does, from the host, where the names resolve. The token stands in no argument.
fn ask(installed: &Installed, method: &str, path: &str, token: &str, body: &Value) -> Option<Value> {
    let data = body.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    let data = if body.is_null() { String::new() } else { format!("data = \"{data}\"\n") };
    let config = format!("request = {method}\nheader = \"Authorization: Bearer {token}\"\n{data}");
    let script = format!("curl --silent --show-error --fail --max-time 20 --config - 'https://matrix.example.com{path}'");
    let output = installed.sandbox.exec(&script, config.as_bytes());
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

fn log_in(installed: &Installed, user: &str, password: &str) -> String {
    let body = json!({"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password});
    let login = wait_for(60, "a login", || ask(installed, "POST", "/_matrix/client/v3/login", "", &body));
    login["access_token"].as_str().unwrap().to_owned()
}

/// The program, guarded against the passwords of these tests too.
fn guarded(installed: &Installed) -> Homestead<'_> {
    installed.homestead().guarding(&[PASSWORD.to_owned(), BOT_PASSWORD.to_owned()])
}

#[test]
fn declared_users_are_made_once() {
    let Some(installed) = Installed::bare("users") else { return };
    installed.inventory.append(&format!(
        "matrix_user_creator_users_additional:\n  - {{username: a.bot, initial_password: {BOT_PASSWORD}, initial_type: bot}}\n  - {{username: boss, initial_password: {PASSWORD}, initial_type: admin}}\n"
    ));
    let homestead = guarded(&installed);
    let would = homestead.run(&["install-all", "--check"]).exits(0);
    assert!(would.stderr.contains("these users would be made: a.bot, boss"), "{}", would.text());
    let first = homestead.run(&["install-all"]).exits(0);
    assert!(first.stderr.contains("a.bot can log in") && first.stderr.contains("boss can log in"), "{}", first.text());
    log_in(&installed, "a.bot", BOT_PASSWORD);
    let boss = log_in(&installed, "boss", PASSWORD);

    // With nobody to make, nothing is asked; a new password in the inventory changes no account.
    let again = homestead.run(&["install-all"]).exits(0);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("No changes.\n", ""));
    let manifest = installed.sandbox.script("cat /var/lib/homestead/manifest.json");
    assert!(manifest.contains("\"users\"") && !manifest.contains(PASSWORD), "{manifest}");

    // Whoever is there already stays as they are.
    installed.inventory.edit(PASSWORD, "test-only-another-Aish3ae");
    installed.sandbox.script("sed -i 's/\"boss\"/\"somebody\"/' /var/lib/homestead/manifest.json");
    let known = homestead.run(&["run-tags", "ensure-users-created"]).exits(0);
    assert!(known.stderr.contains("boss has an account already; it stays as it is"), "{}", known.text());
    assert!(ask(&installed, "GET", "/_matrix/client/v3/account/whoami", &boss, &Value::Null).is_some());
    log_in(&installed, "boss", PASSWORD);

    while_migrating(&installed);
    the_scripts_of_administrators(&installed);
    a_token_for_the_admin_api(&installed);
    services_that_wait_for_their_administrator(&installed);
    a_lost_key(&installed);
    cleaning_up(&installed);
}

fn while_migrating(installed: &Installed) {
    let migrating = installed.another_inventory();
    migrating.set("matrix_authentication_service_migration_in_progress", "true");
    migrating
        .append(&format!("matrix_user_creator_users_additional: [{{username: late, initial_password: {PASSWORD}, initial_type: user}}]\n"));
    let homestead = installed.homestead_on(&migrating).guarding(&[PASSWORD.to_owned()]);
    let suppressed = homestead.run(&["run-tags", "ensure-matrix-users-created"]).exits(0);
    assert!(
        suppressed.stderr.contains("the users late are not made while `matrix_authentication_service_migration_in_progress` is true"),
        "{}",
        suppressed.text()
    );
    let manifest = installed.sandbox.script("cat /var/lib/homestead/manifest.json");
    assert!(!manifest.contains("late"), "{manifest}");
}

/// `/matrix/.../bin`: for who works on the host itself.
fn the_scripts_of_administrators(installed: &Installed) {
    let folder = "/matrix/matrix-authentication-service/bin";
    let version = installed.sandbox.script(&format!("{folder}/mas-cli --version"));
    assert!(version.contains("mas"), "{version}");
    let failing = installed.sandbox.exec(&format!("{folder}/mas-cli manage lock-user nobody"), b"");
    assert!(!failing.status.success());
    let register = |name: &str| installed.sandbox.exec(&format!("{folder}/register-user {name} 0"), format!("{PASSWORD}\n").as_bytes());
    assert!(register("carol").status.success());
    log_in(installed, "carol", PASSWORD);
    let twice = register("carol");
    assert!(!twice.status.success() && String::from_utf8_lossy(&twice.stderr).contains("already exists"), "{twice:?}");
    let synapses = installed.sandbox.exec("/matrix/synapse/bin/register-user dave 0", b"x\n");
    assert!(!synapses.status.success() && String::from_utf8_lossy(&synapses.stderr).contains("Use its script instead"), "{synapses:?}");
    let psql = installed.sandbox.script("echo 'SELECT 6 * 7' | /matrix/postgres/bin/cli-non-interactive --tuples-only --no-align");
    assert_eq!(psql, "42\n");
}

fn a_token_for_the_admin_api(installed: &Installed) {
    let homestead = installed.homestead();
    let unasked = homestead.run(&["mas", "admin-token", "boss"]).exits(1);
    assert_eq!(unasked.stdout, "", "{}", unasked.text());
    let issued = homestead.run(&["mas", "admin-token", "boss", "--yes"]).exits(0);
    let token = issued.stdout.trim();
    assert!(token.starts_with("mct_") && issued.stdout.matches(token).count() == 1 && !issued.stderr.contains(token), "{}", issued.text());
    let users = ask(installed, "GET", "/_synapse/admin/v2/users?guests=false", token, &Value::Null);
    // The admin API is not public unless the inventory says so: on the host, Synapse itself answers.
    let users = users.unwrap_or_else(|| {
        let config = format!("header = \"Authorization: Bearer {token}\"\n");
        let script = "address=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' matrix-synapse); \
                      curl --silent --fail --config - \"http://${address%% *}:8008/_synapse/admin/v2/users?guests=false\"";
        let output = installed.sandbox.exec(script, config.as_bytes());
        serde_json::from_slice(&output.stdout).unwrap()
    });
    assert!(users["total"].as_u64().unwrap() >= 3, "{users}");
    let journal = installed.sandbox.script("journalctl --no-pager --output=cat");
    assert!(!journal.contains(token), "the token stands in the journal");
    let stranger = homestead.run(&["mas", "admin-token", "nobody", "--yes"]).exits(2);
    assert!(stranger.stderr.contains("error: MAS issued no token for `nobody`"), "{}", stranger.text());
}

/// `devture_systemd_service_manager_services_autostart_enabled`.
fn services_that_wait_for_their_administrator(installed: &Installed) {
    let units = installed.units();
    installed.inventory.set("devture_systemd_service_manager_services_autostart_enabled", "false");
    let plan = guarded(installed).run(&["install-all"]).exits(0);
    assert!(plan.stdout.contains("adjust unit matrix-synapse.service (enabled -> disabled)"), "{}", plan.text());
    assert!(plan.stdout.ends_with("Plan: 8 to adjust.\n"), "{}", plan.text());
    let now = installed.units();
    assert!(now.values().all(|unit| unit.enabled == "disabled" && unit.state == "active"), "{now:#?}");
    assert!(now.iter().all(|(name, unit)| unit.since == units[name].since), "{now:#?}");
    assert_eq!(guarded(installed).run(&["install-all"]).exits(0).stdout, "No changes.\n");
    installed.inventory.unset("devture_systemd_service_manager_services_autostart_enabled");
    guarded(installed).run(&["install-all"]).exits(0);
    assert_eq!(installed.units(), units);
}

/// A key that was there and is gone is not made anew: the server would not be itself any more.
fn a_lost_key(installed: &Installed) {
    let units = installed.units();
    installed.sandbox.script("mv /matrix/synapse/config/matrix.example.com.signing.key /root/");
    let refused = guarded(installed).run(&["install-all"]).exits(2);
    assert!(
        refused
            .stderr
            .contains("the key `/matrix/synapse/config/matrix.example.com.signing.key` was there after an earlier run and is gone"),
        "{}",
        refused.text()
    );
    assert_eq!(installed.sandbox.script("ls /matrix/synapse/config/*.key 2>/dev/null; true"), "");
    installed.sandbox.script("mv /root/matrix.example.com.signing.key /matrix/synapse/config/");
    assert_eq!(guarded(installed).run(&["install-all"]).exits(0).stdout, "No changes.\n");
    assert_eq!(installed.units(), units);
}

fn cleaning_up(installed: &Installed) {
    installed.sandbox.script("tar -C /etc -cf - hostname | docker import - leftover:1; systemctl stop matrix-client-element");
    let images = || installed.sandbox.script("docker image ls --format '{{.Repository}}:{{.Tag}}' | sort");
    let before = images();
    let pruned = installed.homestead().run(&["run-tags", "run-docker-prune"]).exits(0);
    assert!(pruned.stderr.contains("1 images removed: leftover:1"), "{}", pruned.text());
    // A service that stands still keeps its image.
    assert_eq!(images(), before.replace("leftover:1\n", ""));
    installed.homestead().run(&["start-all"]).exits(0);
}

#[test]
fn a_backup_brings_people_and_messages_back() {
    let Some(installed) = Installed::start("backup") else { return };
    until_served(&installed);
    let homestead = guarded(&installed);
    homestead.run_with_input(&["register-user", "alice", "--password-stdin"], PASSWORD).exits(0);
    let token = log_in(&installed, "alice", PASSWORD);
    let room = ask(&installed, "POST", "/_matrix/client/v3/createRoom", &token, &json!({"name": "Before"})).unwrap();
    let room = room["room_id"].as_str().unwrap().replace('!', "%21");
    let send = |id: &str, text: &str| {
        let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{id}");
        ask(&installed, "PUT", &path, &token, &json!({"msgtype": "m.text", "body": text}))
    };
    send("1", "a word worth keeping \\. COPY FROM stdin;").unwrap();
    let messages = || -> Vec<String> {
        let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=50");
        let page = wait_for(60, "the messages", || ask(&installed, "GET", &path, &token, &Value::Null));
        let bodies = page["chunk"].as_array().unwrap().iter().filter_map(|event| event["content"]["body"].as_str().map(str::to_owned));
        bodies.collect()
    };
    assert_eq!(messages(), ["a word worth keeping \\. COPY FROM stdin;"]);

    let made = homestead.run(&["postgres", "backup", "--out", "kept/"]).exits(0);
    let file = made.stdout.trim();
    assert!(file.starts_with("kept/matrix.example.com-postgres-") && file.ends_with("Z.sql.gz"), "{}", made.text());
    let path = installed.inventory.path(file);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "something is left beside the backup");
    homestead.run(&["postgres", "backup", "--out", file]).exits(1);
    let on_host = homestead.run(&["postgres", "backup", "--on-host", "/root/backups", "--json"]).exits(0);
    let on_host = on_host.json_lines().into_iter().find(|line| line["event"] == "backup").unwrap();
    let names: Vec<&str> = on_host["databases"].as_array().unwrap().iter().filter_map(|database| database["name"].as_str()).collect();
    assert!(names.contains(&"synapse") && names.contains(&"matrix_authentication_service"), "{on_host}");
    let on_host = on_host["path"].as_str().unwrap();
    assert_eq!(installed.sandbox.script("ls -A /root/backups | wc -l; stat -c %a /root/backups/*"), "1\n600\n");

    send("2", "a word too much").unwrap();
    nothing_is_replaced_unasked(&installed, file, on_host);
    assert_eq!(messages().len(), 2);
    the_data_is_gone(&installed, file);
    assert_eq!(messages(), ["a word worth keeping \\. COPY FROM stdin;"]);
    log_in(&installed, "alice", PASSWORD);
    assert_eq!(guarded(&installed).run(&["install-all"]).exits(0).stdout, "No changes.\n");

    send("3", "one more").unwrap();
    a_dump_that_postgres_does_not_take(&installed, file);
    assert_eq!(messages().len(), 2);
    a_person_who_thinks_better_of_it(&installed, file);
    assert_eq!(messages().len(), 2);
    a_service_that_does_not_come_up_on_it(&installed, file);
    assert_eq!(messages().len(), 2);
    let imported = homestead
        .run(&["run-tags", "import-postgres", "-e", &format!("server_path_postgres_dump={on_host} postgres_import_replace=true")])
        .exits(0);
    assert!(imported.stdout.contains("the data of before is kept in /matrix/postgres/data.before-import-"), "{}", imported.text());
    assert_eq!(messages().len(), 1);
    a_vacuum(&installed);
    assert_eq!(messages().len(), 1);
}

fn nothing_is_replaced_unasked(installed: &Installed, file: &str, on_host: &str) {
    let homestead = guarded(installed);
    let units = installed.units();
    let refused = homestead.run(&["postgres", "restore", file]).exits(2);
    assert!(refused.stderr.contains("has databases already: ") && refused.stderr.contains("synapse ("), "{}", refused.text());
    let unasked = homestead.run(&["postgres", "restore", file, "--replace"]).exits(1);
    assert!(unasked.stderr.contains("there is no terminal to ask for a confirmation; nothing was touched"), "{}", unasked.text());
    let tag = homestead.run(&["run-tags", "import-postgres", "-e", &format!("server_path_postgres_dump={on_host}")]).exits(2);
    assert!(tag.stderr.contains("-e postgres_import_replace=true"), "{}", tag.text());
    homestead.run(&["run-tags", "import-postgres"]).exits(1);
    let absent = homestead.run(&["postgres", "import", "/root/nothing.sql", "--replace", "--yes"]).exits(2);
    assert!(absent.stderr.contains("there is no file `/root/nothing.sql` on `matrix.example.com`"), "{}", absent.text());
    installed.sandbox.script(&format!(
        "head -c 9000 {on_host} > /root/cut.sql.gz; gzip -dc {on_host} | head -n 2000 > /root/cut.sql; \
         echo PGDMPx > /root/custom; printf '\\375\\067zXZ\\000' > /root/packed"
    ));
    for (cut, words) in [
        ("cut.sql.gz", "cannot be read: "),
        ("cut.sql", "is cut off: its end is missing"),
        ("custom", "custom format"),
        ("packed", "the host has no `xz` to unpack it"),
    ] {
        let outcome = homestead.run(&["postgres", "import", &format!("/root/{cut}"), "--replace", "--yes"]).exits(2);
        assert!(outcome.stderr.contains(words) && outcome.stderr.contains("nothing was touched"), "{}", outcome.text());
    }
    assert_eq!(installed.units(), units);
    assert_eq!(
        installed.sandbox.script("ls -A /var/lib/homestead; ls -d /matrix/postgres/data*"),
        "generations\njournal\nlock\nmanifest.json\nobjects\n/matrix/postgres/data\n"
    );
}

/// The disk is new: install-all makes no empty server of it, and the dump is enough.
fn the_data_is_gone(installed: &Installed, file: &str) {
    let homestead = guarded(installed);
    homestead.run(&["stop-all"]).exits(0);
    installed.sandbox.script("rm -rf /matrix/postgres/data/*");
    let refused = homestead.run(&["install-all"]).exits(2);
    assert!(
        refused.stderr.contains("the data of Postgres was there after an earlier run and is gone; nothing was touched"),
        "{}",
        refused.text()
    );
    assert!(installed.units().values().all(|unit| unit.state != "active"));
    let restored = homestead.run(&["postgres", "restore", file]).exits(0);
    assert!(restored.stdout.contains("imported ") && !restored.stdout.contains("is kept in"), "{}", restored.text());
    homestead.run(&["start-all"]).exits(0);
}

fn a_dump_that_postgres_does_not_take(installed: &Installed, file: &str) {
    let homestead = guarded(installed);
    let running = |units: &crate::installed::Units| units.values().filter(|unit| unit.state == "active").count();
    let before = running(&installed.units());
    let path = installed.inventory.path(file);
    let mut dump = String::new();
    let packed = std::process::Command::new("gzip").args(["-dc"]).arg(path).output().unwrap();
    dump.push_str(
        &String::from_utf8(packed.stdout).unwrap().replace("CREATE TABLE public.room_memberships", "CREATE TABEL public.room_memberships"),
    );
    installed.inventory.write("bad.sql", &dump);
    let outcome = homestead.run(&["postgres", "restore", "bad.sql", "--replace", "--yes"]).exits(2);
    assert!(outcome.stderr.contains("error: Postgres does not take the dump\n"), "{}", outcome.text());
    assert!(outcome.stderr.contains("syntax error at or near \"TABEL\""), "{}", outcome.text());
    assert!(outcome.stderr.ends_with("hint: the databases are as they were, and the services run again\n"), "{}", outcome.text());
    assert_eq!(running(&installed.units()), before);
    assert_eq!(
        installed.sandbox.script("ls -d /matrix/postgres/data*; docker ps --all --quiet --filter name=import"),
        "/matrix/postgres/data\n"
    );
}

fn a_person_who_thinks_better_of_it(installed: &Installed, file: &str) {
    let homestead = guarded(installed);
    let restore = homestead.start(&["postgres", "restore", file, "--replace", "--yes"], "");
    wait_for(60, "the second Postgres", || {
        (!installed.sandbox.script("docker ps --quiet --filter name=matrix-postgres-import").is_empty()).then_some(())
    });
    restore.signal("INT");
    let outcome = restore.wait().exits(130);
    assert!(outcome.stderr.ends_with("hint: the databases are as they were, and the services run again\n"), "{}", outcome.text());
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
    assert_eq!(
        installed.sandbox.script("ls -d /matrix/postgres/data*; docker ps --all --quiet --filter name=import"),
        "/matrix/postgres/data\n"
    );
}

/// The dump is another server's: Synapse refuses it, and the old data comes back.
fn a_service_that_does_not_come_up_on_it(installed: &Installed, file: &str) {
    let homestead = guarded(installed);
    let path = installed.inventory.path(file);
    let packed = std::process::Command::new("gzip").args(["-dc"]).arg(path).output().unwrap();
    let dump = String::from_utf8(packed.stdout).unwrap().replace("@alice:example.com", "@alice:another.org");
    installed.inventory.write("another.sql", &dump);
    let patience = installed.another_inventory();
    patience.set("matrix_synapse_systemd_healthcheck_max_retries", "6");
    patience.write("another.sql", &dump);
    let homestead_on = installed.homestead_on(&patience);
    let outcome = homestead_on.run(&["postgres", "restore", "another.sql", "--replace", "--yes"]).exits(20);
    assert!(outcome.stderr.contains("hint: the old data is back, and the services run on it again\n"), "{}", outcome.text());
    assert_eq!(installed.sandbox.script("ls -d /matrix/postgres/data*"), "/matrix/postgres/data\n");
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
}

fn a_vacuum(installed: &Installed) {
    let homestead = guarded(installed);
    let units = installed.units();
    let quick = homestead.run(&["postgres", "vacuum", "--preset", "vacuum-analyze", "--database", "synapse"]).exits(0);
    assert!(quick.stderr.contains("VACUUM VERBOSE ANALYZE in synapse"), "{}", quick.text());
    assert_eq!(installed.units(), units);
    let full = homestead.run(&["run-tags", "run-postgres-vacuum"]).exits(0);
    assert!(full.stderr.contains("VACUUM FULL VERBOSE ANALYZE in synapse"), "{}", full.text());
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
    // As the playbook does it, nothing but Postgres runs meanwhile.
    let mut restarted: Vec<String> = units.keys().filter(|unit| *unit != "matrix-postgres.service").cloned().collect();
    restarted.sort();
    assert_eq!(crate::installed::changed_units(&units, &installed.units()), restarted);
    let typo = homestead.run(&["postgres", "vacuum", "--database", "synaps"]).exits(1);
    assert_eq!(typo.stderr, "error: there is no database `synaps`\nhint: did you mean `synapse`?\n");
}

#[test]
fn a_server_is_checked_from_outside() {
    let Some(installed) = Installed::start("self-check") else { return };
    let (https, http) = (installed.sandbox.port("https_port"), installed.sandbox.port("http_port"));
    let (authority, secure, plain) =
        (installed.sandbox.text("ca_cert").to_owned(), format!("*:443:127.0.0.1:{https}"), format!("*:80:127.0.0.1:{http}"));
    let arguments = ["self-check", "--ca", &authority, "--resolve", &secure, "--resolve", &plain];
    let homestead = installed.homestead();
    let good = wait_for(60, "Traefik to know every service", || {
        let outcome = homestead.run(&arguments);
        (outcome.code == 0).then_some(outcome)
    });
    let numbers = regex::Regex::new(r"(lasts|speaks) (v?)[0-9.]+").unwrap();
    let good = numbers.replace_all(&good.stdout, |found: &regex::Captures| {
        if found[2].is_empty() { "lasts [DAYS]" } else { "speaks [VERSION]" }.to_owned()
    });
    insta::assert_snapshot!(good, @"
    ✓ element.example.com:443 takes connections
    ✓ example.com:443 takes connections
    ✓ matrix.example.com:80 takes connections
    ✓ matrix.example.com:443 takes connections
    ✓ the certificate of element.example.com:443 is trusted and lasts [DAYS] days more (CN=homestead sandbox test CA)
    ✓ the certificate of example.com:443 is trusted and lasts [DAYS] days more (CN=homestead sandbox test CA)
    ✓ the certificate of matrix.example.com:443 is trusted and lasts [DAYS] days more (CN=homestead sandbox test CA)
    ✓ https://example.com/.well-known/matrix/client leads clients to https://matrix.example.com
    ✓ https://matrix.example.com/_matrix/client/versions answers; it speaks [VERSION]
    ✓ https://matrix.example.com/auth/.well-known/openid-configuration answers; the issuer is https://matrix.example.com/auth/
    ✓ Synapse and MAS agree on the issuer
    ✓ https://matrix.example.com/_matrix/client/v3/login answers with 3 ways to log in
    ✓ https://element.example.com/config.json answers; it is for example.com
    13 good, 0 to look at, 0 bad, 0 not asked
    ");

    // Nobody vouches for the certificates; MAS stands still, and so does Synapse, which requires it.
    installed.sandbox.script("systemctl stop matrix-authentication-service");
    let bad = homestead.run(&["self-check", "--resolve", &secure, "--resolve", &plain, "--json"]).exits(2).json();
    let bad: Vec<String> = bad["hosts"][0]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["verdict"] == "bad")
        .map(|check| format!("{} {}", check["check"].as_str().unwrap(), check["name"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(bad.join("\n"), @"
    certificate element.example.com:443
    certificate example.com:443
    certificate matrix.example.com:443
    client-api https://matrix.example.com/_matrix/client/versions
    mas https://matrix.example.com/auth/.well-known/openid-configuration
    ");

    // A port that is closed is said once, and what lies behind it is not asked for.
    let closed = format!("*:443:127.0.0.1:{}", crate::common::closed_port());
    let silent = homestead.run(&["self-check", "--resolve", &closed, "--resolve", &plain]).exits(2);
    assert!(silent.stdout.contains("✗ matrix.example.com:443 takes no connection: Connection refused"), "{}", silent.text());
    assert!(silent.stdout.contains("- https://matrix.example.com/_matrix/client/versions was not asked for"), "{}", silent.text());
    homestead.run(&["start-all"]).exits(0);
    homestead.run(&["run-tags", "self-check"]).exits(2);
}
