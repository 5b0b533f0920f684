//! The accounts in Synapse's database, in numbers.

use std::collections::BTreeMap;

use super::{Context, Finding, bad, count, good, warning};
use crate::diagnostic::Result;
use crate::operation::postgres::query;

const NAME: &str = "accounts";

/// What the database says. A number with an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    /// Everybody, guests and the deactivated too.
    users: u64,
    /// Of another server's name.
    foreign: (u64, String),
    guests: u64,
    deactivated: u64,
    /// Active people who have neither a password nor an account elsewhere.
    unreachable: (u64, String),
    /// Addresses that several accounts have.
    shared_emails: (u64, String),
    phones: u64,
    /// Beginning of a password's hash -> how many.
    pub(super) schemes: BTreeMap<String, u64>,
    /// `oidc-dex` -> how many people.
    pub(super) providers: BTreeMap<String, u64>,
    /// An application service -> how many users of its own.
    pub(super) appservices: BTreeMap<String, u64>,
    /// Accounts of the type `bot`.
    pub(super) bots: Vec<String>,
}

/// Asks the database; nothing where it is none of homestead's.
///
/// Tables: <https://github.com/element-hq/synapse/tree/develop/synapse/storage/schema/main>.
///
/// # Errors
/// Postgres does not run or refuses.
pub(super) async fn ask(context: &Context<'_>) -> Result<Option<Accounts>> {
    let Some(service) = context.service("postgres") else { return Ok(None) };
    if !context.is_true("matrix_playbook_synapse_uses_managed_postgres")? {
        return Ok(None);
    }
    let statements = statements(&context.text("matrix_domain")?);
    let database = context.text("matrix_synapse_database_database")?;
    Ok(Some(read(query(context, &service.container, &database, &statements).await?)))
}

fn statements(domain: &str) -> String {
    let suffix = format!(":{}", domain.replace('\'', "''"));
    let length = domain.chars().count() + 1;
    // People who may log in themselves.
    let people = "coalesce(deactivated, 0) = 0 AND coalesce(is_guest, 0) = 0 AND appservice_id IS NULL";
    format!(
        "SELECT 'users', count(*) FROM users;
SELECT 'foreign', count(*), min(name) FROM users WHERE right(name, {length}) <> '{suffix}';
SELECT 'guests', count(*) FROM users WHERE is_guest = 1;
SELECT 'deactivated', count(*) FROM users WHERE deactivated = 1;
SELECT 'unreachable', count(*), min(name) FROM users WHERE {people} AND coalesce(password_hash, '') = ''
  AND NOT EXISTS (SELECT 1 FROM user_external_ids AS ids WHERE ids.user_id = users.name);
SELECT 'shared-emails', count(*), min(address) FROM (SELECT lower(address) AS address FROM user_threepids
  WHERE medium = 'email' GROUP BY 1 HAVING count(DISTINCT user_id) > 1) AS shared;
SELECT 'phones', count(*) FROM user_threepids WHERE medium <> 'email';
SELECT 'scheme', count(*), substr(password_hash, 1, 4) FROM users
  WHERE coalesce(password_hash, '') <> '' AND coalesce(deactivated, 0) = 0 GROUP BY 3;
SELECT 'provider', count(*), auth_provider FROM user_external_ids GROUP BY 3;
SELECT 'appservice', count(*), appservice_id FROM users WHERE appservice_id IS NOT NULL GROUP BY 3;
SELECT 'bot', 1, name FROM users WHERE user_type = 'bot' AND {people} ORDER BY 3;
"
    )
}

fn read(rows: Vec<Vec<String>>) -> Accounts {
    let mut accounts = Accounts::default();
    for row in rows {
        let mut fields = row.into_iter();
        let (Some(what), Some(number)) = (fields.next(), fields.next()) else { continue };
        let number = number.parse().unwrap_or_default();
        // A name may hold what stands between the fields.
        let text = fields.collect::<Vec<_>>().join("|");
        match what.as_str() {
            "users" => accounts.users = number,
            "foreign" => accounts.foreign = (number, text),
            "guests" => accounts.guests = number,
            "deactivated" => accounts.deactivated = number,
            "unreachable" => accounts.unreachable = (number, text),
            "shared-emails" => accounts.shared_emails = (number, text),
            "phones" => accounts.phones = number,
            "scheme" => drop(accounts.schemes.insert(text, number)),
            "provider" => drop(accounts.providers.insert(text, number)),
            "appservice" => drop(accounts.appservices.insert(text, number)),
            "bot" => accounts.bots.push(text),
            _ => {}
        }
    }
    accounts
}

