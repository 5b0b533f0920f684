//! What can be known to fail before anything is touched, without an image: ports and room.

use std::collections::{BTreeMap, BTreeSet};

use super::Run;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::preflight::{self, IMAGES, Space, Taken};
use crate::host::{Output, Script};
use crate::plan::{RestartKind, Step};

/// Where the state of a run lies: files are staged there before they move, and copies of the old ones are kept.
const STATE: &str = "/var/lib/homestead";

/// What stays free on each file system beside what is written: services write too.
const MARGIN_KIB: u64 = 4 * 1024;

/// The same for numbers of files.
const MARGIN_INODES: u64 = 64;

/// Below this, no image is pulled: the smallest takes more when it is unpacked.
const IMAGES_AT_LEAST_KIB: u64 = 256 * 1024;

/// Below this, an image may not fit: Synapse's takes about 500 MB, and is unpacked beside the old one.
const IMAGES_GOOD_KIB: u64 = 2 * 1024 * 1024;

/// What is asked about the ports that services are about to take and the room for what is written; nothing where there is
/// nothing to ask.
pub fn script(run: &Run<'_>) -> Option<Script> {
    let numbers: Vec<u16> = wanted_ports(run).keys().copied().collect();
    let paths: Vec<String> = Needs::of(run).paths.keys().cloned().collect();
    (!numbers.is_empty() || !paths.is_empty()).then(|| preflight::script(&numbers, &paths))
}

/// What the answer means.
///
/// # Errors
/// A port is taken by something that is not the service itself, or a file system is full.
pub fn judge(run: &Run<'_>, output: &Output) -> Result<()> {
    let (wanted, needs) = (wanted_ports(run), Needs::of(run));
    let (taken, space) = preflight::found(&**run.host, output)?;
    for taken in &taken {
        if let Some(unit) = wanted.get(&taken.port).filter(|_| !gives_up(run, taken)) {
            return Err(in_use(taken, unit));
        }
    }
    if let Some(warning) = needs.compare(run.host.name(), &space)? {
        run.warn(warning);
    }
    Ok(())
}

/// The ports that units take anew, with the unit.
fn wanted_ports(run: &Run<'_>) -> BTreeMap<u16, String> {
    let mut wanted = BTreeMap::new();
    for restart in &run.plan.restarts {
        let Some(service) = run.desired.services.iter().find(|service| service.unit == restart.unit) else { continue };
        let before = match restart.kind {
            RestartKind::Start => BTreeSet::new(),
            RestartKind::Restart => {
                let path = format!("/etc/systemd/system/{}", service.unit);
                // Where the unit itself does not change, its ports do not.
                let Some(old) = run.observed.contents.get(&path) else { continue };
                published(&String::from_utf8_lossy(old))
            }
            RestartKind::Stop => continue,
        };
        wanted.extend(service.ports.iter().filter(|port| !before.contains(port)).map(|port| (*port, service.unit.clone())));
    }
    wanted
}

/// The ports that a unit's text publishes: `--publish=`, `-p` or `--publish` with `[address:]host:container`.
fn published(unit: &str) -> BTreeSet<u16> {
    let words: Vec<&str> = unit.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    let follows = words.windows(2).filter(|pair| matches!(pair[0], "-p" | "--publish")).map(|pair| pair[1]);
    let joined = words.iter().filter_map(|word| word.strip_prefix("--publish=").or_else(|| word.strip_prefix("-p=")));
    let host_port = |text: &str| text.split('/').next()?.rsplit(':').nth(1)?.parse().ok();
    follows.chain(joined).filter_map(host_port).collect()
}

/// Whether who has a port lets it go in this run, or is what the new owner itself clears away.
fn gives_up(run: &Run<'_>, taken: &Taken) -> bool {
    if taken.container.is_empty() {
        return false;
    }
    let unit = format!("{}.service", taken.container);
    let declared = run.desired.services.iter().find(|service| service.unit == unit);
    let keeps = declared.is_some_and(|service| service.ports.contains(&taken.port));
    let moves = run.plan.restarts.iter().find(|restart| restart.unit == unit);
    moves.is_some_and(|restart| restart.kind == RestartKind::Start || !keeps)
}

fn in_use(taken: &Taken, unit: &str) -> Error {
    let port = taken.port;
    let by = match (taken.container.as_str(), taken.program.as_str()) {
        ("", "") => String::new(),
        ("", program) => format!(" by {program}"),
        (container, _) => format!(" by the container {container}"),
    };
    let error = Error::new(Kind::HostFailed, format!("port {port}, which {unit} needs, is already taken{by}"));
    if by.is_empty() {
        error.hint(format!("`ss -ltnp 'sport = :{port}'` on the host shows by what; stop it, or choose another port"))
    } else {
        error.hint("stop it, or choose another port")
    }
}

