//! Tera: the text of files. A template gets the variables that it names and what its entry hands it.

use std::collections::HashMap;

use serde_json::Value as Json;
use tera::{Context, Kwargs, State, Tera, Value};

use crate::diagnostic::{Diagnostic, Error, Result, Span, with_causes};
use crate::role::Source;
use crate::vars::TemplateSource;

/// Every template of a role library, compiled once.
pub struct Templates {
    tera: Tera,
    /// Where the templates stand that are not built in.
    places: HashMap<String, String>,
}

impl Templates {
    /// Compiles the files under `templates/`.
    ///
    /// # Errors
    /// A template with wrong syntax; the message shows the place.
    pub fn new(source: &Source) -> Result<Self> {
        let mut tera = Tera::default();
        tera.autoescape_on(Vec::<&str>::new());
        tera.register_filter("json", json);
        tera.register_filter("bool", boolean);
        let places = source.iter().map(|(path, _)| (path.to_owned(), source.shown(path))).filter(|(path, shown)| path != shown).collect();
        let texts = source.iter().filter_map(|(path, text)| Some((path.strip_prefix("templates/")?, text)));
        tera.add_raw_templates(texts).map_err(|error| Error::roles(vec![located(&error, &places, None)]))?;
        Ok(Self { tera, places })
    }

    /// Renders the template `path` (below `templates/`). `variable` gives the value of a name that the
    /// template uses; `values` come first.
    ///
    /// # Errors
    /// No such template, a name without a value, a filter that refuses.
    pub fn render(
        &self,
        path: &str,
        values: &[(String, Json)],
        variable: &dyn Fn(&str) -> Option<Result<Json, Diagnostic>>,
    ) -> Result<String, Diagnostic> {
        let path_in_library = format!("templates/{path}");
        let place = Span::whole(self.places.get(&path_in_library).cloned().unwrap_or(path_in_library));
        let names = self
            .tera
            .get_template_variables(path)
            .map_err(|_| Diagnostic::error("H0320", format!("there is no template `templates/{path}`")).at(&place))?;
        let mut context = Context::new();
        for name in names {
            if values.iter().any(|(given, _)| given == name) {
                continue;
            }
            if let Some(value) = variable(name) {
                context.insert(name.to_owned(), &value?);
            }
        }
        for (name, value) in values {
            context.insert(name.clone(), value);
        }
        self.tera.render(path, &context).map_err(|error| located(&error, &self.places, Some(&place)))
    }
}

impl TemplateSource for Templates {
    fn render(
        &self,
        role: &str,
        name: &str,
        variable: &dyn Fn(&str) -> Option<Result<Json, Diagnostic>>,
    ) -> Option<Result<String, Diagnostic>> {
        let path = format!("{role}/{name}");
        self.tera.contains_template(&path).then(|| Self::render(self, &path, &[], variable))
    }
}

/// `{{ value | json }}`: JSON, which is YAML too.
fn json(value: &Value, _: Kwargs, _: &State<'_>) -> tera::TeraResult<String> {
    serde_json::to_string(value).map_err(|error| tera::Error::message(error.to_string()))
}

/// `{{ value | bool }}`: truth as Ansible's `bool` filter reads it.
fn boolean(value: &Value, _: Kwargs, _: &State<'_>) -> bool {
    match value.as_str() {
        Some(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1" | "y" | "t"),
        None => value.is_truthy(),
    }
}

/// A finding about a template. Tera draws its own excerpt below the message and says the place in a line
/// `--> name:line:column`.
fn located(error: &tera::Error, places: &HashMap<String, String>, whole: Option<&Span>) -> Diagnostic {
    let text = with_causes(error);
    let mut lines = text.lines();
    let message = lines.next().unwrap_or_default().trim_start_matches("error: ");
    let place = lines.find_map(|line| {
        let mut parts = line.trim_start().strip_prefix("--> ")?.rsplitn(3, ':');
        let (column, line, name) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        let path = format!("templates/{name}");
        Some(Span::new(places.get(&path).cloned().unwrap_or(path), line, column))
    });
    // Without a place in Tera's words, they are kept as they are.
    let finding = Diagnostic::error("H0321", if place.is_some() { message } else { &text });
    match place.as_ref().or(whole) {
        Some(span) => finding.at(span),
        None => finding,
    }
}
