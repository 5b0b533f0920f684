//! `vars`: what each variable is, and why.

use camino::Utf8PathBuf;
use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::global::GlobalArgs;
use super::{Exit, converge, render};
use crate::diagnostic::{Error, Kind, Result};
use crate::pipeline::{Loaded, variables};
use crate::report::Terminal;
use crate::secret::REDACTED;
use crate::vars::Variables;

/// Show variables: their values, where they are set, and what they are for
#[derive(Debug, Args)]
pub struct VarsArgs {
    /// Explain this one; all are listed without it
    name: Option<String>,
    /// Show secrets too
    #[arg(long)]
    reveal: bool,
    /// A JSON object that becomes `ansible_facts`
    #[arg(long, value_name = "FILE")]
    facts: Option<Utf8PathBuf>,
}

impl VarsArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let loaded = converge::load(global, terminal)?;
        let facts = render::read_facts(self.facts.as_deref())?;
        let hosts = loaded.hosts()?;
        let [host] = hosts.as_slice() else {
            return Err(Error::new(Kind::Usage, format!("there are {} hosts", hosts.len())).hint("choose one with `--limit`"));
        };
        let variables = variables(&loaded, host, &facts, &[])?;
        match &self.name {
            Some(name) => self.explain(name, &loaded, &variables, terminal),
            None => {
                self.list(&loaded, &variables, terminal);
                Ok(0)
            }
        }
    }

    fn list(&self, loaded: &Loaded, variables: &Variables, terminal: &Terminal) {
        let mut names: Vec<&str> = variables.names().collect();
        names.sort_unstable();
        if terminal.json() {
            let entries: Map<String, Json> = names.iter().map(|name| ((*name).to_owned(), self.entry(name, loaded, variables))).collect();
            let document = json!({"version": 1, "variables": entries});
            terminal.out(&format!("{document:#}\n"));
            return;
        }
        for name in names {
            let shown = match variables.get(name) {
                Ok(evaluated) if evaluated.secret && !self.reveal => REDACTED.to_owned(),
                Ok(evaluated) => evaluated.value.to_string(),
                Err(problem) => format!("<error: {}>", problem.message),
            };
            terminal.out(&format!("{name}: {shown}\n"));
        }
    }

    fn entry(&self, name: &str, loaded: &Loaded, variables: &Variables) -> Json {
        let definition = variables.definition(name);
        let role = loaded.library.roles.iter().find(|role| role.documentation.contains_key(name)).map(|role| &role.manifest.name);
        let origin = definition.map(|definition| {
            json!({
                "layer": definition.layer.as_ref(),
                "file": definition.span.file.as_ref(),
                "line": definition.span.line,
                "column": definition.span.column,
            })
        });
        let mut entry = json!({"role": role, "origin": origin});
        let (key, value) = match variables.get(name) {
            Ok(evaluated) if evaluated.secret && !self.reveal => ("value", json!(REDACTED)),
            Ok(evaluated) => ("value", evaluated.value),
            Err(problem) => ("error", json!(problem.message)),
        };
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(key.to_owned(), value);
        }
        entry
    }

    fn explain(&self, name: &str, loaded: &Loaded, variables: &Variables, terminal: &Terminal) -> Result<Exit> {
        let evaluated = variables.get(name);
        let Some(definition) = variables.definition(name) else {
            return Err(evaluated.err().map_or_else(|| Error::new(Kind::Usage, format!("there is no variable `{name}`")), Error::from));
        };
        if terminal.json() {
            let document = json!({"version": 1, "variables": {name: self.entry(name, loaded, variables)}});
            terminal.out(&format!("{document:#}\n"));
            return Ok(0);
        }
        let mut text = String::new();
        let documentation = loaded.library.roles.iter().find_map(|role| Some((role, role.documentation.get(name)?)));
        if let Some((role, documentation)) = documentation {
            text.push_str(&format!("{}\n(role {})\n\n", documentation.text, role.manifest.name));
        }
        match &evaluated {
            Ok(evaluated) if evaluated.secret && !self.reveal => text.push_str(&format!("{name}: {REDACTED}\n")),
            Ok(evaluated) => text.push_str(&format!("{name}: {:#}\n", evaluated.value)),
            Err(problem) => text.push_str(&format!("{name}: error: {problem}\n")),
        }
        text.push_str(&format!("  set in {} ({})\n", definition.span, definition.layer));
        for lower in &definition.overrides {
            text.push_str(&format!("  over {} ({})\n", lower.span, lower.layer));
        }
        if let Ok(evaluated) = &evaluated
            && !evaluated.depends_on.is_empty()
        {
            text.push_str(&format!("  computed from {}\n", evaluated.depends_on.join(", ")));
        }
        terminal.out(&text);
        Ok(0)
    }
}
