//! `vars`: what each variable is, and why.

mod explain;

use camino::Utf8PathBuf;
use clap::Args;
use regex::Regex;
use serde_json::{Map, Value as Json, json};

use super::global::GlobalArgs;
use super::{Exit, converge, render, schema};
use crate::diagnostic::{Error, Kind, Result, did_you_mean, nearest, nearest_variable};
use crate::inventory::LayerKind;
use crate::pipeline::{Loaded, variables};
use crate::report::Terminal;
use crate::role;
use crate::secret::REDACTED;
use crate::vars::Variables;

/// Show variables: their values, where they are set, and what they are for
///
/// A name explains one variable: what it takes, the expression behind it, what it overrides, what it was computed from.
/// A pattern such as `matrix_synapse_*` lists what fits.
#[derive(Debug, Args)]
pub struct VarsArgs {
    /// Explain this one, or list those that fit a pattern with `*`; all are listed without it
    name: Option<String>,
    /// Only the variables of this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Only the variables that you set
    #[arg(long, visible_alias = "changed")]
    set_by_user: bool,
    /// Write the reference of all variables as Markdown
    #[arg(long, conflicts_with_all = ["name", "role", "set_by_user", "reveal", "facts"])]
    docs: bool,
    /// Show secrets too
    #[arg(long)]
    reveal: bool,
    /// A JSON object that becomes `ansible_facts`
    #[arg(long, value_name = "FILE")]
    facts: Option<Utf8PathBuf>,
}

/// What the command looks at.
struct View<'a> {
    loaded: &'a Loaded,
    variables: &'a Variables,
    reveal: bool,
}

impl VarsArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        if self.docs {
            terminal.out(&role::markdown(&schema::library(global)?));
            return Ok(0);
        }
        let loaded = converge::load(global, terminal)?;
        let facts = render::read_facts(self.facts.as_deref())?;
        let hosts = loaded.hosts()?;
        let [host] = hosts.as_slice() else {
            return Err(Error::new(Kind::Usage, format!("there are {} hosts", hosts.len())).hint("choose one with `--limit`"));
        };
        let variables = variables(&loaded, host, &facts, &[])?;
        let view = View { loaded: &loaded, variables: &variables, reveal: self.reveal };
        match self.name.as_deref().filter(|name| !name.contains(['*', '?'])) {
            Some(name) => view.one(name, terminal),
            None => self.list(&view, terminal),
        }
    }

    fn list(&self, view: &View<'_>, terminal: &Terminal) -> Result<Exit> {
        let names = self.names(view)?;
        if terminal.json() {
            let entries: Map<String, Json> = names.iter().map(|name| ((*name).to_owned(), view.entry(name))).collect();
            terminal.out(&format!("{:#}\n", json!({"version": 1, "variables": entries})));
            return Ok(0);
        }
        for name in names {
            terminal.out(&format!("{name}: {}\n", view.shown(name, false)));
        }
        Ok(0)
    }

    /// The names that the filters leave, sorted.
    fn names<'a>(&self, view: &'a View<'_>) -> Result<Vec<&'a str>> {
        let pattern = self.name.as_deref().map(glob).transpose()?;
        let role = self.role.as_deref().map(|name| view.role(name)).transpose()?;
        let mut names: Vec<&str> = view
            .variables
            .names()
            .filter(|name| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name)))
            .filter(|name| role.is_none_or(|role| role.documentation.contains_key(*name)))
            .filter(|name| {
                !self.set_by_user || view.variables.definition(name).is_some_and(|definition| definition.kind > LayerKind::Wiring)
            })
            .collect();
        names.sort_unstable();
        if names.is_empty()
            && let Some(pattern) = &self.name
        {
            return Err(Error::new(Kind::Usage, format!("no variable fits `{pattern}`")));
        }
        Ok(names)
    }
}

/// A pattern with `*` and `?` for whole names.
fn glob(pattern: &str) -> Result<Regex> {
    let expression = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    Regex::new(&format!("^{expression}$")).map_err(|error| Error::new(Kind::Usage, format!("`{pattern}` is no pattern")).caused_by(error))
}

