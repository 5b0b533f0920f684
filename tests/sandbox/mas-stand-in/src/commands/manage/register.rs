//! `manage register-user`: register a user, with `--yes` as told, without it after questions.

mod questions;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgAction, Args};
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::config::RawConfig;
use crate::homeserver::Homeserver;
use crate::identifiers::{from_ulid, new_id, to_ulid};
use crate::passwords::Passwords;
use crate::storage::queue::{self, Job};
use crate::storage::{connect, users};
use questions::Step;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The user's name
    #[arg(required_if_eq("yes", "true"))]
    username: Option<String>,
    /// The user's password
    #[arg(short, long)]
    password: Option<String>,
    /// An address of the user; may be repeated
    #[arg(short, long = "email", action = ArgAction::Append, value_parser = email)]
    emails: Vec<String>,
    /// An account at an upstream provider; may be repeated
    #[arg(short = 'm', long = "upstream-provider-mapping", action = ArgAction::Append, value_name = "PROVIDER_ID:SUBJECT")]
    mappings: Vec<String>,
    /// Let the user ask for admin rights
    #[arg(short, long, action = ArgAction::SetTrue, group = "admin-flag")]
    admin: bool,
    /// Do not let the user ask for admin rights
    #[arg(short = 'A', long, action = ArgAction::SetTrue, group = "admin-flag")]
    no_admin: bool,
    /// Do not ask questions
    #[arg(short, long, action = ArgAction::SetTrue)]
    yes: bool,
    /// The user's display name
    #[arg(short, long)]
    display_name: Option<String>,
    /// Accept a weak password
    #[arg(long)]
    ignore_password_complexity: bool,
}

fn email(text: &str) -> Result<String, String> {
    match text.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !text.contains(' ') => Ok(text.to_owned()),
        _ => Err("this is no e-mail address".to_owned()),
    }
}

/// The user to be.
#[derive(Debug, Default)]
struct Draft {
    localpart: String,
    /// The scheme's version and the hash.
    password: Option<(u16, String)>,
    emails: Vec<String>,
    /// Upstream providers and the subjects there.
    mappings: Vec<(Uuid, String)>,
    admin: Option<bool>,
    display_name: Option<String>,
}

pub async fn run(arguments: Arguments, raw: &RawConfig) -> anyhow::Result<ExitCode> {
    let passwords = Passwords::load(&raw.passwords()?).await?;
    let database = raw.database()?;
    let matrix = raw.matrix()?;
    let homeserver = Homeserver::new(&matrix).await?;
    let mut client = connect(&database).await?;
    let transaction = client.transaction().await?;

    if let Some(password) = &arguments.password
        && !arguments.ignore_password_complexity
        && !passwords.is_complex_enough(password)
    {
        crate::error!("That password is too weak.");
        return Ok(ExitCode::FAILURE);
    }
    let localpart = match &arguments.username {
        Some(username) => available(username, &transaction, &homeserver).await?,
        None => ask_for_username(String::new(), &transaction, &homeserver).await?,
    };
    let mut draft = Draft {
        localpart,
        password: match &arguments.password {
            Some(password) => Some(passwords.hash(password).await?),
            None => None,
        },
        emails: arguments.emails,
        mappings: parse(&arguments.mappings)?,
        admin: (arguments.admin || arguments.no_admin).then_some(arguments.admin),
        display_name: arguments.display_name,
    };
    let providers = providers(&transaction).await?;
    loop {
        draft.show(&matrix.user_id(&draft.localpart))?;
        if arguments.yes {
            break;
        }
        draft.show_command()?;
        let steps = draft.steps(passwords.enabled(), !providers.is_empty());
        match questions::next_step(steps).await? {
            Step::Create => break,
            Step::Username => {
                let before = std::mem::take(&mut draft.localpart);
                draft.localpart = ask_for_username(before, &transaction, &homeserver).await?;
            }
            Step::Email => draft.emails.push(questions::email().await?),
            // As in MAS, nobody asks here how hard the password is to guess.
            Step::Password => {
                let password = questions::password().await?;
                draft.password = Some(passwords.hash(&password).await?);
            }
            Step::Upstream => draft.mappings.push(questions::mapping(providers.clone()).await?),
            Step::Admin => draft.admin = Some(questions::confirm("Make user admin?").await?),
            Step::DisplayName => draft.display_name = Some(questions::display_name().await?),
        }
    }
    if draft.emails.is_empty() {
        crate::warning!("the user has no address and will be asked for one");
    }
    if !arguments.yes && !questions::confirm("Confirm?").await? {
        crate::warning!("Aborted");
        return Ok(ExitCode::SUCCESS);
    }
    let user = draft.save(&transaction).await?;
    transaction.commit().await?;
    crate::info!("User registered user.id={}", to_ulid(user));
    Ok(ExitCode::SUCCESS)
}

