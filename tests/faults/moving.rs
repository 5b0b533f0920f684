//! Faults while the accounts of a server move to MAS: `migrate`, a step at a time, on a server with two hundred people.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cases::{Case, Scenario};
use crate::common::{Homestead, people, wait_for};
use crate::evidence::Look;
use crate::fault::Fault;
use crate::inject;
use crate::point::{Pace, When};
use crate::run::{Ended, Run, Trap};
use crate::server::{PATIENCE, Server, State, Wanted};
use crate::survive::{Result, check_end, check_lock, nothing_to_do};

/// The inventory of this server: no setting of it ever changes.
const WANTED: Wanted = Wanted { state: State::Large, broken: false };
/// How long the host may take to put an unfinished move back: a minute until it believes that a silent connection is lost, and
/// what two services take to stop and to start.
const PUT_BACK: u64 = 120;
/// The steps, with the one before each.
const BEFORE: [(&str, &str); 7] = [
    ("preflight", ""),
    ("install-beside", "preflight"),
    ("rehearse", "install-beside"),
    ("backup", "rehearse"),
    ("cut-over", "backup"),
    ("verify", "cut-over"),
    (FINALIZE, "verify"),
];
/// After it, no command goes back.
const FINALIZE: &str = "finalize";
/// What it edits, and the copy that it leaves.
const VARIABLES: &str = "inventory/host_vars/matrix.example.com/vars.yml";
const COPY: &str = "inventory/host_vars/matrix.example.com/vars.yml.before-mas";
const MEMORY: &str = "/var/lib/homestead/migration.json";

/// A server whose accounts go to and fro.
struct Moving {
    server: Server,
    /// Step -> how long what it consists of takes.
    paces: BTreeMap<&'static str, Pace>,
    /// The variables and the host's memory as they were before the last step.
    before_finalize: Option<(String, String)>,
}

/// Goes through the cases of one host; a host that a case has ruined is replaced. Each result is reported as it comes.
pub fn work(name: &str, cases: &[&Case], report: &dyn Fn(&Result)) -> Vec<Result> {
    let mut results = Vec::new();
    let mut moving = None;
    for case in cases {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if moving.is_none() {
                moving = Some(Moving::start(name)?);
            }
            let moving: &mut Moving = moving.as_mut().unwrap();
            moving.come_to(case);
            Some(moving.survive(case))
        }));
        let result = match outcome {
            Ok(Some(result)) => result,
            Ok(None) => return results,
            Err(panic) => Result::failed(case, &*panic),
        };
        report(&result);
        if !result.problems.is_empty() {
            moving = None;
        }
        results.push(result);
    }
    results
}

impl Moving {
    /// A host with a server without MAS, and people on it.
    fn start(name: &str) -> Option<Self> {
        let mut server = Server::bare(name)?;
        let inventory = server.inventory(WANTED);
        people::without_mas(inventory);
        Homestead::on(inventory).run(&["install-all"]).exits(0);
        server.settle_in();
        people::move_in(&server.sandbox);
        Some(Self { server, paces: BTreeMap::new(), before_finalize: None })
    }

    fn start_run(&self, options: &[&str], trap: Option<Trap>) -> Run {
        let seen = people::seen(&self.server.sandbox);
        let words: Vec<&str> = options.iter().copied().chain(seen.iter().map(String::as_str)).collect();
        Run::start(self.server.inventory(WANTED), &words, Some(&self.server.proxy), trap)
    }

    /// `migrate` up to a step, as programs see it.
    fn run(&self, step: &str, trap: Option<Trap>) -> Run {
        self.start_run(&["--json", "migrate", "--yes", "--step", step], trap)
    }

    /// What a person types: the run waits for the host, which may be putting something back.
    fn run_plainly(&self, options: &[&str]) -> Ended {
        let words: Vec<&str> = ["--lock-wait", "60", "migrate", "--yes"].into_iter().chain(options.iter().copied()).collect();
        self.start_run(&words, None).wait(PATIENCE)
    }

    fn succeed(&self, options: &[&str]) {
        let ended = self.run_plainly(options);
        assert_eq!(ended.code, 0, "{}", ended.story(&format!("{options:?} on the way to a case"), Instant::now()));
    }

