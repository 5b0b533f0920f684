//! What a simulated host has: exactly what its inventory declares, and what homestead remembers of that.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use homestead::apply::MEMORY_PATH;
use homestead::desired::Desired;
use homestead::host::{FakeHost, observe_facts};
use homestead::migration::Migration;
use homestead::pipeline::HostFacts;
use homestead::plan::{Memory, Observed, OwnedFile, PathKind, PathState, Plan, VERSION, database_fingerprint, remember, sha256, unit_of};
use homestead::versioned::Versioned as _;
use serde_json::json;

/// The numbers of the user `matrix`.
const ACCOUNT: u32 = 991;
const POSTGRES: u32 = 18;

/// A small Debian machine, as `facts.sh` tells; the rest of it stands beside it.
const FACTS: &str = "\
os_release=PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"|NAME=\"Debian GNU/Linux\"|VERSION_ID=\"12\"|VERSION_CODENAME=bookworm|ID=debian
debian_version=12.12
architecture=x86_64
kernel=6.1.0-40-amd64
system=Linux
user_id=root
hardware=MemTotal:        4026532 kB|processor\t: 0|physical id\t: 0|siblings\t: 2|cpu cores\t: 2|processor\t: 1|physical id\t: 0|siblings\t: 2|cpu cores\t: 2
first_process=systemd
systemd=systemd 252 (252.39-1~deb12u1)
passwd=root:x:0:0::/root:/bin/sh|daemon:x:1:1::/:|www-data:x:33:33::/:|nobody:x:65534:65534::/:|sshd:x:101:65534::/:|matrix:x:991:991::/:
group=root:x:0:|daemon:x:1:|www-data:x:33:|nogroup:x:65534:|docker:x:992:|matrix:x:991:
login_defs=
listening=tcp 00000000:0016|tcp 00000000:0050|tcp 00000000:01BB
time=1795361631
timezone=+0000
tool docker=yes
tool openssl=yes
tool tar=yes
tool flock=yes
tool sha256sum=yes
tool xargs=yes
tool stat=yes
tool sync=yes
tool apt-get=yes
tool dnf5=no
tool dnf=no
tool yum=no
tool pacman=no
tool zypper=no
tool apk=no
docker_version=28.5.1
";

/// A host.
pub struct State {
    pub name: String,
    pub paths: BTreeMap<String, Found>,
    /// Name -> whether it starts with the machine and runs.
    pub units: BTreeMap<String, bool>,
    /// What the engine answers to `GET /images/json` and `GET /networks`.
    pub images: Arc<str>,
    pub networks: Arc<str>,
}

/// A path that exists.
pub struct Found {
    pub state: PathState,
    /// Of a file.
    pub content: Arc<str>,
}

/// Most hosts have the same files: each content is kept once.
#[derive(Default)]
pub struct Contents(Mutex<HashSet<Arc<str>>>);

impl Contents {
    fn keep(&self, content: &str) -> Arc<str> {
        let mut known = self.0.lock().unwrap();
        if let Some(same) = known.get(content) {
            return Arc::clone(same);
        }
        let content: Arc<str> = Arc::from(content);
        known.insert(Arc::clone(&content));
        content
    }
}

/// What homestead understands of what the host `name` says about itself.
pub fn facts(name: &str) -> HostFacts {
    let host = FakeHost::new().answer(told(name, &[]));
    // A fake host is never busy.
    let facts = observe_facts(&host, &[]).now_or_never().unwrap().unwrap();
    HostFacts {
        facts: facts.ansible,
        account: Some((ACCOUNT, ACCOUNT)),
        postgres_version: Some(POSTGRES),
        migration: Migration::default(),
        move_is_open: false,
        first_start_is_open: false,
    }
}

/// What `facts.sh` says on the host `name`; `paths` are those whose free space is wanted.
pub fn told(name: &str, paths: &[String]) -> Vec<u8> {
    let mut text = String::new();
    for line in FACTS.lines() {
        let (key, value) = line.split_once('=').unwrap();
        text.push_str(&format!("{key}\0{}\0", value.replace('|', "\n")));
    }
    text.push_str(&format!("nodename\0{name}\0fqdn\0{name}\0"));
    for path in paths {
        text.push_str(&format!("free {path}\041943040\0"));
    }
    text.push_str("unfinished\0\0end\0\0");
    text.into_bytes()
}

