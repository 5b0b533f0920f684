//! The major upgrade of Postgres: from a real 15 to a real 18, with what people wrote.

use serde_json::{Value, json};

use crate::common::{Homestead, wait_for};
use crate::installed::Installed;
use crate::requests::{ask, login_request, until_served};

const PASSWORD: &str = "test-only-Ooth5aephai9";
const SIDE: &str = "matrix-postgres-upgrade";

fn version(installed: &Installed) -> String {
    installed.sandbox.script("cat /matrix/postgres/data/PG_VERSION").trim().to_owned()
}

/// Ends the second server as soon as it takes connections.
fn kill_the_second_server(installed: &Installed) {
    installed.sandbox.script(&format!(
        "setsid sh -c 'until docker exec {SIDE} pg_isready --quiet --host=127.0.0.1; do sleep 0.1; done; docker kill {SIDE}' >/dev/null 2>&1 </dev/null &"
    ));
}

#[track_caller]
fn everything_is_as_it_was(installed: &Installed) {
    assert_eq!(version(installed), "15");
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
    let left = installed
        .sandbox
        .script(&format!("ls -d /matrix/postgres/data*; docker ps --all --quiet --filter name={SIDE}; ls /var/lib/homestead"));
    assert!(left.starts_with("/matrix/postgres/data\n") && !left.contains("upgrad"), "{left}");
}

#[test]
fn a_new_major_version_takes_over_or_everything_stays() {
    let Some(installed) = Installed::bare("upgrade") else { return };
    let homestead = Homestead::on(&installed.inventory).guarding(&installed.secrets).guarding(&[PASSWORD.to_owned()]);
    installed.inventory.set("postgres_allowed_versions_custom", "[15]");
    homestead.run(&["install-all"]).exits(0);
    assert_eq!(version(&installed), "15");
    let none = homestead.run(&["postgres", "upgrade", "--yes"]).exits(0);
    assert!(none.stdout.contains("are of Postgres 15, the newest that the inventory allows"), "{}", none.text());
    until_served(&installed);
    homestead.run_with_input(&["register-user", "alice", "--password-stdin"], PASSWORD).exits(0);
    let login = ask(&installed, "/_matrix/client/v3/login", "--json @-", &login_request("alice", PASSWORD).to_string());
    let token = login["access_token"].as_str().unwrap().to_owned();
    let header = format!("header = \"Authorization: Bearer {token}\"\n");
    let body = json!({"name": "Kept"}).to_string().replace('"', "\\\"");
    let room = ask(&installed, "/_matrix/client/v3/createRoom", "--config -", &format!("{header}request = POST\ndata = \"{body}\"\n"));
    let room = room["room_id"].as_str().unwrap().replace('!', "%21");
    let name = || -> Value {
        ask(&installed, &format!("/_matrix/client/v3/rooms/{room}/state/m.room.name"), "--config -", &header)["name"].clone()
    };
    assert_eq!(name(), "Kept");

    // The version stays until it is told otherwise, and an image that does not fit is refused before anything is touched.
    installed.inventory.unset("postgres_allowed_versions_custom");
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
    let wrong = homestead.run(&["install-all", "-e", "postgres_container_image_to_use=127.0.0.1:5000/postgres:18.6-alpine"]).exits(3);
    assert!(wrong.stderr.contains("the image runs another major version of Postgres than 15"), "{}", wrong.text());
    let unasked = homestead.run(&["postgres", "upgrade"]).exits(1);
    assert!(unasked.stderr.contains("there is no terminal to ask for a confirmation; nothing was touched"), "{}", unasked.text());

    // A failure brings everything back, also when nobody is there any more to see it.
    kill_the_second_server(&installed);
    let failed = homestead.run(&["run-tags", "upgrade-postgres"]).exits(20);
    assert!(failed.stderr.contains("nothing was replaced, and what ran before runs again on the old version"), "{}", failed.text());
    everything_is_as_it_was(&installed);
    kill_the_second_server(&installed);
    let gone = homestead.start(&["postgres", "upgrade", "--yes"], "");
    wait_for(60, "the second server", || installed.sandbox.exec(&format!("docker inspect {SIDE}"), b"").status.success().then_some(()));
    gone.signal("KILL");
    assert_eq!(gone.wait().code, 137);
    wait_for(90, "the host to go back by itself", || {
        let free = installed.sandbox.exec("flock --nonblock /var/lib/homestead/lock true", b"").status.success();
        (free && installed.units().values().all(|unit| unit.state == "active")).then_some(())
    });
    everything_is_as_it_was(&installed);

    let done = homestead.run(&["postgres", "upgrade", "--yes"]).exits(0);
    assert!(done.stdout.contains("upgraded from Postgres 15 to 18; "), "{}", done.text());
    assert_eq!(version(&installed), "18");
    assert!(installed.units().values().all(|unit| unit.state == "active"), "{:#?}", installed.units());
    assert_eq!(name(), "Kept");
    ask(&installed, "/_matrix/client/v3/login", "--json @-", &login_request("alice", PASSWORD).to_string());
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
    let again = homestead.run(&["postgres", "upgrade", "--yes"]).exits(0);
    assert!(again.stdout.contains("are of Postgres 18"), "{}", again.text());

    let kept =
        installed.sandbox.script("cat /matrix/postgres/data.before-upgrade-*/PG_VERSION; ls -A /matrix/postgres; ls /var/lib/homestead");
    assert!(kept.starts_with("15\n") && !kept.contains("upgrading") && !kept.contains("\nupgrade\n"), "{kept}");
    homestead.run(&["postgres", "upgrade", "--remove-old-data", "--yes"]).exits(0);
    assert_eq!(installed.sandbox.script("ls -d /matrix/postgres/data*"), "/matrix/postgres/data\n");
}
