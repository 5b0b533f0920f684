//! What homestead calls its own on a host: it says when that changed, removes it, and touches nothing else.

use serde_json::{Value, json};

use crate::common::wait_for;
use crate::installed::{Installed, changed_units};
use crate::requests::{ask, login_request, until_served};

const PASSWORD: &str = "test-only-ohSh4aeGh7ie";

#[test]
fn a_host_says_what_moved_and_a_hanging_run_can_be_ended() {
    let Some(installed) = Installed::start("drift") else { return };
    nothing_moved(&installed);
    restart_and_logs(&installed);
    everything_moved(&installed);
    a_run_that_hangs(&installed);
}

fn nothing_moved(installed: &Installed) {
    let outcome = installed.homestead().run(&["status", "--exit-code"]).exits(0);
    assert!(outcome.stdout.starts_with("matrix.example.com: everything is as declared: 8 services, generation 1, "), "{}", outcome.text());
    assert_eq!(outcome.stdout.lines().count(), 1, "{}", outcome.text());
    let status = installed.homestead().run(&["status", "--json"]).exits(0).json();
    let host = &status["hosts"][0];
    assert_eq!(
        (&host["fine"], &host["locked"], &host["unfinished"], &host["kept"]),
        (&json!(true), &json!(false), &Value::Null, &json!([]))
    );
    let units = host["units"].as_array().unwrap();
    assert!(units.iter().all(|unit| unit["seconds"].is_u64() && unit["version"].is_string() && unit["enabled"] == true), "{units:#?}");
}

/// What requires a service is there again after its restart, and the journal shows it without secrets.
fn restart_and_logs(installed: &Installed) {
    let homestead = installed.homestead();
    let before = installed.units();
    homestead.run(&["restart", "client-element"]).exits(0);
    assert_eq!(changed_units(&before, &installed.units()), ["matrix-client-element.service"]);
    let before = installed.units();
    homestead.run(&["restart", "matrix-postgres.service"]).exits(0);
    let after = installed.units();
    assert!(after.values().all(|unit| unit.state == "active"), "{after:#?}");
    let changed = changed_units(&before, &after);
    assert_eq!(changed, ["matrix-authentication-service.service", "matrix-postgres.service", "matrix-synapse.service"]);
    let unknown = homestead.run(&["restart", "postgrez"]).exits(1);
    assert_eq!(unknown.stderr, "error: there is no service or group `postgrez`\nhint: did you mean `postgres`?\n");

    let logs = homestead.run(&["logs", "postgres", "-n", "5"]).exits(0);
    assert_eq!(logs.stdout.lines().count(), 5, "{}", logs.text());
    assert!(homestead.run(&["logs", "postgres", "--since", "today"]).exits(0).stdout.lines().count() > 5);
    let plain = |text: &&String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let password = installed.secrets.iter().find(plain).unwrap();
    // As a program that writes its password down: the run fails if it is shown.
    installed.sandbox.script(&format!(
        "mkdir -p /run/systemd/system/matrix-exim-relay.service.d
         printf '[Service]\\nExecStartPost=/bin/echo said %s\\n' '{password}' >/run/systemd/system/matrix-exim-relay.service.d/x.conf
         systemctl daemon-reload && systemctl restart matrix-exim-relay
         rm -r /run/systemd/system/matrix-exim-relay.service.d && systemctl daemon-reload"
    ));
    let events = homestead.run(&["--json", "logs", "exim-relay"]).exits(0).json_lines();
    assert!(events.iter().all(|event| event["event"] == "output"), "{events:?}");
    assert!(events.iter().any(|event| event["line"].as_str().unwrap().contains("said [redacted]")), "{events:?}");
    let wrong = homestead.run(&["logs", "synapse", "--since", "whenever"]).exits(2);
    assert!(wrong.stderr.contains("the journal cannot be read: Failed to parse timestamp"), "{}", wrong.text());
    let mut following = homestead.start(&["logs", "static-files", "--follow", "-n", "1"], "");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(following.goes_on());
    following.signal("INT");
    following.wait().exits(0);
}

