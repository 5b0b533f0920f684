//! `daemon install` and `daemon uninstall`: the daemon as a service of this machine.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cli::global::GlobalArgs;
use crate::daemon::life::read_settings;
use crate::diagnostic::{Error, Kind, Result};
use crate::report::Terminal;

/// The service's name.
const UNIT: &str = "homestead-daemon.service";
/// Where its unit file is.
const UNIT_PATH: &str = "/etc/systemd/system/homestead-daemon.service";
/// Where its settings are, when the command line names no other place.
pub const SETTINGS: &str = "/etc/homestead/daemon.toml";
/// The account that it runs as, when the command line names none.
const ACCOUNT: &str = "homestead";
/// The account's home, which is also systemd's `StateDirectory`.
const HOME: &str = "/var/lib/homestead-daemon";

const UNIT_TEMPLATE: &str = include_str!("homestead-daemon.service");
const SETTINGS_TEMPLATE: &str = include_str!("daemon.toml");

/// What is installed.
pub struct Install<'a> {
    /// The options of the daemon's command line.
    pub options: &'a [String],
    /// `daemon.toml`.
    pub config: Option<&'a Utf8Path>,
    /// The account; made where the default one is missing.
    pub account: Option<&'a str>,
    /// Only show it.
    pub print: bool,
}

/// Writes the unit file, and the settings where there are none, and starts the service.
///
/// # Errors
/// Without root; where the account cannot read what it must.
pub fn install(install: &Install<'_>, global: &GlobalArgs, terminal: &Terminal) -> Result<()> {
    let config = install.config.map_or_else(|| Utf8PathBuf::from(SETTINGS), Utf8Path::to_owned);
    let account = install.account.unwrap_or(ACCOUNT);
    let readable = readable(global)?;
    let unit = unit(install.options, &config, account, &readable)?;
    if install.print {
        let settings = if config.exists() { String::new() } else { format!("# {config}\n{SETTINGS_TEMPLATE}\n") };
        terminal.out(&format!("{settings}# {UNIT_PATH}\n{unit}"));
        return Ok(());
    }
    need_root()?;
    if install.account.is_none() && !succeeds("getent", &["passwd", ACCOUNT]) {
        run("useradd", &["--system", "--user-group", "--home-dir", HOME, "--create-home", "--shell", "/usr/sbin/nologin", ACCOUNT])?;
        terminal.err(&format!("made the account `{ACCOUNT}`; its SSH key belongs into {HOME}/.ssh\n"));
    }
    for path in readable.iter().filter(|path| path.exists()) {
        if !succeeds("runuser", &["-u", account, "--", "test", "-r", path.as_str()]) {
            return Err(Error::new(Kind::Usage, format!("the account `{account}` cannot read `{path}`; nothing was installed"))
                .hint(format!("for example: `chgrp -R {account} {path} && chmod -R g+rX {path}`, and x for the folders above"))
                .hint("`--account NAME` names another one"));
        }
    }
    if config.exists() {
        read_settings(Some(&config))?;
    } else {
        write(&config, SETTINGS_TEMPLATE)?;
        terminal.err(&format!("wrote {config}\n"));
    }
    write(Utf8Path::new(UNIT_PATH), &unit)?;
    terminal.err(&format!("wrote {UNIT_PATH}\n"));
    run("systemctl", &["daemon-reload"])?;
    run("systemctl", &["enable", "--quiet", UNIT])?;
    run("systemctl", &["restart", UNIT])?;
    terminal.err("the daemon runs; it reports, and changes nothing until its settings say so\n");
    Ok(())
}

/// Stops the service, when the step that it is at is over, and removes its unit file. Settings, database and account stay.
///
/// # Errors
/// Without root.
pub fn uninstall(print: bool, terminal: &Terminal) -> Result<()> {
    if print {
        terminal.out(&format!("systemctl disable --now {UNIT}\nrm {UNIT_PATH}\n"));
        return Ok(());
    }
    need_root()?;
    if !Utf8Path::new(UNIT_PATH).exists() {
        terminal.err("it is not installed\n");
        return Ok(());
    }
    run("systemctl", &["disable", "--quiet", "--now", UNIT])?;
    fs_err::remove_file(UNIT_PATH).map_err(local)?;
    run("systemctl", &["daemon-reload"])?;
    terminal.err(&format!("removed {UNIT_PATH}; {SETTINGS} and {HOME} are left\n"));
    Ok(())
}

