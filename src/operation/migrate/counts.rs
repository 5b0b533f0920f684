//! How many accounts there are, in Synapse and in MAS.

use super::super::Context;
use super::super::postgres::query;
use super::database::Databases;
use crate::diagnostic::{Error, Kind, Result};
use crate::migration::Accounts;

/// What syn2mas takes (its own page, "Migrating an existing homeserver"): nothing of application services; no sessions of
/// guests and of deactivated users, no hidden devices, no tokens of puppets.
const SYNAPSE: &str = "
WITH people AS (SELECT name, password_hash, deactivated <> 0 OR is_guest <> 0 AS gone FROM users WHERE appservice_id IS NULL),
     tokens AS (SELECT a.user_id, a.device_id, a.refresh_token_id FROM access_tokens a
                JOIN people p ON p.name = a.user_id AND NOT p.gone
                LEFT JOIN refresh_tokens r ON r.id = a.refresh_token_id AND r.next_token_id IS NULL
                WHERE a.puppets_user_id IS NULL AND (a.refresh_token_id IS NULL OR r.id IS NOT NULL))
SELECT (SELECT count(*) FROM people),
       (SELECT count(*) FROM people WHERE coalesce(password_hash, '') <> ''),
       (SELECT count(*) FROM devices d JOIN people p ON p.name = d.user_id AND NOT p.gone
        WHERE NOT coalesce(d.hidden, FALSE) AND d.device_id <> 'guest_device')
         + (SELECT count(*) FROM tokens WHERE device_id IS NULL),
       (SELECT count(*) FROM tokens),
       (SELECT count(*) FROM tokens WHERE refresh_token_id IS NOT NULL),
       (SELECT count(*) FROM user_threepids t JOIN people p ON p.name = t.user_id WHERE t.medium = 'email'),
       (SELECT count(*) FROM user_threepids t JOIN people p ON p.name = t.user_id WHERE t.medium <> 'email'),
       (SELECT count(*) FROM user_external_ids e JOIN people p ON p.name = e.user_id);
";

const MAS: &str = "
SELECT (SELECT count(*) FROM users),
       (SELECT count(*) FROM user_passwords),
       (SELECT count(*) FROM compat_sessions WHERE finished_at IS NULL),
       (SELECT count(*) FROM compat_access_tokens),
       (SELECT count(*) FROM compat_refresh_tokens WHERE consumed_at IS NULL),
       (SELECT count(*) FROM user_emails),
       (SELECT count(*) FROM user_unsupported_third_party_ids),
       (SELECT count(*) FROM upstream_oauth_links WHERE user_id IS NOT NULL);
";

/// The tables that the count of MAS reads.
const TABLES: [&str; 8] = [
    "users",
    "user_passwords",
    "compat_sessions",
    "compat_access_tokens",
    "compat_refresh_tokens",
    "user_emails",
    "user_unsupported_third_party_ids",
    "upstream_oauth_links",
];

/// What Synapse has that would move.
///
/// # Errors
/// Postgres does not answer.
pub async fn in_synapse(context: &Context<'_>, databases: &Databases) -> Result<Accounts> {
    read(&query(context, &databases.container, &databases.synapse, SYNAPSE).await?)
}

/// What MAS has; nothing where its tables are not there yet.
///
/// # Errors
/// Postgres does not answer.
pub async fn in_mas(context: &Context<'_>, databases: &Databases) -> Result<Accounts> {
    if !databases.has_mas(context).await? || databases.mas_tables(context, &TABLES).await?.len() < TABLES.len() {
        return Ok(Accounts::default());
    }
    read(&query(context, &databases.container, &databases.mas, MAS).await?)
}

fn read(rows: &[Vec<String>]) -> Result<Accounts> {
    let numbers: Option<Vec<u64>> = rows.first().and_then(|row| row.iter().map(|text| text.parse().ok()).collect());
    match numbers.as_deref() {
        Some(&[users, passwords, sessions, access_tokens, refresh_tokens, emails, other_addresses, external_ids]) => {
            Ok(Accounts { users, passwords, sessions, access_tokens, refresh_tokens, emails, other_addresses, external_ids })
        }
        _ => Err(Error::new(Kind::HostFailed, "the accounts could not be counted: Postgres gave something else than eight numbers")),
    }
}

/// What did not arrive: name, how many there were, and how many there are.
pub fn short(before: &Accounts, after: &Accounts) -> Vec<(&'static str, u64, u64)> {
    let pairs = before.named().into_iter().zip(after.named());
    pairs.filter(|((_, before), (_, after))| after < before).map(|((name, before), (_, after))| (name, before, after)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_what_came_since_is_not() {
        let row: Vec<String> = (1..=8).map(|number| number.to_string()).collect();
        let before = read(&[row]).unwrap();
        assert_eq!((before.users, before.external_ids), (1, 8));
        let after = Accounts { passwords: 1, sessions: 9, ..before };
        assert_eq!(short(&before, &after), [("passwords", 2, 1)]);
        assert!(read(&[vec!["1".into()]]).is_err());
    }
}