/// What a run writes where.
#[derive(Default)]
struct Needs {
    /// Path -> kibibytes and number of files.
    paths: BTreeMap<String, (u64, u64)>,
}

impl Needs {
    fn of(run: &Run<'_>) -> Self {
        let mut needs = Self::default();
        let mut add = |path: &str, bytes: usize| {
            let (kib, files) = needs.paths.entry(path.to_owned()).or_default();
            // Blocks of 4 KiB are what a file really takes.
            *kib += (bytes as u64).div_ceil(4096) * 4;
            *files += 1;
        };
        for action in &run.plan.actions {
            match &action.step {
                Step::PutFile(file) => {
                    add(folder(&file.path), file.contents.reveal().len());
                    // Its new and its old content.
                    add(STATE, file.contents.reveal().len());
                    add(STATE, run.observed.contents.get(&file.path).map_or(0, Vec::len));
                }
                Step::MakeKey(key) => add(folder(&key.path), 4096),
                Step::PutDirectory(directory) => add(&directory.path, 0),
                Step::PullImage(_) | Step::BuildImage(_) => add(IMAGES, 0),
                _ => {}
            }
        }
        needs
    }

    /// A warning where it may be too little.
    fn compare(&self, host: &str, space: &[Space]) -> Result<Option<String>> {
        let mut mounts: BTreeMap<&str, (u64, u64, &Space)> = BTreeMap::new();
        let mut warning = None;
        for found in space {
            let (kib, files) = self.paths.get(&found.path).copied().unwrap_or_default();
            if found.path == IMAGES {
                if found.free_kib < IMAGES_AT_LEAST_KIB {
                    return Err(full(host, found, "of Docker's images", IMAGES_AT_LEAST_KIB));
                }
                if found.free_kib < IMAGES_GOOD_KIB {
                    let mib = found.free_kib / 1024;
                    warning = Some(format!("{mib} MB are free for images on `{}`; that may be too little", found.mount));
                }
            } else {
                let entry = mounts.entry(&found.mount).or_insert((0, 0, found));
                entry.0 += kib;
                entry.1 += files;
            }
        }
        for (kib, files, found) in mounts.into_values() {
            let wanted = kib + MARGIN_KIB;
            if found.free_kib < wanted {
                return Err(full(host, found, &format!("of `{}`", found.path), wanted));
            }
            if found.inodes.is_some_and(|free| free < files + MARGIN_INODES) {
                let message = format!("`{host}`: the file system of `{}`, `{}`, has too few inodes left", found.path, found.mount);
                return Err(Error::new(Kind::HostFailed, message)
                    .hint(format!("`df -i {}` shows it; look for a folder with very many files", found.mount)));
            }
        }
        Ok(warning)
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}

fn full(host: &str, found: &Space, what: &str, wanted: u64) -> Error {
    let message =
        format!("`{host}`: the file system {what}, `{}`, has {} KB free, and this run wants {wanted} KB", found.mount, found.free_kib);
    Error::new(Kind::HostFailed, message).hint(format!("look for what fills it: `df -h {}`, `docker system df`", found.mount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_a_unit_are_read_from_its_text() {
        let unit = "ExecStartPre=docker create \\\n    --publish=127.0.0.1:81:8080 \\\n    -p 443:8443 \\\n    \"--publish=82:1/udp\" \\\n    --publish=9 x\n";
        assert_eq!(published(unit).into_iter().collect::<Vec<_>>(), [81, 82, 443]);
    }

    fn space(path: &str, mount: &str, free_kib: u64, inodes: Option<u64>) -> Space {
        Space { path: path.into(), mount: mount.into(), free_kib, inodes }
    }

    #[test]
    fn room_is_counted_by_file_system() {
        let needs = Needs { paths: [("/a".into(), (100, 2)), ("/b".into(), (100, 2)), (IMAGES.into(), (0, 1))].into() };
        let compare = |space: &[Space]| needs.compare("host", space).map_err(|error| error.message);
        assert_eq!(compare(&[space("/a", "/", 4296, None), space("/b", "/", 4296, Some(70))]), Ok(None));
        assert_eq!(
            compare(&[space("/a", "/", 4295, None), space("/b", "/", 4295, None)]),
            Err("`host`: the file system of `/a`, `/`, has 4295 KB free, and this run wants 4296 KB".to_owned())
        );
        assert_eq!(compare(&[space("/a", "/", 4196, None), space("/b", "/b", 4196, None)]), Ok(None));
        assert_eq!(
            compare(&[space("/a", "/", 9000, Some(65))]),
            Err("`host`: the file system of `/a`, `/`, has too few inodes left".to_owned())
        );
        assert_eq!(
            compare(&[space(IMAGES, "/", 2_000_000, None)]),
            Ok(Some("1953 MB are free for images on `/`; that may be too little".to_owned()))
        );
        assert!(compare(&[space(IMAGES, "/", 200_000, None)]).is_err());
    }
}
