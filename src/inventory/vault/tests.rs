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
      help: give its password: `--vault-id prod@FILE`, or `--vault-id prod@prompt`
    error[H0133] vars.yml:3:4: this is encrypted, and no given password opens it (tried: `default`)
      help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`
    error[H0133] vars.yml:3:4: this is encrypted with the vault id `prod`, and no given password opens it (tried: `prod`)
      help: give its password: `--vault-id prod@FILE`, or `--vault-id prod@prompt`
    error[H0132] vars.yml:3:4: this is encrypted with the vault id `prod`, and no password for it was given (tried: `dev`)
      help: give its password: `--vault-id prod@FILE`, or `--vault-id prod@prompt`
    error[H0133] vars.yml:3:4: this is encrypted, and no given password opens it (tried: `dev`)
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
    assert_eq!(node.get("a").unwrap().value, Value::Sealed(secret("hunter2")));
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
    let Value::Sealed(opened) = &node.get("my_vaulted_password").unwrap().value else {
        panic!("it is still closed");
    };
    let resolved: serde_json::Value = serde_json::from_str(&fs_err::read_to_string(case.join("resolved.json")).unwrap()).unwrap();
    assert_eq!(resolved["host_vars"]["my_vaulted_password"], serde_json::json!(opened.reveal()));
}

#[test]
fn labels_that_no_header_can_hold_are_refused() {
    let parsed = |text: &str| match VaultIdentity::parse(text, "--vault-id") {
        Ok(identity) => format!("{text} -> {identity}\n"),
        Err(error) => format!("{error}\n"),
    };
    assert_snapshot!(["prod@pw", "pw", "prompt", "prod@prompt", "@pw", "default@pw", "a@b@c", "a;b@pw", "prod@", "é@pw", " x@pw"].map(parsed).concat(), @r"
    prod@pw -> prod@pw
    pw -> default@pw
    prompt -> default@prompt
    prod@prompt -> prod@prompt
    @pw -> default@pw
    default@pw -> default@pw
    a@b@c -> a@b@c
    --vault-id: `a;b@pw` is no vault id: the label holds `;`
    --vault-id: `prod@` is no vault id: it has no source
    --vault-id: `é@pw` is no vault id: the label holds `\u{e9}`
    --vault-id: ` x@pw` is no vault id: the label begins or ends with a space
    ");
}

#[test]
fn inline_values_are_found_where_yaml_finds_them() {
    let locked = |text: &str, indent: &str| inline::as_value(&encrypt(&secret(text), &secret("p"), None, &[0; 32]), indent);
    let text = format!(
        "# a: !vault |\na: {}\nlist:\n  - {}\n  - b: {}\n    c: d\nno: '!vault |'\nlast: {}",
        locked("hunter2\n\"é\"", "  "),
        locked("1", "      "),
        locked("", "        "),
        locked("end", " ")
    );
    assert!(inline::holds_vaults(&text) && !inline::holds_vaults("a: b\n# !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n"));
    let given = passwords(&[(None, "p")]);
    let open = inline::replace(&text, "vars.yml", |value| Ok(inline::as_text(given.open(&value.vault).unwrap().reveal()))).unwrap();
    assert_snapshot!(open, @r##"
    # a: !vault |
    a: "hunter2\n\"é\""
    list:
      - "1"
      - b: ""
        c: d
    no: '!vault |'
    last: "end"
    "##);
    let same = inline::replace(&text, "vars.yml", |value| Ok(inline::as_value(&value.vault, value.indent))).unwrap();
    assert_eq!(same, text);
}

#[test]
fn passwords_come_from_files_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(folder.path()).unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        // Another program writes: a file that this process has open for writing cannot be run.
        let script = format!("printf %s \"$2\" > \"$1\"; chmod {mode:o} \"$1\"");
        let status = std::process::Command::new("sh").args(["-c", &script, "sh", root.join(name).as_str(), text]).status().unwrap();
        assert!(status.success());
    };
    write("plain", " two words \n\n", 0o600);
    write("empty", " \n", 0o600);
    write("script", "#!/bin/sh\nprintf ' kept \\r\\n\\n'\n", 0o700);
    write("names-client.py", "#!/bin/sh\necho \"for $*\"\n", 0o700);
    write("quiet", "#!/bin/sh\nexit 0\n", 0o700);
    write("failing", "#!/bin/sh\necho 'first line' >&2; printf 'no \\033[31magent' >&2; exit 7\n", 0o700);
    write("unknown-client", "#!/bin/sh\necho unknown >&2; exit 2\n", 0o700);
    write("no-script", "password\n", 0o700);
    write("locked", &encrypt(&secret("inner\n"), &secret("two words"), None, &[3; 32]), 0o600);
    let asking = password::Asking { question: &|_| Ok(secret("typed ")), new: false, interactive: false };
    let earlier = passwords(&[(None, "two words")]);
    let tell = |text: &str| {
        let text = text.replace("ROOT", root.as_str());
        let identity = VaultIdentity::parse(&text, "--vault-id").unwrap();
        let shown = match password::password(&identity, &earlier, &asking) {
            Ok(password) => format!("{} {:?}", password.label(), String::from_utf8_lossy(password.password.reveal())),
            Err(error) => format!("{error}{}", error.hints.iter().map(|hint| format!("\n  hint: {hint}")).collect::<String>()),
        };
        shown.replace(root.as_str(), "ROOT") + "\n"
    };
    let sources = [
        "ROOT/plain",
        "a@ROOT/script",
        "a@ROOT/names-client.py",
        "ROOT/names-client.py",
        "a@ROOT/locked",
        "a@prompt",
        "ROOT/empty",
        "ROOT/none",
        "ROOT",
        "ROOT/quiet",
        "ROOT/failing",
        "a@ROOT/unknown-client",
        "ROOT/no-script",
    ];
    assert_snapshot!(sources.map(tell).concat(), @r#"
    default "two words"
    a " kept "
    a "for --vault-id a"
    default "for "
    a "inner"
    a "typed"
    the vault password of `default@ROOT/empty` is empty (--vault-id)
    cannot read the vault password from `ROOT/none`: it does not exist (--vault-id)
    cannot read the vault password from `ROOT`: it is a folder (--vault-id)
    the vault password script `ROOT/quiet` printed no password
      hint: it must write the password to its standard output
    the vault password script `ROOT/failing` failed: exit status 7
      hint: it said: first line / no  [31magent
    the vault password script `ROOT/unknown-client` failed for the vault id `a`: exit status 2
      hint: it said: unknown
    the vault password script `ROOT/no-script` cannot be run
      hint: begin it with a line such as `#!/bin/sh`; if it is no script but holds the password itself: `chmod -x ROOT/no-script`
    "#);
}

