//! Tags as MDAD's users type them -> what to do.

use std::collections::BTreeSet;

use crate::diagnostic::{Error, Kind, Result, did_you_mean};
use crate::role::{Deed, Library};

/// What a tag asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Bring roles to their declared state; all of them where none is named.
    Converge {
        /// Names of roles.
        roles: Option<BTreeSet<String>>,
        /// Whether what nothing wants any more goes.
        remove_orphans: bool,
    },
    /// Start every service, or a group's.
    Start(Option<String>),
    /// Stop every service, or a group's.
    Stop(Option<String>),
    /// Stop and start every service, or a group's.
    Restart(Option<String>),
    /// A built-in procedure: its name in `role.yml`.
    Operation(String),
}

const CONTROL: [&str; 9] =
    ["start", "start-all", "start-group", "stop", "stop-all", "stop-group", "restart", "restart-all", "restart-group"];

/// Reads one tag. `group` is the value of the variable of that name, for `start-group`.
///
/// # Errors
/// An unknown tag, with the nearest known one; one that homestead refuses, with the reason.
pub fn parse(tag: &str, library: &Library, group: Option<&str>) -> Result<Job> {
    let wanted_group = || {
        group.map(|group| Some(group.to_owned())).ok_or_else(|| {
            Error::new(Kind::Usage, format!("`{tag}` needs a group")).hint(format!("homestead run-tags {tag} -e group=synapse"))
        })
    };
    match tag {
        "install-all" => return Ok(Job::Converge { roles: None, remove_orphans: false }),
        "setup-all" => return Ok(Job::Converge { roles: None, remove_orphans: true }),
        "start" | "start-all" => return Ok(Job::Start(None)),
        "stop" | "stop-all" => return Ok(Job::Stop(None)),
        "restart" | "restart-all" => return Ok(Job::Restart(None)),
        "start-group" => return Ok(Job::Start(wanted_group()?)),
        "stop-group" => return Ok(Job::Stop(wanted_group()?)),
        "restart-group" => return Ok(Job::Restart(wanted_group()?)),
        _ => {}
    }
    let operations = library.roles.iter().flat_map(|role| &role.manifest.operations);
    if let Some(operation) = operations.into_iter().find(|operation| operation.name == tag || operation.tags.iter().any(|name| name == tag))
    {
        return match &operation.deed {
            Deed::Run(run) => Ok(Job::Operation(run.clone())),
            Deed::Refuse { reason, hint } => {
                let error = Error::new(Kind::Usage, format!("`{tag}` is refused: {reason}"));
                Err(hint.iter().fold(error, |error, hint| error.hint(hint.clone())))
            }
        };
    }
    if let Some(service) = tag.strip_prefix("install-").or_else(|| tag.strip_prefix("setup-"))
        && let Some(roles) = roles_of(service, library)
    {
        return Ok(Job::Converge { roles: Some(roles), remove_orphans: false });
    }
    let known = known(library);
    let unknown = Error::new(Kind::Usage, format!("there is no tag `{tag}`"));
    Err(match did_you_mean(tag, known.iter().map(String::as_str)) {
        Some(help) => unknown.hint(help),
        None => unknown.hint(format!("tags: {}", known.into_iter().collect::<Vec<_>>().join(", "))),
    })
}

/// The tag that installs a service, as `install-service` names it.
///
/// # Errors
/// There is no such service; the nearest one is offered.
pub fn of_service(verb: &str, service: &str, library: &Library) -> Result<String> {
    if roles_of(service, library).is_some() {
        return Ok(format!("{verb}-{service}"));
    }
    let services = services(library);
    let unknown = Error::new(Kind::Usage, format!("there is no service `{service}`"));
    Err(match did_you_mean(service, services.iter().map(String::as_str)) {
        Some(help) => unknown.hint(help),
        None => unknown.hint(format!("services: {}", services.into_iter().collect::<Vec<_>>().join(", "))),
    })
}