impl View<'_> {
    fn role(&self, name: &str) -> Result<&role::Role> {
        let roles = &self.loaded.library.roles;
        let found = roles.iter().find(|role| role.manifest.name == name || role.manifest.name.strip_prefix("matrix-") == Some(name));
        found.ok_or_else(|| {
            let error = Error::new(Kind::Usage, format!("there is no role `{name}`"));
            let names = roles.iter().map(|role| role.manifest.name.as_str());
            error.hint(
                did_you_mean(name, names.clone()).unwrap_or_else(|| format!("the roles are {}", names.collect::<Vec<_>>().join(", "))),
            )
        })
    }

    fn one(&self, name: &str, terminal: &Terminal) -> Result<Exit> {
        if self.variables.definition(name).is_none() {
            return Err(self.unknown(name));
        }
        if terminal.json() {
            terminal.out(&format!("{:#}\n", json!({"version": 1, "variables": {name: self.entry(name)}})));
        } else {
            terminal.out(&self.explain(name));
        }
        Ok(0)
    }

    /// A variable that nothing defines.
    fn unknown(&self, name: &str) -> Error {
        let names = &self.loaded.library.names;
        let error = Error::new(Kind::Usage, format!("no variable `{name}`"));
        if let Some(new) = names.renamed(name) {
            return error.hint(format!("it is now called `{new}`"));
        }
        if let Some(advice) = names.removed(name) {
            return error.hint(format!("it is gone: {advice}"));
        }
        let all: Vec<&str> = self.variables.names().collect();
        match nearest_variable(name, all.iter().copied()).or_else(|| nearest(name, all.iter().copied())) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error.hint("`homestead vars` lists all of them"),
        }
    }

    fn entry(&self, name: &str) -> Json {
        let definition = self.variables.definition(name);
        let role = self.loaded.library.roles.iter().find(|role| role.documentation.contains_key(name));
        let words = role.and_then(|role| role.documentation.get(name));
        let origin = |layer: &str, span: &crate::diagnostic::Span| json!({"layer": layer, "file": span.file.as_ref(), "line": span.line, "column": span.column});
        let mut entry = Map::new();
        entry.insert("role".to_owned(), json!(role.map(|role| &role.manifest.name)));
        entry.insert("origin".to_owned(), json!(definition.map(|definition| origin(&definition.layer, &definition.span))));
        if let Some(words) = words {
            entry.insert("description".to_owned(), json!(words.text));
            entry.insert("type".to_owned(), json!(words.type_words()));
            entry.insert("one_of".to_owned(), json!(words.one_of));
        }
        let lower =
            definition.map(|definition| definition.overrides.iter().map(|lower| origin(&lower.layer, &lower.span)).collect::<Vec<_>>());
        entry.insert("overrides".to_owned(), json!(lower.unwrap_or_default()));
        let (key, value, depends) = match self.variables.get(name) {
            Ok(evaluated) if evaluated.secret && !self.reveal => ("value", json!(REDACTED), evaluated.depends_on),
            Ok(evaluated) => ("value", evaluated.value, evaluated.depends_on),
            Err(problem) => ("error", json!(problem.message), Vec::new()),
        };
        entry.insert("computed_from".to_owned(), json!(depends));
        entry.insert("expression".to_owned(), json!(self.expression(name)));
        entry.insert(key.to_owned(), value);
        Json::Object(entry)
    }

    /// The value for people; on one line where it is not `wide`.
    fn shown(&self, name: &str, wide: bool) -> String {
        match self.variables.get(name) {
            Ok(evaluated) if evaluated.secret && !self.reveal => REDACTED.to_owned(),
            Ok(evaluated) if wide => format!("{:#}", evaluated.value),
            Ok(evaluated) => evaluated.value.to_string(),
            Err(problem) => format!("<error: {}>", problem.message),
        }
    }
}
