//! Variables: looked for, and explained as `homestead vars` does, without secrets.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Pages;
use super::access::Session;
use super::error::PageError;
use super::render::percent_encoded;

/// Evaluating an inventory takes a second or two.
const PATIENCE: Duration = Duration::from_mins(1);
/// Longer names are no names.
const LONGEST: usize = 200;
/// Longer values are cut in lists, in characters.
const WIDEST: usize = 80;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Question {
    host: String,
    name: String,
}

impl Pages {
    /// What homestead says about a variable of a host, or those that fit a pattern.
    async fn variables(&self, host: &str, name: &str) -> Result<Value, PageError> {
        self.service.known(host).await?;
        let plain = !name.is_empty() && name.len() <= LONGEST && name.chars().all(|c| c.is_ascii_alphanumeric() || "_*?".contains(c));
        if !plain {
            return Err(PageError::new(StatusCode::BAD_REQUEST, "A variable's name has letters, digits and `_`; `*` stands for any."));
        }
        let busy = || PageError::new(StatusCode::SERVICE_UNAVAILABLE, "Too many questions at once; ask again in a moment.");
        let answer = async {
            let _turn = self.questions.acquire().await.map_err(|_| busy())?;
            let answer = self.service.commands.variables(host, name).await;
            answer.map_err(|problem| PageError::new(StatusCode::UNPROCESSABLE_ENTITY, problem))
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await.map_err(|_| busy())??;
        Ok(answer.get("variables").cloned().unwrap_or_default())
    }

    /// The hosts' names, and the one that is meant where nobody chose.
    async fn chosen(&self, host: &str) -> Result<(Vec<String>, String), PageError> {
        let hosts: Vec<String> = self.service.store.hosts().await?.into_iter().map(|host| host.name).collect();
        let chosen = if host.is_empty() { hosts.first().cloned().unwrap_or_default() } else { host.to_owned() };
        Ok((hosts, chosen))
    }
}

/// A form, and what fits it.
pub async fn search(
    State(pages): State<Arc<Pages>>,
    Extension(session): Extension<Session>,
    query: Result<Query<Question>, QueryRejection>,
) -> Response {
    let values = async {
        let Query(Question { host, name }) = query?;
        let (hosts, chosen) = pages.chosen(&host).await?;
        let name = name.trim();
        let (mut found, mut problem) = (Vec::new(), None);
        if !name.is_empty() {
            // Part of a name is what people type.
            let pattern = if name.contains(['*', '?']) { name.to_owned() } else { format!("*{name}*") };
            match pages.variables(&chosen, &pattern).await {
                Ok(variables) => found = listed(&variables),
                Err(error) => problem = Some(error.text),
            }
        }
        if let [only] = found.as_slice()
            && let Some(only) = only.get("name").and_then(Value::as_str)
        {
            let to = format!("/variables/{}?host={}", percent_encoded(only), percent_encoded(&chosen));
            return Ok(Redirect::to(&to).into_response());
        }
        let values = json!({
            "title": "Variables", "section": "variables", "hosts": hosts, "chosen": chosen, "name": name, "found": found, "problem": problem,
        });
        Ok::<_, PageError>(pages.look.page("variables.html", Some(&session), values))
    };
    values.await.unwrap_or_else(|error| pages.look.error(&error, Some(&session)))
}

fn listed(variables: &Value) -> Vec<Value> {
    let short = |text: String| if text.chars().count() > WIDEST { text.chars().take(WIDEST).chain("...".chars()).collect() } else { text };
    let row = |(name, entry): (&String, &Value)| {
        let error = entry.get("error").and_then(Value::as_str);
        let value = entry.get("value").map(|value| short(compact(value)));
        json!({"name": name, "role": entry.get("role"), "value": value, "error": error.map(|error| short(error.to_owned()))})
    };
    variables.as_object().into_iter().flatten().map(row).collect()
}

fn compact(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Explains one.
pub async fn explain(
    State(pages): State<Arc<Pages>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    query: Result<Query<Question>, QueryRejection>,
) -> Response {
    let values = async {
        let Query(Question { host, .. }) = query?;
        let (hosts, chosen) = pages.chosen(&host).await?;
        let variables = pages.variables(&chosen, &name).await?;
        let entry = variables.get(&name).ok_or_else(|| PageError::missing("variable", &name))?;
        let list = |field: &str| entry.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
        let value = entry.get("value").map(|value| if value.is_string() { compact(value) } else { format!("{value:#}") });
        let one_of: Vec<String> = list("one_of").iter().map(Value::to_string).collect();
        Ok::<_, PageError>(json!({
            "title": name, "section": "variables", "hosts": hosts, "chosen": chosen, "name": name,
            "description": entry.get("description"), "role": entry.get("role"), "type": entry.get("type"), "one_of": one_of,
            "value": value, "error": entry.get("error"), "expression": entry.get("expression"),
            "origin": entry.get("origin").map(origin), "overrides": list("overrides").iter().map(origin).collect::<Vec<_>>(),
            "computed_from": list("computed_from"),
        }))
    };
    match values.await {
        Ok(values) => pages.look.page("variable.html", Some(&session), values),
        Err(error) => pages.look.error(&error, Some(&session)),
    }
}

/// Where a definition stands, as people write it.
fn origin(origin: &Value) -> Value {
    let text = |name: &str| origin.get(name).and_then(Value::as_str).unwrap_or_default();
    let line = origin.get("line").and_then(Value::as_u64).filter(|line| *line > 0);
    json!({"place": line.map_or_else(|| text("file").to_owned(), |line| format!("{}:{line}", text("file"))), "layer": text("layer")})
}
