//! What a host looks like after a fault, and what must not be there.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::common::Sandbox;

/// How long a script on the host may take to end when nobody waits for it any more.
const SETTLED: Duration = Duration::from_secs(10);

/// Path -> type, mode, owner, and sha256 of what homestead puts on a host.
pub type Files = BTreeMap<String, String>;

/// A host at one time.
#[derive(Debug, Default)]
pub struct Look {
    pub files: Files,
    /// The same below `/var/lib/homestead`.
    pub own: Files,
    /// What those files hold, but for `objects/`.
    contents: BTreeMap<String, Vec<u8>>,
    /// Folders and files that only a run in progress has.
    pub leftovers: Vec<String>,
    /// Unit -> its state.
    pub units: BTreeMap<String, String>,
}

/// What services write while they run is left out, and what a test put there.
const LOOK: &str = r#"
ours() {
  find /matrix /etc/systemd/system \( -path "/matrix/postgres/data*" -o -path /matrix/postgres/run -o -path /matrix/synapse/storage \
    -o -path /matrix/exim-relay/spool \) -prune -o ! -name .filler "$@" 2>/dev/null
}
own() { find /var/lib/homestead -path '/var/lib/homestead/staging*' -prune -o ! -name .filler "$@" 2>/dev/null; }
ours -printf 'ours %p\t%y %m %u:%g\n'
ours -type f -print0 | xargs -0 -r sha256sum | sed 's/^\([0-9a-f]*\) ./sum \1 /'
own -printf 'own %p\t%y %m %u:%g\n'
own -type f -print0 | xargs -0 -r sha256sum | sed 's/^\([0-9a-f]*\) ./sum \1 /'
own -type f ! -path '*/objects/*' ! -name lock | while IFS= read -r path; do printf 'content %s %s\n' "$(base64 -w 0 <"$path")" "$path"; done
for path in /var/lib/homestead/staging /var/lib/homestead/staging-check /.homestead-staging /matrix/.homestead-staging /matrix/synapse/config/.homestead-staging \
  /var/lib/homestead/.homestead-staging; do
  [ ! -e "$path" ] || echo "left $path"
done
find /matrix /etc/systemd/system /var/lib/homestead \( -name '.homestead*' -o -name '*.homestead-*' -o -name '*.new' -o -name '*.partial' -o -name 'said.*' \) -printf 'left %p\n' 2>/dev/null
ps -eww -o args= | grep -v 'ours() {' | grep -e '[s]taging=' -e '[/]var/lib/homestead' | sed 's/^/process /' | cut -c 1-200
systemctl show --all --property=Id,ActiveState,SubState,UnitFileState 'matrix-*.service' | tr '\n' ' ' | sed 's/  /\n/g; s/$/\n/' | grep Id= | sed 's/^/unit /'
"#;

impl Look {
    pub fn at(sandbox: &Sandbox) -> Self {
        // What was asked of the host goes on there for a moment after the program is gone.
        let deadline = Instant::now() + SETTLED;
        loop {
            let look = Self::now(sandbox);
            if look.leftovers.is_empty() || Instant::now() > deadline {
                return look;
            }
            sleep(Duration::from_millis(500));
        }
    }

    fn now(sandbox: &Sandbox) -> Self {
        let mut look = Self::default();
        for line in sandbox.script(LOOK).lines() {
            let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
            match kind {
                "ours" | "own" => {
                    let (path, state) = rest.split_once('\t').unwrap();
                    let files = if kind == "ours" { &mut look.files } else { &mut look.own };
                    files.insert(path.to_owned(), state.to_owned());
                }
                "sum" => {
                    let (sum, path) = rest.split_once(' ').unwrap();
                    let files = if path.starts_with("/var/lib/homestead/") { &mut look.own } else { &mut look.files };
                    // A file may come or go between the two looks.
                    if let Some(state) = files.get_mut(path) {
                        state.push_str(&format!(" {sum}"));
                    }
                }
                "content" => {
                    let (bytes, path) = rest.split_once(' ').unwrap();
                    look.contents.insert(path.to_owned(), BASE64_STANDARD.decode(bytes).unwrap());
                }
                "left" => look.leftovers.push(rest.to_owned()),
                "process" => look.leftovers.push(format!("a process: {rest}")),
                "unit" => {
                    let mut properties = rest.split_whitespace().filter_map(|word| word.split_once('='));
                    let id = properties.clone().find(|(name, _)| *name == "Id").unwrap().1.to_owned();
                    let states = properties.by_ref().filter(|(name, _)| *name != "Id").map(|(_, value)| value);
                    look.units.insert(id, states.collect::<Vec<_>>().join(" "));
                }
                other => panic!("`{other}` in what a host looks like: {line}"),
            }
        }
        look.leftovers.sort();
        look.leftovers.dedup();
        look
    }

    /// Files that are neither as in one state nor as in the other.
    pub fn torn(&self, old: &Files, new: &Files, owners_count: bool) -> Vec<String> {
        let mut problems = Vec::new();
        let same = |is: &str, wanted: Option<&String>| {
            wanted.is_some_and(|wanted| if owners_count { is == wanted } else { without_owner(is) == without_owner(wanted) })
        };
        for (path, is) in &self.files {
            if !same(is, old.get(path)) && !same(is, new.get(path)) {
                problems.push(format!("{path} is `{is}`, and not `{}` or `{}`", shown(old.get(path)), shown(new.get(path))));
            }
        }
        for path in old.keys().filter(|path| new.contains_key(*path) && !self.files.contains_key(*path)) {
            problems.push(format!("{path} is gone"));
        }
        problems
    }

