//! Which faults fall where.

use crate::fault::Fault::{self, *};
use crate::point::{EARLY, LATE, Point, When, migration_step, of, point, stage};

/// What a run is to do when the fault falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Several services, a password, an image and a service more, or one less: whichever is due.
    Change,
    /// A service more: its image must be pulled.
    Grow,
    /// A service less, with `setup-all`.
    Shrink,
    /// A change with a setting that Synapse refuses.
    Broken,
    /// The first run on an empty host.
    First,
    /// A step of a migration to MAS.
    Migrate(&'static str),
}

/// One fault in one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    pub scenario: Scenario,
    pub fault: Fault,
    pub point: Point,
    pub when: When,
}

impl Case {
    /// Names it; no two cases have the same.
    pub fn name(&self) -> String {
        let scenario = match self.scenario {
            Scenario::Change => String::new(),
            Scenario::Grow => ", a service more".to_owned(),
            Scenario::Shrink => ", a service less".to_owned(),
            Scenario::Broken => ", a broken setting".to_owned(),
            Scenario::First => ", first install".to_owned(),
            Scenario::Migrate(step) => format!(", migrate {step}"),
        };
        let place = match self.when {
            When::At => format!("before {}", self.point.name()),
            When::Into(share) => format!("{:.0} % into {}", share * 100.0, self.point.name()),
            When::Midway => format!("in the middle of {}", self.point.name()),
        };
        format!("{} {place}{scenario}", self.fault.name())
    }
}

/// Numbers that look random and are the same for the same words (SplitMix64 over FNV-1a).
fn share(seed: u64, words: &str) -> f64 {
    let hash = words.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut state = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) % 1000) as f64 / 1000.0
}

/// Collects cases; the seed moves those that fall inside of a step.
struct List {
    seed: u64,
    cases: Vec<Case>,
}

impl List {
    fn add(&mut self, scenario: Scenario, fault: Fault, point: Point, when: When) {
        self.cases.push(Case { scenario, fault, point, when });
    }

    fn at(&mut self, fault: Fault, point: Point) {
        self.add(scenario_for(point), fault, point, When::At);
    }

    /// In the middle of a step, somewhere between a twentieth and nine tenths.
    fn inside(&mut self, fault: Fault, point: Point) {
        let share = 0.05 + 0.85 * share(self.seed, &format!("{fault:?} {}", point.name()));
        self.add(scenario_for(point), fault, point, When::Into((share * 100.0).round() / 100.0));
    }

    fn both(&mut self, fault: Fault, point: Point) {
        self.at(fault, point);
        self.inside(fault, point);
    }
}

/// Only a run that adds something pulls, and only one that takes something away removes.
fn scenario_for(point: Point) -> Scenario {
    match point.step {
        "pull" => Scenario::Grow,
        "remove" => Scenario::Shrink,
        _ => Scenario::Change,
    }
}