    /// What the host remembers; an error where it is no document.
    fn memory(&self) -> std::result::Result<Value, String> {
        let text = self.server.sandbox.script(&format!("cat {MEMORY} 2>/dev/null || echo '{{\"state\": \"none\", \"steps\": {{}}}}'"));
        serde_json::from_str(&text).map_err(|error| format!("migration.json cannot be read: {error}: {text}"))
    }

    /// Brings the host to where the step of a case has not begun.
    fn come_to(&mut self, case: &Case) {
        let step = step_of(case);
        if matches!(case.when, When::Into(_)) && !self.paces.contains_key(step) {
            self.rehearse();
        }
        self.take_back_finalize();
        let memory = self.memory().unwrap();
        match step {
            "verify" if memory["state"] == "moved" && memory["steps"]["verify"].is_null() => return,
            FINALIZE if memory["state"] == "moved" => {}
            "preflight" | "install-beside" => self.go_back(),
            _ if memory["state"] == "moved" => self.go_back(),
            _ => {}
        }
        let before = BEFORE.into_iter().find(|(name, _)| *name == step).unwrap().1;
        if !before.is_empty() {
            self.succeed(&["--step", before]);
        }
        if step == FINALIZE {
            self.keep_what_finalize_changes();
        }
    }

    fn keep_what_finalize_changes(&mut self) {
        let variables = self.server.inventory(WANTED).read(VARIABLES);
        self.before_finalize = Some((variables, self.server.sandbox.script(&format!("cat {MEMORY}"))));
    }

    /// No command does this: the last step changes the user's file and the host's memory, and nothing else.
    fn take_back_finalize(&mut self) {
        if let Some((variables, memory)) = self.before_finalize.take() {
            let inventory = self.server.inventory(WANTED);
            inventory.write(VARIABLES, &variables);
            drop(std::fs::remove_file(inventory.path(COPY)));
            let output = self.server.sandbox.exec(&format!("umask 077; cat >{MEMORY}.new && mv {MEMORY}.new {MEMORY}"), memory.as_bytes());
            assert!(output.status.success(), "{output:?}");
        }
    }

    /// Where nothing of a migration has begun.
    fn go_back(&self) {
        match self.memory().unwrap()["state"].as_str().unwrap() {
            "moved" => self.succeed(&["--revert"]),
            "beside" => self.succeed(&["--abort"]),
            _ => {}
        }
    }

    /// Every step once, to know how long it takes.
    fn rehearse(&mut self) {
        self.take_back_finalize();
        self.go_back();
        // The last step takes a second, and less of it the second time: a case meets it as it is then.
        for step in BEFORE.map(|(step, _)| step).into_iter().chain([FINALIZE]) {
            if step == FINALIZE {
                self.take_back_finalize();
                self.keep_what_finalize_changes();
            }
            let ended = self.run(step, None).wait(PATIENCE);
            assert_eq!(ended.code, 0, "{}", ended.story(&format!("{step}, which nothing disturbs"), ended.events[0].0));
            self.paces.insert(step, Pace::of(&ended.events));
        }
        self.take_back_finalize();
    }

    /// Injects the fault of a case; looks whether people can log in; does the same again; looks at everything.
    fn survive(&mut self, case: &Case) -> Result {
        let begun = Instant::now();
        let mut result = Result::new(case);
        let step = step_of(case);
        let old = Look::at(&self.server.sandbox);
        if case.when == When::Midway {
            self.hold_up(step);
        }
        let (struck, ended) = self.disturbed(case, step, &mut result);
        inject::end(&self.server, case.fault);
        result.code = ended.code;
        result.story.push_str(&ended.story("the run that was disturbed", struck));
        check_end(case, &ended, &mut result);
        self.put_back(&mut result);
        if case.when == When::Midway {
            self.let_go();
        }
        check_lock(&self.server, case, &mut result);
        self.until_served();
        self.check_people("after the fault", &mut result);
        result.story.push_str(&format!("-- after {:.1} s everybody was there\n", struck.elapsed().as_secs_f64()));
        let between = Look::at(&self.server.sandbox);
        result.problems.extend(between.memory_problems());
        match self.memory() {
            Ok(memory) => result.story.push_str(&format!("-- between: the migration is {}\n", memory["state"])),
            Err(problem) => result.problems.push(problem),
        }

        let next_began = Instant::now();
        let next = self.run_plainly(&["--step", step]);
        result.story.push_str(&next.story("the same command again", next_began));
        result.note(&next);
        if next.code != 0 {
            result.problems.push(format!("the same command ended with {}", next.code));
        }
        self.check_after(step, &old, &between, &mut result);
        result.served = self.server.prober.served(struck, next_began);
        result.took = begun.elapsed();
        result
    }

