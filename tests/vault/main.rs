//! `homestead vault` beside `ansible-vault`, and what becomes of files, texts and passwords meanwhile.
//!
//! `tests/ansible/vault` holds what the real one made. Where Ansible is installed (`HOMESTEAD_ANSIBLE` names its
//! Python), it also opens what homestead makes.

#[path = "../common/mod.rs"]
mod common;
mod editing;
mod questions;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{HOST, Homestead, TestInventory, skipped};
use insta::assert_snapshot;

const PASSWORD: &str = "swordfish";
const OTHER: &str = "tr0ub4dor";
const TEXT: &str = "---\n# A whole file.\nport: 8448\nenabled: true\nname: \"hunter2 é\"\n";
const BYTES: &[u8] = b"\0\x01\xffbinary\r\n";

/// A folder with the recorded vaults and their passwords.
fn recorded() -> TestInventory {
    let folder = TestInventory::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ansible/vault");
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
    }
    folder
}

fn secrets() -> Vec<String> {
    [PASSWORD, OTHER].map(str::to_owned).to_vec()
}

fn mode(path: PathBuf) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Writes a program through another process: a file that this one has open for writing cannot be run.
fn program(folder: &TestInventory, name: &str, text: &str) -> String {
    let path = folder.path(name).display().to_string();
    let status = Command::new("sh").args(["-c", "printf %s \"$2\" > \"$1\" && chmod 700 \"$1\"", "sh", &path, text]).status().unwrap();
    assert!(status.success());
    path
}

const IDS: [&str; 4] = ["--vault-password-file", "password", "--vault-id", "prod@other-password"];

