//! Faults in the first run on an empty host.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cases::Case;
use crate::evidence::Look;
use crate::inject;
use crate::point::When;
use crate::run::Trap;
use crate::server::{PATIENCE, Server, State, Wanted};
use crate::survive::{Result, nothing_to_do};

/// A host of its own, a first run with a fault, and two runs that must make up for it.
pub fn survive(name: &str, case: &Case) -> Option<Result> {
    let begun = Instant::now();
    let mut server = Server::bare(name)?;
    let wanted = Wanted { state: State::Large, broken: false };
    let mut result = Result::new(case);
    let mut run = server.run(wanted, Some(Trap { point: case.point, stand_still: case.when == When::At }));
    if run.sprung(PATIENCE).is_none() {
        let ended = run.wait(PATIENCE);
        result.problems.push(format!("the run did not come to `{}`", case.point.name()));
        result.story.push_str(&ended.story("the run that was to be disturbed", begun));
        return Some(result);
    }
    if let When::Into(share) = case.when {
        // Nobody knows how long the steps of a first run take: of most, this is the middle.
        sleep(Duration::from_millis(600).mul_f64(share));
    }
    result.injected = run.goes_on();
    let struck = Instant::now();
    let problems = inject::inject(&mut server, case, wanted, &mut run, case.when == When::At);
    result.problems.extend(problems);
    let ended = run.wait(PATIENCE);
    inject::end(&server, case.fault);
    result.code = ended.code;
    result.story.push_str(&ended.story("the first run", struck));
    if !case.fault.ends().contains(&ended.code) {
        result.problems.push(format!("the run ended with {}, not with one of {:?}", ended.code, case.fault.ends()));
    }
    let next_began = Instant::now();
    let next = server.run_plainly(wanted);
    result.story.push_str(&next.story("the next run", next_began));
    result.note(&next);
    if next.code != 0 {
        result.problems.push(format!("the next run ended with {}", next.code));
    }
    let last = server.run_plainly(wanted);
    result.story.push_str(&last.story("the run after it", next_began));
    if !nothing_to_do(&last) {
        result.problems.push(format!("the run after the next ended with {}: {}", last.code, last.stdout));
    }
    let look = Look::at(&server.sandbox);
    result.problems.extend(look.units_down(&look.files));
    result.problems.extend(look.memory_problems());
    result.problems.extend(look.leftovers.iter().map(|left| format!("left behind in the end: {left}")));
    result.problems.extend(look.unfinished().iter().map(|left| format!("unfinished in the end: {left}")));
    // What is there must be what can be used: accounts, a room, a message.
    if result.problems.is_empty() {
        server.settle_in();
        result.problems.extend(server.remembers().err());
    }
    result.served = server.prober.served(struck, next_began);
    result.took = begun.elapsed();
    Some(result)
}
