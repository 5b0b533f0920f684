//! `!secret`: credentials by reference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Homestead, Outcome, TestInventory};
use insta::assert_snapshot;

fn value(shown: &Outcome, name: &str) -> String {
    shown.json()["variables"][name]["value"].as_str().unwrap().to_owned()
}

#[test]
fn a_secret_comes_from_where_it_is() {
    let inventory = TestInventory::new();
    inventory.write("inventory/private/pepper", "from-a-file {{ not_a_template }}\n");
    inventory.write("home/key", "from-home\r\n");
    inventory.write("password", "open sesame\n");
    inventory.append(
        "one: !secret {file: private/pepper}\n\
         two: !secret {env: PEPPER}\n\
         three: !secret\n  command: \"cat private/pepper; echo $PEPPER; echo told-nobody >&2\"\n\
         four: !secret {file: ~/key}\n\
         list: [{password: !secret {env: PEPPER}}]\n\
         derived: \"{{ two }}-and-more\"\n",
    );
    // What `ansible-vault encrypt_string` makes.
    let vault = homestead::inventory::vault::encrypt(
        &homestead::secret::Secret::new("from-a-vault".to_owned()),
        &homestead::secret::Secret::new("open sesame".to_owned()),
        None,
        &[7; 32],
    );
    inventory.append(&format!("five: !secret\n  vault: |\n    {}\n", vault.trim_end().replace('\n', "\n    ")));
    let secrets = ["from-a-file", "from-the-environment", "from-home", "from-a-vault", "told-nobody"].map(str::to_owned);
    let homestead = Homestead::on(&inventory)
        .with(&["--vault-password-file", "password"])
        .environment("PEPPER", "from-the-environment")
        .guarding(&secrets);
    let shown = homestead.run(&["vars", "--json", "--reveal"]).exits(0);
    assert_eq!(value(&shown, "one"), "from-a-file {{ not_a_template }}");
    assert_eq!(value(&shown, "two"), "from-the-environment");
    assert_eq!(value(&shown, "three"), "from-a-file {{ not_a_template }}\nfrom-the-environment");
    assert_eq!(value(&shown, "four"), "from-home");
    assert_eq!(value(&shown, "five"), "from-a-vault");
    assert_eq!(value(&shown, "derived"), "from-the-environment-and-more");
    assert_eq!(shown.json()["variables"]["list"]["value"], serde_json::json!([{"password": "from-the-environment"}]));
    // Without `--reveal`, and in everything else that is shown, it is taken out.
    homestead.run(&["vars"]).exits(0);
    assert_eq!(value(&homestead.run(&["vars", "--json"]).exits(0), "derived"), "[redacted]");
    homestead.run(&["vars", "three", "-vv"]).exits(0);
}

