//! `register-user`: the same command with and without MAS.

use std::io::Read as _;
use std::sync::Arc;

use clap::Args;

use super::global::GlobalArgs;
use super::procedure::{Connected, on_each};
use super::{Exit, prompt};
use crate::diagnostic::{Error, Kind, Result};
use crate::operation::{self, NewUser};
use crate::report::Terminal;
use crate::secret::Secret;

/// Make an account on the Matrix server
///
/// The password is asked for, or read from standard input with `--password-stdin`: never put it on a
/// command line.
#[derive(Debug, Args)]
pub struct RegisterUserArgs {
    /// The name before the colon of `@name:example.com`
    username: String,
    /// A server administrator
    #[arg(long)]
    admin: bool,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

impl RegisterUserArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let password = if self.password_stdin {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Error::new(Kind::Usage, "cannot read the password from standard input").caused_by(error))?;
            Secret::new(text.trim_end_matches(['\n', '\r']).to_owned())
        } else {
            let password = prompt::ask_hidden(&format!("Password for {}: ", self.username))?;
            if prompt::ask_hidden("Once more: ")?.reveal() != password.reveal() {
                return Err(Error::new(Kind::Usage, "the two passwords differ"));
            }
            password
        };
        register(global, terminal, NewUser { username: self.username.clone(), password, admin: self.admin }).await?;
        Ok(0)
    }
}

/// Makes the account on every host that the command line names.
pub async fn register(global: &GlobalArgs, terminal: &Terminal, user: NewUser) -> Result<()> {
    user.check()?;
    let user = Arc::new(user);
    on_each(global, terminal, None, move |connected: Connected| {
        let user = user.clone();
        async move { operation::register_user(&connected.context(), &user).await }
    })
    .await?;
    Ok(())
}
