//! One fault in one run, and the evidence that nothing was lost.

use std::any::Any;
use std::thread::sleep;
use std::time::{Duration, Instant};

use regex::Regex;

use crate::cases::{Case, Scenario};
use crate::evidence::Look;
use crate::fault::{Fault, PUT_BACK};
use crate::inject;
use crate::point::When;
use crate::run::{Ended, Trap};
use crate::server::{PATIENCE, Server, State, Wanted};

/// What came of a case.
pub struct Result {
    pub case: Case,
    /// The exit code of the run that was disturbed.
    pub code: i32,
    /// Whether the run came to where the fault was to fall.
    pub injected: bool,
    /// When it had fallen.
    pub took_hold: Option<Instant>,
    /// How long until the server served for good, and whether that took the next run; nothing where it served all along.
    pub served: Option<(Duration, bool)>,
    /// What the next run said about the one before.
    pub said: String,
    /// Whether what the run left on the host says that it did not come to its end.
    pub cut_off: bool,
    pub problems: Vec<String>,
    /// Everything, for who looks for what went wrong.
    pub story: String,
    pub took: Duration,
}

/// Words of a run that speak of one before it.
const ABOUT_BEFORE: [&str; 4] = ["stopped at", "stopped before", "did not come to its end", "was lost while it moved accounts"];

impl Result {
    pub fn new(case: &Case) -> Self {
        Self {
            case: *case,
            code: 0,
            injected: false,
            took_hold: None,
            served: None,
            said: String::new(),
            cut_off: false,
            problems: Vec::new(),
            story: String::new(),
            took: Duration::ZERO,
        }
    }

    /// A case in which something of the tests themselves did not work.
    pub fn failed(case: &Case, panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Self { problems: vec![text.unwrap_or_else(|| "panicked".to_owned())], ..Self::new(case) }
    }

    /// Keeps what the next run says about the one before.
    pub fn note(&mut self, next: &Ended) {
        let about = |line: &&str| ABOUT_BEFORE.iter().any(|word| line.contains(word));
        let said: Vec<&str> =
            next.stderr.lines().filter(about).filter_map(|line| line.split_once("warning: ").map(|(_, text)| text)).collect();
        // Ids and times differ from run to run.
        self.said = Regex::new(r" [0-9TZ]+-[0-9a-f]{8} \(.*?\)").unwrap().replace_all(&said.join(" / "), "").into_owned();
        if self.cut_off && self.said.is_empty() {
            self.problems.push("the next run did not say that the one before did not come to its end".to_owned());
        }
    }
}

/// Brings the host to where the case begins.
pub fn ready(server: &mut Server, case: &Case) {
    let state = match case.scenario {
        Scenario::Grow => State::Small,
        Scenario::Shrink => State::Large,
        _ => server.state,
    };
    if server.state != state {
        let ended = server.run_plainly(Wanted { state, broken: false });
        assert_eq!(ended.code, 0, "{}", ended.story("on the way to a case", Instant::now()));
        server.state = state;
    }
    if case.scenario == Scenario::Broken {
        server.rehearse_broken();
    }
}

/// Injects the fault of a case; runs again; looks at everything.
pub fn survive(server: &mut Server, case: &Case) -> Result {
    let begun = Instant::now();
    let (old, new) = (server.state, server.state.other());
    let wanted = Wanted { state: new, broken: case.scenario == Scenario::Broken };
    let mut result = Result::new(case);
    server.grow_needs_a_pull(new);
    inject::prepare(server, case.fault);

    let Some((struck, ended)) = disturbed(server, case, wanted, &mut result) else {
        result.took = begun.elapsed();
        inject::clean_up(server, case.fault);
        server.state = new;
        return result;
    };
    inject::end(server, case.fault);
    result.code = ended.code;
    result.story.push_str(&ended.story("the run that was disturbed", struck));
    check_end(case, &ended, &mut result);
    check_lock(server, case, &mut result);
    check_between(server, case, &ended, old, new, &mut result);

    let next_began = Instant::now();
    next_runs(server, case, wanted, old, &mut result);
    check_after(server, &mut result);
    result.served = server.prober.served(struck, next_began);
    inject::clean_up(server, case.fault);
    if !result.problems.is_empty() {
        result.story.push_str(&journal(server));
    }
    result.took = begun.elapsed();
    result
}