impl State {
    /// A host that has everything.
    pub fn as_declared(desired: &Desired, contents: &Contents) -> Self {
        assert!(desired.downloads.is_empty() && desired.builds.is_empty(), "the simulation has neither downloads nor builds");
        let mut paths = BTreeMap::new();
        let mut add = |path: &str, kind: PathKind, mode: &str, (owner, group): (&str, &str), content: &str| {
            let sha256 = (kind == PathKind::File).then(|| sha256(content));
            let ((owner, uid), (group, gid)) = (account(owner), account(group));
            let state = PathState { kind, mode: mode.to_owned(), owner, uid, group, gid, sha256, target: None };
            paths.insert(path.to_owned(), Found { state, content: contents.keep(content) });
        };
        for directory in &desired.directories {
            add(&directory.path, PathKind::Directory, &directory.mode, (&directory.owner, &directory.group), "");
        }
        for key in &desired.keys {
            add(&key.path, PathKind::File, &key.mode, (&key.owner, &key.group), "a key of the simulation");
        }
        for file in &desired.files {
            add(&file.path, PathKind::File, &file.mode, (&file.owner, &file.group), file.contents.reveal());
        }
        let version = desired.directories.iter().find(|directory| directory.path.ends_with("/postgres/data")).unwrap();
        add(&format!("{}/PG_VERSION", version.path), PathKind::File, "0600", (&version.owner, &version.group), &format!("{POSTGRES}\n"));
        let files = desired.files.iter().filter_map(|file| unit_of(&file.path));
        let mut units: BTreeMap<String, bool> = files.map(|unit| (unit.to_owned(), false)).collect();
        for service in desired.services.iter().filter(|service| service.autostart) {
            assert!(service.at_boot, "{}", service.unit);
            units.insert(service.unit.clone(), true);
        }
        let memory = memory(desired, &paths);
        let (owner, uid) = account("root");
        let (group, gid) = account("root");
        let sha256 = Some(sha256(&memory));
        let state = PathState { kind: PathKind::File, mode: "0600".to_owned(), owner, uid, group, gid, sha256, target: None };
        paths.insert(MEMORY_PATH.to_owned(), Found { state, content: contents.keep(&memory) });
        Self {
            name: desired.host.clone(),
            paths,
            units,
            images: contents.keep(&images(desired)),
            networks: contents.keep(&networks(desired)),
        }
    }
}

/// The name and number of a user or group that is given by either, as `stat` shows them.
fn account(given: &str) -> (String, u32) {
    let known = [("root", 0), ("matrix", ACCOUNT)];
    let found = known.into_iter().find(|(name, number)| given == *name || given == number.to_string());
    match (found, given.parse()) {
        (Some((name, number)), _) => (name.to_owned(), number),
        (None, Ok(number)) => ("UNKNOWN".to_owned(), number),
        (None, Err(_)) => panic!("nobody is `{given}` on a simulated host"),
    }
}

/// What the run that made all this wrote down.
fn memory(desired: &Desired, paths: &BTreeMap<String, Found>) -> String {
    let mut memory = Memory { generation: 1, ..Memory::default() };
    for file in &desired.files {
        let owned = OwnedFile {
            sha256: sha256(file.contents.reveal()),
            mode: file.mode.clone(),
            owner: file.owner.clone(),
            group: file.group.clone(),
            role: file.role.clone(),
        };
        memory.files.insert(file.path.clone(), owned);
    }
    memory.keys = desired.keys.iter().map(|key| key.path.clone()).collect();
    memory.keys.sort();
    let written = |unit: &String| memory.files.contains_key(&homestead::plan::unit_file(unit));
    memory.units = desired.services.iter().map(|service| service.unit.clone()).filter(written).collect();
    memory.units.sort();
    memory.databases = desired.databases.iter().map(|database| (database.name.clone(), database_fingerprint(database))).collect();
    let observed =
        Observed { paths: paths.iter().map(|(path, found)| (path.clone(), found.state.clone())).collect(), ..Observed::default() };
    let nothing = Plan {
        version: VERSION,
        host: desired.host.clone(),
        actions: Vec::new(),
        restarts: Vec::new(),
        orphans: Vec::new(),
        kept: Vec::new(),
        notes: Vec::new(),
    };
    remember(&mut memory, desired, &observed, &nothing);
    String::from_utf8(memory.write().unwrap()).unwrap()
}

/// As the engine lists them: Docker Hub's own names are short.
fn images(desired: &Desired) -> String {
    let image = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        let name = name.strip_prefix("library/").unwrap_or(name);
        json!({"Id": format!("sha256:{}", sha256(name)), "RepoTags": [name], "RepoDigests": [], "Labels": null})
    };
    json!(desired.images.iter().map(|wanted| image(&wanted.name)).collect::<Vec<_>>()).to_string()
}

fn networks(desired: &Desired) -> String {
    let network = |name: &str, driver: &str, ipv6: bool| json!({"Name": name, "Id": sha256(name), "Scope": "local", "Driver": driver, "EnableIPv6": ipv6, "Options": {}, "Labels": {}});
    let own = [network("bridge", "bridge", false), network("host", "host", false), network("none", "null", false)];
    let wanted = desired.networks.iter().map(|wanted| network(&wanted.name, "bridge", wanted.ipv6));
    json!(own.into_iter().chain(wanted).collect::<Vec<_>>()).to_string()
}
