//! Steps of a run that the host takes one after the other by itself: what needs no decision from here costs one round trip
//! together, and the host's journal tells each of them before it begins.

use std::collections::{BTreeMap, VecDeque};

use super::{Run, journal, services};
use crate::desired::Service;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::systemd::Verb;
use crate::host::{self, ChainEnd, Heard, Host, Link, Linked, Mode, Output, Script};
use crate::report::{Event, RunStep};

/// What an output means.
type Judge<'r> = Box<dyn FnOnce(&dyn Host, &Output) -> Result<()> + Send + Sync + 'r>;
type Then<'r> = Box<dyn FnOnce() + Send + Sync + 'r>;

/// Bytes of scripts and arguments that go to the host together. They are one word of a command line there, which has 128 KiB
/// at most (execve(2)), and quoting makes it longer.
const AT_ONCE: usize = 48 * 1024;

/// Steps that are taken together.
pub struct Chain<'r> {
    run: &'r Run<'r>,
    deeds: VecDeque<Deed<'r>>,
    kept: BTreeMap<&'static str, Output>,
}

/// One script, or a word between two.
#[derive(Default)]
struct Deed<'r> {
    linked: Linked,
    /// What was done before it, where it stands behind a gate.
    state: &'static str,
    event: Option<Event>,
    begins: Option<Then<'r>>,
    done: Option<Then<'r>>,
    keep: Option<&'static str>,
    /// What a line that the script writes has to tell.
    warns: Option<fn(&str) -> Option<String>>,
    failure: Failure<'r>,
}

/// What a failure of a script means.
#[derive(Default)]
enum Failure<'r> {
    #[default]
    None,
    Judged(Judge<'r>),
    /// These units do not start.
    Units(Verb, Vec<Service>),
    /// Not all of these services are healthy.
    Health(Vec<Service>),
}

impl<'r> Chain<'r> {
    /// An empty one.
    pub fn new(run: &'r Run<'r>) -> Self {
        Self { run, deeds: VecDeque::new(), kept: BTreeMap::new() }
    }

