//! Changes a variable and looks at what becomes of it.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;
use homestead::desired::Desired;
use homestead::diagnostic::{Error, Severity};
use homestead::inventory::{Inventory, VaultPasswords};
use homestead::pipeline::{HostFacts, Loaded, Prepared, Sources};
use serde_json::{Value as Json, json};

use crate::common::{HOST, TestInventory};

/// What changing a variable led to.
pub enum Outcome {
    /// Another desired state.
    Differs,
    /// The same desired state, with at least one of the changes.
    Same,
    /// An error for each change.
    Refused(String),
}

/// A whole server, worked out once and then again with one variable changed.
pub struct World {
    hosts: Utf8PathBuf,
    loaded: Loaded,
    original: Prepared,
    state: String,
    /// What had to be known to work it out; nothing else can make a difference.
    asked_for: BTreeSet<String>,
    _folder: TestInventory,
}

impl World {
    /// From the text of `vars.yml`.
    pub fn new(vars: &str) -> Self {
        let folder = TestInventory::new();
        folder.vars(vars);
        let hosts = Utf8PathBuf::from_path_buf(folder.path("inventory/hosts")).unwrap();
        let sources = Sources {
            inventory: vec![hosts.clone()],
            limit: None,
            extra_vars: Vec::new(),
            roles_dir: None,
            vault: VaultPasswords::default(),
            environment: std::env::vars().collect(),
            now: SystemTime::UNIX_EPOCH,
            run: String::new(),
            lock_wait: Duration::ZERO,
        };
        let loaded = Loaded::read(&sources).unwrap_or_else(|error| panic!("{}", told(&error)));
        let original = Prepared::new(&loaded, HOST, &HostFacts::assumed(), &[]).unwrap_or_else(|error| panic!("{}", told(&error)));
        let state = state(&original.desired);
        let asked_for = original.variables.asked_for().map(str::to_owned).collect();
        Self { hosts, loaded, original, state, asked_for, _folder: folder }
    }

    /// Whether the desired state is another one with a variable set to a value.
    fn differs(&mut self, name: &str, value: &Json) -> Result<bool, String> {
        let extra = json!({name: value}).to_string();
        let (inventory, _) = Inventory::load(std::slice::from_ref(&self.hosts), &[extra], &VaultPasswords::default()).unwrap();
        self.loaded.inventory = inventory.into();
        match Prepared::new(&self.loaded, HOST, &HostFacts::assumed(), &[]) {
            Ok(prepared) => Ok(state(&prepared.desired) != self.state),
            Err(error) => Err(told(&error)),
        }
    }
}

/// Changes a variable in each world until something differs.
pub fn try_out(worlds: &mut [World], name: &str, sample: Option<&str>) -> Outcome {
    let mut outcome = Outcome::Refused("it was not tried".to_owned());
    for world in worlds {
        if !world.asked_for.contains(name) {
            outcome = Outcome::Same;
            continue;
        }
        let changes = match sample {
            Some(sample) => vec![parsed(sample)],
            None => match world.original.variables.get(name) {
                Ok(evaluated) => changes(&evaluated.value),
                Err(_) => changes(&Json::Null),
            },
        };
        for change in changes {
            match world.differs(name, &change) {
                Ok(true) => return Outcome::Differs,
                Ok(false) => outcome = Outcome::Same,
                Err(why) if matches!(outcome, Outcome::Refused(_)) => outcome = Outcome::Refused(why),
                Err(_) => {}
            }
        }
    }
    outcome
}

/// Other values of the same kind; the next one is for where the one before it is refused.
fn changes(value: &Json) -> Vec<Json> {
    match value {
        Json::Bool(flag) => vec![json!(!flag)],
        Json::Number(number) => match number.as_i64() {
            Some(number) => vec![json!(number + 1)],
            None => vec![json!(number.as_f64().unwrap() + 1.0)],
        },
        Json::String(text) => match text.parse::<i64>() {
            Ok(number) => vec![json!((number + 1).to_string())],
            Err(_) if text.is_empty() => ["x", "/x", "9999", "https://x.example.com"].map(Json::from).to_vec(),
            Err(_) => vec![json!(format!("{text}x"))],
        },
        Json::Null => vec![json!("x"), json!(true), json!(9999), json!(["x"]), json!({"x": "x"})],
        Json::Array(items) => [json!("x"), json!({"name": "x"})]
            .into_iter()
            .map(|item| items.iter().cloned().chain([item]).collect())
            .chain([json!([])])
            .collect(),
        Json::Object(entries) => {
            let mut more = entries.clone();
            more.insert("x".to_owned(), json!("x"));
            vec![Json::Object(more), json!({})]
        }
    }
}

fn parsed(sample: &str) -> Json {
    serde_json::from_str(sample).unwrap_or_else(|_| Json::String(sample.to_owned()))
}

/// All of a desired state, with what it hides.
fn state(desired: &Desired) -> String {
    let mut text = format!("{desired:#?}");
    for file in &desired.files {
        text.push_str(&format!("\n== {}\n{}", file.path, file.contents.reveal()));
    }
    for database in &desired.databases {
        text.push_str(&format!("\n== {}\n{}", database.name, database.password.reveal()));
    }
    text
}

fn told(error: &Error) -> String {
    let findings = error.diagnostics.iter().filter(|finding| finding.severity == Severity::Error);
    let messages: Vec<&str> = findings.map(|finding| finding.message.as_str()).collect();
    if messages.is_empty() { error.to_string() } else { messages.join("; ") }
}