/// The run with the fault in it, and when that fell.
fn disturbed(server: &mut Server, case: &Case, wanted: Wanted, result: &mut Result) -> Option<(Instant, Ended)> {
    let at = case.when == When::At;
    let mut run = server.run(wanted, Some(Trap { point: case.point, stand_still: at }));
    let Some(_) = run.sprung(PATIENCE) else {
        let ended = run.wait(PATIENCE);
        result.problems.push(format!("the run did not come to `{}`", case.point.name()));
        result.story.push_str(&ended.story("the run that was to be disturbed", Instant::now()));
        return None;
    };
    if let When::Into(share) = case.when {
        let step = server.pace(wanted).at(&case.point).unwrap_or(Duration::from_millis(200));
        sleep(step.mul_f64(share));
    }
    let mut still = at;
    if !at && case.fault.stands_still() {
        server.proxy.hold();
        run.signal("STOP");
        still = true;
    }
    result.injected = run.goes_on();
    let struck = Instant::now();
    let problems = inject::inject(server, case, wanted, &mut run, still);
    result.took_hold = Some(Instant::now());
    result.problems.extend(problems);
    Some((struck, run.wait(PATIENCE)))
}

pub fn check_end(case: &Case, ended: &Ended, result: &mut Result) {
    if ended.hung {
        result.problems.push("the run did not end".to_owned());
    }
    let broken = case.scenario == Scenario::Broken && ended.code == 20;
    let missed = ended.code == 0 && came_too_late(case, ended, result.took_hold);
    if !case.fault.ends().contains(&ended.code) && !broken && !missed {
        result.problems.push(format!("the run ended with {}, not with one of {:?}", ended.code, case.fault.ends()));
    }
    if !result.injected {
        result.problems.push("the run was over before the fault".to_owned());
    }
    for secret in ["test-only-new-Mo4ahboo", "sandbox-only-"] {
        if ended.stdout.contains(secret) || ended.stderr.contains(secret) {
            result.problems.push(format!("the secret `{secret}` is shown"));
        }
    }
}

/// Whether what the fault was to disturb was done when it had fallen.
fn came_too_late(case: &Case, ended: &Ended, took_hold: Option<Instant>) -> bool {
    let tells = |event: &serde_json::Value, name: &str, part: &str| event[name].as_str().is_some_and(|text| text.contains(part));
    let before = ended.events.iter().filter(|(at, _)| took_hold.is_some_and(|took_hold| *at <= took_hold));
    before.map(|(_, event)| event).any(|event| match case.fault {
        Fault::Hang => event["event"] == "healthy" && tells(event, "unit", case.point.unit),
        Fault::RegistryDown => tells(event, "text", "images pulled"),
        _ => false,
    })
}

/// Nobody is there any more: the lock must be free.
pub fn check_lock(server: &Server, case: &Case, result: &mut Result) {
    let since = Instant::now();
    let seconds = case.fault.lock_seconds();
    let free = server.sandbox.exec(
        &format!(
            "[ ! -e /var/lib/homestead/lock ] || flock --wait {seconds} /var/lib/homestead/lock flock --wait 10 /var/lib/homestead true"
        ),
        b"",
    );
    result.story.push_str(&format!("-- the lock: {:.1} s\n", since.elapsed().as_secs_f64()));
    if !free.status.success() {
        result.problems.push(format!(
            "the lock was not free after {seconds} s: {}",
            server.sandbox.script("ps -efww; cat /var/lib/homestead/lock.json")
        ));
    }
}