/// Asks until a name can be taken.
async fn ask_for_username(before: String, transaction: &Transaction<'_>, homeserver: &Homeserver) -> anyhow::Result<String> {
    loop {
        let username = questions::username(before.clone()).await?;
        match available(&username, transaction, homeserver).await {
            Ok(localpart) => return Ok(localpart),
            Err(error) => crate::warning!("Invalid username: {error}"),
        }
    }
}

/// The local part, where both sides let it be taken.
async fn available(username: &str, transaction: &Transaction<'_>, homeserver: &Homeserver) -> anyhow::Result<String> {
    let localpart = localpart(username)?;
    if users::find(transaction, localpart).await?.is_some() {
        bail!("User already exists");
    }
    if !homeserver.is_localpart_available(localpart).await? {
        bail!("the homeserver does not let this name be taken");
    }
    Ok(localpart.to_owned())
}

/// Takes a local part or a full id.
fn localpart(username: &str) -> anyhow::Result<&str> {
    let name = username.trim_start_matches('@');
    match name.split(':').next() {
        Some(name) if !name.is_empty() => Ok(name),
        _ => bail!("the user name is empty"),
    }
}

fn parse(mappings: &[String]) -> anyhow::Result<Vec<(Uuid, String)>> {
    let parse = |mapping: &String| {
        let (provider, subject) = mapping.split_once(':').context("Invalid format")?;
        Ok((from_ulid(provider)?, subject.to_owned()))
    };
    mappings.iter().map(parse).collect()
}

/// The enabled upstream providers and what people know them by.
async fn providers(transaction: &Transaction<'_>) -> anyhow::Result<Vec<(Uuid, String)>> {
    let sql = "SELECT upstream_oauth_provider_id, coalesce(human_name, issuer)
        FROM upstream_oauth_providers WHERE disabled_at IS NULL ORDER BY upstream_oauth_provider_id";
    let provider = |row: &tokio_postgres::Row| {
        let (id, name): (Uuid, Option<String>) = (row.get(0), row.get(1));
        let ulid = to_ulid(id);
        (id, name.map_or(ulid.clone(), |name| format!("{name} ({ulid})")))
    };
    Ok(transaction.query(sql, &[]).await?.iter().map(provider).collect())
}

impl Draft {
    async fn save(&self, transaction: &Transaction<'_>) -> anyhow::Result<Uuid> {
        let user = users::add(transaction, &self.localpart, self.admin == Some(true)).await?;
        if let Some((version, hashed)) = &self.password {
            users::set_password(transaction, user, *version, hashed).await?;
        }
        for email in &self.emails {
            users::add_email(transaction, user, email).await?;
        }
        for (provider, subject) in &self.mappings {
            transaction
                .execute(
                    "INSERT INTO upstream_oauth_links (upstream_oauth_link_id, upstream_oauth_provider_id, user_id, subject, created_at)
                     VALUES ($1, $2, $3, $4, now())",
                    &[&new_id()?, provider, &user, subject],
                )
                .await?;
        }
        let job = Job::ProvisionUser { user, display_name: self.display_name.clone() };
        queue::schedule(transaction, &job).await?;
        Ok(user)
    }

    fn show(&self, user_id: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "User attributes")?;
        let mut row = |key: &str, value: &str| writeln!(out, "{key:>17}: {value}");
        row("Username", &self.localpart)?;
        row("Matrix ID", user_id)?;
        if let Some(name) = &self.display_name {
            row("Display name", name)?;
        }
        if self.password.is_some() {
            row("Password", "********")?;
        }
        for (provider, subject) in &self.mappings {
            row("Upstream account", &format!("{}:{subject}", to_ulid(*provider)))?;
        }
        for email in &self.emails {
            row("Email", email)?;
        }
        if let Some(admin) = self.admin {
            row("Can request admin", if admin { "true" } else { "false" })?;
        }
        if self.emails.is_empty() {
            writeln!(out, "No address: the user will be asked for one")?;
        }
        if self.password.is_none() && self.mappings.is_empty() {
            writeln!(out, "No password and no upstream account: the user cannot log in")?;
        }
        out.flush()
    }

    /// Shows how to do the same without questions.
    fn show_command(&self) -> std::io::Result<()> {
        let mut command = format!("mas-cli manage register-user --yes {}", self.localpart);
        if self.password.is_some() {
            command.push_str(" --password $PASSWORD");
        }
        for email in &self.emails {
            command.push_str(&format!(" --email {email}"));
        }
        for (provider, subject) in &self.mappings {
            let ulid = to_ulid(*provider);
            command.push_str(&format!(" --upstream-provider-mapping {ulid}:{subject}"));
        }
        match self.admin {
            Some(true) => command.push_str(" --admin"),
            Some(false) => command.push_str(" --no-admin"),
            None => {}
        }
        if let Some(name) = &self.display_name {
            command.push_str(&format!(" --display-name {name:?}"));
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nThe same without questions:\n\n  {command}\n")?;
        out.flush()
    }
}

#[cfg(test)]
mod tests;