fn everything_moved(installed: &Installed) {
    let (units, files) = (installed.units(), installed.files());
    installed.sandbox.script(
        "set -e
         sed -i 's/^max_upload_size: .*/max_upload_size: \"51M\"/' /matrix/synapse/config/homeserver.yaml
         sed -i 1i\\# /matrix/traefik/config/provider.yml
         chmod 600 /matrix/static-files/labels
         rm /matrix/client-element/labels
         systemctl stop matrix-exim-relay
         systemctl disable --quiet matrix-static-files
         docker tag $(docker image inspect --format '{{.Id}}' $(docker inspect --format '{{.Config.Image}}' matrix-postgres)) \
           $(docker inspect --format '{{.Config.Image}}' matrix-client-element)
         docker run --detach --name matrix-mine --entrypoint sleep $(docker inspect --format '{{.Config.Image}}' matrix-traefik) 1000",
    );
    let wish = installed.another_inventory();
    wish.set("matrix_client_element_brand", "Our Element").set("matrix_static_files_enabled", "true");
    let homestead = installed.homestead_on(&wish);
    let status = homestead.run(&["status", "--json", "--exit-code"]).exits(2).json();
    let host = &status["hosts"][0];
    let moved: Vec<(&str, &str, bool)> = host["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["name"].as_str().unwrap(), item["moved"].as_str().unwrap(), item["same_meaning"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        moved,
        [
            ("/matrix/client-element/config.json", "inventory", false),
            ("/matrix/client-element/labels", "gone", false),
            ("/matrix/static-files/labels", "host", true),
            ("/matrix/synapse/config/homeserver.yaml", "host", false),
            ("/matrix/traefik/config/provider.yml", "host", true),
        ]
    );
    let problems: Vec<(&str, &str)> = host["units"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|unit| unit["problems"].as_array().unwrap().iter().map(|text| (unit["unit"].as_str().unwrap(), text.as_str().unwrap())))
        .collect();
    let [relay, element, statics] = problems.as_slice() else { panic!("{problems:#?}") };
    assert_eq!(relay, &("matrix-exim-relay.service", "stopped"));
    assert_eq!(element.0, "matrix-client-element.service");
    assert!(element.1.starts_with("runs an older image: "), "{problems:#?}");
    assert_eq!(statics, &("matrix-static-files.service", "disabled: it does not start with the machine"));
    assert_eq!(host["strangers"], json!(["matrix-mine"]));

    // No secret is shown: the homestead of this test fails a run that does.
    let shown = homestead.run(&["status", "--diff"]).exits(0);
    assert!(shown.stdout.contains("    -max_upload_size: \"51M\"\n    +max_upload_size: \"50M\"\n"), "{}", shown.text());

    installed
        .sandbox
        .script("docker rm --force matrix-mine; docker image rm $(docker inspect --format '{{.Config.Image}}' matrix-client-element)");
    installed.homestead().run(&["install-all"]).exits(0);
    installed.homestead().run(&["status", "--exit-code"]).exits(0);
    let mut now = installed.files();
    now.insert("/var/lib/homestead/manifest.json".into(), files["/var/lib/homestead/manifest.json"].clone());
    assert_eq!(now, files);
    assert_eq!(installed.units().keys().collect::<Vec<_>>(), units.keys().collect::<Vec<_>>());
}

/// Whoever ends a run at the host frees the lock, and the run says so itself.
fn a_run_that_hangs(installed: &Installed) {
    let homestead = installed.homestead();
    assert_eq!(homestead.run(&["lock", "status"]).exits(0).stdout, "matrix.example.com: free\n");
    let changed = installed.another_inventory();
    changed.set("matrix_synapse_max_upload_size_mb", "60");
    let first_homestead = installed.homestead_on(&changed);
    let mut first = first_homestead.start(&["install-all"], "");
    wait_for(30, "the run to hold the lock", || {
        assert!(first.goes_on(), "the run ended before its lock was seen");
        installed.sandbox.exec("grep -s install-all /var/lib/homestead/lock.json", b"").status.success().then_some(())
    });
    first.signal("STOP");
    let status = homestead.run(&["lock", "status", "--json"]).exits(21).json();
    let host = &status["hosts"][0];
    assert_eq!((&host["held"], &host["left_over"]), (&json!(true), &json!(false)));
    assert_eq!((&host["holder"]["who"], &host["holder"]["command"]), (&json!("tester@laptop"), &json!("homestead install-all")));
    assert!(!host["processes"].as_array().unwrap().is_empty());

    let unasked = homestead.run(&["lock", "release"]).exits(1);
    assert!(unasked.stderr.contains("matrix.example.com: held by tester@laptop since "), "{}", unasked.text());
    homestead.run(&["lock", "status"]).exits(21);
    let ended = homestead.run(&["lock", "release", "--yes"]).exits(0);
    assert!(
        ended.stdout.starts_with("matrix.example.com: ended process ") && ended.stdout.ends_with("; the lock is free\n"),
        "{}",
        ended.text()
    );
    first.signal("CONT");
    let outcome = first.wait();
    assert!([4, 21].contains(&outcome.code), "{}", outcome.text());
    assert_eq!(homestead.run(&["lock", "status"]).exits(0).stdout, "matrix.example.com: free\n");

    // A note that nobody stands behind.
    let note = r#"{"who":"a@b","run":"r0","command":"homestead install-all","since":"2026-01-01T00:00:00Z"}"#;
    installed.sandbox.exec("cat >/var/lib/homestead/lock.json", note.as_bytes());
    let left = homestead.run(&["lock", "status"]).exits(0);
    assert!(left.stdout.contains("free; a note of a run that ended without a word is left over: a@b since 2026-01-01"), "{}", left.text());
    let removed = homestead.run(&["lock", "release"]).exits(0);
    assert_eq!(removed.stdout, "matrix.example.com: nobody held the lock; the note that was left over is removed\n");
    assert_eq!(homestead.run(&["lock", "release"]).exits(0).stdout, "matrix.example.com: the lock was free\n");
    installed.homestead().run(&["install-all"]).exits(0);
}