    /// The run comes to a step.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn step(&mut self, step: RunStep, units: &[String]) -> Result<()> {
        self.step_and(step, units, || ())
    }

    /// The same, and something to note when it does.
    ///
    /// # Errors
    /// As [`Chain::step`].
    pub fn step_and(&mut self, step: RunStep, units: &[String], begins: impl FnOnce() + Send + Sync + 'r) -> Result<()> {
        let note = journal::text(&journal::Line::Step { step, units })?;
        let event = Event::Step { step, units: units.to_vec() };
        let linked = Linked { note, ..Linked::default() };
        self.deeds.push_back(Deed { linked, event: Some(event), begins: Some(Box::new(begins)), ..Deed::default() });
        Ok(())
    }

    /// What follows waits for nobody to have asked the run to stop; `state` says what was done until here.
    pub fn gate(&mut self, state: &'static str) {
        let linked = Linked { link: Link::Gate, ..Linked::default() };
        self.deeds.push_back(Deed { linked, state, ..Deed::default() });
    }

    /// What is told when it comes here.
    pub fn stage(&mut self, text: impl Into<String>) {
        self.deeds.push_back(Deed { event: Some(Event::Stage { text: text.into() }), ..Deed::default() });
    }

    /// A script, and what its output means where it fails.
    pub fn add(&mut self, script: Script, judge: impl FnOnce(&dyn Host, &Output) -> Result<()> + Send + Sync + 'r) {
        self.add_then(script, judge, || ());
    }

    /// The same, and something to note when it has succeeded.
    pub fn add_then(
        &mut self,
        script: Script,
        judge: impl FnOnce(&dyn Host, &Output) -> Result<()> + Send + Sync + 'r,
        done: impl FnOnce() + Send + Sync + 'r,
    ) {
        let linked = Linked { script, ..Linked::default() };
        self.deeds.push_back(Deed { linked, failure: Failure::Judged(Box::new(judge)), done: Some(Box::new(done)), ..Deed::default() });
    }

    /// A question whose answer is kept under a name; that it fails is an answer too.
    pub fn ask(&mut self, name: &'static str, script: Script) {
        let linked = Linked { script, link: Link::Optional, ..Linked::default() };
        self.deeds.push_back(Deed { linked, keep: Some(name), ..Deed::default() });
    }

    /// A script whose lines are warnings; that it fails is none.
    pub fn warn(&mut self, script: Script, warns: fn(&str) -> Option<String>) {
        let linked = Linked { script, link: Link::Optional, ..Linked::default() };
        self.deeds.push_back(Deed { linked, warns: Some(warns), ..Deed::default() });
    }

    /// What systemd does with units.
    pub fn systemctl(&mut self, verb: Verb, units: &[String]) {
        if verb == Verb::DaemonReload || !units.is_empty() {
            self.add(verb.script(units), move |host, output| verb.outcome(host, output));
        }
    }

    /// The same with the units of services, whose last lines a failure tells.
    pub fn bring_up(&mut self, verb: Verb, units: &[String], services: Vec<Service>) {
        if !units.is_empty() {
            let linked = Linked { script: verb.script(units), ..Linked::default() };
            self.deeds.push_back(Deed { linked, failure: Failure::Units(verb, services), ..Deed::default() });
        }
    }

    /// Waits until services are healthy.
    pub fn healthy(&mut self, services: Vec<Service>) {
        let run = self.run;
        let script = services::watch(run.lock.journal().0, &services).unwrap_or_default();
        let unwatched: Vec<String> =
            services.iter().filter(|service| service.health.is_none()).map(|service| service.unit.clone()).collect();
        let begins = move || unwatched.iter().for_each(|unit| run.progress.up(unit));
        let linked = Linked { script, ..Linked::default() };
        self.deeds.push_back(Deed { linked, begins: Some(Box::new(begins)), failure: Failure::Health(services), ..Deed::default() });
    }

    /// What a question was answered.
    pub fn answer(&self, name: &str) -> Option<&Output> {
        self.kept.get(name)
    }

    /// Has the host do it all.
    ///
    /// # Errors
    /// The first failure, in the words of what failed; kind `Interrupted` or `Locked` at a gate.
    pub async fn go(&mut self) -> Result<()> {
        let mut is_first = true;
        while !self.deeds.is_empty() {
            self.run.lock.check()?;
            let mut seen = Vec::new();
            let count = self.at_once();
            // Between two parts, somebody may have taken the lock.
            if let Some(Deed { linked: Linked { link: link @ Link::Plain, .. }, .. }) = self.deeds.front_mut().filter(|_| !is_first) {
                *link = Link::Held;
            }
            is_first = false;
            let (place, output) = match self.send(count, &mut seen).await? {
                ChainEnd::Done => {
                    self.deeds.drain(..count);
                    continue;
                }
                ChainEnd::Failed(place, output) => (place, output),
                ChainEnd::Stopped(place) => {
                    let state = self.deeds.get(place).map_or("", |deed| deed.state);
                    return Err(Error::new(Kind::Interrupted, format!("stopped as asked; {state}")));
                }
                ChainEnd::Lost(place) => {
                    let state = self.deeds.get(place).map_or("", |deed| deed.state);
                    return Err(host::lost_lock(self.run.host.name()).hint(state));
                }
            };
            let failed = self.deeds.drain(..=place).next_back();
            match failed.map(|deed| deed.failure).unwrap_or_default() {
                Failure::Judged(judge) => judge(&**self.run.host, &output)?,
                Failure::Units(verb, services) => {
                    let error = verb.outcome(&**self.run.host, &output).err();
                    if let Some(error) = error {
                        return Err(services::with_journal(&**self.run.host, &services, error, self.run.redact).await);
                    }
                }
                Failure::Health(services) => services::judge(self.run, &services, &seen, &output).await?,
                Failure::None => return Err(host::failed(&**self.run.host, "the next step", &output)),
            }
        }
        Ok(())
    }

    /// How many deeds fit into one command line; one at least.
    fn at_once(&self) -> usize {
        let mut bytes = 0;
        let fits = |deed: &&Deed<'r>| {
            let Linked { note, script, .. } = &deed.linked;
            let words = script.arguments.iter().chain([note]);
            bytes += script.text.len() + words.map(|word| word.len() + 3).sum::<usize>();
            bytes <= AT_ONCE
        };
        self.deeds.iter().take_while(fits).count().max(1)
    }

    async fn send(&mut self, count: usize, seen: &mut Vec<host::health::Seen>) -> Result<ChainEnd> {
        let run = self.run;
        let links: Vec<Linked> = self.deeds.iter().take(count).map(|deed| deed.linked.clone()).collect();
        let (deeds, kept) = (&mut self.deeds, &mut self.kept);
        let mut hear = |heard: Heard<'_>| match heard {
            Heard::Begins(place) => {
                let Some(deed) = deeds.get_mut(place) else { return };
                if !deed.linked.note.is_empty() {
                    run.lock.noted(deed.linked.note.clone());
                }
                if let Some(event) = deed.event.take() {
                    (run.sink)(&run.plan.host, event);
                }
                if let Some(begins) = deed.begins.take() {
                    begins();
                }
            }
            Heard::Line(place, line) => {
                let Some(deed) = deeds.get(place) else { return };
                if matches!(deed.failure, Failure::Health(_)) {
                    seen.extend(services::hear(&run.plan.host, line, run.sink, &|unit| run.progress.up(unit)));
                }
                if let Some(warning) = deed.warns.and_then(|warns| warns(line)) {
                    run.warn(warning);
                }
            }
            Heard::Complains(_) => {}
            Heard::Ended(place, status, stdout) => {
                let Some(deed) = deeds.get_mut(place) else { return };
                if let Some(done) = deed.done.take().filter(|_| status == 0) {
                    done();
                }
                if let Some(name) = deed.keep {
                    kept.insert(name, Output { status, stdout: stdout.to_vec(), stderr: Vec::new() });
                }
            }
        };
        let work = host::chain(&**run.host, Mode::Journaled(run.lock), &links, &mut hear);
        tokio::pin!(work);
        tokio::select! {
            biased;
            end = &mut work => end,
            () = run.cancel.cancelled() => {
                run.lock.stop_chains().await?;
                work.await
            }
        }
    }
}
