//! Keys that are made once on the host and never leave it.

use super::observe::check_path;
use super::{Host, Output, Script, failed};
use crate::diagnostic::{Error, Kind, Result};

const KEYS: &str = include_str!("scripts/keys.sh");

/// Stands in a command for the path that it writes to.
pub const KEY_FILE_PATH: &str = "__KEY_FILE_PATH__";

/// A key that must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// Absolute; its directory must exist.
    pub path: String,
    /// Octal digits: `0600`.
    pub mode: String,
    /// Name or number.
    pub owner: String,
    /// Name or number.
    pub group: String,
    /// POSIX sh; holds [`KEY_FILE_PATH`] where the path goes.
    pub command: String,
}

/// Makes the keys that are missing; gives the paths of those that were made.
pub async fn make_keys(host: &dyn Host, requests: &[KeyRequest]) -> Result<Vec<String>> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    made_keys(host, &keys_script(requests)?.run(host).await?)
}

/// The script of [`make_keys`].
///
/// # Errors
/// A path or a command that cannot be.
pub fn keys_script(requests: &[KeyRequest]) -> Result<Script> {
    let mut arguments = Vec::new();
    for request in requests {
        let (temporary, command) = prepare(request)?;
        arguments.extend([request.path.clone(), temporary, request.mode.clone(), format!("{}:{}", request.owner, request.group), command]);
    }
    Ok(Script::new(KEYS, arguments))
}

/// What came of [`keys_script`].
///
/// # Errors
/// A command failed.
pub fn made_keys(host: &dyn Host, output: &Output) -> Result<Vec<String>> {
    if output.status != 0 {
        return Err(failed(host, "making keys", output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// The temporary path, in a folder that only root sees, and the command that writes to it.
fn prepare(request: &KeyRequest) -> Result<(String, String)> {
    check_path(&request.path)?;
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@%+,".contains(character);
    let invalid = |what: &str| Error::new(Kind::Invalid, format!("the key `{}` {what}", request.path));
    // The command holds the path inside quotes or not: it must mean the same in both.
    if !request.path.chars().all(plain) {
        return Err(invalid("has a path with characters that a shell reads in its own way"));
    }
    let (folder, name) = request.path.rsplit_once('/').filter(|(_, name)| !name.is_empty()).ok_or_else(|| invalid("has no file name"))?;
    let temporary = format!("{folder}/.homestead-key/{name}");
    if !request.command.contains(KEY_FILE_PATH) {
        return Err(invalid(&format!("has a command without `{KEY_FILE_PATH}`")));
    }
    let command = request.command.replace(KEY_FILE_PATH, &temporary);
    Ok((temporary, command))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;
    use crate::host::{ConnectionSettings, Environment, LocalHost};

    fn request(path: &str, command: &str) -> KeyRequest {
        KeyRequest { path: path.into(), mode: "0440".into(), owner: "root".into(), group: "991".into(), command: command.into() }
    }

    #[tokio::test]
    async fn only_missing_keys_are_made_and_failures_leave_nothing() {
        let host = LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs_err::write(path("old"), "old").unwrap();
        let command = "echo noise; printf new >'__KEY_FILE_PATH__'";
        let made = make_keys(&host, &[request(&path("old"), command), request(&path("new"), command)]).await.unwrap();
        assert_eq!(made, [path("new")]);
        assert_eq!(fs_err::read_to_string(path("old")).unwrap(), "old");
        assert_eq!(fs_err::read_to_string(path("new")).unwrap(), "new");
        let metadata = fs_err::metadata(path("new")).unwrap();
        assert_eq!((metadata.permissions().mode() & 0o7777, metadata.gid(), metadata.nlink()), (0o440, 991, 1));
        for (command, words) in [("echo half >__KEY_FILE_PATH__; exit 3", "failed"), (": __KEY_FILE_PATH__", "wrote nothing")] {
            let error = make_keys(&host, &[request(&path("bad"), command)]).await.unwrap_err();
            assert_eq!(error.to_string(), format!("`here`: making keys failed: the command for {} {words}", path("bad")));
        }
        let left: Vec<_> = fs_err::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn a_command_must_name_the_path_and_the_path_be_plain() {
        assert!(prepare(&request("/a/b c", KEY_FILE_PATH)).is_err());
        assert!(prepare(&request("/a/b", "true")).is_err());
        assert_eq!(
            prepare(&request("/a/b", "x __KEY_FILE_PATH__")).unwrap(),
            ("/a/.homestead-key/b".to_owned(), "x /a/.homestead-key/b".to_owned())
        );
    }
}
