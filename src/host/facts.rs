//! What a host is: found out by one POSIX script, without Python.
//!
//! The values under `ansible_facts` are those that Ansible's `setup` would give, so that inventories
//! which look at them behave the same. What is missing on a host is a value, not a failure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::{Exec, Host, Unfinished, run};
use crate::diagnostic::{Error, Kind, Result};

const FACTS: &str = concat!(include_str!("scripts/unfinished.sh"), include_str!("scripts/facts.sh"));

/// Bounds of shadow-utils where login.defs(5) sets none.
const SYSTEM_IDS: (u32, u32) = (101, 999);

/// What a host is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What `ansible_facts` holds.
    pub ansible: Map<String, Value>,
    /// Users by name.
    pub users: BTreeMap<String, UserId>,
    /// Group numbers by name.
    pub groups: BTreeMap<String, u32>,
    /// Kibibytes that are free where a path is or would be; absent where the host does not say.
    pub free_kib: BTreeMap<String, u64>,
    /// TCP ports that something listens on.
    pub listening_tcp: BTreeSet<u16>,
    /// UDP ports that something listens on.
    pub listening_udp: BTreeSet<u16>,
    /// Programs that are there.
    pub tools: BTreeSet<String>,
    /// The Docker engine's version, where one answers.
    pub docker: Option<String>,
    /// systemd's first line of `--version`, where it runs the host.
    pub systemd: Option<String>,
    /// The host's clock: seconds since 1970.
    pub time: i64,
    /// The range from which system users and groups get numbers.
    pub system_ids: (u32, u32),
    /// A run that did not come to its end; nothing while another run is going on.
    pub unfinished: Option<Unfinished>,
}

/// A user's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserId {
    /// The user's.
    pub uid: u32,
    /// The user's group's.
    pub gid: u32,
}

impl Facts {
    /// The highest number that is free both for a new system user and for a new system group.
    pub fn next_system_id(&self) -> Option<u32> {
        let (low, high) = self.system_ids;
        let is_free = |id: &u32| self.users.values().all(|user| user.uid != *id) && self.groups.values().all(|gid| gid != id);
        (low..=high).rev().find(is_free)
    }

    /// The number that `useradd -r` would give to a new user: the highest free one.
    pub fn next_system_uid(&self) -> Option<u32> {
        let (low, high) = self.system_ids;
        (low..=high).rev().find(|id| self.users.values().all(|user| user.uid != *id))
    }

    /// The number that `groupadd -r` would give to a new group: the highest free one.
    pub fn next_system_gid(&self) -> Option<u32> {
        let (low, high) = self.system_ids;
        (low..=high).rev().find(|id| self.groups.values().all(|gid| gid != id))
    }

    /// Programs that provisioning cannot do without and that are not there.
    pub fn missing_tools(&self) -> Vec<&'static str> {
        ["tar", "flock", "sha256sum", "xargs", "stat", "sync"].into_iter().filter(|tool| !self.tools.contains(*tool)).collect()
    }
}

/// Asks a host what it is; `paths` are those whose free space is wanted.
pub async fn observe_facts(host: &dyn Host, paths: &[&str]) -> Result<Facts> {
    let output = run(host, "finding out what it is", Exec::new(FACTS).arguments(paths)).await?;
    understand(host, &output)
}

/// Reads what the script says.
pub(super) fn understand(host: &dyn Host, output: &[u8]) -> Result<Facts> {
    let said = pairs(output);
    if !said.contains_key("end") {
        return Err(Error::new(Kind::HostFailed, format!("`{}`: what it says about itself is cut short", host.name())));
    }
    Ok(read(&said))
}

fn pairs(output: &[u8]) -> HashMap<String, String> {
    let mut fields = output.split(|&byte| byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let mut said = HashMap::new();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        said.insert(name, value);
    }
    said
}

fn read(said: &HashMap<String, String>) -> Facts {
    let get = |name: &str| said.get(name).map_or("", |value| value.trim());
    let prefixed = |prefix: &'static str| {
        said.iter().filter_map(move |(name, value)| name.strip_prefix(prefix).map(|name| (name.to_owned(), value.trim())))
    };
    let tools: BTreeSet<String> = prefixed("tool ").filter(|(_, value)| *value == "yes").map(|(name, _)| name).collect();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let users = get("passwd").lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?.to_owned(), fields.next()?);
        Some((name, UserId { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? }))
    });
    let groups = get("group").lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?.to_owned(), fields.next()?);
        Some((name, fields.next()?.parse().ok()?))
    });
    Facts {
        ansible: ansible(said, &tools),
        // The first entry of a name is the one that counts.
        users: users.collect::<Vec<_>>().into_iter().rev().collect(),
        groups: groups.collect::<Vec<_>>().into_iter().rev().collect(),
        free_kib: prefixed("free ").filter_map(|(path, value)| Some((path, value.parse().ok()?))).collect(),
        listening_tcp: ports(get("listening"), "tcp "),
        listening_udp: ports(get("listening"), "udp "),
        docker: some(get("docker_version")),
        systemd: some(get("systemd")),
        time: get("time").parse().unwrap_or_default(),
        system_ids: system_ids(get("login_defs")),
        unfinished: Unfinished::read(get("unfinished")),
        tools,
    }
}