    /// Files that are not as in a state.
    pub fn differs(&self, wanted: &Files) -> Vec<String> {
        let mut problems = Vec::new();
        for (path, is) in &self.files {
            if wanted.get(path) != Some(is) {
                problems.push(format!("{path} is `{is}`, and not `{}`", shown(wanted.get(path))));
            }
        }
        problems.extend(wanted.keys().filter(|path| !self.files.contains_key(*path)).map(|path| format!("{path} is gone")));
        problems
    }

    /// What is wrong with what homestead wrote down about itself.
    pub fn memory_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (path, state) in &self.own {
            let mode = if state.starts_with('d') { "d 700 root:root" } else { "f 600 root:root" };
            // The lock is empty, and holds nothing that anybody could read.
            if !state.starts_with(mode) && path != "/var/lib/homestead/lock" {
                problems.push(format!("{path} is `{state}`"));
            }
            if let Some((_, name)) = path.split_once("/objects/")
                && state.starts_with('f')
                && !state.ends_with(name)
            {
                problems.push(format!("{path} holds something else: {state}"));
            }
        }
        for (path, bytes) in &self.contents {
            if path.ends_with(".json") && serde_json::from_slice::<Value>(bytes).is_err() {
                problems.push(format!("{path} is no JSON: {}", String::from_utf8_lossy(bytes)));
            }
            if path.ends_with("/manifest.json") && path.contains("/generations/") {
                problems.extend(self.missing_objects(path, bytes));
            }
            if path.contains("/journal/") && std::str::from_utf8(bytes).ok().is_none_or(|text| !lines_are_json(text)) {
                problems.push(format!("{path} is no journal: {}", String::from_utf8_lossy(bytes)));
            }
        }
        problems
    }

    /// The contents that a generation names must be there.
    fn missing_objects(&self, path: &str, manifest: &[u8]) -> Vec<String> {
        let manifest: Value = serde_json::from_slice(manifest).unwrap_or_default();
        let files = manifest["files"].as_object().cloned().unwrap_or_default();
        let sums = files.iter().filter_map(|(file, state)| Some((file.clone(), state["sha256"].as_str()?.to_owned())));
        sums.filter(|(_, sum)| !self.own.keys().any(|own| own.ends_with(&format!("/objects/{sum}"))))
            .map(|(file, sum)| format!("{path} names {file} with {sum}, which is not among the objects"))
            .collect()
    }

    /// The journal of the newest run.
    fn newest_journal(&self) -> Option<(&String, &Vec<u8>)> {
        self.contents.iter().rfind(|(path, _)| path.contains("/journal/"))
    }

    /// Whether the newest run began something and did not write down how it ended.
    pub fn is_cut_off(&self) -> bool {
        let ends = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().any(|line| line.contains("\"event\":\"end\""));
        self.newest_journal().is_some_and(|(_, bytes)| bytes.contains(&b'\n') && !ends(bytes))
    }

    /// The newest journal, if its last line does not say that the run is done, and what else says that one is not over.
    pub fn unfinished(&self) -> Vec<String> {
        let newest = self.newest_journal();
        let is_open = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let last = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok()).unwrap_or_default();
            last["event"] != "end" || ["failed", "interrupted"].iter().any(|result| last["result"] == *result)
        };
        let journals = newest.filter(|(_, bytes)| is_open(bytes)).map(|(path, _)| path.clone());
        let others = ["/var/lib/homestead/undo.json", "/var/lib/homestead/lock.json"].map(str::to_owned);
        journals.into_iter().chain(others.into_iter().filter(|path| self.own.contains_key(path))).collect()
    }

    /// Units that do not run, or are not enabled, among those that a state has.
    pub fn units_down(&self, wanted: &Files) -> Vec<String> {
        let units = wanted.keys().filter_map(|path| path.strip_prefix("/etc/systemd/system/")).filter(|name| {
            // Not the links in `multi-user.target.wants/`, nor the settings of other units.
            name.starts_with("matrix-") && name.ends_with(".service") && !name.contains('/')
        });
        units
            .map(|unit| (unit, self.units.get(unit).map_or("unknown", String::as_str)))
            .filter(|(_, state)| *state != "active running enabled")
            .map(|(unit, state)| format!("{unit} is {state}"))
            .collect()
    }

    /// Units that are there and that a state does not have.
    pub fn units_left(&self, wanted: &Files) -> Vec<String> {
        let left = self
            .units
            .iter()
            .filter(|(unit, state)| !state.starts_with("inactive") && !wanted.contains_key(&format!("/etc/systemd/system/{unit}")));
        left.map(|(unit, state)| format!("{unit} is {state}, and should not be there")).collect()
    }
}

fn shown(state: Option<&String>) -> &str {
    state.map_or("absent", String::as_str)
}

fn without_owner(state: &str) -> Vec<&str> {
    state.split(' ').enumerate().filter(|(index, _)| *index != 2).map(|(_, word)| word).collect()
}

/// The last line of a journal may have been cut off with the power.
fn lines_are_json(text: &str) -> bool {
    let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
    complete.lines().all(|line| serde_json::from_str::<Value>(line).is_ok())
}
