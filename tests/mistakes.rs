//! Ordinary mistakes, and all that `check` says about each.
//!
//! A case is a file in `tests/mistakes/`: lines that are added to the variables of the smallest server; `!unset NAME`
//! takes one of these out, and what follows `=== PATH` is another file; files below `mine` are given as `--roles-dir`.
//! The output lies beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Homestead, TestInventory};

/// The inventory of a case.
fn inventory(case: &str) -> TestInventory {
    let inventory = TestInventory::new();
    let mut parts = case.split("=== ");
    for line in parts.next().unwrap().split_inclusive('\n') {
        match line.strip_prefix("!unset ") {
            Some(name) => inventory.unset(name.trim()),
            None => inventory.append(line),
        };
    }
    for part in parts {
        let (path, text) = part.split_once('\n').unwrap();
        inventory.write(path, text);
    }
    inventory
}

#[test]
fn each_mistake_is_found_and_explained() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mistakes");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|ending| ending == "yml"));
    cases.sort();
    assert!(cases.len() >= 30, "{cases:?}");
    let mut missed = Vec::new();
    for path in cases {
        let inventory = inventory(&std::fs::read_to_string(&path).unwrap());
        let options: &[&str] = if inventory.path("mine").exists() { &["--roles-dir", "mine", "check"] } else { &["check"] };
        let outcome = Homestead::on(&inventory).run(options);
        if outcome.stdout.starts_with("0 errors, 0 warnings") {
            missed.push(path.clone());
        }
        assert!(!outcome.stdout.contains("test-only-"), "{}: shows a secret: {}", path.display(), outcome.text());
        settings.bind(|| insta::assert_snapshot!(path.file_stem().unwrap().to_str().unwrap(), outcome.text()));
    }
    assert!(missed.is_empty(), "nothing was found in {missed:#?}");
}