#[test]
fn what_ansible_made_opens() {
    let folder = recorded();
    let homestead = Homestead::on(&folder).with(&IDS).guarding(&secrets());
    assert_eq!(homestead.run(&["vault", "view", "whole.yml"]).exits(0).stdout, TEXT);
    assert_eq!(homestead.run(&["vault", "view", "labelled.yml", "empty.yml"]).exits(0).stdout, TEXT);
    homestead.run(&["vault", "decrypt", "bytes.bin", "--output", "bytes"]).exits(0);
    assert_eq!(std::fs::read(folder.path("bytes")).unwrap(), BYTES);
    assert_snapshot!(homestead.run(&["vault", "view", "values.yml"]).exits(0).stdout, @r#"
    # Values that ansible-vault encrypted.
    first: "one"
    second: "two\nlines"
    open: text
    nested:
      third: "{{ open }}"
    "#);
    let before = folder.read("values.yml");
    homestead.run(&["vault", "rekey", "values.yml", "--new-vault-id", "prod@other-password"]).exits(0);
    let after = folder.read("values.yml");
    assert_eq!(after.matches("AES256;prod").count(), 3, "{after}");
    let outline =
        |text: &str| text.lines().filter(|line| !line.trim().bytes().all(|b| b.is_ascii_digit())).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(outline(&after).len(), outline(&before).len());
    let only = Homestead::on(&folder).run(&["vault", "view", "values.yml", "--vault-id", "other-password"]).exits(0);
    assert!(only.stdout.contains("second: \"two\\nlines\""), "{}", only.text());
}

/// The `ansible-vault` beside the Python that `HOMESTEAD_ANSIBLE` names.
fn ansible_vault() -> Option<PathBuf> {
    let found = std::env::var_os("HOMESTEAD_ANSIBLE").and_then(|python| Some(Path::new(&python).parent()?.join("ansible-vault")));
    let found = found.filter(|program| program.exists());
    if found.is_none() {
        skipped("HOMESTEAD_ANSIBLE does not name a Python with ansible-core 2.19 and its `ansible-vault`");
    }
    found
}

#[test]
fn what_we_make_opens_with_ansible() {
    let Some(program) = ansible_vault() else { return };
    let folder = recorded();
    let ansible = |arguments: &[&str]| {
        let output = Command::new(&program).args(arguments).current_dir(folder.folder()).env("HOME", folder.path("home")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let homestead = Homestead::on(&folder);
    folder.write("ours.yml", TEXT);
    std::fs::write(folder.path("ours.bin"), BYTES).unwrap();
    folder.write("nothing", "");
    homestead.run(&["vault", "encrypt", "--vault-id", "prod@password", "ours.yml", "ours.bin", "nothing"]).exits(0);
    assert_eq!(ansible(&["view", "--vault-id", "prod@password", "ours.yml"]), TEXT.as_bytes());
    ansible(&["rekey", "--vault-id", "prod@password", "--new-vault-id", "next@other-password", "ours.yml"]);
    homestead.run(&["vault", "rekey", "--vault-id", "next@other-password", "--new-vault-password-file", "password", "ours.yml"]).exits(0);
    ansible(&["decrypt", "--vault-id", "password", "ours.yml", "ours.bin", "nothing"]);
    assert_eq!(folder.read("ours.yml"), TEXT);
    assert_eq!(std::fs::read(folder.path("ours.bin")).unwrap(), BYTES);
    assert_eq!(folder.read("nothing"), "");

    let strings = [
        "vault",
        "encrypt-string",
        "--vault-id",
        "prod@password",
        "one",
        "--name",
        "first",
        "two\nlines",
        "-n",
        "second",
        "--output",
        "s.yml",
    ];
    homestead.run(&strings).exits(0);
    folder.write(
        "new.yml",
        &String::from_utf8(ansible(&["encrypt_string", "--vault-id", "password", "--name", "third", "{{ x }}"])).unwrap(),
    );
    folder.write("s.yml", &(folder.read("s.yml") + &folder.read("new.yml")));
    let python = program.with_file_name("ansible");
    let output = Command::new(python)
        .args(["localhost", "--vault-id", "password", "-e", "@s.yml", "-m", "debug", "-a", "msg={{ [first, second, third] | to_json }}"])
        .current_dir(folder.folder())
        .env("HOME", folder.path("home"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(r#"[\"one\", \"two\\nlines\", \"{{ x }}\"]"#), "{said}");
    let ours = homestead.run(&["vault", "view", "s.yml", "--vault-id", "password"]).exits(0);
    assert_eq!(ours.stdout, "first: \"one\"\nsecond: \"two\\nlines\"\nthird: \"{{ x }}\"\n");
}

#[test]
fn all_files_are_checked_before_one_is_written() {
    let folder = recorded();
    let homestead = Homestead::on(&folder).guarding(&secrets());
    folder.write("plain.yml", "a: 1\n");
    let whole = folder.read("whole.yml");
    assert_snapshot!(homestead.run(&["vault", "encrypt", "--vault-password-file", "password", "plain.yml", "whole.yml", "none.yml", "inventory"]).text(), @"
    $ homestead vault encrypt --vault-password-file password plain.yml whole.yml none.yml inventory
    -- stderr
    error[H0111]: the file cannot be read: it does not exist
      --> none.yml

    error[H0111]: the file cannot be read: it is a folder
      --> inventory

    error: 2 files cannot be used; nothing was changed
    -- exit code 3
    ");
    assert_snapshot!(homestead.run(&["vault", "encrypt", "--vault-password-file", "password", "plain.yml", "whole.yml"]).text(), @"
    $ homestead vault encrypt --vault-password-file password plain.yml whole.yml
    -- stderr
    error[H0136]: this is encrypted already
      --> whole.yml
      = help: `homestead vault rekey` changes the password, `homestead vault edit` the content

    error: 1 file cannot be used; nothing was changed
    -- exit code 3
    ");
    assert_snapshot!(homestead.run(&["vault", "decrypt", "--vault-password-file", "password", "whole.yml", "labelled.yml"]).text(), @"
    $ homestead vault decrypt --vault-password-file password whole.yml labelled.yml
    -- stderr
    error[H0133]: this is encrypted with the vault id `prod`, and no given password opens it (tried: `default`)
      --> labelled.yml
      = help: give its password: `--vault-id prod@FILE`, or `--vault-id prod@prompt`

    error: 1 file cannot be used; nothing was changed
    -- exit code 3
    ");
    assert_snapshot!(homestead.run(&["vault", "decrypt", "--vault-password-file", "password", "whole.yml", "plain.yml", "values.yml"]).text(), @"
    $ homestead vault decrypt --vault-password-file password whole.yml plain.yml values.yml
    -- stderr
    error[H0137]: this is not encrypted
      --> plain.yml

    error[H0137]: this is not encrypted as a whole: single values of it are
      --> values.yml
      = help: `homestead vault view values.yml` shows them, and `homestead vault rekey values.yml` changes their password

    error: 2 files cannot be used; nothing was changed
    -- exit code 3
    ");
    let rekey = ["vault", "rekey", "--vault-password-file", "password", "--new-vault-password-file", "other-password", "whole.yml"];
    homestead.run(&[rekey.as_slice(), &["labelled.yml"]].concat()).exits(3);
    homestead.run(&[rekey.as_slice(), &["values.yml"]].concat()).exits(3);
    assert_eq!((folder.read("plain.yml").as_str(), folder.read("whole.yml")), ("a: 1\n", whole));
    homestead.run(&rekey).exits(0);
    homestead.run(&["vault", "view", "--vault-password-file", "other-password", "whole.yml"]).exits(0);
}

#[test]
fn files_keep_their_place_and_become_private() {
    let folder = recorded();
    let homestead = Homestead::on(&folder).with(&["--vault-id", "prod@other-password"]).guarding(&secrets());
    folder.write("real/plain.yml", TEXT);
    std::fs::set_permissions(folder.path("real/plain.yml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    symlink("real/plain.yml", folder.path("link.yml")).unwrap();
    homestead.run(&["vault", "encrypt", "link.yml", "real/plain.yml"]).exits(0);
    assert!(std::fs::symlink_metadata(folder.path("link.yml")).unwrap().is_symlink());
    assert!(folder.read("real/plain.yml").starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
    assert_eq!(mode(folder.path("real/plain.yml")), 0o600);
    std::fs::set_permissions(folder.path("real/plain.yml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    homestead.run(&["vault", "rekey", "link.yml", "--encrypt-vault-id", "prod"]).exits(0);
    assert_eq!(mode(folder.path("real/plain.yml")), 0o640, "a file that stays a secret keeps its mode");
    homestead.run(&["vault", "decrypt", "link.yml"]).exits(0);
    assert_eq!((folder.read("real/plain.yml").as_str(), mode(folder.path("real/plain.yml"))), (TEXT, 0o600));
    assert_eq!(std::fs::read_dir(folder.path("real")).unwrap().count(), 1, "nothing is left over");

    let locked = homestead.run_with_input(&["vault", "encrypt"], "from a pipe").exits(0).stdout;
    assert!(locked.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"), "{locked}");
    assert_eq!(homestead.run_with_input(&["vault", "decrypt", "-", "--output", "-"], &locked).exits(0).stdout, "from a pipe");
    homestead.run_with_input(&["vault", "decrypt", "--output", "out"], &locked).exits(0);
    assert_eq!((folder.read("out").as_str(), mode(folder.path("out"))), ("from a pipe", 0o600));
}

#[test]
fn the_label_says_which_password_and_the_error_which_were_tried() {
    let folder = recorded();
    let homestead = Homestead::on(&folder).guarding(&secrets());
    program(
        &folder,
        "key-client.sh",
        "#!/bin/sh\ncase \"$*\" in '--vault-id prod') echo tr0ub4dor;; *) echo \"no key for $*\" >&2; exit 2;; esac\n",
    );
    homestead.run(&["vault", "view", "labelled.yml", "--vault-id", "prod@key-client.sh"]).exits(0);
    assert_snapshot!(homestead.run(&["vault", "view", "labelled.yml", "--vault-id", "dev@key-client.sh"]).text(), @"
    $ homestead vault view labelled.yml --vault-id dev@key-client.sh
    -- stderr
    error: the vault password script `key-client.sh` failed for the vault id `dev`: exit status 2
    hint: it said: no key for --vault-id dev
    -- exit code 3
    ");
    folder.write("ansible.cfg", "[defaults]\nvault_identity_list = dev@password, prod@key-client.sh\n");
    assert_eq!(homestead.run(&["vault", "view", "labelled.yml", "whole.yml"]).exits(0).stdout, TEXT.repeat(2));
    assert_snapshot!(homestead.run(&["vault", "encrypt", "inventory/hosts"]).text(), @"
    $ homestead vault encrypt inventory/hosts
    -- stderr
    error: there are several vault ids to encrypt with: `dev`, `prod`
    hint: choose one with `--encrypt-vault-id`
    -- exit code 1
    ");
    homestead.run(&["vault", "encrypt", "inventory/hosts", "--encrypt-vault-id", "prod"]).exits(0);
    assert!(folder.read("inventory/hosts").starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
    homestead.run(&["vars", "matrix_domain"]).exits(0);

    folder.write("ansible.cfg", "");
    let file = Homestead::on(&folder).environment("ANSIBLE_VAULT_PASSWORD_FILE", "other-password");
    file.run(&["vars", "matrix_domain"]).exits(0);
    let list = Homestead::on(&folder).environment("ANSIBLE_VAULT_IDENTITY_LIST", "a@password,prod@other-password");
    list.run(&["vars", "matrix_domain"]).exits(0);
    list.run(&["vault", "decrypt", "inventory/hosts"]).exits(0);

    folder.append(&folder.read("values.yml"));
    assert_snapshot!(homestead.with(&["--vault-id", "dev@password", "--vault-id", "wrong@inventory/hosts"]).run(&["vars", "nested"]).text(), @"
    $ homestead --vault-id dev@password --vault-id wrong@inventory/hosts vars nested
    -- stdout
    nested: error: inventory/host_vars/matrix.example.com/vars.yml:25:10: this is encrypted with the vault id `prod`, and no password for it was given
      set in inventory/host_vars/matrix.example.com/vars.yml:24:1 (inventory/host_vars/matrix.example.com/vars.yml)
    -- exit code 0
    ");
    let wrong = Homestead::on(&folder).with(&["--vault-id", "other-password", "--vault-id", "wrong@inventory/hosts"]);
    assert_snapshot!(wrong.run(&["vars", "open"]).text(), @"
    $ homestead --vault-id other-password --vault-id wrong@inventory/hosts vars open
    -- stderr
    error[H0133]: this is encrypted, and no given password opens it (tried: `default`, `wrong`)
     --> inventory/host_vars/matrix.example.com/vars.yml:9:8
      |
    9 | first: !vault |
      |        ^^^^^^
      |
      = help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`

    error[H0133]: this is encrypted, and no given password opens it (tried: `default`, `wrong`)
      --> inventory/host_vars/matrix.example.com/vars.yml:16:9
       |
    16 | second: !vault |
       |         ^^^^^^
       |
       = help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`

    error: the inventory has 2 errors; nothing was touched
    -- exit code 3
    ");
}

#[test]
fn numbers_of_a_vault_file_are_secret_too() {
    let folder = recorded();
    let vars = format!("inventory/host_vars/{HOST}/vault.yml");
    let inventory = folder.path(&format!("inventory/host_vars/{HOST}/vars.yml"));
    let text = std::fs::read_to_string(&inventory).unwrap();
    std::fs::write(inventory, text + "address: \"x:{{ my_port }}\"\nmore: \"{{ my_port + 1 }}\"\nplain: \"{{ 5 + 1 }}\"\n").unwrap();
    folder.write(&vars, "my_port: 8448\nmy_flag: true\nmy_list: [5, 1.5]\nmy_text: hunter2hunter2\n");
    let homestead = Homestead::on(&folder).with(&["--vault-password-file", "password"]);
    homestead.run(&["vault", "encrypt", &vars]).exits(0);
    let shown: String = ["my_port", "my_flag", "my_list", "my_text", "address", "more", "plain"]
        .map(|name| homestead.run(&["vars", name]).exits(0).stdout.lines().next().unwrap().to_owned() + "\n")
        .concat();
    assert_snapshot!(shown, @"
    my_port: [redacted]
    my_flag: [redacted]
    my_list: [redacted]
    my_text: [redacted]
    address: [redacted]
    more: [redacted]
    plain: 6
    ");
    let revealed = homestead.run(&["vars", "my_list", "--reveal", "--json"]).exits(0).json();
    assert_eq!(revealed["variables"]["my_list"]["value"], serde_json::json!([5, 1.5]));
}
