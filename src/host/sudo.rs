//! Becoming root: found out once at connect time, so that a wrong password is an error and no hang.

use std::borrow::Cow;

use async_trait::async_trait;

use crate::diagnostic::{Error, Kind, Result};
use crate::secret::Secret;

use super::settings::Become;
use super::{Exec, Output, shell};

/// What stands before a script so that it runs as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Elevation {
    /// The login user is root.
    None,
    /// `sudo` asks for nothing.
    Sudo,
    /// `sudo` reads this from the first line of stdin: it never stands in a process list.
    Password(Secret<String>),
}

/// `-k` with a command ignores remembered passwords: whether one is asked for must not depend on
/// what happened in the minutes before, or the password line would reach the script.
const SUDO: [&str; 7] = ["sudo", "-k", "-n", "-H", "-u", "root", "--"];
const SUDO_PASSWORD: [&str; 9] = ["sudo", "-k", "-S", "-p", "", "-H", "-u", "root", "--"];

const PROBE: &str = r#"if [ "$(id -u)" = 0 ]; then echo root
elif ! command -v sudo >/dev/null 2>&1; then echo missing
elif sudo -k -n -H -u root -- sh -c : 2>/dev/null; then echo free
else echo asks
fi"#;

impl Elevation {
    /// The whole command.
    pub(super) fn words(&self, exec: &Exec<'_>) -> Result<Vec<String>> {
        let prefix: &[&str] = match self {
            Self::None => &[],
            Self::Sudo => &SUDO,
            Self::Password(_) => &SUDO_PASSWORD,
        };
        Ok(prefix.iter().map(|&word| word.to_owned()).chain(shell::words(exec)?).collect())
    }

    /// What goes in on stdin before a script's own input.
    pub(super) fn first_input(&self) -> Cow<'_, [u8]> {
        match self {
            Self::None | Self::Sudo => Cow::Borrowed(&[]),
            Self::Password(password) => Cow::Owned(format!("{}\n", password.reveal()).into_bytes()),
        }
    }
}