/// The host between the run that was disturbed and the next.
fn check_between(server: &Server, case: &Case, ended: &Ended, old: State, new: State, result: &mut Result) {
    if case.fault == Fault::DockerRestart && ended.code == 0 {
        // The run was done before Docker was gone. systemd starts again what needs it.
        server.sandbox.script("tries=0; while [ -n \"$(systemctl list-jobs --no-legend)\" ] && [ \"$tries\" -lt 120 ]; do tries=$((tries + 1)); sleep 0.5; done");
    }
    let look = Look::at(&server.sandbox);
    let owners_count = !case.fault.changes_owners();
    let (old, new) = (server.files(old), server.files(new));
    result.story.push_str(&format!(
        "-- between: {} files, left {:?}, unfinished {:?}, units {:?}\n",
        look.files.len(),
        look.leftovers,
        look.unfinished(),
        look.units
    ));
    if case.scenario == Scenario::Broken {
        // A broken file is neither old nor new: what is put back is compared later.
    } else if owners_count && ended.code == 0 {
        result.problems.extend(look.differs(new).into_iter().map(|problem| format!("after success: {problem}")));
        result.problems.extend(look.units_down(new).into_iter().map(|problem| format!("after success: {problem}")));
    } else if owners_count && PUT_BACK.contains(&ended.code) {
        result.problems.extend(look.differs(old).into_iter().map(|problem| format!("after the roll-back: {problem}")));
        result.problems.extend(look.units_down(old).into_iter().map(|problem| format!("after the roll-back: {problem}")));
    } else if ended.stderr.contains("nothing that runs was touched") || ended.stdout.contains("nothing that runs was touched") {
        result.problems.extend(look.differs(old).into_iter().map(|problem| format!("although nothing was touched: {problem}")));
    } else {
        result.problems.extend(look.torn(old, new, owners_count).into_iter().map(|problem| format!("torn: {problem}")));
    }
    result.cut_off = look.is_cut_off();
    result.problems.extend(look.memory_problems());
    let may_leave = matches!(case.fault, Fault::Reboot | Fault::SessionsKilled | Fault::Silence);
    if !may_leave {
        result.problems.extend(look.leftovers.iter().map(|left| format!("left behind: {left}")));
    }
}

/// The next run succeeds, and the one after it finds nothing to do. With a broken setting the next run rolls back, and
/// the one with the good setting finds nothing to do.
fn next_runs(server: &mut Server, case: &Case, wanted: Wanted, old: State, result: &mut Result) {
    let broken = case.scenario == Scenario::Broken;
    let began = Instant::now();
    let next = server.run_plainly(wanted);
    result.story.push_str(&next.story("the next run", began));
    result.note(&next);
    let expected = if broken { 20 } else { 0 };
    if next.code != expected {
        result.problems.push(format!("the next run ended with {}", next.code));
    }
    server.state = if broken { old } else { wanted.state };
    if nothing_to_do(&next) && !broken {
        return;
    }
    // After a roll-back nobody knows which passwords the databases have: the first good run sets them.
    let mut last = None;
    for _ in 0..if broken { 2 } else { 1 } {
        let began = Instant::now();
        let ended = server.run_plainly(Wanted { state: server.state, broken: false });
        result.story.push_str(&ended.story("the run after it", began));
        let done = nothing_to_do(&ended);
        last = Some(ended);
        if done {
            break;
        }
    }
    if let Some(last) = last.filter(|last| !nothing_to_do(last)) {
        result.problems.push(format!("the last run ended with {}: {}", last.code, last.stdout));
    }
}

/// Data of a service that is gone stays, and is named in front of it.
pub fn nothing_to_do(ended: &Ended) -> bool {
    ended.code == 0 && ended.stdout.lines().last() == Some("No changes.")
}

fn check_after(server: &Server, result: &mut Result) {
    let look = Look::at(&server.sandbox);
    let files = server.files(server.state);
    result.problems.extend(look.differs(files).into_iter().map(|problem| format!("in the end: {problem}")));
    result.problems.extend(look.units_down(files).into_iter().map(|problem| format!("in the end: {problem}")));
    result.problems.extend(look.units_left(files).into_iter().map(|problem| format!("in the end: {problem}")));
    result.problems.extend(look.memory_problems());
    result.problems.extend(look.leftovers.iter().map(|left| format!("left behind in the end: {left}")));
    result.problems.extend(look.unfinished().iter().map(|left| format!("unfinished in the end: {left}")));
    if let Err(problem) = server.remembers() {
        result.problems.push(problem);
    }
}

fn journal(server: &Server) -> String {
    let script = "journalctl --no-pager --lines 400 -o short | grep -v -e matrix-traefik -e socket-proxy -e containerd -e dockerd -e ' sshd' | tail -n 25 | cut -c 1-200; docker ps --all --format '{{.Names}} {{.Status}}'";
    let output = server.sandbox.exec(script, b"");
    format!("-- the host's journal\n   {}\n", String::from_utf8_lossy(&output.stdout).trim_end().replace('\n', "\n   "))
}
