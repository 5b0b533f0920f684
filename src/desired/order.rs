//! What all roles want, put together: parents before children, services by priority, one of each.

use std::collections::BTreeMap;

use super::resource::{Desired, Directory, File, Image, Network};
use crate::diagnostic::Diagnostic;

/// Our own users by name: the same user may be written as a number, and then differs for no reason.
fn name_owners(desired: &mut Desired) {
    let accounts = std::mem::take(&mut desired.accounts);
    let name = |owner: &mut String, group: &mut String| {
        for account in &accounts {
            if *owner == account.uid.to_string() {
                owner.clone_from(&account.user);
            }
            if *group == account.gid.to_string() {
                group.clone_from(&account.group);
            }
        }
    };
    desired.directories.iter_mut().for_each(|entry| name(&mut entry.owner, &mut entry.group));
    desired.keys.iter_mut().for_each(|entry| name(&mut entry.owner, &mut entry.group));
    desired.files.iter_mut().for_each(|entry| name(&mut entry.owner, &mut entry.group));
    desired.downloads.iter_mut().for_each(|entry| name(&mut entry.owner, &mut entry.group));
    desired.accounts = accounts;
}

/// Parents before children, services by priority, one of each.
pub fn order(desired: &mut Desired, findings: &mut Vec<Diagnostic>) {
    name_owners(desired);
    let mut directories: BTreeMap<String, Directory> = BTreeMap::new();
    for directory in std::mem::take(&mut desired.directories) {
        directories.entry(directory.path.clone()).or_insert(directory);
    }
    desired.directories = directories.into_values().collect();
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for file in std::mem::take(&mut desired.files) {
        if let Some(other) = files.get(&file.path) {
            findings.push(
                Diagnostic::error("H0317", format!("the roles `{}` and `{}` both write `{}`", other.role, file.role, file.path))
                    .help("change the path of one"),
            );
        }
        files.insert(file.path.clone(), file);
    }
    desired.files = files.into_values().collect();
    desired.services.sort_by(|left, right| (left.priority, &left.unit).cmp(&(right.priority, &right.unit)));
    let mut networks: BTreeMap<String, Network> = BTreeMap::new();
    for network in std::mem::take(&mut desired.networks) {
        networks.entry(network.name.clone()).or_insert(network);
    }
    desired.networks = networks.into_values().collect();
    let mut images: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for image in std::mem::take(&mut desired.images) {
        images.entry(image.name).or_default();
    }
    for build in &desired.builds {
        images.entry(build.base.clone()).or_default();
    }
    for service in desired.services.iter().filter(|service| !service.image.is_empty()) {
        match desired.builds.iter_mut().find(|build| build.name == service.image) {
            Some(build) => build.services.push(service.unit.clone()),
            None => images.entry(service.image.clone()).or_default().push(service.unit.clone()),
        }
    }
    // What is made on the host is in no registry.
    images.retain(|name, _| !desired.builds.iter().any(|build| &build.name == name));
    desired.images = images.into_iter().map(|(name, services)| Image { name, services }).collect();
}
