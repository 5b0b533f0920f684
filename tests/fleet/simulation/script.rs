//! The scripts that a simulated host knows, and what it answers to each. A run that finds nothing to do needs no other.

use std::collections::BTreeMap;
use std::time::Duration;

use homestead::host::{self, ExamineRequest, FakeHost, LockHolder};
use homestead::inventory::shell_words;
use homestead::plan::PathKind;
use regex::Regex;

use super::Shared;
use super::channel::{Input, Output};
use super::host::SimulatedHost;
use super::state::{Found, State, told};

/// `EX_TEMPFAIL` of sysexits.h.
const BUSY: u32 = 75;
/// As a shell says that it does not know a command.
const UNKNOWN: u32 = 127;

/// The texts of the scripts.
pub struct Scripts {
    lock: String,
    examine: String,
    facts: String,
}

impl Scripts {
    /// Learns them from a host that only looks like one.
    pub fn learn() -> Self {
        let fake = FakeHost::new().answer("locked \n").answer("").answer("");
        let nobody = LockHolder { who: String::new(), run: String::new(), command: String::new(), since: String::new() };
        let asked = async {
            let _ = host::lock(&fake, &nobody, Duration::ZERO).await;
            let _ = host::examine(&fake, &ExamineRequest::default(), None, Duration::ZERO).await;
            let _ = host::observe_facts(&fake, &[]).await;
        };
        // `lock` needs a runtime for what keeps it.
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(asked);
        let mut asked = fake.asked().into_iter().map(|asked| asked.script);
        Self { lock: asked.next().unwrap(), examine: asked.next().unwrap(), facts: asked.next().unwrap() }
    }
}

/// Does what a login shell would do with a line.
pub async fn run(shared: &Shared, host: &SimulatedHost, line: &str, input: Input, output: Output) {
    let words: Vec<String> = shell_words::split(line).unwrap_or_default().into_iter().map(|word| word.text).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // What stands in the first line comes before every script.
    let script = match words.as_slice() {
        ["sh", "-c", script, "sh", arguments @ ..] if script.starts_with("LC_ALL=C;") => {
            script.split_once('\n').map(|(_, script)| (script, arguments))
        }
        _ => None,
    };
    match script {
        Some((script, [seconds, run])) if script == shared.scripts.lock => lock(shared, host, seconds, run, input, output).await,
        Some((script, [run, seconds])) if script == shared.scripts.examine => examine(shared, host, run, seconds, input, output).await,
        // Once more, where the lock took its time: on a machine that has much else to do.
        Some((script, paths)) if script == shared.scripts.facts => {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            output.stdout(told(&host.state.name, &paths)).await;
            output.exit(0).await;
        }
        _ => {
            shared.complain(&host.state.name, &format!("does not know how to run `{line}`"));
            output.exit(UNKNOWN).await;
        }
    }
}

/// As `lock.sh`.
async fn lock(shared: &Shared, host: &SimulatedHost, seconds: &str, run: &str, mut input: Input, output: Output) {
    let holder = input.line().await.unwrap_or_default();
    let Ok(_held) = tokio::time::timeout(Duration::from_secs(seconds.parse().unwrap()), host.lock.lock()).await else {
        output.stderr(format!("{}\n", *host.holder.borrow())).await;
        return output.exit(BUSY).await;
    };
    let _run = shared.begin();
    host.holder.send_replace(holder);
    output.stdout("locked \n").await;
    while let Some(line) = input.line().await {
        if !line.is_empty() {
            shared.complain(&host.state.name, &format!("is to be changed by the run {run}: {line}"));
        }
    }
    host.holder.send_replace(String::new());
    output.exit(0).await;
}

/// As `examine.sh` with what follows it.
async fn examine(shared: &Shared, host: &SimulatedHost, run: &str, seconds: &str, input: Input, output: Output) {
    let input = String::from_utf8(input.all().await).unwrap();
    if !run.is_empty() {
        let mut holder = host.holder.subscribe();
        let ours = holder.wait_for(|holder| holder.contains(&format!("\"run\":\"{run}\"")));
        if tokio::time::timeout(Duration::from_secs(seconds.parse().unwrap()), ours).await.is_err() {
            return output.exit(BUSY).await;
        }
    }
    let asked = Asked::read(&input);
    if asked.strange {
        shared.complain(&host.state.name, &format!("does not understand all of `{input}`"));
        return output.exit(UNKNOWN).await;
    }
    let state = &host.state;
    let mut answer = asked.observed(state);
    answer.extend([0, 0]);
    answer.extend(told(&state.name, &asked.space));
    answer.push(0);
    answer.extend(asked.contents(state));
    output.stdout(answer).await;
    output.exit(0).await;
}

