//! The questions of `register-user`, with the words and by the library that Matrix Authentication
//! Service asks them with: what drives the one through a terminal drives the other.

use std::fmt;
use std::io::{IsTerminal as _, stderr, stdin, stdout};

use anyhow::{Context as _, bail};
use dialoguer::theme::ColorfulTheme;
use dialoguer::{Confirm, FuzzySelect, Input, Password};
use uuid::Uuid;

use super::Draft;

/// What can be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Create,
    Username,
    Email,
    Password,
    Upstream,
    Admin,
    DisplayName,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Create => "Create the user",
            Self::Username => "Change the username",
            Self::Email => "Add email",
            Self::Password => "Set a password",
            Self::Upstream => "Add upstream provider mapping",
            Self::Admin => "Set the admin status",
            Self::DisplayName => "Set a display name",
        })
    }
}

impl Draft {
    /// The steps that are left, in the order in which they are shown.
    pub fn steps(&self, passwords_enabled: bool, has_providers: bool) -> Vec<Step> {
        let password = passwords_enabled && self.password.is_none();
        [
            (Step::Create, true),
            (Step::Username, true),
            (Step::Email, true),
            (Step::Password, password),
            (Step::Upstream, has_providers),
            (Step::Admin, self.admin.is_none()),
            (Step::DisplayName, self.display_name.is_none()),
        ]
        .into_iter()
        .filter_map(|(step, offered)| offered.then_some(step))
        .collect()
    }
}

/// Asks on the terminal; an error without one. The library itself does not look whether it is
/// there before a list: it would ask for ever.
async fn ask<T: Send + 'static>(question: impl FnOnce() -> dialoguer::Result<T> + Send + 'static) -> anyhow::Result<T> {
    if !(stdin().is_terminal() && stdout().is_terminal() && stderr().is_terminal()) {
        bail!("not a terminal: only `--yes` asks no questions");
    }
    Ok(tokio::task::spawn_blocking(question).await??)
}

/// Escape is an error.
pub async fn next_step(steps: Vec<Step>) -> anyhow::Result<Step> {
    let chosen = ask(move || {
        let chosen = FuzzySelect::with_theme(&ColorfulTheme::default())
            .with_prompt("What do you want to do next? (<Esc> to abort)")
            .items(&steps)
            .default(0)
            .interact_opt()?;
        Ok(chosen.and_then(|index| steps.get(index).copied()))
    });
    chosen.await?.context("Aborted")
}

pub async fn confirm(prompt: &'static str) -> anyhow::Result<bool> {
    ask(move || Confirm::with_theme(&ColorfulTheme::default()).with_prompt(prompt).interact()).await
}

pub async fn username(before: String) -> anyhow::Result<String> {
    ask(move || Input::with_theme(&ColorfulTheme::default()).with_prompt("Username").with_initial_text(before).interact_text()).await
}

pub async fn email() -> anyhow::Result<String> {
    ask(|| {
        Input::with_theme(&ColorfulTheme::default())
            .with_prompt("Email")
            .validate_with(|text: &String| super::email(text).map(drop))
            .interact_text()
    })
    .await
}

pub async fn password() -> anyhow::Result<String> {
    ask(|| {
        Password::with_theme(&ColorfulTheme::default())
            .with_prompt("Password")
            .with_confirmation("Confirm password", "Passwords mismatching")
            .interact()
    })
    .await
}

pub async fn display_name() -> anyhow::Result<String> {
    ask(|| text("Display name")).await
}

/// One of the providers and the user's subject there.
pub async fn mapping(providers: Vec<(Uuid, String)>) -> anyhow::Result<(Uuid, String)> {
    let mapping = ask(move || {
        let index = FuzzySelect::with_theme(&ColorfulTheme::default())
            .with_prompt("Upstream provider")
            .items(providers.iter().map(|(_, name)| name))
            .default(0)
            .interact()?;
        let subject = text("Subject")?;
        Ok(providers.get(index).map(|(id, _)| (*id, subject)))
    });
    mapping.await?.context("Aborted")
}

fn text(prompt: &str) -> dialoguer::Result<String> {
    Input::with_theme(&ColorfulTheme::default()).with_prompt(prompt).interact()
}
