//! What is wrong with an inventory or a command line: said before a host is touched, with place and help.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{HOST, Homestead, TestInventory};
use insta::assert_snapshot;

const ENCRYPTION: &str = "matrix_authentication_service_config_secrets_encryption";

#[test]
fn a_good_inventory_has_nothing_wrong() {
    let inventory = TestInventory::new();
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"
    $ homestead check
    -- stdout
    0 errors, 0 warnings
    -- exit code 0
    ");
}

#[test]
fn an_inventory_that_is_not_there_is_named() {
    let inventory = TestInventory::new();
    std::fs::remove_dir_all(inventory.path("inventory")).unwrap();
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"
    $ homestead check
    -- stderr
    error: there is no inventory `inventory/hosts` (looked for [FOLDER]/inventory/hosts)
    hint: create one with `homestead init`, or name another with `-i PATH`
    -- exit code 3
    ");
    assert_snapshot!(Homestead::on(&inventory).run(&["--inventory", "elsewhere", "install-all"]).text(), @"
    $ homestead --inventory elsewhere install-all
    -- stderr
    error: there is no inventory `elsewhere` (looked for [FOLDER]/elsewhere)
    hint: create one with `homestead init`, or name another with `-i PATH`
    -- exit code 3
    ");
}

#[test]
fn a_host_that_is_not_there_is_guessed() {
    let inventory = TestInventory::new();
    assert_snapshot!(Homestead::on(&inventory).run(&["--limit", "matrix.exmaple.com", "install-all"]).text(), @"
    $ homestead --limit matrix.exmaple.com install-all
    -- stderr
    error: no host and no group is named `matrix.exmaple.com`
    hint: did you mean `matrix.example.com`?
    -- exit code 1
    ");
    assert_snapshot!(Homestead::on(&inventory).run(&["--limit", "something-else", "check"]).text(), @"
    $ homestead --limit something-else check
    -- stderr
    error: no host and no group is named `something-else`
    hint: the inventory has `matrix.example.com`
    -- exit code 1
    ");
}

#[test]
fn a_yaml_mistake_is_pointed_at() {
    let inventory = TestInventory::new();
    inventory.vars("---\nmatrix_domain: example.com\npostgres_connection_password: 'open\nmatrix_user_name: x: y\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @r#"
    $ homestead check
    -- stdout
    error[H0101]: this is not YAML: invalid indentation in multiline quoted scalar
     --> inventory/host_vars/matrix.example.com/vars.yml:4:1
      |
    4 | matrix_user_name: x: y
      | ^^^^^^^^^^^^^^^^
      |
      = help: a quote that opens must close; `"` in double quotes is written `\"`, `'` in single quotes `''`

    1 error, 0 warnings
    -- exit code 3
    "#);
    inventory.vars("matrix_domain: example.com\nmatrix_client_element_brand:\n\t- tab\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["install-all"]).text(), @"
    $ homestead install-all
    -- stderr
    error[H0102]: a tab stands where YAML allows only spaces
     --> inventory/host_vars/matrix.example.com/vars.yml:3:1
      |
    3 |     - tab
      | ^^^^
      |
      = help: replace the tabs by spaces

    error: the inventory has 1 error; nothing was touched
    -- exit code 3
    ");
    let document = Homestead::on(&inventory).run(&["check", "--format", "json"]).exits(3).json();
    let finding = &document["diagnostics"][0];
    let place = (finding["file"].as_str().unwrap(), finding["line"].as_u64().unwrap(), finding["column"].as_u64().unwrap());
    assert_eq!(place, (format!("inventory/host_vars/{HOST}/vars.yml").as_str(), 3, 1));
}

#[test]
fn a_secret_beside_a_mistake_is_not_shown() {
    let inventory = TestInventory::new();
    let secret = "test-only-Uo4kahfahGh4";
    let homestead = Homestead::on(&inventory).guarding(&[secret.to_owned()]);
    for line in [
        format!("postgres_connection_password: '{secret}' x"),
        format!("postgres_connection_password: \"{secret}\\!\""),
        format!("postgres_connection_password: [{secret}"),
        format!("my_list: {{password: {secret}, *}}"),
        format!("postgres_connection_password: \"{secret}{{{{ my_own }}}}\""),
        format!("postgres_connection_password: \"{{{{ '{secret}' | frobnicate }}}}\""),
    ] {
        inventory.vars(&format!("---\nmatrix_domain: example.com\n{line}\n"));
        homestead.run(&["check"]).exits(3);
        homestead.run(&["check", "--format", "json"]).exits(3);
        homestead.run(&["install-all"]).exits(3);
    }
}

#[test]
fn a_typo_in_a_role_is_pointed_at() {
    let inventory = TestInventory::new();
    let role = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/roles/exim-relay/role.yml")).unwrap();
    inventory.write("mine/roles/exim-relay/role.yml", &role.replace("\ndirectories:\n", "\ndirectorys:\n"));
    let outcome = Homestead::on(&inventory).run(&["--roles-dir", "mine", "check"]);
    assert_snapshot!(outcome.text(), @"
    $ homestead --roles-dir mine check
    -- stdout
    error[H0303]: unknown key `directorys`
      --> mine/roles/exim-relay/role.yml:47:1
       |
    47 | directorys:
       | ^^^^^^^^^^
       |
       = help: did you mean `directories`?

    1 error, 0 warnings
    -- exit code 3
    ");
    assert_snapshot!(Homestead::on(&inventory).run(&["--roles-dir", "inventory", "check"]).text(), @"
    $ homestead --roles-dir inventory check
    -- stderr
    error: `inventory` holds neither `roles` nor `templates`
    hint: give `--roles-dir` the folder that contains them
    -- exit code 1
    ");
}

#[test]
fn a_malformed_secret_is_not_shown() {
    let inventory = TestInventory::new();
    let malformed = "not-hex-but-secret-Aghee4ohNae4";
    inventory.set(ENCRYPTION, &format!("'{malformed}'"));
    let homestead = Homestead::on(&inventory).guarding(&[malformed.to_owned()]);
    let outcome = homestead.run(&["check"]);
    assert_snapshot!(outcome.text(), @"
    $ homestead check
    -- stdout
    error[H0332]: `matrix_authentication_service_config_secrets_encryption` is malformed
     --> inventory/host_vars/matrix.example.com/vars.yml:7:1
      |
    7 | matrix_authentication_service_config_secrets_encryption: [redacted]
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: exactly 64 hex digits; make one with `openssl rand -hex 32`, once, and keep it

    1 error, 0 warnings
    -- exit code 3
    ");
    for command in [["install-all"], ["plan"], ["setup-all"]] {
        let outcome = homestead.run(&command).exits(3);
        assert!(outcome.stderr.contains("openssl rand -hex 32"), "{}", outcome.text());
    }
    homestead.run(&["check", "--format", "json"]).exits(3);
    homestead.run(&["--json", "install-all"]).exits(3);
    homestead.run(&["render", "--out", "out"]).exits(3);
    assert!(!inventory.path("out").exists());
}

#[test]
fn a_variable_that_is_not_there_is_named() {
    let inventory = TestInventory::new();
    inventory.set("matrix_client_element_brand", "\"{{ my_brnad }}\"");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @r#"
    $ homestead check
    -- stdout
    error[H0201]: `my_brnad` is undefined
     --> inventory/host_vars/matrix.example.com/vars.yml:8:34
      |
    8 | matrix_client_element_brand: "{{ my_brnad }}"
      |                                  ^^^^^^^^

    1 error, 0 warnings
    -- exit code 3
    "#);
    inventory.append("my_brand: Ours\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @r#"
    $ homestead check
    -- stdout
    error[H0201]: `my_brnad` is undefined
     --> inventory/host_vars/matrix.example.com/vars.yml:8:34
      |
    8 | matrix_client_element_brand: "{{ my_brnad }}"
      |                                  ^^^^^^^^
      |
      = help: did you mean `my_brand`?

    warning[H0339]: no role has a variable `my_brand`, and nothing uses it
     --> inventory/host_vars/matrix.example.com/vars.yml:9:1
      |
    9 | my_brand: Ours
      | ^^^^^^^^
      |
      = help: correct the name, or remove it; `homestead vars` lists the known ones

    1 error, 1 warning
    -- exit code 3
    "#);
    assert_snapshot!(Homestead::on(&inventory).run(&["vars", "matrix_domian"]).text(), @"
    $ homestead vars matrix_domian
    -- stderr
    error: no variable `matrix_domian`
    hint: did you mean `matrix_domain`?
    -- exit code 1
    ");
}

#[test]
fn a_variable_that_needs_itself_is_named() {
    let inventory = TestInventory::new();
    inventory.set("matrix_client_element_brand", "\"{{ my_brand }}\"").append("my_brand: \"{{ matrix_client_element_brand }}\"\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @r#"
    $ homestead check
    -- stdout
    error[H0204]: variables need each other: `matrix_client_element_brand` -> `my_brand` -> `matrix_client_element_brand`
     --> inventory/host_vars/matrix.example.com/vars.yml:9:15
      |
    9 | my_brand: "{{ matrix_client_element_brand }}"
      |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^

    1 error, 0 warnings
    -- exit code 3
    "#);
}

#[test]
fn all_mistakes_come_at_once() {
    let inventory = TestInventory::new();
    inventory.set("matrix_authentication_service_path_prefix", "/auth/").unset("matrix_homeserver_generic_secret_key");
    inventory.set("matrix_synapse_max_upload_size_mb", "much");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"
    $ homestead check
    -- stdout
    error[H0332]: `matrix_authentication_service_path_prefix` is malformed
     --> inventory/host_vars/matrix.example.com/vars.yml:7:1
      |
    7 | matrix_authentication_service_path_prefix: /auth/
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `/`, or a path without a trailing slash, like `/auth`

    error[H0332]: `matrix_synapse_max_upload_size_mb` is malformed
     --> inventory/host_vars/matrix.example.com/vars.yml:8:1
      |
    8 | matrix_synapse_max_upload_size_mb: much
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a whole number of MiB

    warning[H0370]: `matrix_homeserver_generic_secret_key` is not set for `matrix.example.com`
      = help: `homestead install-all` makes one on a new server and keeps it in `inventory/host_vars/matrix.example.com/secrets.yml`

    2 errors, 1 warning
    -- exit code 3
    ");
    inventory.unset("matrix_authentication_service_path_prefix");
    assert_snapshot!(Homestead::on(&inventory).run(&["install-all"]).text(), @"
    $ homestead install-all
    -- stderr
    error[H0332]: `matrix_synapse_max_upload_size_mb` is malformed
     --> inventory/host_vars/matrix.example.com/vars.yml:7:1
      |
    7 | matrix_synapse_max_upload_size_mb: much
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a whole number of MiB

    error: the inventory has 1 error; nothing was touched
    -- exit code 3
    ");
}

#[test]
fn what_cannot_work_together_is_refused() {
    let inventory = TestInventory::new();
    inventory.set("matrix_synapse_enable_registration", "true").set("matrix_synapse_workers_enabled", "true");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"
    $ homestead check
    -- stdout
    error[H0332]: Synapse cannot register users itself (enable_registration) while logins are left to Matrix Authentication Service
     --> inventory/host_vars/matrix.example.com/vars.yml:8:1
      |
    8 | matrix_synapse_enable_registration: true
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: matrix_authentication_service_config_account_password_registration_enabled takes its place

    1 error, 0 warnings
    -- exit code 3
    ");
}

#[test]
fn findings_are_a_document_too() {
    let inventory = TestInventory::new();
    inventory.set("matrix_authentication_service_path_prefix", "/auth/").set("matrix_synapse_use_presence", "false");
    let outcome = Homestead::on(&inventory).run(&["check", "--format", "json"]).exits(3);
    outcome.json();
    assert_snapshot!(outcome.text(), @r#"
    $ homestead check --format json
    -- stdout
    {
      "version": 1,
      "diagnostics": [
        {
          "code": "H0332",
          "severity": "error",
          "message": "`matrix_authentication_service_path_prefix` is malformed",
          "file": "inventory/host_vars/matrix.example.com/vars.yml",
          "line": 8,
          "column": 1,
          "notes": [],
          "help": "write `/`, or a path without a trailing slash, like `/auth`"
        },
        {
          "code": "H0330",
          "severity": "warning",
          "message": "`matrix_synapse_use_presence` is now called `matrix_synapse_presence_enabled`",
          "file": "inventory/host_vars/matrix.example.com/vars.yml",
          "line": 9,
          "column": 1,
          "notes": [],
          "help": "rename it to `matrix_synapse_presence_enabled`; its value is used as it is"
        }
      ]
    }
    -- exit code 3
    "#);
}

#[test]
fn a_tag_that_is_not_there_is_guessed() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    assert_snapshot!(homestead.run(&["run-tags", "install-synpase"]).text(), @"
    $ homestead run-tags install-synpase
    -- stderr
    error: there is no tag `install-synpase`
    hint: did you mean `install-synapse`?
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["run-tags", "install-synapse,frobnicate"]).text(), @"
    $ homestead run-tags install-synapse,frobnicate
    -- stderr
    error: there is no tag `frobnicate`
    hint: tags: ensure-matrix-users-created, ensure-users-created, import-postgres, install-all, install-aux, install-aux-files, install-base, install-client-element, install-container-socket-proxy, install-docker, install-element, install-exim-relay, install-mas, install-matrix-authentication-service, install-matrix-base, install-matrix-client-element, install-matrix-static-files, install-matrix-synapse, install-matrix-user-creator, install-postgres, install-static-files, install-synapse, install-systemd-docker-base, install-systemd-service-manager, install-traefik, install-traefik-certs-dumper, install-valkey, mas-cli-doctor, mas-cli-syn2mas, matrix-authentication-service-mas-cli-doctor, matrix-authentication-service-mas-cli-syn2mas, matrix-authentication-service-syn2mas, register-user, restart, restart-all, restart-group, run-docker-prune, run-postgres-vacuum, self-check, setup-all, setup-aux, setup-aux-files, setup-base, setup-client-element, setup-container-socket-proxy, setup-docker, setup-element, setup-exim-relay, setup-mas, setup-matrix-authentication-service, setup-matrix-base, setup-matrix-client-element, setup-matrix-static-files, setup-matrix-synapse, setup-matrix-user-creator, setup-postgres, setup-static-files, setup-synapse, setup-systemd-docker-base, setup-systemd-service-manager, setup-traefik, setup-traefik-certs-dumper, setup-valkey, start, start-all, start-group, stop, stop-all, stop-group, syn2mas, upgrade-postgres
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["plan", "--tags", "mas-cli-doctor"]).text(), @"
    $ homestead plan --tags mas-cli-doctor
    -- stderr
    error: `mas-cli-doctor` changes no state, so there is nothing to plan
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["run-tags", "start-group"]).text(), @"
    $ homestead run-tags start-group
    -- stderr
    error: `start-group` needs a group
    hint: homestead run-tags start-group -e group=synapse
    -- exit code 1
    ");
}

#[test]
fn a_wrong_command_line_is_misuse() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    for arguments in [&["frobnicate"][..], &["install-all", "--frobnicate"], &["run-tags"], &[], &["add-inventory-host", "example.com"]] {
        homestead.run(arguments).exits(1);
    }
    homestead.run(&["--help"]).exits(0);
    assert_eq!(homestead.run(&["--version"]).exits(0).stdout, format!("homestead {}\n", env!("CARGO_PKG_VERSION")));
    let wrong = homestead.run(&["-e", "frobnicate", "check"]);
    assert_snapshot!(wrong.text(), @r#"
    $ homestead -e frobnicate check
    -- stdout
    error[H0135]: `frobnicate` is no `name=value`
      --> -e:1:1
      = help: quote a value with spaces for the shell and for `-e`: `-e "name='two words'"`

    1 error, 0 warnings
    -- exit code 3
    "#);
}

#[test]
fn facts_must_be_an_object() {
    let inventory = TestInventory::new();
    inventory.write("facts.json", "[]");
    let homestead = Homestead::on(&inventory);
    assert_snapshot!(homestead.run(&["render", "--facts", "facts.json", "--out", "out"]).text(), @"
    $ homestead render --facts facts.json --out out
    -- stderr
    error: cannot read facts from `facts.json`
      caused by: invalid type: sequence, expected a map at line 1 column 0
    hint: it holds one JSON object
    -- exit code 3
    ");
    assert_snapshot!(homestead.run(&["render", "--facts", "absent.json", "--out", "out"]).text(), @"
    $ homestead render --facts absent.json --out out
    -- stderr
    error: cannot read facts from `absent.json`
      caused by: failed to open file `absent.json`: No such file or directory (os error 2)
    hint: it holds one JSON object
    -- exit code 3
    ");
}
