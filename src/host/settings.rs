//! How to reach a host: what the inventory says, before `ssh_config` has its word.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use crate::diagnostic::Result;
use crate::secret::Secret;

/// What the user's session offers. Read once by the command line and handed in.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `HOME`: where `.ssh/` is.
    pub home: Option<PathBuf>,
    /// `SSH_AUTH_SOCK`: the agent.
    pub agent_socket: Option<PathBuf>,
    /// The local user's name: the login where nothing else says one.
    pub user: Option<String>,
}

/// How scripts become root.
#[derive(Clone, Debug)]
pub struct Become {
    /// `ansible_become`.
    pub enabled: bool,
    /// `ansible_become_user`; everything but `root` is refused, because provisioning needs root.
    pub user: String,
    /// `ansible_become_password`.
    pub password: Option<Secret<String>>,
}

impl Default for Become {
    fn default() -> Self {
        Self { enabled: false, user: "root".to_owned(), password: None }
    }
}

/// One host of the inventory.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// Its name in the inventory; messages use it.
    pub name: String,
    /// `ansible_host`; without it the name. `ssh_config` may turn it into something else.
    pub address: Option<String>,
    /// `ansible_port`.
    pub port: Option<u16>,
    /// `ansible_user`.
    pub user: Option<String>,
    /// `ansible_password`.
    pub password: Option<Secret<String>>,
    /// `ansible_ssh_private_key_file`; `~` is the home directory.
    pub private_key_file: Option<PathBuf>,
    /// Whether to ask the agent for keys.
    pub use_agent: bool,
    /// Options that win over `ssh_config`, as `-o Key=Value` gives them.
    pub options: Vec<(String, String)>,
    /// Instead of `~/.ssh/config` and `/etc/ssh/ssh_config`, where present.
    pub ssh_config: Option<PathBuf>,
    /// Instead of what `ssh_config` says and `~/.ssh/known_hosts`, where not empty.
    pub known_hosts: Vec<PathBuf>,
    /// Whether the key of a host that is seen for the first time is written down and trusted.
    pub accept_new_host_key: bool,
    /// For the TCP connection and for the handshake, each.
    pub connect_timeout: Duration,
    /// How to become root.
    pub escalation: Become,
}

impl ConnectionSettings {
    /// A host about which only its name is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            address: None,
            port: None,
            user: None,
            password: None,
            private_key_file: None,
            use_agent: true,
            options: Vec::new(),
            ssh_config: None,
            known_hosts: Vec::new(),
            accept_new_host_key: false,
            connect_timeout: Duration::from_secs(10),
            escalation: Become::default(),
        }
    }

    /// The name that `ssh` would be given.
    pub fn address(&self) -> &str {
        self.address.as_deref().unwrap_or(&self.name)
    }
}

/// Someone who can be asked.
#[async_trait]
pub trait Prompt: Send + Sync {
    /// Asks `question`; `echo` says whether the answer may be seen while it is typed. `None` when
    /// there is nobody to ask.
    async fn ask(&self, question: &str, echo: bool) -> Result<Option<Secret<String>>>;
}

/// Nobody to ask: no terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrompt;

#[async_trait]
impl Prompt for NoPrompt {
    async fn ask(&self, _question: &str, _echo: bool) -> Result<Option<Secret<String>>> {
        Ok(None)
    }
}