    /// The run with the fault in it, and when that fell.
    fn disturbed(&mut self, case: &Case, step: &str, result: &mut Result) -> (Instant, Ended) {
        let mut still = case.when == When::At;
        let mut run = self.run(step, Some(Trap { point: case.point, stand_still: still }));
        if run.sprung(PATIENCE).is_none() {
            result.problems.push(format!("the run did not come to {}", case.point.name()));
            return (Instant::now(), run.wait(PATIENCE));
        }
        match case.when {
            When::At => {}
            When::Into(share) => sleep(self.paces[step].at(&case.point).unwrap_or(Duration::from_millis(200)).mul_f64(share)),
            When::Midway => wait_for(60, "a program on the host that waits for a table", || self.is_held_up().then_some(())),
        }
        if !still && case.fault.stands_still() {
            self.server.proxy.hold();
            run.signal("STOP");
            still = true;
        }
        result.injected = run.goes_on();
        let struck = Instant::now();
        let problems = inject::inject(&mut self.server, case, WANTED, &mut run, still);
        result.problems.extend(problems);
        // Who is asked to stop waits for what works on the host.
        if case.when == When::Midway && case.fault == Fault::Interrupt {
            self.let_go();
        }
        (struck, run.wait(PATIENCE))
    }

    /// Takes a table of MAS's database, so that whoever wants it next must wait: who moves accounts into it, or dumps it.
    fn hold_up(&self, step: &str) {
        // A dump reads, and everybody reads; a move writes.
        let mode = if step == "backup" { "ACCESS EXCLUSIVE" } else { "SHARE" };
        self.server.sandbox.script(&format!(
            "docker exec --detach --env PGAPPNAME=holdup matrix-postgres psql -U matrix -h 127.0.0.1 -d matrix_authentication_service \
             -c 'BEGIN; LOCK TABLE compat_sessions IN {mode} MODE; SELECT pg_sleep(600)'"
        ));
        wait_for(20, "the table", || {
            (self.count("pg_stat_activity WHERE application_name = $$holdup$$ AND wait_event = $$PgSleep$$") > 0).then_some(())
        });
    }

    fn is_held_up(&self) -> bool {
        self.count("pg_locks WHERE NOT granted") > 0
    }

    /// Gives the table back, if there is still somebody who holds it.
    fn let_go(&self) {
        self.count("(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $$holdup$$) AS ended");
    }

    fn count(&self, from: &str) -> u64 {
        let script = format!("docker exec matrix-postgres psql -U matrix -h 127.0.0.1 -d matrix -Atc 'SELECT count(*) FROM {from}'");
        let output = self.server.sandbox.exec(&script, b"");
        String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_default()
    }

    /// Waits until the host has put back by itself what an unfinished move left.
    fn put_back(&self, result: &mut Result) {
        let since = Instant::now();
        let script = format!(
            "tries=0; while [ -e /var/lib/homestead/migration-window/open ]; do tries=$((tries + 1)); [ \"$tries\" -lt {} ] || exit 1; sleep 0.1; done",
            PUT_BACK * 10
        );
        if !self.server.sandbox.exec(&script, b"").status.success() {
            result.problems.push(format!("the host did not put the unfinished move back within {PUT_BACK} s"));
        }
        result.story.push_str(&format!("-- put back: {:.1} s\n", since.elapsed().as_secs_f64()));
    }

