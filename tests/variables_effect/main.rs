//! Every variable of the playbook is known here, and does something.
//!
//! The names come from `../shared/reference/variables.tsv`. A variable is changed, one at a time, in
//! one inventory after the other ([`Part::worlds`]), until the desired state differs from what it was
//! without the change. What never makes a difference stands in [`Part::exceptions`], with the reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "tests read the clock themselves")]

#[path = "../common/mod.rs"]
mod common;

mod change;
mod stack;
mod synapse;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use change::{Outcome, World};
use common::shared;
use homestead::role::{Library, Source};

/// Some roles, and how to see what their variables do.
pub struct Part {
    /// Roles, named as in `variables.tsv`.
    pub roles: &'static [&'static str],
    /// Variables of a whole server each, as `vars.yml` holds them. The first one should show most.
    pub worlds: &'static [&'static str],
    /// Values to try, as JSON or plain text, for variables that take no arbitrary text, number or flag.
    pub samples: &'static [(&'static str, &'static str)],
    /// What makes no difference to the desired state, and why.
    pub exceptions: &'static [(&'static str, &'static str)],
    /// What makes no difference yet, and should.
    pub unfinished: &'static [&'static str],
}

/// Role -> names of its variables, as the playbook has them.
fn names() -> Option<BTreeMap<String, Vec<String>>> {
    let text = std::fs::read_to_string(shared("reference/variables.tsv")?).unwrap();
    let mut names = BTreeMap::<_, Vec<_>>::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split('\t').map(str::to_owned);
        names.entry(fields.next().unwrap()).or_default().push(fields.next().unwrap());
    }
    assert!(names.len() >= 12, "{:?}", names.keys());
    Some(names)
}

#[test]
fn every_variable_is_known() {
    let Some(names) = names() else { return };
    let library = Library::load(Source::embedded()).unwrap();
    let unknown: Vec<&String> = names.values().flatten().filter(|name| !library.knows(name)).collect();
    assert!(unknown.is_empty(), "no role has these variables, ignores them, or refuses them: {unknown:#?}");
}

#[test]
fn every_variable_is_explained() {
    let library = Library::load(Source::embedded()).unwrap();
    let documented = library.roles.iter().flat_map(|role| &role.documentation);
    let silent: Vec<&String> = documented.filter(|(_, documentation)| documentation.text.trim().is_empty()).map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "these defaults have no comment above them: {silent:#?}");
}

#[test]
fn every_variable_of_synapse_does_something() {
    check(&synapse::PART);
}

#[test]
fn every_variable_of_the_other_roles_does_something() {
    check(&stack::PART);
}

fn check(part: &Part) {
    let Some(names) = names() else { return };
    let library = Library::load(Source::embedded()).unwrap();
    // These say for themselves that they change nothing; a refused one is told by its rule.
    let ignored: BTreeSet<&str> = library.ignored().map(|(name, _)| name).collect();
    let rules = library.roles.iter().flat_map(|role| &role.manifest.rules);
    let ruled: BTreeSet<&str> = rules.flat_map(homestead::role::Rule::variables).map(String::as_str).collect();
    let defined: BTreeSet<&str> = library.roles.iter().flat_map(|role| role.documentation.keys().map(String::as_str)).collect();
    let own: Vec<&str> = part.roles.iter().flat_map(|role| &names[*role]).map(String::as_str).collect();
    let tried: Vec<&str> = own.iter().copied().filter(|name| defined.contains(name) && !ignored.contains(name)).collect();

    let unfinished = part.unfinished.iter().map(|name| (*name, "not yet"));
    let exceptions: BTreeMap<&str, &str> = part.exceptions.iter().copied().chain(unfinished).collect();
    assert_eq!(exceptions.len(), part.exceptions.len() + part.unfinished.len(), "an exception stands twice");
    let samples: BTreeMap<&str, &str> = part.samples.iter().copied().collect();
    let foreign: Vec<&&str> = exceptions.keys().chain(samples.keys()).filter(|name| !tried.contains(name)).collect();
    assert!(foreign.is_empty(), "no variables of these roles, or ignored anyway: {foreign:#?}");

    let outcomes = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut worlds: Vec<World> = part.worlds.iter().map(|vars| World::new(vars)).collect();
                while let Some(name) = tried.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = change::try_out(&mut worlds, name, samples.get(name).copied());
                    outcomes.lock().unwrap().insert(*name, outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    assert_eq!(outcomes.len(), tried.len());
    let mut wrong = Vec::new();
    for (name, outcome) in outcomes {
        match outcome {
            Outcome::Differs if exceptions.contains_key(name) => wrong.push(format!("{name}: it does something: it is no exception")),
            Outcome::Differs => {}
            _ if exceptions.contains_key(name) => {}
            Outcome::Refused(_) if ruled.contains(name) => {}
            Outcome::Same => wrong.push(format!("{name}: nothing reads it")),
            Outcome::Refused(why) => wrong.push(format!("{name}: every change is refused: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), tried.len(), wrong.join("\n"));
}