/// The roles of a name: a role's own, that without `matrix-`, or one of its tags.
pub fn roles_of(service: &str, library: &Library) -> Option<BTreeSet<String>> {
    let matching = library.roles.iter().filter(|role| {
        let name = role.manifest.name.as_str();
        name == service || name.strip_prefix("matrix-") == Some(service) || role.manifest.tags.iter().any(|tag| tag == service)
    });
    let names: BTreeSet<String> = matching.map(|role| role.manifest.name.clone()).collect();
    (!names.is_empty()).then_some(names)
}

/// What `install-service` takes.
fn services(library: &Library) -> BTreeSet<String> {
    let manifests = library.roles.iter().map(|role| &role.manifest);
    manifests
        .flat_map(|manifest| std::iter::once(&manifest.name).chain(&manifest.tags))
        .map(|name| name.trim_start_matches("matrix-").to_owned())
        .collect()
}

/// Every tag that does something.
pub fn known(library: &Library) -> BTreeSet<String> {
    let mut tags: BTreeSet<String> = ["install-all", "setup-all"].into_iter().chain(CONTROL).map(str::to_owned).collect();
    for role in &library.roles {
        let manifest = &role.manifest;
        for operation in manifest.operations.iter().filter(|operation| matches!(operation.deed, Deed::Run(_))) {
            tags.insert(operation.name.clone());
            tags.extend(operation.tags.iter().cloned());
        }
        for name in std::iter::once(&manifest.name).chain(&manifest.tags) {
            tags.insert(format!("install-{name}"));
            tags.insert(format!("setup-{name}"));
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Source;

    fn library() -> Library {
        Library::load(Source::embedded()).unwrap()
    }

    /// Tags of the playbook's roles that homestead has (its `setup.yml` and the `tasks/main.yml` of each role).
    const OF_THE_PLAYBOOK: [&str; 37] = [
        "upgrade-postgres",
        "install-all",
        "setup-all",
        "start",
        "start-all",
        "stop",
        "stop-all",
        "restart",
        "restart-all",
        "install-synapse",
        "setup-synapse",
        "install-matrix-authentication-service",
        "setup-matrix-authentication-service",
        "install-postgres",
        "setup-postgres",
        "install-traefik",
        "install-traefik-certs-dumper",
        "install-container-socket-proxy",
        "install-client-element",
        "setup-client-element",
        "install-matrix-static-files",
        "install-exim-relay",
        "setup-exim-relay",
        "install-docker",
        "setup-docker",
        "install-aux",
        "setup-aux",
        "register-user",
        "ensure-matrix-users-created",
        "ensure-users-created",
        "self-check",
        "run-postgres-vacuum",
        "import-postgres",
        "run-docker-prune",
        "matrix-authentication-service-mas-cli-doctor",
        "setup-aux-files",
        "install-aux-files",
    ];

    #[test]
    fn every_tag_of_the_playbook_does_something() {
        let library = library();
        for tag in OF_THE_PLAYBOOK {
            assert!(parse(tag, &library, None).is_ok(), "{tag}: {:?}", parse(tag, &library, None));
        }
        assert_eq!(parse("start-group", &library, Some("synapse")).unwrap(), Job::Start(Some("synapse".into())));
    }

    #[test]
    fn what_homestead_does_not_do_is_refused_by_name_with_another_way() {
        let library = library();
        for tag in [
            "import-generic-sqlite-db",
            "import-synapse-sqlite-db",
            "import-synapse-media-store",
            "rust-synapse-compress-state",
            "update-user-password",
            "update-user-password-postgres",
            "run-postgres-synapse-janitor",
        ] {
            let error = parse(tag, &library, None).unwrap_err();
            assert!(error.message.starts_with(&format!("`{tag}` is refused: ")), "{error:?}");
            assert!(!error.hints.is_empty(), "{error:?}");
        }
    }

    #[test]
    fn a_typo_finds_its_tag_and_its_service() {
        let library = library();
        assert_eq!(parse("instal-synapse", &library, None).unwrap_err().hints, ["did you mean `install-synapse`?"]);
        assert_eq!(of_service("install", "synapze", &library).unwrap_err().hints, ["did you mean `synapse`?"]);
        assert_eq!(of_service("setup", "synapse", &library).unwrap(), "setup-synapse");
    }
}
