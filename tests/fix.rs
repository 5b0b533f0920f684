//! `fix`: new names in a user's files, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{HOST, Homestead, TestInventory};
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::Value as Json;

const OLD: &str = "\
# yaml-language-server: $schema=x
---
# matrix_user_username is the login.
matrix_domain:   example.com   # hostname_identity was its name
'matrix_user_username':    'matrix2'
exim_relay_docker_image:    \"exim:{{ matrix_user_username }}\"

my_path: >-
  /home/{{ matrix_user_username
  }}/x
my_list:
  - \"{{ matrix_user_username | default('matrix_user_username is not set') }}\"
  - {a: '{{ ''quoted '' ~ matrix_user_username }}', matrix_user_username: nested}
  - !unsafe \"{{ matrix_user_username }}\"
my_password: \"hunter2-{{ matrix_user_username }}\"
my_vars: \"{{ vars['matrix_user_username'] ~ lookup('vars', 'matrix_user_username') }}\"
";

fn inventory(more: &str) -> TestInventory {
    let inventory = TestInventory::new();
    let old = inventory.read(&format!("inventory/host_vars/{HOST}/vars.yml"));
    let rest: String =
        old.lines().filter(|line| !line.starts_with("---") && !line.starts_with("matrix_domain")).map(|line| format!("{line}\n")).collect();
    inventory.vars(&format!("{OLD}{rest}{more}"));
    inventory.write("inventory/hosts", &format!("[matrix_servers]\n{HOST} ansible_host=192.0.2.1 matrix_user_groupname=people\n\n[matrix_servers:vars]\nhostname_riot=chat.example.com\n"));
    inventory
}

fn values(homestead: &Homestead<'_>) -> serde_json::Map<String, Json> {
    let shown = homestead.run(&["vars", "--json", "--reveal"]).exits(0).json();
    let entries = shown["variables"].as_object().unwrap().clone();
    entries.into_iter().map(|(name, entry)| (name, entry.get("value").cloned().unwrap_or(Json::Null))).collect()
}

