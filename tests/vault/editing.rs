//! The editor: what it sees, what becomes of its text, and that nothing of it stays.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use insta::assert_snapshot;

use crate::common::{Homestead, TestInventory, wait_for};
use crate::{IDS, OTHER, PASSWORD, TEXT, mode, program, recorded, secrets};

/// Notes where the text lies and who sees what; then does what the test wants.
const EDITOR: &str = "#!/bin/sh
{ stat -c '%a %F' \"$1\" \"${1%/*}\"; basename \"$1\"; cat \"$1\"; } > seen
echo \"$1\" > place
ps -eww -o args > processes; tr '\\0' '\\n' < /proc/$PPID/environ > environment
echo draft > \"${1%/*}/.swap\"
";

#[test]
fn an_edited_text_is_encrypted_again_and_leaves_nothing() {
    let folder = recorded();
    let editor = program(&folder, "editor", &format!("{EDITOR}echo 'more: 1' >> \"$1\"\n"));
    let homestead = Homestead::on(&folder).with(&IDS).environment("EDITOR", &editor).guarding(&secrets());
    std::fs::set_permissions(folder.path("labelled.yml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let edited = homestead.run(&["vault", "edit", "labelled.yml"]).exits(0);
    assert_eq!((edited.stdout.as_str(), edited.stderr.as_str()), ("", "encrypted labelled.yml\n"));
    assert_eq!(folder.read("seen"), format!("600 regular file\n700 directory\nlabelled.yml\n{TEXT}"));
    assert!(folder.read("labelled.yml").starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
    assert_eq!(mode(folder.path("labelled.yml")), 0o640);
    assert_eq!(homestead.run(&["vault", "view", "labelled.yml"]).exits(0).stdout, format!("{TEXT}more: 1\n"));
    let gone = |folder: &TestInventory| !Path::new(folder.read("place").trim()).parent().unwrap().exists();
    assert!(gone(&folder));
    for file in ["processes", "environment"] {
        let text = folder.read(file);
        assert!(!text.contains(PASSWORD) && !text.contains(OTHER) && !text.contains("hunter2"), "{file}: {text}");
    }

    // Nothing changed, a failure, no editor at all: the file is the same to the byte.
    let before = folder.read("labelled.yml");
    let quiet = program(&folder, "quiet", EDITOR);
    let failing = program(&folder, "failing", &format!("{EDITOR}echo lost >> \"$1\"; exit 3\n"));
    let removing = program(&folder, "removing", &format!("{EDITOR}rm \"$1\"\n"));
    let with = |editor: &str| Homestead::on(&folder).with(&IDS).environment("EDITOR", "wrong").environment("VISUAL", editor);
    let mut shown = String::new();
    for editor in [quiet.as_str(), failing.as_str(), removing.as_str(), "/no/such/editor --wait"] {
        shown.push_str(&with(editor).run(&["vault", "edit", "labelled.yml"]).text());
        assert_eq!(folder.read("labelled.yml"), before);
        assert!(gone(&folder), "{editor}");
    }
    assert_snapshot!(shown, @"
    $ homestead --vault-password-file password --vault-id prod@other-password vault edit labelled.yml
    -- stderr
    labelled.yml is unchanged
    -- exit code 0
    $ homestead --vault-password-file password --vault-id prod@other-password vault edit labelled.yml
    -- stderr
    error: the editor `[FOLDER]/failing` failed (exit status: 3); nothing was changed
    hint: set `VISUAL` or `EDITOR` to the editor that you use
    -- exit code 1
    $ homestead --vault-password-file password --vault-id prod@other-password vault edit labelled.yml
    -- stderr
    error: the editor removed the text; nothing was changed
    -- exit code 1
    $ homestead --vault-password-file password --vault-id prod@other-password vault edit labelled.yml
    -- stderr
    error: the editor `/no/such/editor --wait` cannot be run
      caused by: No such file or directory (os error 2)
    hint: set `VISUAL` or `EDITOR` to the editor that you use
    -- exit code 1
    ");

    // Somebody else was faster.
    let slow = program(&folder, "slow", &format!("{EDITOR}echo 'mine: 1' >> \"$1\"; cp whole.yml labelled.yml\n"));
    assert_snapshot!(with(&slow).run(&["vault", "edit", "labelled.yml"]).text(), @"
    $ homestead --vault-password-file password --vault-id prod@other-password vault edit labelled.yml
    -- stderr
    error: `labelled.yml` was changed by someone else meanwhile; it was left alone
    hint: your text lies in `[FOLDER]/labelled.yml.edited`, encrypted with the same password
    -- exit code 1
    ");
    assert_eq!(folder.read("labelled.yml"), folder.read("whole.yml"));
    let mine = Homestead::on(&folder).with(&IDS).run(&["vault", "view", "labelled.yml.edited"]).exits(0);
    assert_eq!(mine.stdout, format!("{TEXT}more: 1\nmine: 1\n"));

    // A new file.
    let new = Homestead::on(&folder).with(&IDS).environment("EDITOR", &editor);
    new.run(&["vault", "create", "vars/new.yml", "--encrypt-vault-id", "default"]).exits(0);
    assert_eq!(
        (new.run(&["vault", "view", "vars/new.yml"]).exits(0).stdout.as_str(), mode(folder.path("vars/new.yml"))),
        ("more: 1\n", 0o600)
    );
    new.run(&["vault", "create", "vars/new.yml", "--encrypt-vault-id", "default"]).exits(1);
}

#[test]
fn a_signal_leaves_no_open_text() {
    for signal in ["TERM", "HUP", "INT"] {
        let folder = recorded();
        let waiting = "echo lost >> \"$1\"\necho $$ > editor-id\nwhile [ ! -e go-on ]; do sleep 0.05; done\n";
        let editor = program(&folder, "editor", &format!("{EDITOR}{waiting}"));
        let before = folder.read("whole.yml");
        let homestead = Homestead::on(&folder).with(&IDS).environment("EDITOR", &editor);
        let mut running = homestead.start(&["vault", "edit", "whole.yml"], "");
        let id = wait_for(30, "the editor", || std::fs::read_to_string(folder.path("editor-id")).ok().filter(|id| id.ends_with('\n')));
        running.signal(signal);
        if signal == "INT" {
            // That one is the editor's: it goes on.
            std::thread::sleep(std::time::Duration::from_millis(300));
            assert!(running.goes_on());
            folder.write("go-on", "");
            running.wait().exits(0);
            assert_ne!(folder.read("whole.yml"), before);
        } else {
            let outcome = running.wait().exits(130);
            assert_eq!(outcome.stderr, "error: stopped while the editor was open; its text is gone, and nothing was changed\n");
            assert_eq!(folder.read("whole.yml"), before);
            wait_for(10, "the end of the editor", || (!Path::new(&format!("/proc/{}", id.trim())).exists()).then_some(()));
        }
        assert!(!Path::new(folder.read("place").trim()).parent().unwrap().exists(), "{signal}");
    }
}
