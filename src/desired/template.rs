//! Tera: the text of files. A template gets the variables that it names and what its entry hands it.

use serde_json::Value as Json;
use tera::{Context, Kwargs, State, Tera, Value};

use crate::diagnostic::{Diagnostic, Error, Kind, Result, Span};
use crate::role::Source;
use crate::vars::TemplateSource;

/// Every template of a role library, compiled once.
pub struct Templates {
    tera: Tera,
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
        let texts = source.iter().filter_map(|(path, text)| Some((path.strip_prefix("templates/")?, text)));
        tera.add_raw_templates(texts)
            .map_err(|error| Error::new(Kind::Invalid, format!("a template cannot be read: {}", chain(&error))))?;
        Ok(Self { tera })
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
        let place = Span::whole(format!("templates/{path}"));
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
        self.tera.render(path, &context).map_err(|error| Diagnostic::error("H0321", chain(&error)).at(&place))
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

/// An error with all its causes in one line a cause; Tera's own texts name places, not values.
fn chain(error: &tera::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
