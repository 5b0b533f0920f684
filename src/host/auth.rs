//! Logs in: keys of the agent and of files, then password, then questions of the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, load_openssh_certificate, load_public_key, load_secret_key};
use tokio::net::UnixStream;

use super::connection::Checker;
use super::settings::Prompt;
use super::target::Target;
use crate::diagnostic::{Error, Kind, Result};
use crate::secret::Secret;

/// As `ssh`: so often a passphrase or an answer may be wrong.
const ATTEMPTS: usize = 3;
/// More rounds of questions than any sane server asks.
const MAX_ROUNDS: usize = 10;

/// Logs `handle` in.
pub(super) async fn log_in(
    handle: &mut Handle<Checker>,
    target: &Target,
    password: Option<&Secret<String>>,
    prompt: &dyn Prompt,
) -> Result<()> {
    let mut attempt = Attempt { handle, target, prompt, methods: Vec::new(), tried: Vec::new(), notes: Vec::new(), done: false };
    let first = attempt.handle.authenticate_none(&target.user).await;
    attempt.took(first.map_err(|error| attempt.broken(error))?);
    attempt.keys().await?;
    attempt.password(password).await?;
    attempt.questions(password).await?;
    if attempt.done { Ok(()) } else { Err(attempt.refused()) }
}

struct Attempt<'a> {
    handle: &'a mut Handle<Checker>,
    target: &'a Target,
    prompt: &'a dyn Prompt,
    /// What the server would still accept.
    methods: Vec<MethodKind>,
    tried: Vec<String>,
    /// Why something was not tried.
    notes: Vec<String>,
    done: bool,
}