#[test]
fn names_change_and_nothing_else() {
    let inventory = inventory("");
    let homestead = Homestead::on(&inventory).guarding(&["hunter2".to_owned()]);
    let before = values(&homestead);
    assert_snapshot!(homestead.run(&["fix", "--check"]).text(), @r#"
    $ homestead fix --check
    -- stdout
    --- inventory/hosts
    +++ inventory/hosts
    @@ -1,5 +1,5 @@
     [matrix_servers]
    -matrix.example.com ansible_host=192.0.2.1 matrix_user_groupname=people
    +matrix.example.com ansible_host=192.0.2.1 matrix_group_name=people
     
     [matrix_servers:vars]
    -hostname_riot=chat.example.com
    +matrix_server_fqn_element=chat.example.com
    --- inventory/host_vars/matrix.example.com/vars.yml
    +++ inventory/host_vars/matrix.example.com/vars.yml
    @@ -4,14 +4,14 @@
     matrix_domain:   example.com   # hostname_identity was its name
    -'matrix_user_username':    'matrix2'
    -exim_relay_docker_image:    "exim:{{ matrix_user_username }}"
    +'matrix_user_name':    'matrix2'
    +exim_relay_container_image:    "exim:{{ matrix_user_name }}"
     
     my_path: >-
    -  /home/{{ matrix_user_username
    +  /home/{{ matrix_user_name
       }}/x
     my_list:
    -  - "{{ matrix_user_username | default('matrix_user_username is not set') }}"
    -  - {a: '{{ ''quoted '' ~ matrix_user_username }}', matrix_user_username: nested}
    +  - "{{ matrix_user_name | default('matrix_user_username is not set') }}"
    +  - {a: '{{ ''quoted '' ~ matrix_user_name }}', matrix_user_username: nested}
       - !unsafe "{{ matrix_user_username }}"
     my_password: [redacted]
    -my_vars: "{{ vars['matrix_user_username'] ~ lookup('vars', 'matrix_user_username') }}"
    +my_vars: "{{ vars['matrix_user_name'] ~ lookup('vars', 'matrix_user_name') }}"
     matrix_playbook_reverse_proxy_type: playbook-managed-traefik
    -- exit code 2
    "#);
    let untouched = inventory.read(&format!("inventory/host_vars/{HOST}/vars.yml"));
    assert_snapshot!(homestead.run(&["fix"]).stderr, @"
    error: nothing was changed: there is no terminal to ask
    hint: give `--yes`, or `--check` to only look
    ");
    assert_eq!(inventory.read(&format!("inventory/host_vars/{HOST}/vars.yml")), untouched);

    homestead.run(&["fix", "--yes"]).exits(0);
    let fixed = inventory.read(&format!("inventory/host_vars/{HOST}/vars.yml"));
    assert_snapshot!(fixed.split("matrix_playbook").next().unwrap(), @r#"
    # yaml-language-server: $schema=x
    ---
    # matrix_user_username is the login.
    matrix_domain:   example.com   # hostname_identity was its name
    'matrix_user_name':    'matrix2'
    exim_relay_container_image:    "exim:{{ matrix_user_name }}"

    my_path: >-
      /home/{{ matrix_user_name
      }}/x
    my_list:
      - "{{ matrix_user_name | default('matrix_user_username is not set') }}"
      - {a: '{{ ''quoted '' ~ matrix_user_name }}', matrix_user_username: nested}
      - !unsafe "{{ matrix_user_username }}"
    my_password: "hunter2-{{ matrix_user_name }}"
    my_vars: "{{ vars['matrix_user_name'] ~ lookup('vars', 'matrix_user_name') }}"
    "#);
    assert_snapshot!(inventory.read("inventory/hosts"), @"
    [matrix_servers]
    matrix.example.com ansible_host=192.0.2.1 matrix_group_name=people

    [matrix_servers:vars]
    matrix_server_fqn_element=chat.example.com
    ");
    let text = homestead.run(&["check"]).exits(0).text();
    assert!(!text.contains("H0330"), "{text}");
    let mut after = values(&homestead);
    for old in ["matrix_user_username", "exim_relay_docker_image", "matrix_user_groupname", "hostname_riot"] {
        assert!(!after.contains_key(old));
        let value = before[old].clone();
        after.insert(old.to_owned(), value);
    }
    assert_eq!(after, before);
    assert_snapshot!(homestead.run(&["fix", "--yes"]).text(), @"
    $ homestead fix --yes
    -- stdout
    Nothing to rename.
    -- exit code 0
    ");
}

#[test]
fn what_is_unclear_is_left() {
    let inventory = inventory(
        "matrix_user_name: other\n\
         my_loop: \"{% for hostname_matrix in [1] %}{{ hostname_matrix }}{% endfor %}\"\n\
         hostname_matrix: m.example.com\n",
    );
    inventory.write("inventory/group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n");
    inventory.write("password", "x");
    // A vault that no password opens is an error of the inventory, so it is one here.
    Homestead::on(&inventory).run(&["fix", "--yes"]).exits(3);
    let locked = homestead::inventory::vault::encrypt(
        &homestead::secret::Secret::new("hidden: \"{{ hostname_riot }}\"\n".to_owned()),
        &homestead::secret::Secret::new("x".to_owned()),
        None,
        &[7; 32],
    );
    inventory.write("inventory/group_vars/all.yml", &locked);
    let homestead = Homestead::on(&inventory).with(&["--vault-password-file", "password"]);
    assert_snapshot!(homestead.run(&["fix", "--yes"]).text(), @r#"
    $ homestead --vault-password-file password fix --yes
    -- stdout
    --- inventory/hosts
    +++ inventory/hosts
    @@ -1,3 +1,3 @@
     [matrix_servers]
    -matrix.example.com ansible_host=192.0.2.1 matrix_user_groupname=people
    +matrix.example.com ansible_host=192.0.2.1 matrix_group_name=people
     
    --- inventory/host_vars/matrix.example.com/vars.yml
    +++ inventory/host_vars/matrix.example.com/vars.yml
    @@ -5,3 +5,3 @@
     'matrix_user_username':    'matrix2'
    -exim_relay_docker_image:    "exim:{{ matrix_user_username }}"
    +exim_relay_container_image:    "exim:{{ matrix_user_username }}"
     
    inventory/hosts: changed
    inventory/host_vars/matrix.example.com/vars.yml: changed
    -- stderr
    warning[H0360]: this file is encrypted, and is left alone
      --> inventory/group_vars/all.yml

    warning[H0362]: `hostname_matrix`, now called `matrix_server_fqn_matrix`, cannot be told from another thing of that name here
      --> inventory/host_vars/matrix.example.com/vars.yml:23:10
       |
    23 | my_loop: "{% for hostname_matrix in [1] %}{{ hostname_matrix }}{% endfor %}"
       |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: rename it by hand, here and where it is set

    warning[H0362]: `hostname_riot`, now called `matrix_server_fqn_element`, stands in an encrypted file too
      --> inventory/group_vars/all.yml
      = help: rename it by hand, in this file and where else it stands

    warning[H0362]: `matrix_user_username` and `matrix_user_name` are both set, and mean the same
     --> inventory/host_vars/matrix.example.com/vars.yml:5:1
      |
    5 | 'matrix_user_username':    'matrix2'
      | ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: keep one of them, under the name `matrix_user_name`
    -- exit code 0
    "#);
    assert_eq!(inventory.read("inventory/group_vars/all.yml"), locked);
}

/// A line of a file: names, values, quotes and comments of all kinds.
fn line() -> impl Strategy<Value = String> {
    let name =
        prop_oneof![Just("matrix_user_username"), Just("matrix_user_groupname"), Just("my_user"), Just("matrix_user_username_of_mine")];
    let expression = prop_oneof![
        Just("{{ matrix_user_username }}".to_owned()),
        Just("a {{ matrix_user_groupname ~ matrix_user_username_of_mine }}".to_owned()),
        Just("matrix_user_username".to_owned()),
        Just("{{ x.matrix_user_username | default(matrix_user_groupname) }}".to_owned()),
        "[a-zA-Z0-9 äß-]{0,12}",
    ];
    let quote = prop_oneof![Just(("\"", "\"")), Just(("'", "'")), Just((">-\n  ", "")), Just(("|\n  ", "")), Just(("[\"", "\"]"))];
    let comment = prop_oneof![Just(""), Just(" # matrix_user_username"), Just("   ")];
    (name, "[ ]{1,3}", quote, expression, comment).prop_map(|(name, gap, (open, close), expression, comment)| {
        let comment = if open.contains('\n') { "" } else { comment };
        format!("{name}:{gap}{open}{expression}{close}{comment}\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn only_the_names_change(lines in proptest::collection::vec(line(), 1..8)) {
        let text = format!("matrix_domain: example.com\n{}", lines.concat());
        let inventory = TestInventory::new();
        inventory.vars(&text);
        let sources = [camino::Utf8PathBuf::try_from(inventory.path("inventory/hosts")).unwrap()];
        let library = homestead::role::Library::load(homestead::role::Source::embedded()).unwrap();
        let (read, _) = homestead::inventory::Inventory::load(&sources, &[], &homestead::inventory::VaultPasswords::none()).unwrap();
        let fix = homestead::authoring::rename::fix(&read, &library, &homestead::inventory::VaultPasswords::none()).unwrap();
        prop_assert!(fix.changes.len() <= 1);
        for change in &fix.changes {
            // Going back by words gives the old file: so nothing but whole names changed.
            let back = change.new.replace("matrix_user_name", "matrix_user_username").replace("matrix_group_name", "matrix_user_groupname");
            prop_assert_eq!(&back, &change.old);
            prop_assert_eq!(&change.old, &text);
            // Comments and plain text keep what they say.
            let kept = |text: &str| text.lines().filter_map(|line| Some(line.split_once(" # ")?.1.to_owned())).collect::<Vec<_>>();
            prop_assert_eq!(kept(&change.new), kept(&change.old));
            inventory.vars(&change.new);
            let (again, _) = homestead::inventory::Inventory::load(&sources, &[], &homestead::inventory::VaultPasswords::none()).unwrap();
            prop_assert!(homestead::authoring::rename::fix(&again, &library, &homestead::inventory::VaultPasswords::none()).unwrap().changes.is_empty());
        }
    }
}
