//! A token for Synapse's admin API, from MAS.

use super::Context;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::Exec;
use crate::secret::Secret;

/// Runs inside MAS's container; what it says goes to us and to no journal.
const ISSUE: &str = r#"exec docker exec --env RUST_LOG=info "$1" mas-cli manage issue-compatibility-token --yes-i-want-to-grant-synapse-admin-privileges -- "$2""#;

/// Issues a token with which `username` may use Synapse's admin API.
///
/// # Errors
/// MAS is not in charge of the accounts; there is no such user; MAS does not run.
pub async fn admin_token(context: &Context<'_>, username: &str) -> Result<Secret<String>> {
    let service = context.required_service("matrix-authentication-service")?;
    if context.is_true("matrix_authentication_service_migration_in_progress")? {
        return Err(Error::new(
            Kind::Invalid,
            "Synapse does not ask MAS yet: `matrix_authentication_service_migration_in_progress` is true",
        )
        .hint("log in as an administrator, and take that session's access token"));
    }
    context.stage(format!("asking MAS for a token of {username}"));
    context.ensure_running(service).await?;
    let output = context.host.exec(Exec::new(ISSUE).arguments(&[&service.container, username])).await?;
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match token(&text) {
        Some(token) if output.status == 0 => Ok(Secret::new(token.to_owned())),
        found => {
            Err(refused(username, &service.unit, &found.map_or_else(|| text.clone(), |token| text.replace(token, crate::secret::REDACTED))))
        }
    }
}

/// MAS's compatibility tokens: `mct_`, letters, digits, and a checksum after another `_`.
fn token(text: &str) -> Option<&str> {
    let start = text.find("mct_")?;
    let rest = &text[start..];
    let end = rest.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_')).unwrap_or(rest.len());
    (end > "mct_".len()).then(|| &rest[..end])
}

fn refused(username: &str, unit: &str, text: &str) -> Error {
    let last: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let error = Error::new(Kind::HostFailed, format!("MAS issued no token for `{username}`"))
        .caused_by(last[last.len().saturating_sub(3)..].join("; "));
    if text.contains("User not found") {
        error
            .hint("the name is the part before the colon of `@name:example.com`, without `@`")
            .hint("`homestead register-user` makes an account")
    } else {
        error.hint(format!("`journalctl -u {unit}` on the host may say more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_in_the_log_line() {
        let line = "2026-11-22T03:00:00Z  INFO mas_cli: Compatibility token issued: mct_AbC123_x9Yz4 compat_access_token.id=01J";
        assert_eq!(token(line), Some("mct_AbC123_x9Yz4"));
        assert_eq!(token("nothing of that kind: mct_"), None);
    }

    #[test]
    fn a_stranger_gets_a_hint() {
        let error = refused("bob", "mas.service", "Error: User not found");
        assert!(error.hints[0].contains("without `@`"), "{error:?}");
    }
}