/// Numbers with a meaning for the move.
pub(super) fn judge(accounts: &Accounts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (foreign, example) = &accounts.foreign;
    if *foreign > 0 {
        findings.push(
            bad(NAME, format!("{} in Synapse's database belong to another server name, such as {example}", count(*foreign, "account")))
                .with_hint("syn2mas moves no account as long as they are there; is `matrix_domain` the name that this server had from its beginning?"),
        );
    }
    findings.push(good(NAME, format!("Synapse has {}", count(accounts.users, "account"))));
    let mut remark = |number: u64, one: &str, text: &str, hint: &str| {
        if number > 0 {
            findings.push(warning(NAME, format!("{} {text}", count(number, one))).with_hint(hint));
        }
    };
    remark(accounts.guests, "guest", "will not be moved: MAS has none", "whoever is a guest has to register");
    remark(accounts.deactivated, "deactivated account", "will be moved as such", "nobody can take their names in MAS either");
    let (number, example) = &accounts.unreachable;
    remark(
        *number,
        "account",
        &format!(
            "without a password and without an account elsewhere, such as {example}: after the move nobody logs in to it until it has a password"
        ),
        "`mas-cli manage set-password NAME` on the host gives it one; its sessions go on meanwhile",
    );
    let (number, example) = &accounts.shared_emails;
    remark(
        *number,
        "e-mail address",
        &format!("of several accounts, such as {example}: nobody can log in or recover a password with it in MAS"),
        "remove it from all accounts but one",
    );
    remark(
        accounts.phones,
        "phone number",
        "will not be kept: MAS knows e-mail addresses only",
        "nobody can log in with a phone number afterwards",
    );
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
    }

    #[test]
    fn answers_are_read_whatever_stands_in_names() {
        let accounts =
            read(rows("users|7\nforeign|1|@odd|name:old.org\nscheme|5|$2b$\nprovider|2|oidc-dex\nbot|1|@a:b\nbot|1|@c:b\nphones|0"));
        assert_eq!(accounts.foreign, (1, "@odd|name:old.org".to_owned()));
        assert_eq!(accounts.schemes, BTreeMap::from([("$2b$".to_owned(), 5)]));
        assert_eq!(accounts.providers, BTreeMap::from([("oidc-dex".to_owned(), 2)]));
        assert_eq!(accounts.bots, ["@a:b", "@c:b"]);
    }

    #[test]
    fn what_is_ordinary_is_said_in_one_line_and_the_rest_in_numbers() {
        let said = |accounts: &Accounts| {
            judge(accounts).iter().map(|finding| format!("{:?} {}", finding.verdict, finding.text)).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(said(&Accounts { users: 1, ..Accounts::default() }), "Good Synapse has 1 account");
        let accounts = Accounts {
            users: 9,
            foreign: (2, "@a:old.org".into()),
            guests: 1,
            deactivated: 3,
            unreachable: (1, "@b:example.com".into()),
            shared_emails: (1, "c@example.com".into()),
            phones: 2,
            ..Accounts::default()
        };
        insta::assert_snapshot!(said(&accounts), @"
        Bad 2 accounts in Synapse's database belong to another server name, such as @a:old.org
        Good Synapse has 9 accounts
        Warning 1 guest will not be moved: MAS has none
        Warning 3 deactivated accounts will be moved as such
        Warning 1 account without a password and without an account elsewhere, such as @b:example.com: after the move nobody logs in to it until it has a password
        Warning 1 e-mail address of several accounts, such as c@example.com: nobody can log in or recover a password with it in MAS
        Warning 2 phone numbers will not be kept: MAS knows e-mail addresses only
        ");
    }

    #[test]
    fn a_name_cannot_break_out_of_the_statements() {
        assert!(statements("exa'mple.com").contains("right(name, 13) <> ':exa''mple.com'"));
    }
}