impl Attempt<'_> {
    fn accepts(&self, method: MethodKind) -> bool {
        !self.done && !self.handle.is_closed() && self.methods.contains(&method)
    }

    fn took(&mut self, result: AuthResult) {
        match result {
            AuthResult::Success => self.done = true,
            // Also after a partial success: the server then lists what it wants besides.
            AuthResult::Failure { remaining_methods, .. } => self.methods = remaining_methods.to_vec(),
        }
    }

    fn broken(&self, error: russh::Error) -> Error {
        Error::new(Kind::Unreachable, format!("the connection to `{}` broke while logging in", self.target.address)).caused_by(error)
    }

    async fn keys(&mut self) -> Result<()> {
        if !self.accepts(MethodKind::PublicKey) {
            return Ok(());
        }
        let mut agent = self.agent().await;
        let identities = match &mut agent {
            Some(agent) => agent.request_identities().await.unwrap_or_default(),
            None => Vec::new(),
        };
        let named: Vec<(PathBuf, Option<PublicKey>)> =
            self.target.named_identities.iter().map(|file| (file.clone(), public_half(file))).collect();
        let is_named = |identity: &AgentIdentity| {
            named.iter().any(|(_, key)| key.as_ref().is_some_and(|key| key.key_data() == identity.public_key().key_data()))
        };
        let (chosen, others): (Vec<_>, Vec<_>) = identities.iter().partition(|identity| is_named(identity));
        let held = |key: &Option<PublicKey>| {
            key.as_ref().is_some_and(|key| chosen.iter().any(|identity| identity.public_key().key_data() == key.key_data()))
        };

        // Keys that somebody named come first: a server closes the connection after a few wrong ones.
        self.agent_keys(&mut agent, &chosen).await?;
        let mut locked = Vec::new();
        for (file, _) in named.iter().filter(|(_, key)| !held(key)) {
            self.key_file(file, true, &mut locked).await?;
        }
        if !self.target.identities_only {
            self.agent_keys(&mut agent, &others).await?;
        }
        for file in &self.target.default_identities {
            self.key_file(file, false, &mut locked).await?;
        }
        for file in locked {
            self.locked_file(&file).await?;
        }
        Ok(())
    }

    async fn agent(&mut self) -> Option<AgentClient<UnixStream>> {
        let socket = self.target.agent_socket.as_ref()?;
        match AgentClient::connect_uds(socket).await {
            Ok(agent) => Some(agent),
            Err(error) => {
                self.notes.push(format!("the ssh agent at `{}` does not answer: {error}", socket.display()));
                None
            }
        }
    }

    async fn agent_keys(&mut self, agent: &mut Option<AgentClient<UnixStream>>, identities: &[&AgentIdentity]) -> Result<()> {
        let Some(agent) = agent else { return Ok(()) };
        for identity in identities {
            if !self.accepts(MethodKind::PublicKey) {
                return Ok(());
            }
            let hash = self.hash(identity.public_key().algorithm().is_rsa()).await?;
            let outcome = match identity {
                AgentIdentity::PublicKey { key, comment } => {
                    self.tried.push(format!("agent key `{comment}`"));
                    self.handle.authenticate_publickey_with(&self.target.user, key.clone(), hash, agent).await
                }
                AgentIdentity::Certificate { certificate, comment } => {
                    self.tried.push(format!("agent certificate `{comment}`"));
                    self.handle.authenticate_certificate_with(&self.target.user, certificate.clone(), hash, agent).await
                }
            };
            match outcome {
                Ok(result) => self.took(result),
                Err(error) => self.notes.push(format!("the ssh agent did not sign: {error}")),
            }
        }
        Ok(())
    }

    /// The signature that the server can check; for RSA only.
    async fn hash(&self, rsa: bool) -> Result<Option<HashAlg>> {
        if !rsa {
            return Ok(None);
        }
        let supported = self.handle.best_supported_rsa_hash().await.map_err(|error| self.broken(error))?;
        Ok(supported.unwrap_or(Some(HashAlg::Sha256)))
    }

    async fn key_file(&mut self, file: &Path, named: bool, locked: &mut Vec<PathBuf>) -> Result<()> {
        if !self.accepts(MethodKind::PublicKey) {
            return Ok(());
        }
        match load_secret_key(file, None) {
            Ok(key) => self.key(file, key).await,
            Err(russh::keys::Error::KeyIsEncrypted) => {
                locked.push(file.to_owned());
                Ok(())
            }
            Err(russh::keys::Error::IO(error)) if error.kind() == std::io::ErrorKind::NotFound && !named => Ok(()),
            Err(error) => {
                self.notes.push(format!("the key `{}` cannot be read: {error}", file.display()));
                Ok(())
            }
        }
    }

    async fn locked_file(&mut self, file: &Path) -> Result<()> {
        for _ in 0..ATTEMPTS {
            if !self.accepts(MethodKind::PublicKey) {
                return Ok(());
            }
            let question = format!("Passphrase of the key {}: ", file.display());
            let Some(passphrase) = self.prompt.ask(&question, false).await? else {
                self.notes.push(format!(
                    "the key `{}` has a passphrase, and there is no terminal to ask for it: add it to an ssh agent (`ssh-add {0}`)",
                    file.display()
                ));
                return Ok(());
            };
            match load_secret_key(file, Some(passphrase.reveal())) {
                Ok(key) => return self.key(file, key).await,
                Err(_) => self.notes.push(format!("wrong passphrase for the key `{}`", file.display())),
            }
        }
        Ok(())
    }

    async fn key(&mut self, file: &Path, key: PrivateKey) -> Result<()> {
        let key = Arc::new(key);
        let certificate = PathBuf::from(format!("{}-cert.pub", file.display()));
        if let Ok(certificate) = load_openssh_certificate(&certificate) {
            self.tried.push(format!("certificate of key `{}`", file.display()));
            let result = self.handle.authenticate_openssh_cert(&self.target.user, Arc::clone(&key), certificate).await;
            self.took(result.map_err(|error| self.broken(error))?);
            if !self.accepts(MethodKind::PublicKey) {
                return Ok(());
            }
        }
        let hash = self.hash(key.algorithm().is_rsa()).await?;
        self.tried.push(format!("key `{}`", file.display()));
        let result = self.handle.authenticate_publickey(&self.target.user, PrivateKeyWithHashAlg::new(key, hash)).await;
        self.took(result.map_err(|error| self.broken(error))?);
        Ok(())
    }

    async fn password(&mut self, password: Option<&Secret<String>>) -> Result<()> {
        let Some(password) = password.filter(|_| self.accepts(MethodKind::Password)) else { return Ok(()) };
        self.tried.push("password".to_owned());
        let result = self.handle.authenticate_password(&self.target.user, password.reveal()).await;
        self.took(result.map_err(|error| self.broken(error))?);
        Ok(())
    }

    /// Keyboard-interactive (RFC 4256): a known password answers the first hidden question, a person
    /// the rest.
    async fn questions(&mut self, password: Option<&Secret<String>>) -> Result<()> {
        if !self.accepts(MethodKind::KeyboardInteractive) {
            return Ok(());
        }
        let mut password = password.filter(|_| !self.tried.iter().any(|tried| tried == "password"));
        let started = self.handle.authenticate_keyboard_interactive_start(&self.target.user, None).await;
        let mut state = started.map_err(|error| self.broken(error))?;
        for _ in 0..MAX_ROUNDS {
            let prompts = match state {
                KeyboardInteractiveAuthResponse::Success => {
                    self.done = true;
                    return Ok(());
                }
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(()),
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            let mut answers = Vec::new();
            for prompt in prompts {
                let known = if prompt.echo { None } else { password.take() };
                let answer = match known {
                    Some(password) => {
                        self.tried.push("keyboard-interactive with the password".to_owned());
                        Some(password.clone())
                    }
                    None => {
                        self.prompt.ask(&format!("{}@{}: {}", self.target.user, self.target.address, prompt.prompt), prompt.echo).await?
                    }
                };
                let Some(answer) = answer else {
                    self.notes.push(format!("the server asks `{}`, and there is no terminal to answer", prompt.prompt.trim()));
                    return Ok(());
                };
                answers.push(answer.into_inner());
            }
            let replied = self.handle.authenticate_keyboard_interactive_respond(answers).await;
            state = replied.map_err(|error| self.broken(error))?;
        }
        Ok(())
    }

    fn refused(&self) -> Error {
        let Target { user, address, .. } = self.target;
        let mut error = Error::new(Kind::Unreachable, format!("`{address}` does not let `{user}` in"));
        error = match self.tried.as_slice() {
            [] => error.hint("nothing was tried: no key and no password fits what the server accepts"),
            tried => error.hint(format!("tried: {}", tried.join(", "))),
        };
        for note in &self.notes {
            error = error.hint(note.clone());
        }
        if self.handle.is_closed() {
            error =
                error.hint("the server closed the connection after too many attempts: name one key with `ansible_ssh_private_key_file`");
        }
        if !self.methods.is_empty() {
            let methods: Vec<&str> = self.methods.iter().map(<&str>::from).collect();
            error = error.hint(format!("the server accepts: {}", methods.join(", ")));
        }
        error.hint(format!("does `ssh {user}@{address}` work? Set `ansible_user`, `ansible_ssh_private_key_file` or `ansible_password`"))
    }
}

/// The public key of a key file, readable without its passphrase.
fn public_half(file: &Path) -> Option<PublicKey> {
    load_public_key(format!("{}.pub", file.display()))
        .ok()
        .or_else(|| PrivateKey::read_openssh_file(file).ok().map(|key| key.public_key().clone()))
        // `IdentityFile` may name the public file of a key that only an agent holds.
        .or_else(|| load_public_key(file).ok())
}
