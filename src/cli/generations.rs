//! `generations`: what a host can go back to.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::global::GlobalArgs;
use super::{Exit, converge, fleet, session};
use crate::diagnostic::Result;
use crate::operation::Generations;
use crate::report::Terminal;

/// List the states of a host that `rollback` can bring back
///
/// Each run that succeeded made one, the last ten are kept. Generation 0 is the state before homestead.
#[derive(Debug, Args)]
pub struct GenerationsArgs {}

impl GenerationsArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let loaded = Arc::new(converge::load(global, terminal)?);
        let defaults = Arc::new(session::defaults(global)?);
        let hosts = fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
            let (loaded, defaults) = (loaded.clone(), defaults.clone());
            async move {
                let host = session::connect(&loaded, &name, &defaults).await?;
                let generations = Generations::read(&*host).await?;
                Ok((name, generations))
            }
        })
        .await?;
        if terminal.json() {
            let hosts: Vec<_> = hosts.iter().map(|(name, generations)| document(name, generations)).collect();
            terminal.out(&format!("{:#}\n", json!({"version": 1, "hosts": hosts})));
            return Ok(0);
        }
        for (name, generations) in &hosts {
            if hosts.len() > 1 {
                terminal.out(&format!("{name}:\n"));
            }
            terminal.out(&text(generations));
        }
        Ok(0)
    }
}

fn document(name: &str, generations: &Generations) -> serde_json::Value {
    let current = generations.memory.generation;
    let kept = generations.kept.values().map(|generation| {
        json!({
            "generation": generation.generation,
            "current": generation.generation == current,
            "run": generation.begun.run,
            "command": generation.begun.command,
            "who": generation.begun.who,
            "since": generation.begun.since,
            "homestead": generation.homestead,
            "changes": generation.changes,
            "inventory": generation.inventory,
            "schemas": generation.schemas,
        })
    });
    json!({"host": name, "current": current, "generations": kept.collect::<Vec<_>>()})
}

fn text(generations: &Generations) -> String {
    if generations.kept.is_empty() {
        return "none yet: each run that succeeds makes one\n".to_owned();
    }
    let mut out = String::new();
    for generation in generations.kept.values() {
        let number = generation.generation;
        let mark = if number == generations.memory.generation { '*' } else { ' ' };
        let begun = &generation.begun;
        let line = if number == 0 {
            format!("{mark} {number:>4}  the state before homestead's first run\n")
        } else if begun.run.is_empty() {
            format!("{mark} {number:>4}  from before generations were kept\n")
        } else {
            format!("{mark} {number:>4}  {}  {}  `{}`: {}\n", begun.since, begun.who, begun.command, generation.changes)
        };
        out.push_str(&line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Begun, Changes, Generation, Memory};

    #[test]
    fn each_says_who_made_it_and_what_it_changed() {
        let begun = Begun {
            run: "r".into(),
            command: "homestead install-all".into(),
            who: "me@laptop".into(),
            since: "2026-11-22T03:33:51Z".into(),
        };
        let changes = Changes { created: 97, restarted: 8, ..Changes::default() };
        let first = Generation { generation: 1, begun, changes, ..Generation::default() };
        let memory = Memory { generation: 1, ..Memory::default() };
        let generations = Generations { memory, kept: [(0, Generation::default()), (1, first)].into() };
        let expected = "     0  the state before homestead's first run\n\
                        *    1  2026-11-22T03:33:51Z  me@laptop  `homestead install-all`: 97 created, 8 started or restarted\n";
        assert_eq!(text(&generations), expected);
        assert_eq!(text(&Generations::default()), "none yet: each run that succeeds makes one\n");
    }
}
