//! A new account, in MAS where it is the one that logs people in, else in Synapse.

use super::Context;
use crate::desired::Service;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::Exec;
use crate::secret::Secret;

/// The account to make.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The local part of the user id.
    pub username: String,
    /// Its password.
    pub password: Secret<String>,
    /// A server administrator.
    pub admin: bool,
}

impl NewUser {
    /// What can be wrong without a server (Matrix specification, appendices, "User Identifiers").
    ///
    /// # Errors
    /// Kind `Usage`, naming what is wrong.
    pub fn check(&self) -> Result<()> {
        let allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "._=-/+".contains(character);
        let problem = if self.username.is_empty() {
            "the username is empty".to_owned()
        } else if let Some(character) = self.username.chars().find(|character| !allowed(*character)) {
            format!("`{}` is no username: `{character}` is not allowed in one", self.username)
        } else if self.password.reveal().is_empty() {
            "the password is empty".to_owned()
        } else if self.password.reveal().contains(['\n', '\r', '\0']) {
            "the password holds a line break".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::Usage, problem).hint("usernames are made of a-z, 0-9 and . _ = - / +, without `@` and domain"))
    }
}

/// Who has the accounts: MAS, or Synapse as long as nobody has taken them over.
pub(super) struct Registry<'a> {
    /// Its role.
    pub role: &'static str,
    /// What people call it.
    pub name: &'static str,
    service: &'a Service,
    script: String,
}

/// What became of a wish for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is new.
    New,
    /// There was one of that name; nothing about it changed.
    Already,
}

impl<'a> Registry<'a> {
    /// The one of a host.
    pub(super) fn of(context: &'a Context<'_>) -> Result<Self> {
        let mas = context.is_true("matrix_authentication_service_enabled")?
            && !context.is_true("matrix_authentication_service_migration_in_progress")?;
        let (role, name, folder) = if mas {
            ("matrix-authentication-service", "MAS", "matrix_authentication_service_bin_path")
        } else {
            ("matrix-synapse", "Synapse", "matrix_synapse_bin_path")
        };
        let service = context
            .service(role)
            .ok_or_else(|| Error::new(Kind::Invalid, format!("neither MAS nor Synapse is enabled on `{}`", context.name)))?;
        // The same script that an administrator runs on the host; it takes the password on stdin.
        let script = format!("{}/register-user", context.text(folder)?);
        Ok(Self { role, name, service, script })
    }

    /// Starts what an account needs: MAS hands it on to Synapse.
    pub(super) async fn ensure_running(&self, context: &Context<'_>) -> Result<()> {
        if let Some(synapse) = context.service("matrix-synapse") {
            context.ensure_running(synapse).await?;
        }
        context.ensure_running(self.service).await
    }

    /// Makes an account, unless there is one of that name.
    ///
    /// # Errors
    /// The server refuses, in its words, without the password.
    pub(super) async fn make(&self, context: &Context<'_>, user: &NewUser) -> Result<Made> {
        let arguments = [self.script.as_str(), &user.username, if user.admin { "1" } else { "0" }];
        let stdin = format!("{}\n", user.password.reveal());
        let exec = Exec::new(r#"exec "$1" "$2" "$3""#).arguments(&arguments).stdin(stdin.as_bytes());
        let output = context.host.exec(exec).await?;
        if output.status == 0 {
            return Ok(Made::New);
        }
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let text = text.replace(user.password.reveal(), crate::secret::REDACTED);
        if exists(&text) { Ok(Made::Already) } else { Err(refused(&user.username, &self.service.unit, &text)) }
    }
}

/// Makes the account.
///
/// # Errors
/// The account exists, the password is too weak, the server does not run: in the server's words, without
/// the password.
pub async fn register_user(context: &Context<'_>, user: &NewUser) -> Result<()> {
    let registry = Registry::of(context)?;
    context.stage(format!("making the account {} in {}", user.username, registry.name));
    match registry.make(context, user).await? {
        Made::New => {
            context.done(format!("{} can log in", user.username));
            Ok(())
        }
        Made::Already => Err(Error::new(Kind::HostFailed, format!("the account `{}` was not made", user.username))
            .hint("there is an account of that name already; choose another one")),
    }
}

/// Whether the server says that the name is taken: Synapse's words and MAS's.
fn exists(text: &str) -> bool {
    let text = text.to_lowercase();
    ["already exists", "already taken", "user_in_use"].iter().any(|words| text.contains(words))
}

/// What a server that said no means.
fn refused(username: &str, unit: &str, text: &str) -> Error {
    let error = Error::new(Kind::HostFailed, format!("the account `{username}` was not made"));
    let lower = text.to_lowercase();
    let last: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = last[last.len().saturating_sub(5)..].join("; ");
    let error = error.caused_by(last);
    if lower.contains("too weak") || lower.contains("complex") {
        error.hint("choose a longer password, or lower `matrix_authentication_service_config_passwords_minimum_complexity`")
    } else if lower.contains("not running") || lower.contains("no such container") || lower.contains("not found") {
        error.hint(format!("is {unit} installed and running? `homestead install-all`"))
    } else {
        error.hint(format!("`journalctl -u {unit}` on the host may say more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(username: &str, password: &str) -> NewUser {
        NewUser { username: username.into(), password: Secret::new(password.into()), admin: false }
    }

    #[test]
    fn only_names_that_a_server_takes_get_there() {
        assert!(user("alice.b-c_d=e/f+1", "secret").check().is_ok());
        for (name, password) in [("", "x"), ("Alice", "x"), ("@alice:example.com", "x"), ("a b", "x"), ("alice", ""), ("alice", "a\nb")] {
            assert!(user(name, password).check().is_err(), "{name:?} {password:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_and_never_the_password() {
        assert!(exists("ERROR User ID already taken.") && exists("Error: User already exists") && !exists("Error: no such container"));
        assert!(refused("alice", "mas.service", "That password is too weak.").hints[0].contains("longer"));
    }
}
