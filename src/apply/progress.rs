//! What a run has done so far, for its way back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::plan::Undo;

/// Units that a run touched, and since when those that ran do not.
#[derive(Debug, Default)]
pub struct Progress {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    touched: BTreeSet<String>,
    down: BTreeMap<String, Instant>,
    downtimes: BTreeMap<String, f64>,
    writing: bool,
    written: bool,
    saved: Option<Undo>,
    lost_data: bool,
}

impl Progress {
    /// Units are about to stop or to restart; `running` are those of them that run.
    pub fn touch<'a>(&self, units: impl IntoIterator<Item = &'a String>, running: impl Fn(&str) -> bool) {
        let mut state = self.state();
        for unit in units {
            state.touched.insert(unit.clone());
            if running(unit) {
                state.down.entry(unit.clone()).or_insert_with(Instant::now);
            }
        }
    }

    /// A unit works again.
    pub fn up(&self, unit: &str) {
        let mut state = self.state();
        if let Some(since) = state.down.remove(unit) {
            *state.downtimes.entry(unit.to_owned()).or_default() += since.elapsed().as_secs_f64();
        }
    }

    /// Units that were touched.
    pub fn touched(&self) -> BTreeSet<String> {
        self.state().touched.clone()
    }

    /// Units that were stopped and do not run yet.
    pub fn down(&self) -> Vec<String> {
        self.state().down.keys().cloned().collect()
    }

    /// Unit -> seconds that it did not work.
    pub fn downtimes(&self) -> BTreeMap<String, f64> {
        self.state().downtimes.clone()
    }

    /// What was kept for the way back.
    pub fn keep(&self, undo: Undo) {
        self.state().saved = Some(undo);
    }

    /// The same; nothing before that.
    pub fn saved(&self) -> Option<Undo> {
        self.state().saved.clone()
    }

    /// Removing is over; `lost`: it failed, and data may be gone.
    pub fn removed(&self, lost: bool) {
        self.state().lost_data = lost;
    }

    /// Whether data may be gone that cannot come back.
    pub fn has_lost_data(&self) -> bool {
        self.state().lost_data
    }

    /// From here on, something may have been changed.
    pub fn begin_to_write(&self) {
        self.state().writing = true;
    }

    /// All files are in place.
    pub fn files_are_written(&self) {
        self.state().written = true;
    }

    /// Whether they are.
    pub fn are_files_written(&self) -> bool {
        self.state().written
    }

    /// What was written was undone at once.
    pub fn nothing_written(&self) {
        self.state().writing = false;
    }

    /// Whether something may have been changed.
    pub fn has_written(&self) -> bool {
        self.state().writing
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
