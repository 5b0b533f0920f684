//! Tags as MDAD's users type them -> what to do.

use std::collections::BTreeSet;

use crate::diagnostic::{Error, Kind, Result, did_you_mean};
use crate::role::Library;

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
    /// A built-in procedure of a role.
    Operation {
        /// Its name in `role.yml`.
        run: String,
        /// The role that offers it.
        role: String,
    },
    /// Make an account on the Matrix server.
    RegisterUser,
    /// Nothing yet: declared users are not created.
    Nothing,
}

/// Reads one tag. `group` is the value of the variable of that name, for `start-group`.
///
/// # Errors
/// An unknown tag, with the nearest known one.
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
        "start-group" => return Ok(Job::Start(wanted_group()?)),
        "stop-group" => return Ok(Job::Stop(wanted_group()?)),
        "register-user" => return Ok(Job::RegisterUser),
        "ensure-matrix-users-created" | "ensure-users-created" => return Ok(Job::Nothing),
        _ => {}
    }
    for role in &library.roles {
        for operation in &role.manifest.operations {
            if operation.name == tag || operation.tags.iter().any(|name| name == tag) {
                return Ok(Job::Operation { run: operation.run.clone(), role: role.manifest.name.clone() });
            }
        }
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

fn roles_of(service: &str, library: &Library) -> Option<BTreeSet<String>> {
    let matching = library.roles.iter().filter(|role| {
        let name = role.manifest.name.as_str();
        name == service || name.strip_prefix("matrix-") == Some(service) || role.manifest.tags.iter().any(|tag| tag == service)
    });
    let names: BTreeSet<String> = matching.map(|role| role.manifest.name.clone()).collect();
    (!names.is_empty()).then_some(names)
}

/// Every tag that there is.
pub fn known(library: &Library) -> BTreeSet<String> {
    let fixed = ["install-all", "setup-all", "start", "start-all", "stop", "stop-all", "start-group", "stop-group", "register-user"];
    let mut tags: BTreeSet<String> = fixed.iter().map(|tag| (*tag).to_owned()).collect();
    for role in &library.roles {
        let manifest = &role.manifest;
        for operation in &manifest.operations {
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
