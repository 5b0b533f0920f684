//! Questions at a terminal, and strings from wherever they come.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::common::{Homestead, TestInventory, skipped};
use crate::{TEXT, recorded, secrets};

/// Runs homestead at a terminal of its own and answers its questions; gives what the terminal showed and the exit code.
fn at_terminal(folder: &TestInventory, arguments: &str, answers: &[(&str, &str)]) -> Option<(String, i32)> {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        skipped("`script` of util-linux is not installed");
        return None;
    }
    std::fs::create_dir_all(folder.path("home")).unwrap();
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_homestead"));
    let mut child = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder.folder())
        .env("HOME", folder.path("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut seen) = (Vec::new(), 0);
    let mut byte = [0];
    let mut answers = answers.iter();
    let mut next = answers.next();
    while output.read(&mut byte).unwrap() == 1 {
        shown.extend(byte);
        if let Some((question, answer)) = next
            && String::from_utf8_lossy(&shown[seen..]).ends_with(question)
        {
            // The terminal stops showing what is typed right after the question.
            std::thread::sleep(std::time::Duration::from_millis(200));
            input.write_all(format!("{answer}\r").as_bytes()).unwrap();
            seen = shown.len();
            next = answers.next();
        }
    }
    assert!(next.is_none(), "not asked: {next:?} in {}", String::from_utf8_lossy(&shown));
    let code = child.wait().unwrap().code().unwrap();
    Some((String::from_utf8(shown).unwrap().replace("\r\n", "\n"), code))
}

#[test]
fn questions_are_asked_at_the_terminal_and_new_passwords_twice() {
    let folder = recorded();
    folder.write("plain.yml", TEXT);
    let new = [("New Vault password: ", "s3cret pass"), ("Confirm New Vault password: ", "s3cret pass")];
    let Some((shown, code)) = at_terminal(&folder, "vault encrypt plain.yml", &new) else { return };
    assert_eq!((shown.as_str(), code), ("New Vault password: \nConfirm New Vault password: \nencrypted plain.yml\n", 0));
    let differ = [("New Vault password: ", "one"), ("Confirm New Vault password: ", "two")];
    let before = folder.read("plain.yml");
    let (shown, code) = at_terminal(&folder, "vault rekey --vault-password-file password whole.yml", &differ).unwrap();
    assert!(shown.contains("the two passwords differ") && code == 1, "{code} {shown}");
    let (shown, code) = at_terminal(&folder, "vault view plain.yml", &[("Vault password: ", "wrong")]).unwrap();
    assert!(shown.contains("no given password opens it (tried: `default`)") && !shown.contains("wrong") && code == 3, "{code} {shown}");
    assert_eq!(folder.read("plain.yml"), before);
    // Data in a pipe and a question at the terminal do not get in each other's way.
    let (shown, code) =
        at_terminal(&folder, "vault decrypt --vault-id prod@prompt < plain.yml", &[("Vault password (prod): ", "s3cret pass")]).unwrap();
    assert!(shown.ends_with(&format!("{TEXT}decrypted standard input\n")) && code == 0, "{code} {shown}");
    let string = [("Variable name (enter for no name): ", "token"), ("String to encrypt (hidden): ", "hidden string")];
    let (shown, code) = at_terminal(&folder, "vault encrypt-string --vault-password-file password", &string).unwrap();
    assert!(shown.contains("token: !vault |") && !shown.contains("hidden string") && code == 0, "{code} {shown}");
    let vault = &shown[shown.find("token: ").unwrap() + "token: ".len()..];
    folder.write("string.yml", &vault[vault.find("token: ").unwrap_or(0)..]);
    let (shown, _) = at_terminal(&folder, "vault view --vault-password-file password string.yml", &[]).unwrap();
    assert!(shown.contains("\"hidden string\""), "{shown}");

    // Without a terminal, it says so.
    let mut alone = Command::new("setsid");
    alone.args(["--wait", env!("CARGO_BIN_EXE_homestead"), "vault", "view", "plain.yml"]).current_dir(folder.folder()).stdin(Stdio::null());
    let output = alone.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("error: there is no terminal to ask: Vault password\n") && output.status.code() == Some(1), "{said}");
}

#[test]
fn strings_become_values() {
    let folder = recorded();
    let homestead = Homestead::on(&folder).with(&["--vault-id", "prod@other-password"]).guarding(&secrets());
    let piped =
        homestead.run_with_input(&["vault", "encrypt_string", "--stdin-name", "piped", "--name", "word", "one", "two"], "a\nb\n").exits(0);
    assert_eq!(
        piped.stderr,
        "there are more strings than names: the last ones get none\n# string 1 `piped`, from standard input\n# string 2 `word`, from the command line\n# string 3, from the command line\n"
    );
    assert_eq!(
        piped.stdout.lines().filter(|line| line.contains("!vault")).collect::<Vec<_>>(),
        ["piped: !vault |", "word: !vault |", "!vault |"]
    );
    folder.write("values.yml", &piped.stdout);
    assert_eq!(homestead.run(&["vault", "view", "values.yml"]).exits(0).stdout, "piped: \"a\\nb\\n\"\nword: \"one\"\n\"two\"\n");
    for wrong in [&["-n", "a", "-n", "b", "x"][..], &["-n", "a", ""], &["--prompt", "-"]] {
        homestead.run(&[&["vault", "encrypt-string"], wrong].concat()).exits(1);
    }
    homestead.run(&["vault", "encrypt-string", "-n", "a"]).exits(1);
}