    /// A host that boots, and a Docker that starts again, need their time until Traefik knows every container as healthy. How long
    /// it took is in the result; whoever is not there by then is missed next.
    fn until_served(&self) {
        let deadline = Instant::now() + Duration::from_secs(PUT_BACK);
        while self.server.log_in_as("alice").is_err() && Instant::now() < deadline {}
        let starting = "systemctl list-units --all --plain --no-legend --state=activating 'matrix-*.service'";
        while !self.server.sandbox.script(starting).is_empty() && Instant::now() < deadline {
            sleep(Duration::from_millis(500));
        }
    }

    /// Who was there logs in with the old password, and the sessions and messages of before are there.
    fn check_people(&self, when: &str, result: &mut Result) {
        let session = |number: u32| {
            let whoami = self.server.ask("GET", "account/whoami", &people::token(number), &Value::Null)?;
            let user = format!("@user{number:03}:example.com");
            if whoami["user_id"] == user && whoami["device_id"] == format!("DEVICE{number}") {
                Ok(())
            } else {
                Err(format!("the session of {user} is {whoami}"))
            }
        };
        let login = |number: u32| {
            let user = format!("user{number:03}");
            let login = self.server.log_in_as(&user)?;
            if login["user_id"] == format!("@{user}:example.com") { Ok(()) } else { Err(format!("{user} logs in as {login}")) }
        };
        let outcomes = [self.server.remembers(), login(people::COUNT), session(1), session(people::COUNT)];
        result.problems.extend(outcomes.into_iter().filter_map(std::result::Result::err).map(|problem| format!("{when}: {problem}")));
    }

    /// The step is done, nothing was torn in between or is left, and the host is as declared.
    fn check_after(&self, step: &str, old: &Look, between: &Look, result: &mut Result) {
        let mut problems = Vec::new();
        match self.memory() {
            Ok(memory) => {
                if memory["steps"][step].is_null() {
                    problems.push(format!("the step is not written down as done: {memory}"));
                }
                let state = match step {
                    "preflight" => "none",
                    "cut-over" | "verify" => "moved",
                    FINALIZE => "finalized",
                    _ => "beside",
                };
                if memory["state"] != state {
                    problems.push(format!("the migration is {}, not {state}", memory["state"]));
                }
                if !memory["probes"].is_null() {
                    problems.push(format!("accounts that tried logins are left: {}", memory["probes"]));
                }
            }
            Err(problem) => problems.push(problem),
        }
        if let Some((variables, _)) = self.before_finalize.as_ref().filter(|_| step == FINALIZE) {
            let inventory = self.server.inventory(WANTED);
            let copy = std::fs::read_to_string(inventory.path(COPY)).unwrap_or_default();
            if &copy != variables {
                problems.push(format!("the copy of the variables is not what they were: {copy}"));
            }
            if !inventory.read(VARIABLES).contains("matrix_authentication_service_enabled: true") {
                problems.push("the inventory does not say that there is MAS".to_owned());
            }
        }
        let look = Look::at(&self.server.sandbox);
        problems.extend(between.torn(&old.files, &look.files, true).into_iter().map(|problem| format!("torn: {problem}")));
        // What an earlier case went back from is left to `setup-all`, unit and all.
        let is_wanted = |problem: &String| step != "preflight" || !problem.starts_with("matrix-authentication-service.service ");
        problems.extend(look.units_down(&look.files).into_iter().filter(is_wanted));
        problems.extend(look.memory_problems());
        problems.extend(look.leftovers.iter().map(|left| format!("left behind in the end: {left}")));
        problems.extend(look.unfinished().iter().map(|left| format!("unfinished in the end: {left}")));
        let began = Instant::now();
        let last = self.server.run_plainly(WANTED);
        result.story.push_str(&last.story("`install-all` after it", began));
        if !nothing_to_do(&last) {
            problems.push(format!("`install-all` ended with {}: {}", last.code, last.stdout));
        }
        result.problems.extend(problems);
        self.check_people("in the end", result);
    }
}

/// The step of the migration that a case falls into.
fn step_of(case: &Case) -> &'static str {
    match case.scenario {
        Scenario::Migrate(step) => step,
        other => panic!("{other:?} is no migration"),
    }
}
