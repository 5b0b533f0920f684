//! A host's connection variables -> how to reach it.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Error, Result};
use crate::host::{Become, ConnectionSettings};
use crate::inventory::shell_words;
use crate::secret::Secret;
use crate::vars::Variables;

/// What the command line says about connections, below what the inventory says.
#[derive(Clone, Debug, Default)]
pub struct ConnectionDefaults {
    /// `--user`.
    pub user: Option<String>,
    /// `--private-key`.
    pub private_key: Option<PathBuf>,
    /// `--ask-pass`.
    pub password: Option<Secret<String>>,
    /// `--ask-become-pass`.
    pub become_password: Option<Secret<String>>,
    /// `--accept-new-host-key`.
    pub accept_new_host_key: bool,
}

/// How a host is worked on.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Over SSH.
    Ssh(Box<ConnectionSettings>),
    /// On this machine.
    Local(Box<ConnectionSettings>),
}

/// Reads the connection variables (Ansible's documentation, "Connecting to hosts: behavioral inventory
/// parameters"). Where several names mean the same, the first that is set counts.
///
/// # Errors
/// Every variable with a value that makes no sense.
pub fn settings(host: &str, variables: &Variables, defaults: &ConnectionDefaults) -> Result<Transport> {
    let reader = Reader { variables, problems: RefCell::default() };
    let password = reader.text(&["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"]).map(Secret::new);
    let enabled = reader.flag(&["ansible_become"], true);
    let escalation = Become {
        enabled,
        user: reader.text(&["ansible_become_user"]).unwrap_or_else(|| "root".to_owned()),
        password: password.or_else(|| defaults.become_password.clone()),
    };
    match reader.text(&["ansible_connection"]).as_deref() {
        None | Some("ssh" | "smart" | "paramiko" | "paramiko_ssh" | "ansible.builtin.ssh") => {}
        Some("local" | "ansible.builtin.local") => {
            reader.finish()?;
            return Ok(Transport::Local(Box::new(ConnectionSettings { escalation, ..ConnectionSettings::new(host) })));
        }
        Some(other) => {
            reader.wrong("ansible_connection", &format!("`{other}` is no connection that homestead has"), "`ssh` or `local`");
        }
    }
    let mut settings = ConnectionSettings::new(host);
    settings.address = reader.text(&["ansible_host", "ansible_ssh_host"]);
    if let Some((name, value)) = reader.value(&["ansible_port", "ansible_ssh_port"]) {
        settings.port = port(&value);
        if settings.port.is_none() {
            reader.wrong(name, "it is no port", "a number from 1 to 65535");
        }
    }
    settings.user = reader.text(&["ansible_user", "ansible_ssh_user"]).or_else(|| defaults.user.clone());
    settings.password = reader
        .text(&["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"])
        .map(Secret::new)
        .or_else(|| defaults.password.clone());
    settings.private_key_file = reader
        .text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])
        .map(PathBuf::from)
        .or_else(|| defaults.private_key.clone());
    if let Some((name, value)) = reader.value(&["ansible_ssh_timeout", "ansible_timeout"]) {
        match value.as_u64() {
            Some(seconds) => settings.connect_timeout = Duration::from_secs(seconds),
            None => reader.wrong(name, "it is no number of seconds", "a whole number"),
        }
    }
    let common = reader.text(&["ansible_ssh_common_args"]);
    let extra = reader.text(&["ansible_ssh_extra_args"]);
    for (name, text) in [("ansible_ssh_common_args", common), ("ansible_ssh_extra_args", extra)] {
        match ssh_options(text.as_deref().unwrap_or_default()) {
            Ok(options) => settings.options.extend(options),
            Err(problem) => reader.wrong(name, &problem, "as for `ssh`: `-o ProxyJump=bastion`"),
        }
    }
    settings.accept_new_host_key = defaults.accept_new_host_key;
    settings.escalation = escalation;
    reader.finish()?;
    Ok(Transport::Ssh(Box::new(settings)))
}

