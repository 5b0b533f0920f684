//! Settings and `ssh_config` together: where to connect, as whom, with which keys.

use std::path::PathBuf;

use super::settings::{ConnectionSettings, Environment};
use super::ssh_config::{Query, SshOptions, expand_home};
use crate::diagnostic::{Error, Kind, Result};

/// Key files that `ssh` tries where nothing names one (`ssh_config(5)`, `IdentityFile`).
const DEFAULT_IDENTITIES: [&str; 3] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/// One machine to log in to, wholly resolved.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// The name under which its key is known.
    pub(super) key_name: String,
    pub(super) route: Route,
    /// Named by the user; tried before keys of the agent that nobody named.
    pub(super) named_identities: Vec<PathBuf>,
    /// Tried last, where present.
    pub(super) default_identities: Vec<PathBuf>,
    /// Whether keys of the agent that no file names are left out.
    pub(super) identities_only: bool,
    pub(super) agent_socket: Option<PathBuf>,
    pub(super) known_hosts: Vec<PathBuf>,
    pub(super) accept_new_host_key: bool,
}

/// How packets get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Direct,
    /// Through these, in order.
    Jump(Vec<Hop>),
    /// The stdin and stdout of a command.
    Command(String),
}

/// A jump host as `ProxyJump` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Target {
    /// `address`, `user` and `port` are those of `settings`, or of a jump host on the way.
    pub(super) fn resolve(settings: &ConnectionSettings, environment: &Environment, hop: Option<&Hop>) -> Result<Self> {
        let typed = hop.map_or(settings.address(), |hop| &hop.host);
        let home = environment.home.as_deref();
        let given_user = hop.map_or(settings.user.as_deref(), |hop| hop.user.as_deref());
        let local_user = environment.user.as_deref().unwrap_or("root");
        let files = match &settings.ssh_config {
            Some(file) => vec![expand_home(&file.to_string_lossy(), home)],
            None => vec![expand_home("~/.ssh/config", home), PathBuf::from("/etc/ssh/ssh_config")],
        };
        let query = Query { host: typed, user: given_user.unwrap_or(local_user), home };
        // Options given by hand are for the host itself: a jump host has its own in the files.
        let by_hand = if hop.is_none() { settings.options.as_slice() } else { &[] };
        let options = SshOptions::read(&query, by_hand, &files)?;

        let user = given_user.or_else(|| options.first("user")).unwrap_or(local_user).to_owned();
        let given_port = hop.map_or(settings.port, |hop| hop.port);
        let port = match (given_port, options.first("port")) {
            (Some(port), _) => port,
            (None, Some(text)) => {
                text.parse().map_err(|_| Error::new(Kind::Unreachable, format!("ssh_config: `Port {text}` for `{typed}` is not a port")))?
            }
            (None, None) => 22,
        };
        let address = options.first("hostname").map_or_else(|| typed.to_owned(), |name| name.replace("%h", typed).replace("%%", "%"));
        let key_name = super::known_hosts::entry_name(options.first("hostkeyalias").unwrap_or(&address), port);
        let tokens = Tokens {
            typed,
            address: &address,
            port,
            user: &user,
            local_user,
            home: &home.map(|home| home.to_string_lossy().into_owned()).unwrap_or_default(),
        };

        let mut named: Vec<PathBuf> = Vec::new();
        if let (None, Some(file)) = (hop, &settings.private_key_file) {
            named.push(expand_home(&file.to_string_lossy(), home));
        }
        named.extend(options.all("identityfile").filter(|file| *file != "none").map(|file| expand_home(&tokens.expand(file), home)));
        let default_identities =
            if named.is_empty() { DEFAULT_IDENTITIES.iter().map(|file| expand_home(file, home)).collect() } else { Vec::new() };

        let agent_socket = match options.first("identityagent") {
            _ if !settings.use_agent => None,
            Some("none") => None,
            None | Some("SSH_AUTH_SOCK") => environment.agent_socket.clone(),
            Some(path) => Some(expand_home(&tokens.expand(path), home)),
        };
        let mut known_hosts = settings.known_hosts.clone();
        if known_hosts.is_empty() {
            let text = options.first("userknownhostsfile").unwrap_or("~/.ssh/known_hosts ~/.ssh/known_hosts2");
            known_hosts.extend(text.split_whitespace().filter(|file| *file != "none").map(|file| expand_home(&tokens.expand(file), home)));
            known_hosts.push(PathBuf::from(options.first("globalknownhostsfile").unwrap_or("/etc/ssh/ssh_known_hosts")));
        }
        // `no` means the same here: a key that changed is refused in any case.
        let accept_new_host_key = settings.accept_new_host_key
            || options
                .first("stricthostkeychecking")
                .is_some_and(|value| ["accept-new", "no", "off"].contains(&value.to_ascii_lowercase().as_str()));
        let route = route(&options, &tokens)?;
        let identities_only = options.is_yes("identitiesonly");
        Ok(Self {
            address,
            port,
            key_name,
            route,
            named_identities: named,
            default_identities,
            identities_only,
            agent_socket,
            known_hosts,
            accept_new_host_key,
            user,
        })
    }
}

