//! A new server's inventory, and the credentials that homestead makes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::{ADDRESS, HOST, Homestead, TestInventory};
use insta::assert_snapshot;

const SECRETS: &str = "inventory/host_vars/matrix.example.net/secrets.yml";

/// A folder without an inventory.
fn empty() -> TestInventory {
    let inventory = TestInventory::new();
    std::fs::remove_dir_all(inventory.path("inventory")).unwrap();
    inventory
}

/// The smallest inventory there is: a domain, and MAS.
fn smallest() -> TestInventory {
    let inventory = TestInventory::new();
    inventory.vars("matrix_domain: example.com\nmatrix_authentication_service_enabled: true\n");
    inventory
}

fn mode(inventory: &TestInventory, name: &str) -> u32 {
    std::fs::metadata(inventory.path(name)).unwrap().permissions().mode() & 0o777
}

/// The values in a file of credentials.
fn values(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.split_once(": '")?.1.trim_end_matches('\'').to_owned())).collect()
}

#[test]
fn a_new_server_has_an_inventory_that_is_right() {
    let inventory = empty();
    let homestead = Homestead::on(&inventory);
    let arguments = ["init", "example.net", "192.0.2.7", "--admin-email", "admin@example.net", "--user", "deploy"];
    assert_snapshot!(homestead.run(&arguments).text(), @"
    $ homestead init example.net 192.0.2.7 --admin-email admin@example.net --user deploy
    -- stdout
    inventory/host_vars/matrix.example.net/vars.yml: what the server is
    inventory/host_vars/matrix.example.net/secrets.yml: its credentials: keep it private and back it up
    inventory/.homestead/vars.schema.json: every variable, for editors
    .vscode/settings.json: Ansible's tags, for editors
    inventory/hosts: which machines there are

    next:
      point example.net, matrix.example.net and element.example.net at 192.0.2.7 in DNS
      homestead check
      homestead install-all
    -- exit code 0
    ");
    assert_snapshot!(inventory.read("inventory/hosts"), @"
    [matrix_servers]
    matrix.example.net ansible_host=192.0.2.7 ansible_ssh_user=deploy ansible_become=true
    ");
    assert_snapshot!(inventory.read("inventory/host_vars/matrix.example.net/vars.yml"), @"
    # yaml-language-server: $schema=../../.homestead/vars.schema.json
    ---
    # The server matrix.example.net. What else can be set: `homestead vars` lists every variable, `homestead vars NAME`
    # explains one. Its credentials are in secrets.yml.

    # The domain in user ids. It can never be changed.
    matrix_domain: example.net

    matrix_homeserver_implementation: synapse

    # Traefik, installed too, answers on ports 80, 443 and 8448.
    matrix_playbook_reverse_proxy_type: playbook-managed-traefik

    # Let's Encrypt writes here when a certificate is about to end.
    traefik_config_certificatesResolvers_acme_email: 'admin@example.net'

    # Matrix Authentication Service takes the logins. On a new server it is best on from the beginning.
    matrix_authentication_service_enabled: true
    ");
    let secrets = inventory.read(SECRETS);
    let shown = values(&secrets).iter().fold(secrets.clone(), |text, value| text.replace(value, &format!("<{} characters>", value.len())));
    assert_snapshot!(shown, @"
    ---
    # Credentials that homestead made for this server. They cannot be made again: keep this file private, and keep a
    # copy of it elsewhere.

    # Key that encrypts what MAS stores: 64 hex digits, as `openssl rand -hex 32` prints them; never change it.
    matrix_authentication_service_config_secrets_encryption: '<64 characters>'

    # Secret that the secrets of the services are derived from; never change it on a server with data.
    matrix_homeserver_generic_secret_key: '<64 characters>'

    # Password of the superuser, at most 99 characters.
    postgres_connection_password: '<64 characters>'
    ");
    assert_snapshot!(inventory.read(".vscode/settings.json"), @r#"
    {
      "yaml.yamlVersion": "1.1",
      "yaml.customTags": [
        "!vault scalar",
        "!vault-encrypted scalar",
        "!unsafe scalar",
        "!unsafe sequence",
        "!unsafe mapping",
        "!secret mapping"
      ]
    }
    "#);
    assert_eq!((mode(&inventory, SECRETS), mode(&inventory, "inventory/hosts")), (0o600, 0o644));

    // The first line leads the editor to the schema.
    let vars = inventory.path("inventory/host_vars/matrix.example.net/vars.yml");
    let schema = inventory
        .read("inventory/host_vars/matrix.example.net/vars.yml")
        .lines()
        .next()
        .unwrap()
        .split_once("$schema=")
        .unwrap()
        .1
        .to_owned();
    let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(vars.with_file_name(schema)).unwrap()).unwrap();
    assert!(schema["properties"]["matrix_domain"].is_object());

    assert_snapshot!(homestead.run(&["check"]).text(), @"
    $ homestead check
    -- stdout
    0 errors, 0 warnings
    -- exit code 0
    ");
    homestead.run(&["render", "--out", "out"]).exits(0).shows_none_of(&values(&secrets));
}

#[test]
fn a_second_server_leaves_the_first_alone() {
    let inventory = empty();
    let homestead = Homestead::on(&inventory);
    homestead.run(&["init", "example.net", "192.0.2.7"]).exits(0);
    inventory.write(".vscode/settings.json", "{\"mine\": true}\n");
    let before = (inventory.read(SECRETS), inventory.read("inventory/host_vars/matrix.example.net/vars.yml"));
    assert_snapshot!(homestead.run(&["init", "example.net", "192.0.2.8"]).text(), @"
    $ homestead init example.net 192.0.2.8
    -- stderr
    error: `inventory/host_vars/matrix.example.net` exists already
    hint: it is left as it is
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["add-inventory-host", "example.org", "2001:db8::8", "--without-mas"]).text(), @"
    $ homestead add-inventory-host example.org 2001:db8::8 --without-mas
    -- stdout
    inventory/host_vars/matrix.example.org/vars.yml: what the server is
    inventory/host_vars/matrix.example.org/secrets.yml: its credentials: keep it private and back it up
    inventory/.homestead/vars.schema.json: exists, and stays as it is
    .vscode/settings.json: exists, and stays as it is
    inventory/hosts: matrix.example.org added

    next:
      point example.org, matrix.example.org and element.example.org at 2001:db8::8 in DNS
      homestead check
      homestead install-all
    -- exit code 0
    ");
    assert_eq!((inventory.read(SECRETS), inventory.read("inventory/host_vars/matrix.example.net/vars.yml")), before);
    assert_eq!(inventory.read(".vscode/settings.json"), "{\"mine\": true}\n");
    assert_snapshot!(inventory.read("inventory/hosts"), @"
    [matrix_servers]
    matrix.example.net ansible_host=192.0.2.7 ansible_ssh_user=root
    matrix.example.org ansible_host=2001:db8::8 ansible_ssh_user=root
    ");
    let (first, second) = (values(&before.0), values(&inventory.read("inventory/host_vars/matrix.example.org/secrets.yml")));
    assert!(first.len() == 3 && second.len() == 2 && first.iter().all(|value| !second.contains(value)), "{first:?} {second:?}");
    homestead.run(&["check"]).exits(0);
    inventory.write("inventory/hosts", "all:\n  hosts:\n    a.example.org:\n");
    std::fs::rename(inventory.path("inventory/hosts"), inventory.path("inventory/hosts.yml")).unwrap();
    assert_snapshot!(homestead.run(&["-i", "inventory/hosts.yml", "init", "example.com", "192.0.2.9"]).text(), @"
    $ homestead -i inventory/hosts.yml init example.com 192.0.2.9
    -- stderr
    error: `inventory/hosts.yml` is no INI file, and lines are only added to those
    hint: make the files elsewhere: `homestead -i new/hosts init example.com 192.0.2.9`
    hint: then move `new/host_vars/matrix.example.com` here, and write the host into `inventory/hosts.yml`
    -- exit code 1
    ");
}

#[test]
fn a_dry_run_writes_nothing_and_shows_no_credential() {
    let inventory = empty();
    assert_snapshot!(Homestead::on(&inventory).run(&["init", "example.net", "192.0.2.7", "--dry-run"]).text(), @r#"
    $ homestead init example.net 192.0.2.7 --dry-run
    -- stdout
    inventory/host_vars/matrix.example.net/vars.yml: would be made: what the server is
        # yaml-language-server: $schema=../../.homestead/vars.schema.json
        ---
        # The server matrix.example.net. What else can be set: `homestead vars` lists every variable, `homestead vars NAME`
        # explains one. Its credentials are in secrets.yml.

        # The domain in user ids. It can never be changed.
        matrix_domain: example.net

        matrix_homeserver_implementation: synapse

        # Traefik, installed too, answers on ports 80, 443 and 8448.
        matrix_playbook_reverse_proxy_type: playbook-managed-traefik

        # Let's Encrypt writes here when a certificate is about to end.
        traefik_config_certificatesResolvers_acme_email: ''

        # Matrix Authentication Service takes the logins. On a new server it is best on from the beginning.
        matrix_authentication_service_enabled: true
    inventory/host_vars/matrix.example.net/secrets.yml: would be made: its credentials: keep it private and back it up
        ---
        # Credentials that homestead made for this server. They cannot be made again: keep this file private, and keep a
        # copy of it elsewhere.

        # Key that encrypts what MAS stores: 64 hex digits, as `openssl rand -hex 32` prints them; never change it.
        matrix_authentication_service_config_secrets_encryption: '[redacted]'

        # Secret that the secrets of the services are derived from; never change it on a server with data.
        matrix_homeserver_generic_secret_key: '[redacted]'

        # Password of the superuser, at most 99 characters.
        postgres_connection_password: '[redacted]'
    inventory/.homestead/vars.schema.json: would be made: every variable, for editors
    .vscode/settings.json: would be made: Ansible's tags, for editors
        {
          "yaml.yamlVersion": "1.1",
          "yaml.customTags": [
            "!vault scalar",
            "!vault-encrypted scalar",
            "!unsafe scalar",
            "!unsafe sequence",
            "!unsafe mapping",
            "!secret mapping"
          ]
        }
    inventory/hosts: would be made: which machines there are
        [matrix_servers]
        matrix.example.net ansible_host=192.0.2.7 ansible_ssh_user=root
    -- exit code 0
    "#);
    assert!(!inventory.path("inventory").exists() && !inventory.path(".vscode").exists());
}

#[test]
fn what_was_meant_is_said() {
    let inventory = empty();
    let homestead = Homestead::on(&inventory);
    assert_snapshot!(homestead.run(&["init", "Bücher.Example.", "192.0.2.7", "--dry-run"]).stderr, @"note: `Bücher.Example.` is written as `xn--bcher-kva.example`");
    assert_snapshot!(homestead.run(&["init", "matrix.example.org", "192.0.2.8"]).text(), @"
    $ homestead init matrix.example.org 192.0.2.8
    -- stderr
    error: `matrix.example.org` is not the domain of a server: it begins with `matrix.`, which the server's own name adds to the domain in user ids
    hint: write `example.org` if users are `@alice:example.org`
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["init", "example.org", "192.0.2.8:22"]).text(), @"
    $ homestead init example.org 192.0.2.8:22
    -- stderr
    error: `192.0.2.8:22` is no address of a server
    hint: write it without a port; `ansible_port=2222` in the hosts file says that
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["init", "example.org", "192.0.2.8", "--admin-email", "me"]).text(), @"
    $ homestead init example.org 192.0.2.8 --admin-email me
    -- stderr
    error: `me` is no mail address
    hint: write it as in `admin@example.com`
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["init", "example.org", "192.0.2.8", "--user", "a b"]).text(), @"
    $ homestead init example.org 192.0.2.8 --user a b
    -- stderr
    error: `a b` is no name of a login
    hint: write it as in `--user deploy`
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["init", "example.org"]).text(), @"
    $ homestead init example.org
    -- stderr
    error: the address is missing
    hint: homestead init example.com 203.0.113.7
    -- exit code 1
    ");
    assert!(!inventory.path("inventory").exists());
}

#[test]
fn credentials_are_encrypted_where_a_vault_password_is_given() {
    let inventory = empty();
    inventory.write("password", "open sesame\n");
    let homestead = Homestead::on(&inventory).with(&["--vault-password-file", "password"]);
    homestead.run(&["init", "example.net", "192.0.2.7"]).exits(0);
    let text = inventory.read(SECRETS);
    assert!(text.starts_with("$ANSIBLE_VAULT;1.1;AES256\n") && mode(&inventory, SECRETS) == 0o600, "{text}");
    homestead.run(&["check"]).exits(0);
    let value = homestead.run(&["vars", "postgres_connection_password", "--json", "--reveal"]).exits(0).json();
    assert_eq!(value["variables"]["postgres_connection_password"]["value"].as_str().unwrap().len(), 64);
    Homestead::on(&inventory).run(&["check"]).exits(3);
}

#[test]
fn check_tells_which_credentials_will_be_made() {
    let inventory = smallest();
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"
    $ homestead check
    -- stdout
    warning[H0370]: `matrix_authentication_service_config_secrets_encryption` is not set for `matrix.example.com`
      = help: `homestead install-all` makes one on a new server and keeps it in `inventory/host_vars/matrix.example.com/secrets.yml`

    warning[H0370]: `matrix_homeserver_generic_secret_key` is not set for `matrix.example.com`
      = help: `homestead install-all` makes one on a new server and keeps it in `inventory/host_vars/matrix.example.com/secrets.yml`

    warning[H0370]: `postgres_connection_password` is not set for `matrix.example.com`
      = help: `homestead install-all` makes one on a new server and keeps it in `inventory/host_vars/matrix.example.com/secrets.yml`

    0 errors, 3 warnings
    -- exit code 0
    ");
    assert!(!inventory.path(&format!("inventory/host_vars/{HOST}/secrets.yml")).exists());
    // A malformed one is a mistake, and so is one that is set to nothing.
    inventory.append("matrix_authentication_service_config_secrets_encryption: abc\npostgres_connection_password: ''\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"
    $ homestead check
    -- stdout
    error[H0332]: `matrix_authentication_service_config_secrets_encryption` is malformed
     --> inventory/host_vars/matrix.example.com/vars.yml:3:1
      |
    3 | matrix_authentication_service_config_secrets_encryption: [redacted]
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: exactly 64 hex digits; make one with `openssl rand -hex 32`, once, and keep it

    error[H0332]: `postgres_connection_password` is not set
     --> inventory/host_vars/matrix.example.com/vars.yml:4:1
      |
    4 | postgres_connection_password: ''
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: `openssl rand -hex 32` makes one

    warning[H0370]: `matrix_homeserver_generic_secret_key` is not set for `matrix.example.com`
      = help: `homestead install-all` makes one on a new server and keeps it in `inventory/host_vars/matrix.example.com/secrets.yml`

    2 errors, 1 warning
    -- exit code 3
    ");
}

#[test]
fn what_is_not_enabled_needs_no_credential() {
    let inventory = smallest();
    inventory.set("matrix_authentication_service_enabled", "false");
    let text = Homestead::on(&inventory).run(&["check"]).exits(0).text();
    assert!(text.contains("`postgres_connection_password`") && !text.contains("secrets_encryption"), "{text}");
}

#[test]
fn a_single_file_of_variables_is_not_hidden_by_a_folder() {
    let inventory = smallest();
    let folder = inventory.path(&format!("inventory/host_vars/{HOST}"));
    let single = inventory.path(&format!("inventory/host_vars/{HOST}.yml"));
    std::fs::rename(folder.join("vars.yml"), &single).unwrap();
    std::fs::remove_dir(&folder).unwrap();
    assert_snapshot!(Homestead::on(&inventory).run(&["install-all"]).text(), @"
    $ homestead install-all
    -- stderr
    error[H0371]: `matrix_authentication_service_config_secrets_encryption`, `matrix_homeserver_generic_secret_key`, `postgres_connection_password` must be set for `matrix.example.com`, and homestead has no file to keep what it makes
      --> inventory/host_vars/matrix.example.com.yml
      = help: set it here, or make a folder of this file: `mkdir inventory/host_vars/matrix.example.com && mv inventory/host_vars/matrix.example.com.yml inventory/host_vars/matrix.example.com/vars.yml`

    error: the inventory has 1 error; nothing was touched
    -- exit code 3
    ");
    assert!(!folder.exists());
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(&single, folder.join("vars.yml")).unwrap();
    Homestead::on(&inventory).run(&["check"]).exits(0);
}

#[test]
fn nothing_is_made_before_the_host_was_seen() {
    let inventory = smallest();
    inventory.write(
        "inventory/hosts",
        &format!("[matrix_servers]\n{HOST} ansible_host={ADDRESS} ansible_ssh_user=root ansible_ssh_common_args='-o ConnectTimeout=1'\n"),
    );
    Homestead::on(&inventory).run(&["install-all"]).exits(4);
    assert!(!inventory.path(&format!("inventory/host_vars/{HOST}/secrets.yml")).exists());
}
