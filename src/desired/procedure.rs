//! A role's `operations` entries -> procedures with their values and containers worked out.

use super::container;
use super::evaluate::Evaluator;
use super::resource::{Operation, OperationContainer};
use crate::diagnostic::Diagnostic;
use crate::inventory::shell_words;
use crate::role;

/// Evaluates one entry; nothing comes of a tag that is refused. Its container is named after the role and the procedure.
///
/// # Errors
/// An expression that fails, or an option with a quote that nothing closes.
pub fn evaluate(entry: &role::Operation, evaluator: &Evaluator<'_>, role: &str) -> Result<Option<Operation>, Diagnostic> {
    let role::Deed::Run(run) = &entry.deed else { return Ok(None) };
    let values = entry.values.iter().map(|(name, node)| Ok((name.clone(), evaluator.json(node)?))).collect::<Result<_, Diagnostic>>()?;
    let container = entry.container.as_ref().map(|container| create(&format!("{role}-{run}"), container, evaluator)).transpose()?;
    Ok(Some(Operation { name: entry.name.clone(), run: run.clone(), tags: entry.tags.clone(), values, container, role: role.to_owned() }))
}

/// The words of `docker create` and the networks that come after it.
fn create(name: &str, container: &role::Container, evaluator: &Evaluator<'_>) -> Result<OperationContainer, Diagnostic> {
    let made = container::evaluate(name, container, evaluator)?;
    let texts = |field: &str| -> Vec<String> {
        let list = made.template_value[field].as_array();
        list.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let mut words = Vec::new();
    // Options stand as in a unit, where one may hold several words and quotes.
    for option in texts("options") {
        let split = shell_words::split(&option).map_err(|_| {
            Diagnostic::error("H0329", format!("`{option}` is no option for Docker: a quote is not closed")).at(&container.image.span)
        })?;
        words.extend(split.into_iter().map(|word| word.text));
    }
    words.push(made.image.clone());
    words.extend(texts("command"));
    Ok(OperationContainer { name: name.to_owned(), image: made.image.clone(), words, networks: texts("additional_networks") })
}