#[test]
fn what_is_ours_goes_and_nothing_else_and_data_only_when_it_is_named() {
    let Some(installed) = Installed::start("ownership") else { return };
    let room = talk(&installed);
    installed.sandbox.script(
        "echo mine >/matrix/client-element/mine.txt
         printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/system/matrix-foo.service
         systemctl daemon-reload; systemctl start matrix-foo
         docker network create mine >/dev/null",
    );
    a_role_less(&installed);
    everything_less(&installed, &room);
    data_too(&installed);
}

fn with_token(installed: &Installed, path: &str, options: &str, input: &str) -> Value {
    let login = ask(installed, "/_matrix/client/v3/login", "--json @-", &login_request("alice", PASSWORD).to_string());
    let header = format!("--header 'Authorization: Bearer {}'", login["access_token"].as_str().unwrap());
    ask(installed, path, &format!("{header} {options}"), input)
}

/// Alice says something; gives the room.
fn talk(installed: &Installed) -> String {
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned()]);
    homestead.run_with_input(&["register-user", "alice", "--password-stdin"], PASSWORD).exits(0);
    until_served(installed);
    let made = with_token(installed, "/_matrix/client/v3/createRoom", "--json @-", "{}");
    let room = made["room_id"].as_str().unwrap().replace('!', "%21").replace(':', "%3A");
    let message = json!({"msgtype": "m.text", "body": "still here"}).to_string();
    with_token(installed, &format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/1"), "--request PUT --json @-", &message);
    room
}

fn of_others(installed: &Installed) {
    let script = "cat /matrix/client-element/mine.txt; systemctl is-active matrix-foo; docker network inspect --format '{{.Name}}' mine";
    assert_eq!(installed.sandbox.script(script), "mine\nactive\nmine\n");
}

fn a_role_less(installed: &Installed) {
    installed.inventory.set("matrix_client_element_enabled", "false").set("exim_relay_enabled", "false");
    let kept = installed.homestead().run(&["install-all"]).exits(0);
    assert!(
        kept.stdout.contains("   orphan unit matrix-exim-relay.service (nothing wants it; `setup-all` removes it)\n"),
        "{}",
        kept.text()
    );
    let removed = installed.homestead().run(&["setup-all"]).exits(0);
    assert!(removed.stdout.contains("   remove network matrix-exim-relay\n"), "{}", removed.text());
    let data = "     kept data of exim-relay: /matrix/exim-relay/spool (`setup-all --purge-data exim-relay` removes it for good)\n";
    let folder = "     note the folder `/matrix/client-element` stays: it holds `mine.txt`, which homestead did not write\n";
    assert_eq!(installed.homestead().run(&["setup-all"]).exits(0).stdout, format!("{data}{folder}No changes.\n"));
    let left = "find /matrix/exim-relay /matrix/client-element -mindepth 1 -maxdepth 1; docker network ls --format '{{.Name}}' | grep -c exim; true";
    assert_eq!(installed.sandbox.script(left), "/matrix/exim-relay/spool\n/matrix/client-element/mine.txt\n0\n");

    let used = installed.homestead().run(&["setup-all", "--yes", "--purge-data", "synapse"]).exits(1);
    assert!(
        used.stderr.contains("error: `matrix.example.com`: the data of `matrix-synapse` is in use; nothing was touched\n"),
        "{}",
        used.text()
    );
    installed.homestead().run(&["setup-all", "--purge-data", "exim-relay"]).exits(1);
    let shown = installed.homestead().run(&["setup-all", "--check", "--purge-data", "exim-relay"]).exits(0);
    assert!(shown.stdout.contains("   remove data exim-relay (/matrix/exim-relay/spool; "), "{}", shown.text());
    assert_eq!(installed.sandbox.script("ls /matrix/exim-relay"), "spool\n");
    installed.homestead().run(&["setup-all", "--yes", "--purge-data", "exim-relay"]).exits(0);
    assert_eq!(installed.sandbox.script("ls -d /matrix/exim-relay 2>&1 | wc -l; ls /matrix | grep -c exim || true"), "1\n0\n");
    assert_eq!(installed.homestead().run(&["setup-all"]).exits(0).stdout, format!("{folder}No changes.\n"));
    of_others(installed);
    installed.inventory.unset("matrix_client_element_enabled").unset("exim_relay_enabled");
    installed.homestead().run(&["install-all"]).exits(0);
}

