//! What a plan came from, as numbers: whether it is still the same can be told, what it is cannot.
//!
//! A plan that is kept must not hold secrets, and a short one could be guessed by whoever has its hash. So each part
//! that is compared by itself is hashed without secrets, and the secrets go only into a hash of everything, by PBKDF2
//! with a salt of the file's own: a guess must get every secret of the host right at once, and each costs the whole
//! derivation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::compare::sha256;
use super::memory::database_fingerprint;
use super::observed::Observed;
use crate::desired::Desired;

/// How often PBKDF2 goes round (RFC 8018).
const ROUNDS: u32 = 50_000;

/// One state as numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Of everything, secrets too: lowercase hex.
    pub whole: String,
    /// Of each resource, without secrets: what it is -> lowercase hex.
    pub parts: BTreeMap<String, String>,
}

/// Collects what a fingerprint is of.
struct Collector<'a> {
    salt: &'a [u8],
    whole: Sha256,
    parts: BTreeMap<String, String>,
}

impl<'a> Collector<'a> {
    fn new(salt: &'a [u8]) -> Self {
        Self { salt, whole: Sha256::new(), parts: BTreeMap::new() }
    }

    /// A resource: `open` may be hashed by itself, `hidden` only together with everything else.
    fn add(&mut self, name: String, open: &str, hidden: &str) {
        for text in [&name, open, hidden] {
            self.whole.update(text.len().to_be_bytes());
            self.whole.update(text.as_bytes());
        }
        let mut hasher = Sha256::new();
        hasher.update(self.salt);
        hasher.update(open.as_bytes());
        // Half of it tells two states of one resource apart.
        self.parts.insert(name, hex::encode(&hasher.finalize()[..16]));
    }

    fn finish(self) -> Fingerprint {
        let mut whole = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(&self.whole.finalize(), self.salt, ROUNDS, &mut whole);
        Fingerprint { whole: hex::encode(whole), parts: self.parts }
    }
}

impl Fingerprint {
    /// Of a desired state. `redact` takes the known secrets out of a text.
    pub fn of_desired(desired: &Desired, salt: &[u8], redact: &dyn Fn(&str) -> String) -> Self {
        let mut all = Collector::new(salt);
        // `Debug` shows everything but secrets.
        let shown = |value: &dyn std::fmt::Debug| format!("{value:?}");
        for account in &desired.accounts {
            all.add(format!("user {}", account.user), &shown(account), "");
        }
        for directory in &desired.directories {
            all.add(format!("directory {}", directory.path), &shown(directory), "");
        }
        for key in &desired.keys {
            all.add(format!("key {}", key.path), &redact(&shown(key)), &key.command);
        }
        for file in &desired.files {
            let contents = file.contents.reveal();
            let open = if file.secret { String::new() } else { redact(contents) };
            all.add(format!("file {}", file.path), &format!("{file:?}{open}"), contents);
        }
        for network in &desired.networks {
            all.add(format!("network {}", network.name), &shown(network), "");
        }
        for image in &desired.images {
            all.add(format!("image {}", image.name), &shown(image), "");
        }
        for build in &desired.builds {
            all.add(format!("image {}", build.name), &redact(&shown(build)), &build.dockerfile);
        }
        for database in &desired.databases {
            all.add(format!("database {}", database.name), &shown(database), database.password.reveal());
        }
        for service in &desired.services {
            all.add(format!("unit {}", service.unit), &shown(service), "");
        }
        for exclusive in &desired.exclusive {
            all.add(format!("path {}", exclusive.pattern), &shown(exclusive), "");
        }
        all.add("the roles".to_owned(), &desired.roles.join(" "), "");
        all.finish()
    }

    /// Of an observed state, as far as a plan for this desired state rests on it.
    pub fn of_observed(desired: &Desired, observed: &Observed, salt: &[u8]) -> Self {
        let mut all = Collector::new(salt);
        let open: BTreeSet<&str> = desired.files.iter().filter(|file| !file.secret).map(|file| file.path.as_str()).collect();
        for (path, state) in &observed.paths {
            let bytes = state.sha256.as_deref().unwrap_or_default();
            let attributes = format!("{:?} {} {} {} {} {}", state.kind, state.mode, state.owner, state.uid, state.group, state.gid);
            let open = if open.contains(path.as_str()) { format!("{attributes} {bytes}") } else { attributes };
            all.add(path.clone(), &open, bytes);
        }
        for (unit, state) in &observed.units {
            all.add(unit.clone(), &format!("{state:?}"), "");
        }
        for account in &desired.accounts {
            all.add(format!("user {}", account.user), &format!("{:?}", observed.users.get(&account.user)), "");
        }
        for network in &desired.networks {
            all.add(format!("network {}", network.name), &format!("{:?}", observed.networks.get(&network.name)), "");
        }
        for image in &desired.images {
            all.add(format!("image {}", image.name), &observed.images.contains(&image.name).to_string(), "");
        }
        for build in &desired.builds {
            let (built, base) = (observed.built.get(&build.name), observed.bases.get(&build.base));
            all.add(format!("image {}", build.name), &format!("{built:?} {base:?}"), "");
        }
        for database in &desired.databases {
            let known = observed.memory.databases.get(&database.name);
            let same = known.map(|known| *known == database_fingerprint(database));
            all.add(format!("database {}", database.name), &format!("{same:?}"), known.map_or("", String::as_str));
        }
        all.add("Docker".to_owned(), &observed.docker.to_string(), "");
        let memory = &observed.memory;
        let own: Vec<&str> = memory.files.keys().chain(&memory.units).chain(&memory.pending).map(String::as_str).collect();
        // Its contents are told by the paths; what a run of nothing counts up is no difference.
        all.add("what homestead remembers".to_owned(), &sha256(&own.join("\n")), "");
        all.finish()
    }

    /// The resources in which another state differs; empty where only secrets do.
    pub fn differences(&self, other: &Self) -> BTreeSet<String> {
        let differs = |name: &&String| self.parts.get(*name) != other.parts.get(*name);
        self.parts.keys().chain(other.parts.keys()).filter(differs).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::File;
    use crate::role::Format;
    use crate::secret::Secret;

    fn desired(contents: &str, secret: bool) -> Desired {
        let file = File {
            path: "/a".into(),
            contents: Secret::new(contents.into()),
            format: Format::Text,
            mode: "0640".into(),
            owner: "root".into(),
            group: "root".into(),
            secret,
            restarts: Vec::new(),
            role: "r".into(),
        };
        Desired { files: vec![file], ..Desired::default() }
    }

    #[test]
    fn a_secret_is_in_the_whole_and_in_no_part() {
        let of = |contents: &str, secret, salt: &[u8]| {
            Fingerprint::of_desired(&desired(contents, secret), salt, &|text| text.replace("1234", "[redacted]"))
        };
        for secret in [true, false] {
            let (one, other) = (of("pin 1234", secret, b"salt"), of("pin [redacted]", secret, b"salt"));
            assert_eq!(one.parts, other.parts, "a guess can be compared with no part");
            assert_ne!(one.whole, other.whole);
            assert!(one.differences(&other).is_empty());
        }
        let differences = of("x", false, b"salt").differences(&of("y", false, b"salt"));
        assert_eq!(differences.into_iter().collect::<Vec<_>>(), ["file /a"]);
        assert_ne!(of("x", false, b"salt"), of("x", false, b"pepper"), "two files with plans cannot be compared");
        assert_eq!(of("x", false, b"salt"), of("x", false, b"salt"));
    }
}