fn route(options: &SshOptions, tokens: &Tokens<'_>) -> Result<Route> {
    let jump = options.first("proxyjump").filter(|jump| !jump.eq_ignore_ascii_case("none"));
    let command = options.first("proxycommand").filter(|command| !command.eq_ignore_ascii_case("none"));
    match (jump, command) {
        (Some(jump), _) => Ok(Route::Jump(jump.split(',').map(Hop::parse).collect::<Result<_>>()?)),
        (None, Some(command)) => Ok(Route::Command(tokens.expand(command))),
        (None, None) => Ok(Route::Direct),
    }
}

impl Hop {
    /// `[user@]host[:port]`, or the same as a URI `ssh://...`; IPv6 addresses stand in brackets.
    fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::new(Kind::Unreachable, format!("`ProxyJump {text}` is not `[user@]host[:port]`"));
        let rest = text.trim();
        let rest = rest.strip_prefix("ssh://").unwrap_or(rest).trim_end_matches('/');
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user.to_owned()), rest));
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
                (host, rest.strip_prefix(':'))
            }
            None if rest.matches(':').count() > 1 => (rest, None),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() {
            return Err(wrong());
        }
        let port = port.map(str::parse).transpose().map_err(|_| wrong())?;
        Ok(Self { user, host: host.to_owned(), port })
    }
}

/// The `%` tokens of `ssh_config(5)` that stand for something we know.
struct Tokens<'a> {
    typed: &'a str,
    address: &'a str,
    port: u16,
    user: &'a str,
    local_user: &'a str,
    home: &'a str,
}

impl Tokens<'_> {
    fn expand(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                expanded.push(character);
                continue;
            }
            match characters.next() {
                Some('h') => expanded.push_str(self.address),
                Some('n') => expanded.push_str(self.typed),
                Some('p') => expanded.push_str(&self.port.to_string()),
                Some('r') => expanded.push_str(self.user),
                Some('u') => expanded.push_str(self.local_user),
                Some('d') => expanded.push_str(self.home),
                Some('%') | None => expanded.push('%'),
                Some(other) => expanded.extend(['%', other]),
            }
        }
        expanded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &std::path::Path) -> Environment {
        Environment { home: Some(folder.to_owned()), agent_socket: Some("/agent".into()), user: Some("me".into()) }
    }

    #[test]
    fn settings_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        fs_err::write(
            &config,
            "Host matrix\n HostName %h.example.com\n User file\n Port 23\n IdentityFile ~/.ssh/%r\n IdentitiesOnly yes\n IdentityAgent none\n UserKnownHostsFile ~/a ~/b\n ProxyJump x@[2001:db8::1]:2200,second\nHost second\n User deep\n",
        )
        .unwrap();
        let mut settings = ConnectionSettings::new("matrix");
        settings.ssh_config = Some(config);
        settings.user = Some("inventory".into());
        let target = Target::resolve(&settings, &environment(folder.path()), None).unwrap();
        let home = folder.path();
        assert_eq!((target.address.as_str(), target.port, target.user.as_str()), ("matrix.example.com", 23, "inventory"));
        assert_eq!(target.key_name, "[matrix.example.com]:23");
        assert_eq!(target.named_identities, [home.join(".ssh/inventory")]);
        assert_eq!(target.known_hosts, [home.join("a"), home.join("b"), "/etc/ssh/ssh_known_hosts".into()]);
        assert_eq!((target.agent_socket, target.identities_only), (None, true));
        let Route::Jump(hops) = target.route else { panic!("no jump") };
        assert_eq!(hops.first(), Some(&Hop { user: Some("x".into()), host: "2001:db8::1".into(), port: Some(2200) }));
        let second = Target::resolve(&settings, &environment(home), hops.get(1)).unwrap();
        assert_eq!((second.address.as_str(), second.port, second.user.as_str()), ("second", 22, "deep"));
    }

    #[test]
    fn without_any_file_the_defaults_are_those_of_ssh() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = ConnectionSettings::new("matrix.example.com");
        settings.ssh_config = Some(folder.path().join("absent"));
        let target = Target::resolve(&settings, &environment(folder.path()), None).unwrap();
        assert_eq!((target.port, target.user.as_str(), target.key_name.as_str()), (22, "me", "matrix.example.com"));
        assert_eq!(target.default_identities.len(), 3);
        assert_eq!(target.agent_socket, Some("/agent".into()));
        assert_eq!(target.route, Route::Direct);
    }
}
