use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::inventory::tests::{findings, measured};
use crate::inventory::yaml;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn passwords(given: &[(Option<&str>, &str)]) -> VaultPasswords {
    let mut passwords = VaultPasswords::none();
    for (id, password) in given {
        passwords.add(id.map(str::to_owned), &secret(password));
    }
    passwords
}

/// Made by `ansible-vault encrypt_string` of ansible-core 2.19 with the password `swordfish`.
const BY_ANSIBLE: &str = include_str!("by-ansible.txt");

#[test]
fn what_ansible_locked_opens() {
    assert_eq!(passwords(&[(None, "swordfish\n")]).open(BY_ANSIBLE).unwrap().reveal(), "hunter2 é\n");
    let labelled = include_str!("by-ansible-labelled.txt");
    assert_eq!(passwords(&[(None, "wrong"), (Some("prod"), "swordfish")]).open(labelled).unwrap().reveal(), "labelled");
    assert_eq!(passwords(&[(Some("other"), "swordfish")]).open(labelled).unwrap().reveal(), "labelled");
}

#[test]
fn what_we_lock_opens_again() {
    for text in ["", "short", "sixteen bytes ..", &"long ".repeat(100)] {
        let locked = encrypt(&secret(text), &secret("p"), Some("prod"), &[42; 32]);
        assert!(locked.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
        assert_eq!(passwords(&[(None, "p")]).open(&locked).unwrap().reveal(), text);
    }
    assert_snapshot!(encrypt(&secret("same salt, same text"), &secret("p"), None, &[1; 32]), @r"
    $ANSIBLE_VAULT;1.1;AES256
    30313031303130313031303130313031303130313031303130313031303130313031303130313031
    3031303130313031303130313031303130313031303130310a663436333766353536653064613666
    33646236356434363738616332393533626265633865343963626136306338633937326561636637
    3139373661386265370a323530316366333563653231303061626433306337663466646435663034
    30636464313565356166396438616631363362666463653264316232653164343463
    ");
}

#[test]
fn a_closed_vault_says_which_password_it_wants() {
    let labelled = encrypt(&secret("x"), &secret("right"), Some("prod"), &[0; 32]);
    let plain = encrypt(&secret("x"), &secret("right"), None, &[0; 32]);
    let span = Span::new("vars.yml", 3, 4);
    let tell = |given: &[_], text: &str| findings(&[passwords(given).open(text).unwrap_err().diagnostic(&span)]);
    let shown = [
        tell(&[], &plain),
        tell(&[], &labelled),
        tell(&[(None, "wrong")], &plain),
        tell(&[(Some("prod"), "wrong")], &labelled),
        tell(&[(Some("dev"), "wrong")], &labelled),
        tell(&[(Some("dev"), "wrong")], &plain),
        tell(&[(None, "right")], "text"),
        tell(&[(None, "right")], "$ANSIBLE_VAULT;1.0;AES256\n00"),
        tell(&[(None, "right")], "$ANSIBLE_VAULT;1.1;AES\n00"),
        tell(&[(None, "right")], "$ANSIBLE_VAULT;1.1;AES256\nxy"),
        tell(&[(None, "right")], plain.get(..200).unwrap()),
    ];
    assert_snapshot!(shown.concat(), @r"
    error[H0132] vars.yml:3:4: this is encrypted, and no password for it was given
      help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`
    error[H0132] vars.yml:3:4: this is encrypted with the vault id `prod`, and no password for it was given
      help: give its password: `--vault-id prod@FILE`
    error[H0133] vars.yml:3:4: this is encrypted, and no given password opens it
      help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`
    error[H0133] vars.yml:3:4: this is encrypted with the vault id `prod`, and no given password opens it
      help: give its password: `--vault-id prod@FILE`
    error[H0132] vars.yml:3:4: this is encrypted with the vault id `prod`, and no password for it was given
      help: give its password: `--vault-id prod@FILE`
    error[H0133] vars.yml:3:4: this is encrypted, and no given password opens it
      help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`
    error[H0131] vars.yml:3:4: this vault text is damaged: it does not begin with `$ANSIBLE_VAULT`
      help: encrypt it again, or copy it again with all of its lines
    error[H0131] vars.yml:3:4: this vault text is damaged: its version is neither 1.1 nor 1.2
      help: encrypt it again, or copy it again with all of its lines
    error[H0131] vars.yml:3:4: this vault text is damaged: its cipher is not AES256
      help: encrypt it again, or copy it again with all of its lines
    error[H0131] vars.yml:3:4: this vault text is damaged: it is incomplete, or holds something else than hexadecimal digits
      help: encrypt it again, or copy it again with all of its lines
    error[H0131] vars.yml:3:4: this vault text is damaged: it is incomplete, or holds something else than hexadecimal digits
      help: encrypt it again, or copy it again with all of its lines
    ");
}

#[test]
fn inline_vaults_open_in_place() {
    let locked = encrypt(&secret("hunter2"), &secret("p"), None, &[0; 32]).replace('\n', "\n  ");
    let text = format!("a: [!vault |\n  {locked}\n]\n").replace("[!vault", "!vault").replace("\n]", "");
    let mut node = yaml::read(&text, "vars.yml").unwrap().0.unwrap();
    let mut wrong = Vec::new();
    VaultPasswords::none().open_all(&mut node, &mut wrong);
    assert!(matches!(node.get("a").unwrap().value, Value::Vault(_)) && wrong.is_empty());
    passwords(&[(None, "p")]).open_all(&mut node, &mut wrong);
    assert_eq!(node.get("a").unwrap().value, Value::Secret(secret("hunter2")));
}

#[test]
fn the_measured_inventory_opens() {
    let Some(case) = measured().map(|folder| folder.join("jinja")) else { return };
    let text = fs_err::read_to_string(case.join("vars.yml")).unwrap();
    let password = fs_err::read_to_string(case.join("vault-pass")).unwrap();
    let mut node = yaml::read(&text, "vars.yml").unwrap().0.unwrap();
    let mut wrong = Vec::new();
    passwords(&[(None, &password)]).open_all(&mut node, &mut wrong);
    assert_eq!(findings(&wrong), "");
    let Value::Secret(opened) = &node.get("my_vaulted_password").unwrap().value else {
        panic!("it is still closed");
    };
    let resolved: serde_json::Value = serde_json::from_str(&fs_err::read_to_string(case.join("resolved.json")).unwrap()).unwrap();
    assert_eq!(resolved["host_vars"]["my_vaulted_password"], serde_json::json!(opened.reveal()));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(body in "[0-9a-f\n]{0,80}", head in "(\\$ANSIBLE_VAULT;1.[12];AES256(;x)?\n)?") {
        let _ = Envelope::parse(&(head + &body));
    }
}
