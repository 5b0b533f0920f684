//! Passwords from where a vault id says: questions, files, programs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use camino::Utf8Path;

use super::{PasswordSource, VaultIdentity, VaultPassword, VaultPasswords, is_vault};
use crate::diagnostic::{Error, Kind, Result};
use crate::secret::Secret;

/// How many characters of what a failed program said are shown.
const SAID: usize = 600;

/// What a password may be asked from.
pub struct Asking<'a> {
    /// Asks a person; the answer is not shown.
    pub question: &'a dyn Fn(&str) -> Result<Secret<String>>,
    /// Whether the password is a new one: then it is asked for twice.
    pub new: bool,
    /// Whether a person sees standard error: then programs may ask there too.
    pub interactive: bool,
}

/// The passwords of all vault ids, in their order.
///
/// # Errors
/// [`Kind::Invalid`]: a source gives none.
pub fn passwords(identities: &[VaultIdentity], asking: &Asking<'_>) -> Result<VaultPasswords> {
    let mut passwords = VaultPasswords::none();
    for identity in identities {
        let password = password(identity, &passwords, asking)?;
        passwords.push(password);
    }
    Ok(passwords)
}

/// The password of one vault id. `earlier` may open a password file that is a vault itself.
///
/// # Errors
/// [`Kind::Invalid`]: the source gives none.
pub fn password(identity: &VaultIdentity, earlier: &VaultPasswords, asking: &Asking<'_>) -> Result<VaultPassword> {
    let password = match &identity.source {
        PasswordSource::Prompt => ask(asking, &format!("vault password ({})", identity.label()))?,
        // Ansible writes it with a capital where it is new, and tools that answer look for that.
        PasswordSource::AskVaultPass => ask(asking, if asking.new { "Vault password" } else { "vault password" })?,
        PasswordSource::File(path) => from_file(path, identity, earlier, asking)?,
    };
    if password.reveal().is_empty() {
        return Err(Error::new(Kind::Invalid, format!("the vault password of `{}` is empty ({})", identity, identity.said_by)));
    }
    Ok(VaultPassword { id: identity.id.clone(), password })
}

/// The questions are worded as Ansible's, for programs that wait for them.
fn ask(asking: &Asking<'_>, what: &str) -> Result<Secret<Vec<u8>>> {
    let ask = |question: &str| (asking.question)(question).map(|answer| Secret::new(answer.reveal().trim().as_bytes().to_vec()));
    if !asking.new {
        return ask(&format!("V{}: ", &what[1..]));
    }
    let password = ask(&format!("New {what}: "))?;
    let confirm = if what.starts_with('V') { "Confirm New" } else { "Confirm new" };
    if ask(&format!("{confirm} {what}: "))? != password {
        return Err(Error::new(Kind::Usage, "the two passwords differ").hint("nothing was changed"));
    }
    Ok(password)
}

fn from_file(path: &Utf8Path, identity: &VaultIdentity, earlier: &VaultPasswords, asking: &Asking<'_>) -> Result<Secret<Vec<u8>>> {
    let wrong = |problem: &str| Error::new(Kind::Invalid, format!("{problem} ({})", identity.said_by));
    let metadata = fs_err::metadata(path)
        .map_err(|error| wrong(&format!("cannot read the vault password from `{path}`: {}", super::super::files::reason(&error))))?;
    if metadata.is_dir() {
        return Err(wrong(&format!("cannot read the vault password from `{path}`: it is a folder")));
    }
    if metadata.permissions().mode() & 0o111 != 0 {
        return from_program(path, identity, asking);
    }
    let content = fs_err::read(path)
        .map_err(|error| wrong(&format!("cannot read the vault password from `{path}`: {}", super::super::files::reason(&error))))?;
    let content = content.trim_ascii();
    if !is_vault(content) {
        return Ok(Secret::new(content.to_vec()));
    }
    match earlier.open_bytes(content) {
        Ok(opened) => Ok(Secret::new(without_line_breaks(opened.content.reveal()).to_vec())),
        Err(locked) => {
            Err(wrong(&format!("the vault password file `{path}`: {locked}")).hint("give the vault id that opens it before this one"))
        }
    }
}

fn without_line_breaks(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] | [rest @ .., b'\r' | b'\n'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether a program is asked for the password of a label: `NAME-client`, `NAME-client.EXT`.
fn is_client(path: &Utf8Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.ends_with("-client"))
}

fn from_program(path: &Utf8Path, identity: &VaultIdentity, asking: &Asking<'_>) -> Result<Secret<Vec<u8>>> {
    let failed = |problem: String| Error::new(Kind::Invalid, format!("the vault password script `{path}` {problem}"));
    // A name without a slash would be looked for in `PATH`.
    let program = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path.as_str()));
    let mut command = Command::new::<&Path>(&program);
    let client = is_client(path);
    if let (true, Some(id)) = (client, &identity.id) {
        command.args(["--vault-id", id]);
    }
    command.stdout(Stdio::piped());
    if asking.interactive {
        // It may have a question of its own.
        command.stdin(Stdio::inherit()).stderr(if client { Stdio::piped() } else { Stdio::inherit() });
    } else {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
    }
    let output = command.spawn().and_then(std::process::Child::wait_with_output).map_err(|error| {
        failed("cannot be run".to_owned())
            .caused_by(error)
            .hint(format!("begin it with a line such as `#!/bin/sh`; if it is no script but holds the password itself: `chmod -x {path}`"))
    })?;
    if !output.status.success() {
        let for_label = match (&identity.id, client) {
            (Some(id), true) => format!(" for the vault id `{id}`"),
            _ => String::new(),
        };
        let error = failed(format!("failed{for_label}: {}", ending(output.status)));
        let said = said(&output.stderr);
        return Err(if said.is_empty() { error } else { error.hint(format!("it said: {said}")) });
    }
    let password = without_line_breaks(&output.stdout);
    if password.is_empty() {
        return Err(failed("printed no password".to_owned()).hint("it must write the password to its standard output"));
    }
    Ok(Secret::new(password.to_vec()))
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "it ended without a status".to_owned(),
    }
}

/// The end of what a program said, on one line and without control characters.
fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = lines.join(" / ").replace(char::is_control, " ");
    let length = line.chars().count();
    if length <= SAID { line } else { format!("...{}", line.chars().skip(length - SAID).collect::<String>()) }
}