#[test]
fn a_reference_is_a_credential_like_any_other() {
    let inventory = TestInventory::new();
    inventory.set("matrix_homeserver_generic_secret_key", "!secret {file: key}");
    inventory.set("postgres_connection_password", "!secret {command: \"printf x >> asked; echo from-a-command-1234\"}");
    inventory.write("inventory/key", "test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9\n");
    let homestead = Homestead::on(&inventory).guarding(&["from-a-command-1234".to_owned()]);
    assert_snapshot!(homestead.run(&["check"]).text(), @"
    $ homestead check
    -- stdout
    0 errors, 0 warnings
    -- exit code 0
    ");
    homestead.run(&["render", "--out", "by-reference"]).exits(0);
    let env = "matrix.example.com/matrix/postgres/env-postgres-server";
    assert!(inventory.read(&format!("by-reference/{env}")).contains("from-a-command-1234"));
    // Each of the two runs asked once.
    assert_eq!(inventory.read("inventory/asked"), "xx");
}

#[test]
fn what_cannot_be_had_is_told_with_its_place() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory).guarding(&["hunter2".to_owned()]);
    let mut told = String::new();
    for wrong in ["{file: absent}", "{command: \"echo hunter2; exit 3\"}", "{command: \"true\"}", "{env: ABSENT}"] {
        inventory.set("postgres_connection_password", &format!("!secret {wrong}"));
        told.push_str(&homestead.run(&["check"]).exits(3).text());
    }
    assert_snapshot!(told, @"
    $ homestead check
    -- stdout
    error[H0206]: there is no file `[FOLDER]/inventory/absent`
     --> inventory/host_vars/matrix.example.com/vars.yml:7:31
      |
    7 | postgres_connection_password: [redacted]
      |                               ^^^^^^^^^^

    1 error, 0 warnings
    -- exit code 3
    $ homestead check
    -- stdout
    error[H0206]: the command of `!secret` failed: exit status: 3
     --> inventory/host_vars/matrix.example.com/vars.yml:7:31
      |
    7 | postgres_connection_password: [redacted]
      |                               ^^^^^^^^^^
      |
      = help: run it by hand to see what it says

    1 error, 0 warnings
    -- exit code 3
    $ homestead check
    -- stdout
    error[H0206]: the command printed nothing
     --> inventory/host_vars/matrix.example.com/vars.yml:7:31
      |
    7 | postgres_connection_password: [redacted]
      |                               ^^^^^^^^^^

    1 error, 0 warnings
    -- exit code 3
    $ homestead check
    -- stdout
    error[H0206]: the environment has no `ABSENT`
     --> inventory/host_vars/matrix.example.com/vars.yml:7:31
      |
    7 | postgres_connection_password: [redacted]
      |                               ^^^^^^^^^^

    1 error, 0 warnings
    -- exit code 3
    ");
}

#[test]
fn a_malformed_reference_is_told() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    let mut told = String::new();
    for wrong in ["{path: a}", "{file: a, env: B}", "{}", "{file: [a]}", "{env: ''}", "a", "[a]"] {
        inventory.set("mine", &format!("!secret {wrong}"));
        told.push_str(&homestead.run(&["check"]).exits(3).stdout);
    }
    assert_snapshot!(told, @"
    error[H0141]: `!secret` knows no place `path`
     --> inventory/host_vars/matrix.example.com/vars.yml:8:16
      |
    8 | mine: !secret {path: a}
      |                ^^^^
      |
      = help: it knows file, env, command, vault

    1 error, 0 warnings
    error[H0141]: `!secret` names exactly one place
     --> inventory/host_vars/matrix.example.com/vars.yml:8:7
      |
    8 | mine: !secret {file: a, env: B}
      |       ^^^^^^^
      |
      = help: `!secret {file: PATH}`, or one of `env`, `command`, `vault`

    1 error, 0 warnings
    error[H0141]: `!secret` names exactly one place
     --> inventory/host_vars/matrix.example.com/vars.yml:8:7
      |
    8 | mine: !secret {}
      |       ^^^^^^^
      |
      = help: `!secret {file: PATH}`, or one of `env`, `command`, `vault`

    1 error, 0 warnings
    error[H0141]: `file` needs text, not a list
     --> inventory/host_vars/matrix.example.com/vars.yml:8:22
      |
    8 | mine: !secret {file: [a]}
      |                      ^^^

    1 error, 0 warnings
    error[H0141]: `env` is empty
     --> inventory/host_vars/matrix.example.com/vars.yml:8:21
      |
    8 | mine: !secret {env: ''}
      |                     ^^

    1 error, 0 warnings
    error[H0141]: `!secret` stands before a mapping
     --> inventory/host_vars/matrix.example.com/vars.yml:8:7
      |
    8 | mine: !secret a
      |       ^^^^^^^
      |
      = help: `!secret {file: PATH}`, or one of `env`, `command`, `vault`

    1 error, 0 warnings
    error[H0141]: `!secret` stands before a mapping
     --> inventory/host_vars/matrix.example.com/vars.yml:8:7
      |
    8 | mine: !secret [a]
      |       ^^^^^^^
      |
      = help: `!secret {file: PATH}`, or one of `env`, `command`, `vault`

    1 error, 0 warnings
    ");
}
