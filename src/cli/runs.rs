//! `runs`: what was done from this machine.

use clap::{Args, Subcommand};
use serde_json::Value as Json;

use super::Exit;
use super::global::{self, GlobalArgs};
use crate::diagnostic::{Error, Kind, Result, did_you_mean};
use crate::report::run_log::{self, PastRun};
use crate::report::{Terminal, for_people};

/// List the runs of the past that this machine kept a log of, the last one first
///
/// The logs lie in `$XDG_STATE_HOME/homestead/runs`, without that variable in `~/.local/state/homestead/runs`: the last
/// hundred, for ninety days.
#[derive(Debug, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
}

/// Show what happened in a run, line by line
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its id, or how that begins; the last run without it
    run: Option<String>,
}

impl RunsArgs {
    /// Runs it.
    pub fn run(&self, _: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let folder = run_log::folder(&global::environment())
            .ok_or_else(|| Error::new(Kind::Usage, "there is no folder for logs: neither `HOME` nor `XDG_STATE_HOME` is set"))?;
        let mut runs = run_log::past(&folder)?;
        match &self.command {
            None if terminal.json() => {
                let runs: Vec<Json> = runs.iter().rev().map(document).collect();
                terminal.out(&format!("{:#}\n", serde_json::json!({"version": 1, "runs": runs})));
            }
            None => terminal.out(&table(&runs)),
            Some(Command::Show(args)) => {
                let run = match &args.run {
                    None => runs.pop().ok_or_else(|| Error::new(Kind::Usage, format!("no run has left a log in `{folder}` yet")))?,
                    Some(id) => chosen(runs, id)?,
                };
                if terminal.json() {
                    let lines: Vec<String> = run.events.iter().map(|event| format!("{event}\n")).collect();
                    terminal.out(&lines.concat());
                } else {
                    terminal.out(&text(&run));
                }
            }
        }
        Ok(0)
    }
}

fn chosen(runs: Vec<PastRun>, id: &str) -> Result<PastRun> {
    let ids: Vec<String> = runs.iter().map(|run| run.run.clone()).collect();
    let mut found: Vec<PastRun> = runs.into_iter().filter(|run| run.run.starts_with(id)).collect();
    match (found.pop(), found.len()) {
        (Some(run), 0) => Ok(run),
        (Some(_), more) => Err(Error::new(Kind::Usage, format!("{} runs begin with `{id}`", more + 1)).hint("give more of the id")),
        (None, _) => {
            let error = Error::new(Kind::Usage, format!("there is no log of a run `{id}`"));
            Err(match did_you_mean(id, ids.iter().map(String::as_str)) {
                Some(help) => error.hint(help),
                None => error.hint("`homestead runs` lists them"),
            })
        }
    }
}

fn document(run: &PastRun) -> Json {
    serde_json::json!({
        "run": run.run,
        "at": run.at,
        "line": run.line,
        "hosts": run.hosts,
        "result": run.end.map(|(result, _)| result),
        "seconds": run.end.map(|(_, seconds)| seconds),
    })
}

/// `2026-11-22 10:00:03` of an RFC 3339 time.
fn when(at: &str) -> String {
    at.split('.').next().unwrap_or(at).replace('T', " ")
}

/// How it ended, and after how long.
fn outcome(run: &PastRun) -> (String, String) {
    match run.end {
        Some((result, seconds)) => (result.text().to_owned(), for_people(seconds)),
        // Only its end would tell the one from the other.
        None => ("no end".to_owned(), "-".to_owned()),
    }
}

/// A line for each, in columns.
fn table(runs: &[PastRun]) -> String {
    if runs.is_empty() {
        return "No runs yet.\n".to_owned();
    }
    let mut rows = vec![["when (UTC)", "result", "took", "run", "hosts", "command"].map(str::to_owned)];
    for run in runs.iter().rev() {
        let (result, took) = outcome(run);
        let hosts = match run.hosts.as_slice() {
            [host] => host.clone(),
            hosts => format!("{} hosts", hosts.len()),
        };
        rows.push([when(&run.at), result, took, run.run.clone(), hosts, run.line.join(" ")]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(&row[5]);
        text.push('\n');
    }
    text
}

/// A run, as it would have been told at that time; with the steps and without the progress of downloads.
fn text(run: &PastRun) -> String {
    let (result, took) = outcome(run);
    let mut text = format!("homestead {}\n", run.line.join(" "));
    text.push_str(&format!("run {}, {} UTC, on {}: {result}, {took}\n\n", run.run, when(&run.at), run.hosts.join(", ")));
    for event in &run.events {
        let Some(line) = line(event) else { continue };
        let time = event["at"].as_str().and_then(|at| at.split_once('T')).map_or("", |(_, time)| time.trim_end_matches('Z'));
        let host = event["host"].as_str().map(|host| format!("{host}: ")).unwrap_or_default();
        text.push_str(&format!("{time}  {host}{line}\n"));
    }
    text
}

fn line(event: &Json) -> Option<String> {
    let words = |name: &str| -> Vec<&str> { event[name].as_array().into_iter().flatten().filter_map(Json::as_str).collect() };
    let said = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    Some(match event["event"].as_str()? {
        "plan" => {
            let count = |name: &str| event["plan"][name].as_array().map_or(0, Vec::len);
            let mut text = format!("plan: {} changes, {} services to start, restart or stop", count("actions"), count("restarts"));
            for action in event["plan"]["actions"].as_array().into_iter().flatten() {
                let (change, resource) = (action["change"].as_str()?, &action["resource"]);
                text.push_str(&format!("\n    {change} {} {}", resource["kind"].as_str()?, resource["name"].as_str()?));
            }
            text
        }
        "step" => format!("step {} {}", said("step"), words("units").join(", ")).trim_end().to_owned(),
        "stage" => said("text"),
        "done" => format!("✓ {}", said("text")),
        "warning" => format!("warning: {}", said("text")),
        "output" => format!("| {}", said("line")),
        "backup" => format!("backup in {}", said("path")),
        "imported" => "imported".to_owned(),
        "host_end" => {
            let error = failure(&event["error"]);
            format!("ended: {} (exit code {}){error}", said("result"), event["exit_code"])
        }
        "failed" => format!("error{}", failure(event)),
        "end" => format!("the run ended: {} (exit code {})", said("result"), event["exit_code"]),
        _ => return None,
    })
}

/// An error with its findings and hints, on lines of their own.
fn failure(error: &Json) -> String {
    let Some(message) = error["message"].as_str() else { return String::new() };
    let mut text = format!("\n    error: {message}");
    for cause in error["causes"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        text.push_str(&format!("\n      caused by: {cause}"));
    }
    for finding in error["diagnostics"].as_array().into_iter().flatten() {
        let place = finding["file"].as_str().map(|file| format!("{file}:{}: ", finding["line"])).unwrap_or_default();
        text.push_str(&format!("\n    {place}{}", finding["message"].as_str().unwrap_or_default()));
    }
    for hint in error["hints"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        text.push_str(&format!("\n    hint: {}", hint.replace('\n', "\n    ")));
    }
    text
}