#[test]
fn ansible_cfg_and_the_environment_name_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(folder.path()).unwrap();
    let read = |text: &str, environment: &[(&str, &str)]| {
        fs_err::write(root.join("ansible.cfg"), text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let shown = match settings::VaultSettings::read(&environment, root) {
            Ok(settings) => format!(
                "{} | {} | {:?} | {}\n",
                settings.identities.iter().map(|identity| format!("{identity} ({})", identity.said_by)).collect::<Vec<_>>().join(", "),
                settings.password_file.map_or_else(String::new, |identity| format!("{identity} ({})", identity.said_by)),
                settings.encrypt_identity,
                settings.ask
            ),
            Err(error) => format!("{error}\n"),
        };
        shown.replace(root.as_str(), "ROOT")
    };
    let whole = "# mine\n[inventory]\nvault_password_file = no\n[defaults]\nvault_password_file: .pass ; comment\nVault_Identity_List = a@x,\n  b@prompt\nvault_encrypt_identity=a\nask_vault_pass = yes\n";
    let home = ("HOME", "/home/me");
    let shown = [
        read(whole, &[]),
        read(whole, &[("ANSIBLE_VAULT_PASSWORD_FILE", "~/$NAME/${NAME}x/$NONE"), ("NAME", "n"), home]),
        read("[defaults]\n", &[("ANSIBLE_VAULT_IDENTITY_LIST", "c@~/y"), ("ANSIBLE_ASK_VAULT_PASS", "0"), home]),
        read("[defaults]\nask_vault_pass = maybe\n", &[]),
        read("vault_password_file = x\n", &[]),
    ];
    assert_snapshot!(shown.concat(), @r#"
    a@x (ROOT/ansible.cfg:6), b@prompt (ROOT/ansible.cfg:6) | default@ROOT/.pass (ROOT/ansible.cfg:5) | Some("a") | true
    a@x (ROOT/ansible.cfg:6), b@prompt (ROOT/ansible.cfg:6) | default@/home/me/n/nx/$NONE (ANSIBLE_VAULT_PASSWORD_FILE) | Some("a") | true
    c@/home/me/y (ANSIBLE_VAULT_IDENTITY_LIST) |  | None | false
    ROOT/ansible.cfg:2: `maybe` is neither yes nor no
     |  | None | false
    "#);
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(root, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_snapshot!([read(whole, &[]), read("[defaults]\nforks = 5\n", &[])].concat(), @r"
    everyone may write into this folder, so `ROOT/ansible.cfg` is not trusted
     |  | None | false
    ");
}

proptest! {
    // Ten thousand rounds take their time without optimisation.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_bytes_and_any_password_come_back(
        content in proptest::collection::vec(any::<u8>(), 0..200),
        password in proptest::collection::vec(any::<u8>(), 1..40),
        id in "[a-z][a-z0-9_-]{0,8}",
        salt in any::<[u8; 32]>(),
    ) {
        let locked = encrypt(&Secret::new(content.clone()), &Secret::new(password.clone()), Some(&id), &salt);
        let mut right = VaultPasswords::none();
        right.push(VaultPassword { id: None, password: Secret::new(password.clone()) });
        let opened = right.open_bytes(locked.as_bytes()).unwrap();
        prop_assert_eq!(opened.content.reveal(), &content);
        prop_assert_eq!(opened.id, Some(id).filter(|id| id != DEFAULT_ID));
        let mut wrong = VaultPasswords::none();
        wrong.push(VaultPassword { id: None, password: Secret::new([b"x".to_vec(), password].concat()) });
        let told = wrong.open_bytes(locked.as_bytes());
        let refused = matches!(told, Err(Locked::WrongPassword { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn a_mangled_vault_is_an_error(content in ".{0,80}", cut in any::<proptest::sample::Index>(), with in any::<Option<u8>>()) {
        let locked = encrypt(&secret(&content), &secret("p"), None, &[9; 32]);
        let at = cut.index(locked.trim_end().len());
        let mut mangled = locked.clone().into_bytes();
        match with {
            None => mangled.truncate(at),
            Some(byte) => mangled[at] = byte,
        }
        let given = passwords(&[(None, "p")]);
        // Letters of hexadecimal numbers may be large or small, and spaces may stand around lines.
        let meaning = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_whitespace().collect::<String>().to_ascii_lowercase();
        let same = meaning(&mangled) == meaning(locked.as_bytes());
        let opened = given.open_bytes(&mangled);
        prop_assert!(same || opened.is_err(), "{}", String::from_utf8_lossy(&mangled));
    }

    #[test]
    fn inline_values_mean_the_same_when_open(texts in proptest::collection::vec("\\PC{0,20}", 1..4), indent in 1_usize..9) {
        let vault = |text: &String| encrypt(&secret(text), &secret("p"), None, &[1; 32]);
        let text: String = texts.iter().enumerate()
            .map(|(number, text)| format!("v{number}: {}\n", inline::as_value(&vault(text), &" ".repeat(indent))))
            .collect();
        let given = passwords(&[(None, "p")]);
        let open = inline::replace(&text, "", |value| Ok(inline::as_text(given.open(&value.vault).unwrap().reveal()))).unwrap();
        let node = yaml::read(&open, "").unwrap().0.unwrap();
        for (number, text) in texts.iter().enumerate() {
            prop_assert_eq!(node.get(&format!("v{number}")).unwrap().as_text(), Some(text.as_str()));
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(body in "[0-9a-f\n]{0,80}", head in "(\\$ANSIBLE_VAULT;1.[12];AES256(;x)?\n)?") {
        let _ = Envelope::parse(&(head + &body));
    }
}
