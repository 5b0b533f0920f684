//! The version of the inventory's format that a user last checked the inventory against.

use super::{Review, place};
use crate::diagnostic::Diagnostic;

const VALIDATED: &str = "matrix_playbook_migration_validated_version";
const EXPECTED: &str = "matrix_playbook_migration_expected_version";

/// A warning where it is older than what the roles follow, with the changes that touch enabled roles.
pub fn check(review: &Review<'_>) -> Option<Diagnostic> {
    let place = place(review.variables, VALIDATED)?;
    let text = |name| review.variables.get(name).ok()?.value.as_str().map(str::to_owned);
    let (validated, expected) = (text(VALIDATED)?, text(EXPECTED)?);
    if validated.is_empty() {
        return None;
    }
    let (Some(have), Some(want)) = (version(&validated), version(&expected)) else {
        return Some(
            Diagnostic::warning("H0344", format!("`{VALIDATED}` is no version"))
                .at(&place)
                .help(format!("versions look like `{expected}`; leave it out if you do not know yours")),
        );
    };
    if have >= want {
        return None;
    }
    let enabled = |name: &String| review.enabled.iter().any(|role| role.manifest.name == *name);
    let newer = review.library.changes.iter().filter(|change| version(&change.version).is_some_and(|version| version > have));
    let touching: Vec<String> = newer
        .filter(|change| change.roles.iter().any(enabled))
        .map(|change| format!("{} ({}): {}", change.version, change.roles.join(", "), change.summary))
        .collect();
    let finding =
        Diagnostic::warning("H0344", format!("this inventory was last checked against `{validated}`; the roles follow `{expected}`"));
    let help = if touching.is_empty() {
        format!("no change since then is known that touches what is enabled here; set it to `{expected}`")
    } else {
        format!("look at these, then set it to `{expected}`: {}", touching.join("; "))
    };
    Some(finding.at(&place).help(help))
}

/// `v2026.05.18.0` as numbers.
fn version(text: &str) -> Option<Vec<u32>> {
    text.strip_prefix('v').unwrap_or(text).split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(version("v2026.05.18.0") > version("v2026.05.9.1"));
        assert!(version("v2026.05.18.1") > version("v2026.05.18.0"));
        assert_eq!(version("latest"), None);
    }
}
