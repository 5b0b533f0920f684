//! `explain`: what a finding's code means.

use clap::Args;

use super::Exit;
use crate::diagnostic::{Error, Kind, Result, nearest};
use crate::report::Terminal;

const FINDINGS: &str = include_str!("../../docs/errors.md");

/// Explain the code of a finding, such as `H0334`
///
/// Without a code, all of them are listed.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code that stands in brackets behind `error` or `warning`
    code: Option<String>,
}

/// A row of `docs/errors.md`.
struct Finding<'a> {
    code: &'a str,
    severity: &'a str,
    meaning: &'a str,
    remedy: &'a str,
}

impl ExplainArgs {
    /// Runs it.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit> {
        let findings: Vec<Finding<'_>> = FINDINGS.lines().filter_map(row).collect();
        let Some(code) = &self.code else {
            for finding in &findings {
                terminal.out(&format!("{}  {}\n", finding.code, plain(finding.meaning)));
            }
            return Ok(0);
        };
        let wanted = code.trim().trim_matches(['[', ']']).to_ascii_uppercase();
        let Some(finding) = findings.iter().find(|finding| finding.code == wanted) else {
            let error = Error::new(Kind::Usage, format!("there is no finding `{code}`"));
            return Err(match nearest(&wanted, findings.iter().map(|finding| finding.code)) {
                Some(near) if wanted.starts_with('H') => error.hint(format!("did you mean `{near}`?")),
                _ => error.hint("`homestead explain` lists them"),
            });
        };
        let Finding { code, severity, meaning, remedy } = finding;
        let (effect, topic) = match *severity {
            "error" => ("an error: the run ends with exit code 3 before a host is touched", topic(code)),
            _ => ("a warning: the run goes on", topic(code)),
        };
        terminal.out(&format!("{code} ({topic})\n{effect}\n\nmeans:      {}\nwhat to do: {}\n", plain(meaning), plain(remedy)));
        Ok(0)
    }
}

/// The heading that a code stands under.
fn topic(code: &str) -> &'static str {
    let start = code.get(..3).unwrap_or_default();
    let heading =
        FINDINGS.lines().filter_map(|line| line.strip_prefix("## ")).find_map(|line| line.strip_prefix(start)?.strip_prefix(": "));
    heading.unwrap_or_default()
}

fn row(line: &str) -> Option<Finding<'_>> {
    let mut cells = line.strip_prefix("| H")?.strip_suffix(" |")?.split(" | ");
    let code = line.get(2..7)?;
    cells.next()?;
    let (severity, meaning, remedy) = (cells.next()?, cells.next()?, cells.next()?);
    cells.next().is_none().then_some(Finding { code, severity, meaning, remedy })
}

/// A cell without Markdown's escapes.
fn plain(cell: &str) -> String {
    cell.replace("\\|", "|")
}
