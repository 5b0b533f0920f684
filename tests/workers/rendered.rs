//! What `homestead render` wrote, read back.

use std::collections::BTreeMap;

use homestead::inventory::{Node, Value as Yaml, yaml};
use serde_json::Value;

use crate::common::{HOST, Homestead, TestInventory};
use crate::routing::Routing;

/// The files of a host by their paths on it.
pub struct Rendered {
    files: BTreeMap<String, String>,
}

impl Rendered {
    /// The smallest server with MAS and these settings.
    #[track_caller]
    pub fn of(settings: &str) -> Self {
        let inventory = TestInventory::new();
        inventory.append(settings);
        Self::in_folder(&inventory)
    }

    #[track_caller]
    pub fn in_folder(inventory: &TestInventory) -> Self {
        Homestead::on(inventory).run(&["render", "--out", "out"]).exits(0);
        let root = inventory.path(&format!("out/{HOST}"));
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = format!("/{}", path.strip_prefix(&root).unwrap().display());
                    files.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        Self { files }
    }

    pub fn paths(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    #[track_caller]
    pub fn text(&self, path: &str) -> &str {
        self.files.get(path).unwrap_or_else(|| panic!("no {path} in {:#?}", self.paths()))
    }

    #[track_caller]
    pub fn yaml(&self, path: &str) -> Value {
        json(&yaml::read(self.text(path), path).unwrap().0.unwrap())
    }

    #[track_caller]
    pub fn labels(&self, path: &str) -> BTreeMap<String, String> {
        let lines = self.text(path).lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Name -> configuration, of every worker that has a file.
    pub fn workers(&self) -> BTreeMap<String, Value> {
        let name = |path: &str| path.strip_prefix("/matrix/synapse/config/worker.")?.strip_suffix(".yaml").map(str::to_owned);
        self.files.keys().filter_map(|path| Some((name(path)?, self.yaml(path)))).collect()
    }

    /// A line each: name, app, ports and what they serve.
    pub fn table(&self) -> String {
        let line = |(name, worker): (&String, &Value)| {
            let app = worker["worker_app"].as_str().unwrap().strip_prefix("synapse.app.").unwrap();
            let listener = |entry: &Value| {
                let names = entry["resources"][0]["names"].as_array().unwrap();
                let names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
                format!("{} {}", entry["port"], names.join(","))
            };
            let listeners: Vec<String> = worker["worker_listeners"].as_array().into_iter().flatten().map(listener).collect();
            let served = if listeners.is_empty() { "-".to_owned() } else { listeners.join("; ") };
            format!("{:<44} {app:<17} {served}", name.strip_prefix("matrix-synapse-worker-").unwrap())
        };
        self.workers().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Where the companion sends requests.
    pub fn routing(&self) -> Routing {
        Routing::read(self.text("/matrix/synapse/reverse-proxy-companion/conf.d/matrix-synapse-reverse-proxy-companion.conf"))
    }
}

fn json(node: &Node) -> Value {
    match &node.value {
        Yaml::Bool(flag) => (*flag).into(),
        Yaml::Int(number) => i64::try_from(*number).unwrap().into(),
        Yaml::Float(number) => (*number).into(),
        Yaml::Text(text) | Yaml::Unsafe(text) => text.as_str().into(),
        Yaml::List(items) => items.iter().map(json).collect(),
        Yaml::Map(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.as_text().unwrap_or_default().to_owned(), json(value))).collect())
        }
        _ => Value::Null,
    }
}