/// The options of a command line for `ssh` that say how to connect: `-o Key=Value`, `-o "Key Value"`, `-J`,
/// `-p`, `-i`, `-l`. Others, such as `-C`, change nothing here.
///
/// # Errors
/// The text cannot be split into words.
fn ssh_options(text: &str) -> Result<Vec<(String, String)>, String> {
    let words = shell_words::split(text).map_err(|column| format!("a quote at column {column} is not closed"))?;
    let mut words = words.into_iter().map(|word| word.text);
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let Some((letter, attached)) = word.strip_prefix('-').and_then(|rest| Some((rest.get(..1)?, rest.get(1..)?))) else { continue };
        if !matches!(letter, "o" | "J" | "p" | "i" | "l") {
            continue;
        }
        let value = if attached.is_empty() { words.next().unwrap_or_default() } else { attached.to_owned() };
        let (key, value) = match letter {
            "J" => ("ProxyJump".to_owned(), value),
            "p" => ("Port".to_owned(), value),
            "i" => ("IdentityFile".to_owned(), value),
            "l" => ("User".to_owned(), value),
            _ => match value.split_once(['=', ' ']) {
                Some((key, value)) => (key.trim().to_owned(), value.trim().to_owned()),
                None => return Err(format!("`-o {value}` has no value")),
            },
        };
        options.push((key, value));
    }
    Ok(options)
}

fn port(value: &Json) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|port| *port != 0)
}

/// Reads variables. What is wrong with them is kept until all are read.
struct Reader<'a> {
    variables: &'a Variables,
    problems: RefCell<Vec<Diagnostic>>,
}

impl Reader<'_> {
    /// The first of the names that is set to something.
    fn value<'n>(&self, names: &[&'n str]) -> Option<(&'n str, Json)> {
        for &name in names {
            if self.variables.definition(name).is_some() {
                match self.variables.get(name) {
                    Ok(found) if found.value.is_null() || found.value == Json::String(String::new()) => {}
                    Ok(found) => return Some((name, found.value)),
                    Err(problem) => {
                        self.problems.borrow_mut().push(problem);
                        return None;
                    }
                }
            }
        }
        None
    }

    fn text(&self, names: &[&str]) -> Option<String> {
        match self.value(names)? {
            (_, Json::String(text)) => Some(text),
            (_, Json::Number(number)) => Some(number.to_string()),
            (name, _) => {
                self.wrong(name, "it is no text", "text");
                None
            }
        }
    }

    fn flag(&self, names: &[&str], default: bool) -> bool {
        let Some((name, value)) = self.value(names) else { return default };
        let word = match value {
            Json::Bool(flag) => return flag,
            Json::Number(number) => return number.as_f64() != Some(0.0),
            Json::String(text) => text.to_ascii_lowercase(),
            _ => String::new(),
        };
        match word.as_str() {
            "true" | "yes" | "on" | "1" => true,
            "false" | "no" | "off" | "0" => false,
            _ => {
                self.wrong(name, "it is neither true nor false", "`true` or `false`");
                default
            }
        }
    }

    fn wrong(&self, name: &str, problem: &str, help: &str) {
        let finding = Diagnostic::error("H0340", format!("`{name}`: {problem}")).help(help);
        let place = self.variables.definition(name).map(|definition| definition.span.clone());
        self.problems.borrow_mut().push(place.map_or(finding.clone(), |span| finding.at(&span)));
    }

    /// All that is wrong, together.
    fn finish(&self) -> Result<()> {
        let problems = self.problems.take();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_options_are_read_as_ansible_users_write_them() {
        let options = ssh_options("-o StrictHostKeyChecking=yes -C -oProxyJump=bastion -o 'UserKnownHostsFile kh'").unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(options, [pair("StrictHostKeyChecking", "yes"), pair("ProxyJump", "bastion"), pair("UserKnownHostsFile", "kh")]);
        let options = ssh_options("-J bastion -p 2222 -o ProxyCommand=\"ssh -W %h:%p -q bastion\"").unwrap();
        assert_eq!(options, [pair("ProxyJump", "bastion"), pair("Port", "2222"), pair("ProxyCommand", "ssh -W %h:%p -q bastion")]);
        assert!(ssh_options("-o 'ProxyJump=bastion").is_err());
    }
}