/// `tcp 0100007F:1F90`: the port is in hexadecimal digits (the kernel's documentation, `proc_net_tcp`).
fn ports(text: &str, protocol: &str) -> BTreeSet<u16> {
    let port = |line: &str| u16::from_str_radix(line.strip_prefix(protocol)?.trim().rsplit_once(':')?.1, 16).ok();
    text.lines().filter_map(port).collect()
}

fn system_ids(login_defs: &str) -> (u32, u32) {
    let value = |name: &str| {
        login_defs.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(name)).then(|| words.next()?.parse::<u32>().ok()).flatten()
        })
    };
    let low = [value("SYS_UID_MIN"), value("SYS_GID_MIN")].into_iter().flatten().max();
    let high = [value("SYS_UID_MAX"), value("SYS_GID_MAX")].into_iter().flatten().min();
    (low.unwrap_or(SYSTEM_IDS.0), high.unwrap_or(SYSTEM_IDS.1))
}

fn ansible(said: &HashMap<String, String>, tools: &BTreeSet<String>) -> Map<String, Value> {
    let get = |name: &str| said.get(name).map_or("", |value| value.trim());
    let system = Distribution::read(get("os_release"), get("debian_version"));
    let nodename = get("nodename");
    let service_manager = if get("systemd").is_empty() { get("first_process") } else { "systemd" };
    let memory = get("hardware").lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let memory: u64 = memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default();
    let processors = Processors::read(get("hardware"));
    let facts = [
        ("architecture", json!(get("architecture"))),
        ("distribution", json!(system.name)),
        ("distribution_major_version", json!(system.version.split('.').next().unwrap_or_default())),
        ("distribution_release", json!(system.release)),
        ("distribution_version", json!(system.version)),
        ("fqdn", json!(get("fqdn"))),
        ("hostname", json!(nodename.split('.').next().unwrap_or_default())),
        ("kernel", json!(get("kernel"))),
        ("memtotal_mb", json!(memory / 1024)),
        ("nodename", json!(nodename)),
        ("os_family", json!(system.family)),
        ("pkg_mgr", json!(package_manager(tools))),
        ("processor_cores", json!(processors.cores)),
        ("processor_count", json!(processors.count)),
        ("processor_vcpus", json!(processors.vcpus)),
        ("service_mgr", json!(service_manager)),
        ("system", json!(get("system"))),
        ("user_id", json!(get("user_id"))),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// In the order in which Ansible's `pkg_mgr` prefers them.
fn package_manager(tools: &BTreeSet<String>) -> &'static str {
    let known =
        [("apt-get", "apt"), ("dnf5", "dnf5"), ("dnf", "dnf"), ("yum", "yum"), ("pacman", "pacman"), ("zypper", "zypper"), ("apk", "apk")];
    known.into_iter().find(|(tool, _)| tools.contains(*tool)).map_or("unknown", |(_, name)| name)
}

/// Ansible's names for a system (`ansible.module_utils.facts.system.distribution`).
struct Distribution {
    name: String,
    family: &'static str,
    version: String,
    release: String,
}

impl Distribution {
    fn read(os_release: &str, debian_version: &str) -> Self {
        let fields: HashMap<&str, &str> = os_release
            .lines()
            .filter_map(|line| line.trim().split_once('='))
            .map(|(name, value)| (name, value.trim_matches(['"', '\''])))
            .collect();
        let get = |name: &str| fields.get(name).copied().unwrap_or_default();
        let (name, family) = match get("ID") {
            "debian" | "raspbian" => ("Debian", "Debian"),
            "ubuntu" => ("Ubuntu", "Debian"),
            "centos" => ("CentOS", "RedHat"),
            "rhel" => ("RedHat", "RedHat"),
            "rocky" => ("Rocky", "RedHat"),
            "almalinux" => ("AlmaLinux", "RedHat"),
            "fedora" => ("Fedora", "RedHat"),
            "ol" => ("OracleLinux", "RedHat"),
            "amzn" => ("Amazon", "RedHat"),
            "arch" | "archarm" => ("Archlinux", "Archlinux"),
            "opensuse-leap" => ("openSUSE Leap", "Suse"),
            "opensuse-tumbleweed" => ("openSUSE Tumbleweed", "Suse"),
            "alpine" => ("Alpine", "Alpine"),
            _ if get("ID_LIKE").contains("debian") => (get("NAME"), "Debian"),
            _ if get("ID_LIKE").contains("rhel") || get("ID_LIKE").contains("fedora") => (get("NAME"), "RedHat"),
            _ => (get("NAME"), "Linux"),
        };
        // Debian's point release stands in another file; `trixie/sid` there is no number.
        let pointed = name == "Debian" && debian_version.starts_with(|c: char| c.is_ascii_digit());
        let version = if pointed { debian_version } else { get("VERSION_ID") };
        Self { name: name.to_owned(), family, version: version.to_owned(), release: get("VERSION_CODENAME").to_owned() }
    }
}

/// Ansible's way of counting (`ansible.module_utils.facts.hardware.linux`).
struct Processors {
    count: u32,
    cores: u32,
    vcpus: u32,
}

impl Processors {
    fn read(cpuinfo: &str) -> Self {
        let (mut processors, mut sockets, mut siblings, mut cores) = (0, BTreeSet::new(), 0, 0);
        for (name, value) in cpuinfo.lines().filter_map(|line| line.split_once(':')) {
            let number = value.trim().parse().unwrap_or(0);
            match name.trim() {
                "processor" => processors += 1,
                "physical id" => drop(sockets.insert(number)),
                "siblings" => siblings = number,
                "cpu cores" => cores = number,
                _ => {}
            }
        }
        let count = u32::try_from(sockets.len()).unwrap_or_default();
        if count == 0 || cores == 0 {
            // Neither ARM nor many virtual machines tell sockets apart.
            return Self { count: processors, cores: 1, vcpus: processors };
        }
        let threads = (siblings / cores).max(1);
        Self { count, cores, vcpus: threads * count * cores }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{ConnectionSettings, Environment, FakeHost, LocalHost};

    #[tokio::test]
    async fn a_real_machine_says_who_it_is() {
        let host = LocalHost::connect(&ConnectionSettings::new("here"), &Environment::default()).await.unwrap();
        let facts = observe_facts(&host, &["/var/lib/homestead-absent/deep", "/proc"]).await.unwrap();
        assert_eq!(facts.users.get("root"), Some(&UserId { uid: 0, gid: 0 }));
        assert_eq!(facts.missing_tools(), Vec::<&str>::new());
        assert!(facts.free_kib.get("/var/lib/homestead-absent/deep").is_some_and(|free| *free > 0));
        assert!(facts.time > 1_700_000_000);
        let get = |name: &str| facts.ansible.get(name).cloned().unwrap();
        assert_eq!(
            (get("system"), get("user_id"), get("os_family"), get("pkg_mgr")),
            (json!("Linux"), json!("root"), json!("Debian"), json!("apt"))
        );
        assert!(get("memtotal_mb").as_u64().unwrap() > 100 && get("processor_vcpus").as_u64().unwrap() > 0);
        let (uid, gid) = (facts.next_system_uid().unwrap(), facts.next_system_gid().unwrap());
        assert!(facts.users.values().all(|user| user.uid != uid) && facts.groups.values().all(|group| *group != gid));
    }

    #[tokio::test]
    async fn nothing_said_is_nothing_known() {
        let facts = observe_facts(&FakeHost::new().answer("end\0\0"), &[]).await.unwrap();
        assert_eq!((facts.docker, facts.systemd, facts.system_ids), (None, None, (101, 999)));
        assert!(observe_facts(&FakeHost::new().answer("kernel\0six\0"), &[]).await.is_err());
    }

    #[test]
    fn distributions_have_ansibles_names() {
        let read = |os_release, debian| {
            let system = Distribution::read(os_release, debian);
            format!("{}|{}|{}|{}", system.name, system.family, system.version, system.release)
        };
        assert_eq!(read("ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n", "12.15"), "Debian|Debian|12.15|bookworm");
        assert_eq!(read("ID=ubuntu\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n", "trixie/sid"), "Ubuntu|Debian|24.04|noble");
        assert_eq!(read("ID=\"rocky\"\nVERSION_ID=\"9.4\"\n", ""), "Rocky|RedHat|9.4|");
        assert_eq!(read("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nNAME=\"Linux Mint\"\nVERSION_ID=\"22\"\n", ""), "Linux Mint|Debian|22|");
    }

    #[test]
    fn processors_are_counted_as_ansible_does() {
        let count = |text: &str| {
            let processors = Processors::read(text);
            (processors.count, processors.cores, processors.vcpus)
        };
        let thread = "processor\t: 0\nphysical id\t: 0\nsiblings\t: 4\ncpu cores\t: 2\n";
        assert_eq!(count(&thread.repeat(4)), (1, 2, 4));
        assert_eq!(count(&"processor : 0\n".repeat(4)), (4, 1, 4));
    }

    #[test]
    fn ports_and_numbers() {
        let listening = "tcp 0100007F:1F90\nudp 00000000:2100\ntcp 00000000000000000000000000000000:01BB\n";
        assert_eq!((ports(listening, "tcp "), ports(listening, "udp ")), (BTreeSet::from([8080, 443]), BTreeSet::from([8448])));
        assert_eq!(system_ids("SYS_UID_MIN 100\n SYS_UID_MAX\t 950\n"), (100, 950));
        let facts = Facts {
            system_ids: (101, 999),
            users: BTreeMap::from([("a".into(), UserId { uid: 999, gid: 1 })]),
            groups: BTreeMap::from([("b".into(), 998)]),
            ..Facts::default()
        };
        assert_eq!((facts.next_system_uid(), facts.next_system_gid(), facts.next_system_id()), (Some(998), Some(999), Some(997)));
    }
}
