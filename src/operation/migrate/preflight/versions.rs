//! Whether Synapse and MAS are new enough for each other.

use super::{Context, Finding, bad, good, warning};
use crate::diagnostic::Result;
use crate::host::{self, Exec};

const NAME: &str = "versions";
const RUNNING: &str = r#"docker container inspect --format '{{.Config.Image}}' -- "$1" 2>/dev/null || true"#;
/// The first Synapse with the section `matrix_authentication_service`
/// (<https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html>).
const SYNAPSE: Version = Version(1, 136, 0);
/// The first MAS whose `mas-cli` holds syn2mas; before it, syn2mas was a program of its own
/// (<https://element-hq.github.io/matrix-authentication-service/setup/migration.html>).
const MAS: Version = Version(0, 16, 0);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

pub(super) async fn examine(context: &Context<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (role, name, least) in [("matrix-synapse", "Synapse", SYNAPSE), ("matrix-authentication-service", "MAS", MAS)] {
        let Some(service) = context.service(role) else { continue };
        let arguments = [service.container.as_str()];
        let running = host::run(&**context.host, "asking Docker", Exec::new(RUNNING).arguments(&arguments)).await?;
        findings.extend(judge(name, &service.image, String::from_utf8_lossy(&running).trim(), least));
    }
    Ok(findings)
}

/// What is declared decides; what runs is told where a move would bring a new version with it.
fn judge(name: &str, declared: &str, running: &str, least: Version) -> Vec<Finding> {
    let Some(version) = version_of(declared) else {
        return vec![
            warning(NAME, format!("the image `{declared}` does not say which version of {name} it is"))
                .with_hint(format!("{name} must be {least} or newer")),
        ];
    };
    if version < least {
        return vec![
            bad(NAME, format!("{name} {version} is too old: {least} is the first one that works with accounts in MAS"))
                .with_hint(format!("remove what holds the image at `{declared}`, and run `install-all`")),
        ];
    }
    let mut findings = vec![good(NAME, format!("{name} {version} is new enough"))];
    if let Some(now) = version_of(running).filter(|now| *now != version) {
        findings.push(
            warning(NAME, format!("{name} {now} runs, and the inventory declares {version}: the move would bring it along"))
                .with_hint("update first with `install-all`, and move when that has proved itself"),
        );
    }
    findings
}

/// The version in an image's tag: `v1.163.2`, `1.23.0-debug`.
fn version_of(image: &str) -> Option<Version> {
    let name = image.split('@').next().unwrap_or_default();
    let tag = name.rsplit('/').next()?.split_once(':')?.1.trim_start_matches('v');
    let mut numbers = tag.split(['.', '-', '_']).map_while(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    Some(Version(numbers.next()?, numbers.next()?, numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_tags() {
        assert_eq!(version_of("docker.io/element-hq/synapse:v1.163.2"), Some(Version(1, 163, 2)));
        assert_eq!(version_of("127.0.0.1:5000/mas:1.23.0-debug"), Some(Version(1, 23, 0)));
        assert_eq!(version_of("synapse:v1.136.0rc2@sha256:abcd"), Some(Version(1, 136, 0)));
        assert_eq!(version_of("127.0.0.1:5000/synapse"), None);
        assert_eq!(version_of("synapse:latest"), None);
    }

    #[test]
    fn old_unknown_and_changing_versions_are_told_apart() {
        let texts = |declared: &str, running: &str| {
            judge("Synapse", declared, running, SYNAPSE)
                .iter()
                .map(|finding| format!("{:?} {}", finding.verdict, finding.text))
                .collect::<Vec<_>>()
        };
        assert_eq!(texts("s:v1.163.2", "s:v1.163.2"), ["Good Synapse 1.163.2 is new enough"]);
        assert_eq!(texts("s:v1.135.2", ""), ["Bad Synapse 1.135.2 is too old: 1.136.0 is the first one that works with accounts in MAS"]);
        assert_eq!(
            texts("s:v1.163.2", "s:v1.98.0"),
            [
                "Good Synapse 1.163.2 is new enough",
                "Warning Synapse 1.98.0 runs, and the inventory declares 1.163.2: the move would bring it along"
            ]
        );
        assert_eq!(texts("s:latest", ""), ["Warning the image `s:latest` does not say which version of Synapse it is"]);
    }
}