/// What the daemon must be able to read.
fn readable(global: &GlobalArgs) -> Result<Vec<Utf8PathBuf>> {
    let named = global.inventory.iter().chain(&global.private_key).chain(&global.vault_password_file).chain(&global.roles_dir);
    named.map(|path| camino::absolute_utf8(path).map_err(local)).collect()
}

fn unit(options: &[String], config: &Utf8Path, account: &str, readable: &[Utf8PathBuf]) -> Result<String> {
    let program = std::env::current_exe().map_err(local)?;
    let words = std::iter::once(program.display().to_string()).chain(["daemon".into(), "--config".into(), config.to_string()]);
    let command: Vec<String> = words.chain(options.iter().cloned()).map(|word| quoted(&word)).collect();
    let at_home = readable.iter().any(|path| path.starts_with("/home") || path.starts_with("/root"));
    Ok(UNIT_TEMPLATE
        .replace("[COMMAND]", &command.join(" "))
        .replace("[ACCOUNT]", account)
        .replace("[HOMES]", if at_home { "read-only" } else { "yes" }))
}

/// A word of `ExecStart=`, as systemd.service(5) and systemd.syntax(7) want it.
fn quoted(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    if word.chars().any(|character| character.is_whitespace() || "\"'\\;".contains(character)) { format!("\"{word}\"") } else { word }
}

fn write(path: &Utf8Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).map_err(local)?;
    }
    let new = Utf8PathBuf::from(format!("{path}.new"));
    fs_err::write(&new, text).map_err(local)?;
    fs_err::set_permissions(&new, std::fs::Permissions::from_mode(0o644)).map_err(local)?;
    fs_err::rename(&new, path).map_err(local)
}

fn need_root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::new(Kind::Usage, "only root can do that").hint("use sudo; `--print` shows beforehand what would be written"))
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let failed = |why: &str| Error::new(Kind::HostFailed, format!("`{program} {}` failed: {why}", arguments.join(" ")));
    let output = match Command::new(program).args(arguments).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(failed("there is no such program")),
        Err(error) => return Err(failed("it cannot be started").caused_by(error)),
    };
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim()).hint(format!("`journalctl -u {UNIT} -n 50` may say more")))
}

fn local(error: std::io::Error) -> Error {
    Error::new(Kind::Usage, "this machine's files cannot be changed").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_whole() {
        let options = ["--inventory", "/srv/my inventory/hosts", "--extra-vars", "x=100%"].map(str::to_owned);
        let text = unit(&options, Utf8Path::new(SETTINGS), ACCOUNT, &["/root/inventory".into()]).unwrap();
        assert!(!text.contains(['[', ']']) || text.lines().filter(|line| line.contains('[')).count() == 3, "{text}");
        let line = text.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
        assert!(
            line.ends_with(" daemon --config /etc/homestead/daemon.toml --inventory \"/srv/my inventory/hosts\" --extra-vars x=100%%"),
            "{line}"
        );
        assert!(text.contains("\nUser=homestead\n") && text.contains("\nProtectHome=read-only\n"), "{text}");
        assert!(unit(&[], Utf8Path::new(SETTINGS), ACCOUNT, &[]).unwrap().contains("\nProtectHome=yes\n"));
    }

    #[test]
    fn the_settings_say_nothing_until_they_are_edited() {
        use crate::daemon::{Policy, Settings};
        let settings = Settings::parse(Utf8Path::new("daemon.toml"), SETTINGS_TEMPLATE).unwrap();
        assert_eq!((settings.policy("a"), settings.api.listen), (Policy::Report, None));
        // What is only a comment is right too.
        let bare: String = SETTINGS_TEMPLATE.lines().map(|line| format!("{}\n", line.strip_prefix("#:").unwrap_or(line))).collect();
        let settings = Settings::parse(Utf8Path::new("daemon.toml"), &bare).unwrap();
        assert_eq!(settings.policy("matrix.example.com"), Policy::Apply);
    }
}