/// What is asked of a host, in the words of `examine.sh`.
#[derive(Default)]
struct Asked {
    space: Vec<String>,
    paths: Vec<String>,
    patterns: Vec<String>,
    units: Vec<String>,
    contents: Vec<String>,
    /// Path -> the checksum that it is taken for.
    unless: BTreeMap<String, String>,
    strange: bool,
}

impl Asked {
    fn read(input: &str) -> Self {
        let mut this = Self::default();
        for line in input.lines() {
            let Some((kind, text)) = line.split_at_checked(1) else { continue };
            let list = match (kind, text.strip_prefix('*')) {
                ("s", _) => &mut this.space,
                ("o", Some(pattern)) => {
                    this.patterns.push(pattern.to_owned());
                    continue;
                }
                ("o", None) => &mut this.paths,
                ("u", _) => &mut this.units,
                ("f", _) => &mut this.contents,
                ("w", _) => {
                    let (sum, path) = text.split_once("  ").unwrap_or_default();
                    this.unless.insert(path.to_owned(), sum.to_owned());
                    continue;
                }
                _ => {
                    this.strange = true;
                    continue;
                }
            };
            list.push(text.to_owned());
        }
        this
    }

    /// The paths that are looked at and there.
    fn found<'a>(&self, state: &'a State) -> Vec<(&'a String, &'a Found)> {
        let named = self.paths.iter().filter_map(|path| state.paths.get_key_value(path));
        let like = self.patterns.iter().flat_map(|pattern| {
            let pattern = like(pattern);
            state.paths.iter().filter(move |(path, _)| pattern.is_match(path))
        });
        named.chain(like).collect()
    }

    /// As `observe.sh`.
    fn observed(&self, state: &State) -> Vec<u8> {
        let found = self.found(state);
        let mut text = "files\0".to_owned();
        for (path, Found { state, content }) in &found {
            let mode = u32::from_str_radix(&state.mode, 8).unwrap();
            let (kind, size) = if state.kind == PathKind::Directory { (0o040_000, 4096) } else { (0o100_000, content.len()) };
            let (owner, uid, group, gid) = (&state.owner, state.uid, &state.group, state.gid);
            text.push_str(&format!("{:x}\0{owner}\0{uid}\0{group}\0{gid}\0{size}\0{path}\0{path}\0", kind | mode));
        }
        text.push_str("sums\0");
        for (path, found) in &found {
            if let Some(sha256) = &found.state.sha256 {
                text.push_str(&format!("{sha256}  {path}\0"));
            }
        }
        text.push_str("units\0");
        let blocks: Vec<String> = self.units.iter().map(|unit| shown(unit, state.units.get(unit))).collect();
        text.push_str(&format!("{}\0end\0", blocks.join("\n")));
        text.into_bytes()
    }

    /// As `fetch.sh`, of what is to be read and of what is not as it is taken for.
    fn contents(&self, state: &State) -> Vec<u8> {
        let changed = self.unless.iter().filter(|(path, sum)| {
            let found = state.paths.get(*path);
            found.is_some_and(|found| found.state.sha256.as_ref().is_some_and(|actual| actual != *sum))
        });
        let wanted = self.contents.iter().chain(changed.map(|(path, _)| path));
        let mut archive = tar::Builder::new(Vec::new());
        for path in wanted {
            let Some(found) = state.paths.get(path).filter(|found| found.state.kind == PathKind::File) else { continue };
            let mut header = tar::Header::new_gnu();
            // GNU tar keeps absolute paths when it is told to; the library does not want to write them.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(found.content.len().try_into().unwrap());
            header.set_mode(0o600);
            header.set_cksum();
            archive.append(&header, found.content.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap()
    }
}

/// As `systemctl show`.
fn shown(unit: &str, running: Option<&bool>) -> String {
    let (load, active, sub, enabled, pid) = match running {
        Some(true) => ("loaded", "active", "running", "enabled", 4242),
        Some(false) => ("loaded", "inactive", "dead", "disabled", 0),
        None => ("not-found", "inactive", "dead", "", 0),
    };
    let path = if running.is_some() { format!("/etc/systemd/system/{unit}") } else { String::new() };
    format!(
        "Id={unit}\nLoadState={load}\nActiveState={active}\nSubState={sub}\nUnitFileState={enabled}\nMainPID={pid}\n\
         ActiveEnterTimestamp=\nActiveEnterTimestampMonotonic=0\nNeedDaemonReload=no\nResult=success\nNRestarts=0\nFragmentPath={path}\n"
    )
}

/// What a pattern of a shell with `*` stands for.
fn like(pattern: &str) -> Regex {
    Regex::new(&format!("^{}$", regex::escape(pattern).replace("\\*", "[^/]*"))).unwrap()
}
