//! `manage register-user`: register a user without asking.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgAction, Args};

use crate::config::RawConfig;
use crate::homeserver::Homeserver;
use crate::identifiers::{from_ulid, new_id, to_ulid};
use crate::passwords::Passwords;
use crate::storage::queue::{self, Job};
use crate::storage::{connect, users};

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
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !text.contains(' ') => {
            Ok(text.to_owned())
        }
        _ => Err("this is no e-mail address".to_owned()),
    }
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
    if !arguments.yes {
        bail!("this stand-in cannot ask questions: give `--yes`");
    }
    let username = arguments
        .username
        .as_deref()
        .context("the user name is empty")?;
    let localpart = localpart(username)?;
    if users::find(&transaction, localpart).await?.is_some() {
        bail!("User already exists");
    }
    if !homeserver.is_localpart_available(localpart).await? {
        bail!("the homeserver does not let this name be taken");
    }
    let hashed = match &arguments.password {
        Some(password) => Some(passwords.hash(password).await?),
        None => None,
    };
    show(&arguments, localpart, &matrix.user_id(localpart))?;
    if arguments.emails.is_empty() {
        crate::warning!("the user has no address and will be asked for one");
    }

    let user = users::add(&transaction, localpart, arguments.admin).await?;
    if let Some((version, hashed)) = hashed {
        users::set_password(&transaction, user, version, &hashed).await?;
    }
    for email in &arguments.emails {
        users::add_email(&transaction, user, email).await?;
    }
    for mapping in &arguments.mappings {
        let (provider, subject) = mapping.split_once(':').context("Invalid format")?;
        transaction
            .execute(
                "INSERT INTO upstream_oauth_links (upstream_oauth_link_id, upstream_oauth_provider_id, user_id, subject, created_at)
                 VALUES ($1, $2, $3, $4, now())",
                &[&new_id()?, &from_ulid(provider)?, &user, &subject],
            )
            .await?;
    }
    let job = Job::ProvisionUser {
        user,
        display_name: arguments.display_name.clone(),
    };
    queue::schedule(&transaction, &job).await?;
    transaction.commit().await?;
    crate::info!("User registered user.id={}", to_ulid(user));
    Ok(ExitCode::SUCCESS)
}

/// Takes a local part or a full id.
fn localpart(username: &str) -> anyhow::Result<&str> {
    let name = username.trim_start_matches('@');
    match name.split(':').next() {
        Some(name) if !name.is_empty() => Ok(name),
        _ => bail!("the user name is empty"),
    }
}

fn show(arguments: &Arguments, localpart: &str, user_id: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "User attributes")?;
    let mut row = |key: &str, value: &str| writeln!(out, "{key:>17}: {value}");
    row("Username", localpart)?;
    row("Matrix ID", user_id)?;
    if let Some(name) = &arguments.display_name {
        row("Display name", name)?;
    }
    if arguments.password.is_some() {
        row("Password", "********")?;
    }
    for mapping in &arguments.mappings {
        row("Upstream account", mapping)?;
    }
    for email in &arguments.emails {
        row("Email", email)?;
    }
    if arguments.admin || arguments.no_admin {
        row(
            "Can request admin",
            if arguments.admin { "true" } else { "false" },
        )?;
    }
    if arguments.emails.is_empty() {
        writeln!(out, "No address: the user will be asked for one")?;
    }
    if arguments.password.is_none() && arguments.mappings.is_empty() {
        writeln!(
            out,
            "No password and no upstream account: the user cannot log in"
        )?;
    }
    out.flush()
}
