//! What `render` makes of an inventory, file by file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use homestead::inventory::{Node, Value as Yaml, yaml};
use serde_json::{Value, json};

use super::{HOST, Homestead, TestInventory};

/// The rendered files of a host.
pub struct Rendered<'a> {
    inventory: &'a TestInventory,
    manifest: Value,
}

impl<'a> Rendered<'a> {
    /// Renders; the inventory must be without errors.
    #[track_caller]
    pub fn of(inventory: &'a TestInventory) -> Self {
        let folder = inventory.path(&format!("out/{HOST}"));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        Homestead::on(inventory).run(&["render", "--out", "out"]).exits(0);
        let manifest = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        Self { inventory, manifest }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.inventory.path(&format!("out/{HOST}{path}"))
    }

    /// Whether a file is there, by its path on the host.
    pub fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The files of the host.
    pub fn files(&self) -> Vec<&str> {
        let entries = self.manifest["files"].as_array().unwrap().iter();
        entries.filter(|entry| entry["type"] == "file").map(|entry| entry["path"].as_str().unwrap()).collect()
    }

    /// The names of the units.
    pub fn units(&self) -> Vec<&str> {
        let units = self.files().into_iter().filter_map(|path| path.strip_prefix("/etc/systemd/system/")?.strip_suffix(".service"));
        units.collect()
    }

    #[track_caller]
    pub fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A YAML or JSON file.
    #[track_caller]
    pub fn yaml(&self, path: &str) -> Value {
        plain(&yaml::read(&self.text(path), path).unwrap().0.unwrap())
    }

    /// The configuration of MAS.
    #[track_caller]
    pub fn mas(&self) -> Value {
        self.yaml("/matrix/matrix-authentication-service/config/config.yaml")
    }

    /// The labels of a component, by the folder that holds them.
    #[track_caller]
    pub fn labels(&self, folder: &str) -> BTreeMap<String, String> {
        let text = self.text(&format!("/matrix/{folder}/labels"));
        text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A unit's text.
    #[track_caller]
    pub fn unit(&self, name: &str) -> String {
        self.text(&format!("/etc/systemd/system/{name}.service"))
    }

    /// The ports that a unit publishes: `host:container`.
    #[track_caller]
    pub fn published(&self, name: &str) -> Vec<String> {
        let unit = self.unit(name);
        let words = unit.split_whitespace().filter_map(|word| word.strip_prefix("--publish="));
        words.map(str::to_owned).collect()
    }

    /// The networks that a unit's container joins, its main one first.
    #[track_caller]
    pub fn networks(&self, name: &str) -> Vec<String> {
        let unit = self.unit(name);
        let main = unit.split_whitespace().filter_map(|word| word.strip_prefix("--network="));
        let further = unit.lines().filter_map(|line| line.split_once("network connect ")?.1.split_whitespace().next());
        main.chain(further).map(str::to_owned).collect()
    }
}

fn plain(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => json!(flag),
        Yaml::Int(number) => json!(number),
        Yaml::Float(number) => json!(number),
        Yaml::Text(text) => json!(text),
        Yaml::List(items) => items.iter().map(plain).collect(),
        Yaml::Map(entries) => entries.iter().map(|(key, value)| (key.as_text().unwrap().to_owned(), plain(value))).collect(),
        other => panic!("{other:?} in a rendered file"),
    }
}