/// Every fault at every boundary where it makes a difference.
pub fn all(seed: u64) -> Vec<Case> {
    let mut list = List { seed, cases: Vec::new() };
    let early: Vec<Point> = EARLY.into_iter().map(point).collect();
    let late: Vec<Point> = LATE.into_iter().chain([point("commit")]).collect();
    for &place in early.iter().chain(&late) {
        list.both(Kill, place);
        list.at(Interrupt, place);
        list.inside(InterruptTwice, place);
        if place.step != "connect" {
            list.at(Cut, place);
        }
        list.inside(Cut, place);
    }
    for place in ["observe", "pull", "save", "write", "databases", "commit"].map(point).into_iter().chain([of("health", "synapse")]) {
        list.at(SshRestart, place);
    }
    for &place in late.iter().chain([&point("observe"), &point("pull")]) {
        list.inside(SessionsKilled, place);
    }
    for place in ["write", "databases", "commit"].map(point).into_iter().chain([of("health", "synapse")]) {
        list.at(Silence, place);
    }
    for place in ["pull", "prepare", "write", "reload", "databases", "commit"].map(point) {
        list.at(DockerRestart, place);
    }
    for place in [of("restart", "synapse"), of("health", "synapse"), point("remove")] {
        list.inside(DockerRestart, place);
    }
    for place in ["observe", "pull", "save", "write", "reload", "databases", "remove", "commit"].map(point) {
        list.at(Reboot, place);
    }
    for place in [point("write"), of("restart", "synapse"), of("health", "synapse"), of("health", "element"), point("commit")] {
        list.inside(Reboot, place);
    }
    for place in ["lock", "observe", "prepare", "save", "write", "reload", "databases", "commit"].map(point) {
        list.at(FullMemory, place);
    }
    for place in ["prepare", "write"].map(point) {
        list.at(FullFolder, place);
    }
    list.at(RegistryDown, point("pull"));
    list.inside(RegistryDown, point("pull"));
    for unit in ["synapse", "element", "authentication"] {
        list.at(Exit, of("health", unit));
        list.at(Hang, of("health", unit));
    }
    for place in [point("write"), point("reload"), of("restart", "synapse"), point("commit")] {
        list.at(WrongOwner, place);
    }
    // The lock is asked for together with the look at the host: it is held for certain when the plan is made.
    for place in ["plan", "pull", "save", "write", "databases", "commit"].map(point).into_iter().chain([of("health", "synapse")]) {
        list.at(SecondRun, place);
        list.at(HolderKilled, place);
    }
    let back = point("roll-back");
    for fault in [Kill, Interrupt, InterruptTwice, Cut, SessionsKilled, Reboot, DockerRestart] {
        list.add(Scenario::Broken, fault, back, When::At);
        for (number, low) in [0.03, 0.35, 0.65].into_iter().enumerate() {
            let share = low + 0.25 * share(seed, &format!("{fault:?} back {number}"));
            list.add(Scenario::Broken, fault, back, When::Into((share * 100.0).round() / 100.0));
        }
    }
    list.add(Scenario::Broken, Silence, back, When::At);
    for place in ["write", "databases", "commit"].map(point).into_iter().chain([of("health", "synapse")]) {
        list.add(Scenario::First, Kill, place, When::At);
    }
    for (place, share) in [(point("pull"), 0.5), (point("write"), 0.6), (of("health", "postgres"), 0.4), (of("restart", "synapse"), 0.5)] {
        list.add(Scenario::First, Cut, place, When::Into(share));
        list.add(Scenario::First, Reboot, place, When::Into(share));
    }
    migrations(&mut list);
    list.cases
}

/// In the middle of syn2mas, when it has moved the users and not yet their sessions.
const MOVING: Point = stage("moving the accounts; Synapse and MAS are stopped");
const SWITCHING: Point = stage("switching the logins over");
const TRYING: Point = stage("trying logins before anybody else can");

/// The steps of a migration, each cut.
fn migrations(list: &mut List) {
    let mut add = |fault, step, point, when| list.add(Scenario::Migrate(step), fault, point, when);
    for fault in [Kill, Cut, Reboot] {
        add(fault, "preflight", migration_step("preflight"), When::At);
        add(fault, "install-beside", of("health", "authentication"), When::At);
        add(fault, "rehearse", stage("moving the accounts, to roll it back"), When::Midway);
        add(fault, "backup", stage("backing up to"), When::Midway);
        add(fault, "cut-over", stage("stopping"), When::At);
        add(fault, "cut-over", MOVING, When::Midway);
        add(fault, "cut-over", SWITCHING, When::At);
        add(fault, "cut-over", of("health", "synapse"), When::At);
        add(fault, "cut-over", TRYING, When::At);
        add(fault, "verify", migration_step("verify"), When::At);
    }
    // Its own work is the edit of the inventory, and then a look whether the host is as that says.
    let finalize = migration_step("finalize");
    for fault in [Kill, Cut, Reboot] {
        add(fault, "finalize", finalize, When::At);
        add(fault, "finalize", finalize, When::Into(0.55));
    }
    for (fault, share) in [(Kill, 0.2), (Kill, 0.85), (Interrupt, 0.4)] {
        add(fault, "finalize", finalize, When::Into(share));
    }
    for (step, point, when) in [
        ("install-beside", point("write"), When::At),
        ("cut-over", stage("closing the door"), When::At),
        ("cut-over", TRYING, When::Into(0.95)),
    ] {
        add(Kill, step, point, when);
    }
    for (step, point, when) in [
        ("rehearse", stage("moving the accounts, to roll it back"), When::Midway),
        ("cut-over", MOVING, When::Midway),
        ("cut-over", TRYING, When::At),
    ] {
        add(Interrupt, step, point, when);
        add(DockerRestart, step, point, when);
    }
    add(Silence, "cut-over", MOVING, When::Midway);
}