/// Runs a script as the login user, or elevated.
#[async_trait]
pub(super) trait RunAs: Send + Sync {
    async fn run_as(&self, elevation: &Elevation, exec: Exec<'_>) -> Result<Output>;
}

/// Finds out how `login` becomes root on `host`.
pub(super) async fn elevate(runner: &dyn RunAs, host: &str, login: &str, settings: &Become) -> Result<Elevation> {
    if settings.enabled && settings.user != "root" {
        return Err(Error::new(Kind::Invalid, format!("`{host}`: become user `{}` is not `root`", settings.user))
            .hint("provisioning needs root: remove `ansible_become_user` or set it to `root`"));
    }
    if login == "root" {
        return Ok(Elevation::None);
    }
    let probe = runner.run_as(&Elevation::None, Exec::new(PROBE)).await?;
    let answer = String::from_utf8_lossy(&probe.stdout);
    // A login shell may greet: the last line is ours.
    match answer.lines().last().unwrap_or_default() {
        "root" => Ok(Elevation::None),
        _ if !settings.enabled => {
            Err(Error::new(Kind::Invalid, format!("`{host}`: the login user `{login}` is not root, and become is off"))
                .hint("set `ansible_become: true` for this host, or log in as root with `ansible_user: root`"))
        }
        "free" => Ok(Elevation::Sudo),
        "asks" => with_password(runner, host, login, settings).await,
        "missing" => Err(Error::new(Kind::HostFailed, format!("`{host}`: `sudo` is not installed, so `{login}` cannot become root"))
            .hint("install sudo on the host, or log in as root with `ansible_user: root`")),
        _ => Err(Error::new(Kind::HostFailed, format!("`{host}`: no shell for `{login}`: {}", super::complaint(&probe)))
            .hint(format!("does `ssh {login}@{host} true` work?"))),
    }
}

async fn with_password(runner: &dyn RunAs, host: &str, login: &str, settings: &Become) -> Result<Elevation> {
    let Some(password) = &settings.password else {
        return Err(Error::new(Kind::HostFailed, format!("`{host}`: `sudo` asks for the password of `{login}`, and none is known"))
            .hint("give `--ask-become-pass`, or set `ansible_become_password` (from a vault)"));
    };
    let elevation = Elevation::Password(password.clone());
    let output = runner.run_as(&elevation, Exec::new(":")).await?;
    if output.status == 0 {
        return Ok(elevation);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let refused = ["not in the sudoers", "not allowed to", "may not run sudo"].iter().any(|text| complaint.contains(text));
    if refused {
        return Err(Error::new(Kind::HostFailed, format!("`{host}`: `{login}` may not use sudo: {}", super::complaint(&output)))
            .hint(format!("as root on the host: `usermod -aG sudo {login}` (or the group `wheel`)")));
    }
    if complaint.contains("incorrect password") || complaint.contains("Sorry, try again") || complaint.contains("no password was provided")
    {
        return Err(Error::new(Kind::HostFailed, format!("`{host}`: wrong sudo password for `{login}`"))
            .hint("check `ansible_become_password`, or give `--ask-become-pass`"));
    }
    Err(Error::new(Kind::HostFailed, format!("`{host}`: `{login}` cannot become root: {}", super::complaint(&output))))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Scripted(Mutex<Vec<Output>>);

    #[async_trait]
    impl RunAs for Scripted {
        async fn run_as(&self, _elevation: &Elevation, _exec: Exec<'_>) -> Result<Output> {
            Ok(self.0.lock().unwrap().remove(0))
        }
    }

    fn output(status: u32, stdout: &str, stderr: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    async fn outcome(settings: Become, outputs: Vec<Output>) -> String {
        match elevate(&Scripted(Mutex::new(outputs)), "matrix", "admin", &settings).await {
            Ok(elevation) => format!("{elevation:?}"),
            Err(error) => error.to_string(),
        }
    }

    fn on(password: Option<&str>) -> Become {
        Become { enabled: true, password: password.map(|password| Secret::new(password.to_owned())), ..Become::default() }
    }

    #[tokio::test]
    async fn each_way_to_root() {
        assert_eq!(outcome(on(None), vec![output(0, "free\n", "")]).await, "Sudo");
        assert_eq!(outcome(on(Some("x")), vec![output(0, "asks\n", ""), output(0, "", "")]).await, "Password([redacted])");
        assert_eq!(outcome(Become::default(), vec![output(0, "root\n", "")]).await, "None");
    }

    #[tokio::test]
    async fn each_way_to_fail() {
        assert_eq!(
            outcome(Become::default(), vec![output(0, "free\n", "")]).await,
            "`matrix`: the login user `admin` is not root, and become is off"
        );
        assert_eq!(
            outcome(on(None), vec![output(0, "asks\n", "")]).await,
            "`matrix`: `sudo` asks for the password of `admin`, and none is known"
        );
        let wrong = output(1, "", "Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n");
        assert_eq!(outcome(on(Some("x")), vec![output(0, "asks\n", ""), wrong]).await, "`matrix`: wrong sudo password for `admin`");
        let stranger = output(1, "", "admin is not in the sudoers file.\n");
        assert_eq!(
            outcome(on(Some("x")), vec![output(0, "asks\n", ""), stranger]).await,
            "`matrix`: `admin` may not use sudo: admin is not in the sudoers file."
        );
        assert_eq!(
            outcome(on(None), vec![output(0, "missing\n", "")]).await,
            "`matrix`: `sudo` is not installed, so `admin` cannot become root"
        );
        let other = Become { user: "deploy".to_owned(), ..on(None) };
        assert_eq!(outcome(other, vec![]).await, "`matrix`: become user `deploy` is not `root`");
    }

    #[test]
    fn the_password_stands_in_stdin_only() {
        let elevation = Elevation::Password(Secret::new("hunter2".to_owned()));
        let words = elevation.words(&Exec::new("id").arguments(&["a b"])).unwrap();
        assert_eq!(
            words.iter().take(11).map(String::as_str).collect::<Vec<_>>(),
            ["sudo", "-k", "-S", "-p", "", "-H", "-u", "root", "--", "sh", "-c"]
        );
        assert_eq!(words.last().unwrap(), "a b");
        assert!(!words.iter().any(|word| word.contains("hunter2")));
        assert_eq!(elevation.first_input().as_ref(), b"hunter2\n");
    }
}