/// An inventory that cannot be evaluated is no obstacle, and the messages are there again afterwards.
fn everything_less(installed: &Installed, room: &str) {
    let broken = installed.another_inventory();
    broken.set("matrix_domain", "'{{ nothing_that_is_set }}'").set("matrix_synapse_storage_path", "[]");
    let homestead = installed.homestead_on(&broken);
    homestead.run(&["plan"]).exits(3);
    homestead.run(&["uninstall"]).exits(1);
    let shown = homestead.run(&["uninstall", "--check"]).exits(0);
    assert!(shown.stdout.contains("   remove unit matrix-synapse.service\n"), "{}", shown.text());
    assert!(installed.units().values().all(|unit| unit.state == "active"));
    let gone = homestead.run(&["uninstall", "--yes"]).exits(0);
    assert!(gone.stderr.contains("`homestead install-all` finds it again"), "{}", gone.text());
    let left = installed.sandbox.script(
        "ls /etc/systemd/system | grep ^matrix; docker ps --all --quiet; docker network ls --format '{{.Name}}' | sort | tr '\\n' ' '; \
         find /matrix -type f -not -path '*/postgres/data/*' -not -path '*/storage/*' -not -path '*/spool/*' | sort; ls -A /var/lib/homestead",
    );
    insta::assert_snapshot!(left, @"
    matrix-foo.service
    bridge host mine none /matrix/client-element/mine.txt
    /matrix/matrix-authentication-service/data/keys/ecdsa-k256.priv.pem
    /matrix/matrix-authentication-service/data/keys/ecdsa-p256.priv.pem
    /matrix/matrix-authentication-service/data/keys/ecdsa-p384.priv.pem
    /matrix/matrix-authentication-service/data/keys/rsa-2048.priv.pem
    /matrix/synapse/config/matrix.example.com.signing.key
    lock
    manifest.json
    ");
    of_others(installed);
    let again = homestead.run(&["uninstall", "--yes"]).exits(0);
    assert!(again.stdout.contains("No changes.\n"), "{}", again.text());

    installed.homestead().run(&["install-all"]).exits(0);
    until_served(installed);
    let messages = with_token(installed, &format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=1"), "", "");
    assert_eq!(messages["chunk"][0]["content"]["body"], "still here", "{messages}");
    installed.homestead().run(&["status", "--exit-code"]).exits(0);
}

fn data_too(installed: &Installed) {
    let databases = || {
        let script = "docker exec matrix-postgres sh -c 'PGPASSWORD=$POSTGRES_PASSWORD psql -h /run/postgresql -U $POSTGRES_USER -d $POSTGRES_DB -At \
                      -c \"SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles\"'";
        installed.sandbox.script(script).lines().filter(|name| !name.starts_with("pg_")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(databases().iter().filter(|name| *name == "matrix_authentication_service").count(), 2);
    // One role's data out of a Postgres that goes on.
    installed.inventory.set("matrix_authentication_service_enabled", "false");
    installed.homestead().run(&["setup-all", "--yes", "--purge-data", "mas"]).exits(0);
    assert!(!databases().contains(&"matrix_authentication_service".to_owned()), "{:?}", databases());
    assert_eq!(databases().iter().filter(|name| *name == "synapse").count(), 2);
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());

    installed.homestead().run(&["uninstall", "--yes", "--purge-all-data"]).exits(0);
    let left = installed.sandbox.script("find /matrix -not -type d; ls -A /var/lib/homestead 2>/dev/null; docker ps --all --quiet");
    assert_eq!(left, "/matrix/client-element/mine.txt\n");
    of_others(installed);
    let nothing = installed.homestead().run(&["uninstall", "--yes", "--purge-all-data"]).exits(0);
    assert!(nothing.stderr.contains("homestead has nothing on this host"), "{}", nothing.text());
}