/// So many of the cases, at even distances, so that neighbours, which are alike, stand for each other.
pub fn spread(cases: &[Case], number: usize) -> Vec<Case> {
    let number = number.clamp(1, cases.len());
    (0..number).map(|index| cases[index * cases.len() / number]).collect()
}

/// A few that together have each fault and each boundary at least once.
pub fn few() -> Vec<Case> {
    let change = |fault, point, when| Case { scenario: scenario_for(point), fault, point, when };
    let into = When::Into;
    vec![
        change(Interrupt, point("connect"), When::At),
        change(HolderKilled, point("plan"), When::At),
        change(RegistryDown, point("pull"), When::At),
        change(SecondRun, of("health", "synapse"), When::At),
        change(Kill, point("write"), into(0.5)),
        change(FullMemory, point("save"), When::At),
        change(Cut, point("databases"), When::At),
        change(Reboot, of("restart", "synapse"), into(0.5)),
        change(InterruptTwice, of("health", "element"), into(0.3)),
        change(SshRestart, point("prepare"), When::At),
        change(SessionsKilled, point("remove"), into(0.5)),
        change(Cut, point("observe"), When::At),
        change(Kill, point("check"), When::At),
        change(DockerRestart, of("restart", "element"), When::At),
        change(WrongOwner, point("reload"), When::At),
        change(Exit, of("health", "element"), When::At),
        change(Kill, point("commit"), When::At),
        change(FullFolder, point("write"), When::At),
        change(Kill, point("stop"), into(0.5)),
        change(Hang, of("health", "synapse"), When::At),
        change(Cut, point("lock"), into(0.5)),
        Case { scenario: Scenario::Broken, fault: Kill, point: point("roll-back"), when: into(0.4) },
        change(Silence, point("write"), When::At),
        Case { scenario: Scenario::Migrate("install-beside"), fault: Kill, point: of("health", "authentication"), when: When::At },
        Case { scenario: Scenario::Migrate("backup"), fault: Cut, point: stage("backing up to"), when: When::Midway },
        Case { scenario: Scenario::Migrate("cut-over"), fault: Reboot, point: MOVING, when: When::Midway },
        Case { scenario: Scenario::Migrate("verify"), fault: Interrupt, point: migration_step("verify"), when: When::At },
    ]
}

/// Shares the cases out, so that every host has about as much to do, and keeps their order. Migrations need a server of
/// their own: they are one host's.
pub fn shared_out(cases: Vec<Case>, hosts: usize) -> Vec<Vec<Case>> {
    let mut shares: Vec<(u64, Vec<Case>)> = vec![(0, Vec::new()); hosts];
    let (migrations, others): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| matches!(case.scenario, Scenario::Migrate(_)));
    // A server with people is made once where that is enough, and the cases of a step stay together.
    let parts = if migrations.len() < MANY_MIGRATIONS { 1 } else { hosts };
    for (share, part) in shares.iter_mut().zip(migrations.chunks(migrations.len().div_ceil(parts).max(1))) {
        share.0 += part.iter().map(|case| MIGRATION_COST + case.fault.cost()).sum::<u64>();
        share.1.extend(part);
    }
    for case in others {
        let least = shares.iter_mut().min_by_key(|(cost, _)| *cost).unwrap();
        least.0 += case.fault.cost();
        least.1.push(case);
    }
    shares.into_iter().map(|(_, cases)| in_turn(cases)).collect()
}

/// So many are worth a server on each host.
const MANY_MIGRATIONS: usize = 12;

/// About how long the way there, the same command again, and the way back take, in seconds.
const MIGRATION_COST: u64 = 30;

/// A run that adds and one that takes away by turns, as one cannot follow itself; first installs and migrations come last.
fn in_turn(cases: Vec<Case>) -> Vec<Case> {
    let mut left = cases;
    let mut ordered = Vec::new();
    let mut grown = true;
    while !left.is_empty() {
        let fits = |case: &Case| match case.scenario {
            Scenario::Grow => !grown,
            Scenario::Shrink => grown,
            Scenario::First | Scenario::Migrate(_) => false,
            Scenario::Change | Scenario::Broken => true,
        };
        let next = left.iter().position(fits).unwrap_or(0);
        let case = left.remove(next);
        grown = match case.scenario {
            Scenario::Change => !grown,
            Scenario::Grow => true,
            Scenario::Shrink => false,
            Scenario::Broken | Scenario::First | Scenario::Migrate(_) => grown,
        };
        ordered.push(case);
    }
    ordered
}
