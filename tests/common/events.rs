//! The schema of the stream of events, and whether runs keep to it.

use jsonschema::Validator;
use serde_json::Value;

use super::Outcome;

/// `docs/events.schema.json`.
pub struct EventSchema(Validator);

impl EventSchema {
    pub fn new() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.schema.json");
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Self(jsonschema::draft202012::new(&schema).unwrap())
    }

    /// What is wrong with a line or document.
    pub fn complaints(&self, document: &Value) -> Vec<String> {
        self.0.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// Every line of a run's standard output must be as the schema says.
    #[track_caller]
    pub fn check(&self, outcome: &Outcome) {
        let lines = outcome.json_lines();
        assert!(!lines.is_empty(), "{}", outcome.text());
        for line in lines {
            assert_eq!(self.complaints(&line), Vec::<String>::new(), "{line}");
        }
    }
}