#[test]
fn mistakes_in_several_files_come_together() {
    let inventory = TestInventory::new();
    inventory.write(
        "inventory/hosts",
        "[matrix_servers]\nmatrix.example.com ansible_host=192.0.2.1 ansible_port=ssh\nmatrix.example.org ansible_host=192.0.2.2\n",
    );
    inventory.write("inventory/group_vars/all.yml", "matrix_synapse_use_presence: false\nmy_brand: Ours\n");
    inventory.write(
        "inventory/host_vars/matrix.example.org/vars.yml",
        "matrix_domain: example.org\n\
         matrix_homeserver_generic_secret_key: test-only-eiSh6aiV\n\
         postgres_connection_password: test-only-Ahc5ieGh\n\
         matrix_client_element_brand: \"{{ my_brnad }}\"\n\
         matrix_synapse_auto_join_rooms: '#hello:example.org'\n\
         matrix_synapse_max_uplaod_size_mb: 100\n",
    );
    inventory.set("matrix_authentication_service_path_prefix", "/auth/");
    let homestead = Homestead::on(&inventory);
    insta::assert_snapshot!(homestead.run(&["check"]).exits(3).text(), @r#"
    $ homestead check
    -- stdout
    warning[H0330]: `matrix_synapse_use_presence` is now called `matrix_synapse_presence_enabled`
     --> inventory/group_vars/all.yml:1:1
      |
    1 | matrix_synapse_use_presence: false
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: rename it to `matrix_synapse_presence_enabled`; its value is used as it is

    warning[H0339]: no role has a variable `my_brand`, and nothing uses it
     --> inventory/group_vars/all.yml:2:1
      |
    2 | my_brand: Ours
      | ^^^^^^^^
      |
      = help: correct the name, or remove it; `homestead vars` lists the known ones

    error[H0332]: `matrix_authentication_service_path_prefix` is malformed
     --> inventory/host_vars/matrix.example.com/vars.yml:8:1
      |
    8 | matrix_authentication_service_path_prefix: /auth/
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `/`, or a path without a trailing slash, like `/auth`

    error[H0201]: `my_brnad` is undefined
     --> inventory/host_vars/matrix.example.org/vars.yml:4:34
      |
    4 | matrix_client_element_brand: "{{ my_brnad }}"
      |                                  ^^^^^^^^
      |
      = help: did you mean `my_brand`?

    error[H0342]: `matrix_synapse_auto_join_rooms` must be a list, not text
     --> inventory/host_vars/matrix.example.org/vars.yml:5:33
      |
    5 | matrix_synapse_auto_join_rooms: '#hello:example.org'
      |                                 ^^^^^^^^^^^^^^^^^^^^
      |
      = help: write each item on a line of its own that begins with `- `; `[]` is an empty list

    warning[H0345]: no role has a variable `matrix_synapse_max_uplaod_size_mb`
     --> inventory/host_vars/matrix.example.org/vars.yml:6:1
      |
    6 | matrix_synapse_max_uplaod_size_mb: 100
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `matrix_synapse_max_upload_size_mb`?

    error[H0340]: `ansible_port`: it is no port
     --> inventory/hosts:2:43
      |
    2 | matrix.example.com ansible_host=192.0.2.1 ansible_port=ssh
      |                                           ^^^^^^^^^^^^^^^^
      |
      = help: a number from 1 to 65535

    4 errors, 3 warnings
    -- exit code 3
    "#);
    insta::assert_snapshot!(homestead.run(&["check", "--format", "json"]).exits(3).text(), @r#"
    $ homestead check --format json
    -- stdout
    {
      "version": 1,
      "diagnostics": [
        {
          "code": "H0330",
          "severity": "warning",
          "message": "`matrix_synapse_use_presence` is now called `matrix_synapse_presence_enabled`",
          "file": "inventory/group_vars/all.yml",
          "line": 1,
          "column": 1,
          "notes": [],
          "help": "rename it to `matrix_synapse_presence_enabled`; its value is used as it is"
        },
        {
          "code": "H0339",
          "severity": "warning",
          "message": "no role has a variable `my_brand`, and nothing uses it",
          "file": "inventory/group_vars/all.yml",
          "line": 2,
          "column": 1,
          "notes": [],
          "help": "correct the name, or remove it; `homestead vars` lists the known ones"
        },
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
          "code": "H0201",
          "severity": "error",
          "message": "`my_brnad` is undefined",
          "file": "inventory/host_vars/matrix.example.org/vars.yml",
          "line": 4,
          "column": 34,
          "notes": [],
          "help": "did you mean `my_brand`?"
        },
        {
          "code": "H0342",
          "severity": "error",
          "message": "`matrix_synapse_auto_join_rooms` must be a list, not text",
          "file": "inventory/host_vars/matrix.example.org/vars.yml",
          "line": 5,
          "column": 33,
          "notes": [],
          "help": "write each item on a line of its own that begins with `- `; `[]` is an empty list"
        },
        {
          "code": "H0345",
          "severity": "warning",
          "message": "no role has a variable `matrix_synapse_max_uplaod_size_mb`",
          "file": "inventory/host_vars/matrix.example.org/vars.yml",
          "line": 6,
          "column": 1,
          "notes": [],
          "help": "did you mean `matrix_synapse_max_upload_size_mb`?"
        },
        {
          "code": "H0340",
          "severity": "error",
          "message": "`ansible_port`: it is no port",
          "file": "inventory/hosts",
          "line": 2,
          "column": 43,
          "notes": [],
          "help": "a number from 1 to 65535"
        }
      ]
    }
    -- exit code 3
    "#);
}

#[test]
fn a_broken_role_and_a_broken_inventory_come_together() {
    let inventory = TestInventory::new();
    inventory.append("matrix_client_element_brand: 'Ours\n");
    inventory.write("mine/roles/greeter/role.yml", "name: greeter\ndescription: greets\nenabled: true\ndirektories: []\n");
    insta::assert_snapshot!(Homestead::on(&inventory).run(&["--roles-dir", "mine", "check"]).text(), @r#"
    $ homestead --roles-dir mine check
    -- stdout
    error[H0303]: unknown key `direktories`
     --> mine/roles/greeter/role.yml:4:1
      |
    4 | direktories: []
      | ^^^^^^^^^^^
      |
      = help: did you mean `directories`?

    error[H0101]: this is not YAML: invalid indentation in multiline quoted scalar
      --> inventory/host_vars/matrix.example.com/vars.yml:9:1
      = help: a quote that opens must close; `"` in double quotes is written `\"`, `'` in single quotes `''`

    2 errors, 0 warnings
    -- exit code 3
    "#);
}

#[test]
fn warnings_are_errors_when_asked() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    homestead.run(&["check", "--strict"]).exits(0);
    inventory.append("matrix_synapse_max_uplaod_size_mb: 100\n");
    homestead.run(&["check"]).exits(0);
    homestead.run(&["check", "--strict"]).exits(3);
    homestead.run(&["check", "--deny-warnings", "--format", "json"]).exits(3);
}

#[test]
fn a_variable_that_another_uses_is_no_mistake() {
    let inventory = TestInventory::new();
    inventory.append(
        "my_brand: Ours\n\
         my_list: [a]\n\
         my_domain: example.org\n\
         my_texts: {brand: \"{{ my_brand }}\"}\n\
         matrix_client_element_brand: \"{{ my_texts.brand }}\"\n\
         matrix_synapse_auto_join_rooms: \"{{ my_list | map('regex_replace', '^', '#') | list }}\"\n\
         matrix_admin: \"@ada:{{ lookup('vars', 'my_' + 'domain') }}\"\n\
         matrix_client_element_default_theme: \"{{ lookup('template', 'theme.j2') }}\"\n",
    );
    inventory.write("inventory/theme.j2", "{{ my_theme }}");
    inventory.append("my_theme: dark\nansible_python_interpreter: /usr/bin/python3\nmatrix_bot_baibot_enabled: false\n");
    let outcome = Homestead::on(&inventory).run(&["check", "--strict"]);
    assert_eq!(outcome.code, 0, "{}", outcome.text());
}

#[test]
fn a_value_that_a_role_calls_secret_is_not_shown() {
    let inventory = TestInventory::new();
    let secret = "test-only-Ohgh3oov";
    inventory.append(&format!("traefik_environment_variables: |\n  TOKEN={secret}\n  KEY={{{{ my_brnad }}}}\n"));
    let homestead = Homestead::on(&inventory).guarding(&[secret.to_owned()]);
    let outcome = homestead.run(&["check"]).exits(3);
    assert!(outcome.stdout.contains("[redacted]") && outcome.stdout.contains("`my_brnad` is undefined"), "{}", outcome.text());
    homestead.run(&["install-all"]).exits(3);
}

#[test]
fn a_code_can_be_explained() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    insta::assert_snapshot!(homestead.run(&["explain", "H0334"]).text(), @"
    $ homestead explain H0334
    -- stdout
    H0334 (roles and what they want)
    an error: the run ends with exit code 3 before a host is touched

    means:      a component is switched on that homestead does not have
    what to do: correct its name; else set it to false to go on without it: what it adds to other services is lost
    -- exit code 0
    ");
    insta::assert_snapshot!(homestead.run(&["explain", "h0101"]).text(), @"
    $ homestead explain h0101
    -- stdout
    H0101 (the inventory)
    an error: the run ends with exit code 3 before a host is touched

    means:      the file is not YAML
    what to do: look at the place that it names; most often a `:` or a quote is missing, or a value that begins with `{{` is not quoted
    -- exit code 0
    ");
    insta::assert_snapshot!(homestead.run(&["explain", "H0399"]).text(), @"
    $ homestead explain H0399
    -- stderr
    error: there is no finding `H0399`
    hint: did you mean `H0309`?
    -- exit code 1
    ");
    insta::assert_snapshot!(homestead.run(&["explain", "something"]).text(), @"
    $ homestead explain something
    -- stderr
    error: there is no finding `something`
    hint: `homestead explain` lists them
    -- exit code 1
    ");
    let all = homestead.run(&["explain"]).exits(0);
    assert!(all.stdout.lines().count() > 60 && all.stdout.lines().all(|line| line.starts_with('H')), "{}", all.text());
}

#[test]
fn what_cannot_be_renamed_is_told() {
    let inventory = TestInventory::new();
    inventory.append("matrix_synapse_no_tls: true\n");
    insta::assert_snapshot!(Homestead::on(&inventory).run(&["fix", "--check"]).text(), @"
    $ homestead fix --check
    -- stdout
    Nothing to rename.
    -- stderr
    warning[H0361]: nothing reads `matrix_synapse_no_tls` any more
     --> inventory/host_vars/matrix.example.com/vars.yml:8:1
      |
    8 | matrix_synapse_no_tls: true
      | ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: Synapse never ends TLS itself; Traefik does. Remove it
    -- exit code 0
    ");
}
