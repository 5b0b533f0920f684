use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::json;

use super::*;

/// The folder of the measured inventories; none outside the project's own machines.
#[expect(clippy::disallowed_methods, reason = "a test may look where its data are")]
pub fn measured() -> Option<Utf8PathBuf> {
    let shared = std::env::var("HOMESTEAD_SHARED").unwrap_or_else(|_| format!("{}/../shared", env!("CARGO_MANIFEST_DIR")));
    let folder = Utf8PathBuf::from(shared).join("parity");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: there is no {folder}; set HOMESTEAD_SHARED");
    None
}

/// An inventory in a folder of its own.
pub struct TestInventory {
    _directory: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl TestInventory {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(directory.path().to_owned()).unwrap();
        for (path, text) in files {
            fs_err::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs_err::write(root.join(path), text).unwrap();
        }
        Self { _directory: directory, root }
    }

    fn load(&self, extra: &[&str]) -> Result<(Inventory, Vec<Diagnostic>)> {
        self.load_with(&["inventory/hosts"], extra, &VaultPasswords::none())
    }

    fn load_with(&self, paths: &[&str], extra: &[&str], vault: &VaultPasswords) -> Result<(Inventory, Vec<Diagnostic>)> {
        let paths: Vec<_> = paths.iter().map(|path| self.root.join(path)).collect();
        let extra: Vec<_> = extra.iter().map(|argument| argument.replace("ROOT", self.root.as_str())).collect();
        Inventory::load(&paths, &extra, vault)
    }

    /// What a user is told, without the folder's name.
    fn told(&self, result: Result<(Inventory, Vec<Diagnostic>)>) -> String {
        let lines = match result {
            Ok((_, warnings)) => findings(&warnings),
            Err(error) => {
                let hints: String = error.hints.iter().map(|hint| format!("hint: {hint}\n")).collect();
                format!("{:?}: {}\n{hint}{}", error.kind, error.message, findings(&error.diagnostics), hint = hints)
            }
        };
        lines.replace(&format!("{}/", self.root), "")
    }
}

/// One line a finding, one more for its help.
pub fn findings(findings: &[Diagnostic]) -> String {
    let line = |finding: &Diagnostic| {
        let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
        let help = finding.help.as_ref().map(|help| format!("  help: {help}\n")).unwrap_or_default();
        format!("{severity}[{}] {finding}\n{help}", finding.code)
    };
    findings.iter().map(line).collect()
}

pub fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => json!(null),
        Value::Bool(boolean) => json!(boolean),
        // JSON has 64 bits here.
        Value::Int(number) => i64::try_from(*number).map_or_else(|_| json!(number.to_string()), |number| json!(number)),
        Value::Float(number) => json!(number),
        Value::Text(text) | Value::Unsafe(text) | Value::Vault(text) => json!(text),
        Value::Secret(_) | Value::Sealed(_) | Value::Hidden(_) => json!("[secret]"),
        Value::Reference(reference) => json!(reference.written()),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.as_text().map_or_else(|| to_json(key).to_string(), str::to_owned), to_json(value)))
            .collect(),
    }
}

/// The value of each variable for a host: later layers win.
fn values(inventory: &Inventory, host: &str) -> BTreeMap<String, serde_json::Value> {
    let layers = inventory.layers(host);
    layers.iter().flat_map(|layer| &layer.variables).map(|variable| (variable.name.clone(), to_json(&variable.value))).collect()
}

#[test]
fn every_host_gets_what_ansible_gives_it() {
    // `expected.json` was made with ansible-core 2.19 from the files beside it.
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inventory/tests/precedence");
    let expected: serde_json::Value = serde_json::from_str(&fs_err::read_to_string(root.join("expected.json")).unwrap()).unwrap();
    let (inventory, warnings) =
        Inventory::load(&[root.join("one"), root.join("two/hosts.yml")], &["e=1".to_owned()], &VaultPasswords::none()).unwrap();
    assert_eq!(findings(&warnings), "");
    let names: Vec<_> = inventory.hosts().map(|host| host.name.clone()).collect();
    let hostvars: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), json!(values(&inventory, name)))).collect();
    pretty_eq(&serde_json::Value::Object(hostvars), &expected["hostvars"]);
    let group_names: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), json!(inventory.groups_of(name)))).collect();
    pretty_eq(&serde_json::Value::Object(group_names), &expected["group_names"]);
    let groups: serde_json::Map<_, _> = inventory.groups().keys().map(|name| (name.clone(), json!(inventory.members(name)))).collect();
    pretty_eq(&serde_json::Value::Object(groups), &expected["groups"]);
}

/// Compares key by key, so that a failure names what differs.
fn pretty_eq(ours: &serde_json::Value, theirs: &serde_json::Value) {
    let (ours, theirs) = (ours.as_object().unwrap(), theirs.as_object().unwrap());
    for (key, value) in theirs {
        assert_eq!(ours.get(key), Some(value), "{key}");
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn layers_come_from_the_lowest_to_the_highest() {
    let inventory = TestInventory::new(&[
        (
            "inventory/hosts",
            "[servers]\nweb line=1\n[all:vars]\na=1\n[servers:vars]\nb=2\n[parents:children]\nservers\n[parents:vars]\nc=3\n",
        ),
        ("inventory/group_vars/all.yml", "d: 4"),
        ("inventory/group_vars/parents.yml", "e: 5"),
        ("inventory/group_vars/servers/x.yml", "f: 6"),
        ("inventory/host_vars/web/vars.yml", "g: 7"),
        ("extra.yml", "h: 8"),
    ]);
    let (loaded, _) = inventory.load(&["i=9", "@ROOT/extra.yml"]).unwrap();
    let layers = loaded.layers("web");
    let shown: String = layers
        .iter()
        .map(|layer| {
            let variables: Vec<_> = layer
                .variables
                .iter()
                .map(|variable| format!("{} {} {}", variable.name, variable.name_span, variable.value.span))
                .collect();
            format!("{} | {} | {}\n", layer.kind, layer.name, variables.join(", ")).replace(&format!("{}/", inventory.root), "")
        })
        .collect();
    assert_snapshot!(shown, @r"
    group vars in the hosts file | all | a inventory/hosts:4:1 inventory/hosts:4:3
    group vars in the hosts file | parents | c inventory/hosts:10:1 inventory/hosts:10:3
    group vars in the hosts file | servers | b inventory/hosts:6:1 inventory/hosts:6:3
    group_vars/all | inventory/group_vars/all.yml | d inventory/group_vars/all.yml:1:1 inventory/group_vars/all.yml:1:4
    group_vars | inventory/group_vars/parents.yml | e inventory/group_vars/parents.yml:1:1 inventory/group_vars/parents.yml:1:4
    group_vars | inventory/group_vars/servers/x.yml | f inventory/group_vars/servers/x.yml:1:1 inventory/group_vars/servers/x.yml:1:4
    host vars in the hosts file | web | line inventory/hosts:2:5 inventory/hosts:2:10
    host_vars | inventory/host_vars/web/vars.yml | g inventory/host_vars/web/vars.yml:1:1 inventory/host_vars/web/vars.yml:1:4
    extra vars | -e | i -e:1:1 -e:1:1
    extra vars | extra.yml | h extra.yml:1:1 extra.yml:1:4
    ");
    assert!(layers.is_sorted_by_key(|layer| layer.kind));
}

#[test]
fn all_errors_of_all_files_come_together() {
    let inventory = TestInventory::new(&[
        ("inventory/hosts", "[matrix_servers]\nmatrix.example.com ansible_host\nweb[1\n[a:children]\nb\n"),
        ("inventory/group_vars/all.yml", "a: {{ b }}\n"),
        ("inventory/group_vars/matrix_servers.yml", "- a\n"),
        ("inventory/host_vars/matrix.example.com/a.yml", "a: 'x\n"),
        ("inventory/host_vars/matrix.example.com/b.yml", ""),
        ("inventory/host_vars/matrix.example.com/c.yml", "# nothing\n---\n"),
        ("inventory/host_vars/matrix.example.com/d.yml", "matrix-domain: x\n1: y\nclass: z\nfor: w\n"),
        ("inventory/host_vars/matrix.example.com.yml", "a: 1\n"),
    ]);
    assert_snapshot!(inventory.told(inventory.load(&["a", "@ROOT/missing.yml"])), @r#"
    Invalid: the inventory has 8 errors; nothing was touched
    error[H0115] inventory/hosts:2:20: `ansible_host` is no variable of the host
      help: after the host's name come `name=value` pairs, without spaces around `=`
    error[H0119] inventory/hosts:3:1: a range that opens with `[` must close with `]`
    error[H0117] inventory/hosts:5:1: `[a:children]` names the group `b`, which nothing declares
      help: declare it with a section `[b]`
    error[H0108] inventory/group_vars/all.yml:1:5: a key must be text, not a mapping
      help: a value that begins with `{{` must be quoted: `name: "{{ ... }}"`
    error[H0126] inventory/group_vars/matrix_servers.yml:1:1: variables must be a mapping, not a list
      help: write one variable a line: `name: value`
    warning[H0125] inventory/host_vars/matrix.example.com.yml: this file is ignored, because `inventory/host_vars/matrix.example.com` exists
      help: move it into `inventory/host_vars/matrix.example.com/`
    error[H0101] inventory/host_vars/matrix.example.com/a.yml:2:1: this is not YAML: invalid indentation in multiline quoted scalar
      help: a quote that opens must close; `"` in double quotes is written `\"`, `'` in single quotes `''`
    warning[H0127] inventory/host_vars/matrix.example.com/d.yml:1:1: `matrix-domain` is no valid variable name
      help: names hold letters, digits and `_`: did you mean `matrix_domain`?
    warning[H0127] inventory/host_vars/matrix.example.com/d.yml:2:1: a variable's name must be text, not a number; this one is ignored
      help: quote it if it is meant: `"yes": ...`
    warning[H0127] inventory/host_vars/matrix.example.com/d.yml:4:1: `for` is no valid variable name
      help: names begin with a letter or `_`, hold letters, digits and `_`, and are no keyword
    error[H0135] -e:1:1: `a` is no `name=value`
      help: quote a value with spaces for the shell and for `-e`: `-e "name='two words'"`
    error[H0111] missing.yml: the file cannot be read: it does not exist
    "#);
}

#[test]
fn likely_mistakes_are_only_warnings() {
    let inventory = TestInventory::new(&[
        ("inventory/hosts", "[matrix_servers]\nmatrix.example.com\n[other-group]\nweb\nother\n[other]\n"),
        ("inventory/host_vars/matrix.exmaple.com/vars.yml", "a: 1\n"),
        ("inventory/host_vars/elsewhere.org.yml", "a: 1\n"),
        ("inventory/group_vars/matrix_server.yml", "a: 1\n"),
        ("inventory/group_vars/staging.yml", "a: 1\n"),
    ]);
    assert_snapshot!(inventory.told(inventory.load(&[])), @r"
    warning[H0121] inventory/hosts:3:1: the group name `other-group` holds characters that expressions cannot use
      help: names hold letters, digits and `_`
    warning[H0122] inventory/hosts:5:1: `other` is both a host and a group
      help: rename one of them
    warning[H0128] inventory/group_vars/matrix_server.yml: the variables here are for the group `matrix_server`, which the inventory does not have
      help: did you mean `matrix_servers`?
    warning[H0128] inventory/host_vars/elsewhere.org.yml: the variables here are for the host `elsewhere.org`, which the inventory does not have
    warning[H0128] inventory/host_vars/matrix.exmaple.com: the variables here are for the host `matrix.exmaple.com`, which the inventory does not have
      help: did you mean `matrix.example.com`?
    warning[H0129] inventory/hosts:4:1: the host `web` is not in the group `matrix_servers`
      help: move it below `[matrix_servers]`
    warning[H0129] inventory/hosts:5:1: the host `other` is not in the group `matrix_servers`
      help: move it below `[matrix_servers]`
    ");
}

#[test]
fn an_inventory_that_is_not_there_says_where_it_was_looked_for() {
    let inventory = TestInventory::new(&[("x", "")]);
    assert_snapshot!(inventory.told(inventory.load(&[])), @r"
    Invalid: there is no inventory `inventory/hosts`
    hint: create one with `homestead init`, or name another with `-i PATH`
    ");
    let relative = Inventory::load(&["no/such/hosts".into()], &[], &VaultPasswords::none()).unwrap_err();
    assert!(relative.message.starts_with("there is no inventory `no/such/hosts` (looked for /"), "{}", relative.message);
    assert_snapshot!(Inventory::load(&["a,b".into()], &[], &VaultPasswords::none()).unwrap_err().hints.join("\n"), @r"
    a list of hosts is no inventory: write the hosts into a file
    create one with `homestead init`, or name another with `-i PATH`
    ");
    assert_eq!(Inventory::load(&[], &[], &VaultPasswords::none()).unwrap_err().kind, Kind::Usage);
}

#[test]
fn what_cannot_be_read_here_is_refused() {
    let inventory =
        TestInventory::new(&[("program", "#!/bin/sh\necho {}\n"), ("hosts.toml", ""), ("plugin.yml", "plugin: amazon.aws.aws_ec2\n")]);
    assert_snapshot!(inventory.told(inventory.load_with(&["program", "hosts.toml", "plugin.yml"], &[], &VaultPasswords::none())), @r"
    Invalid: the inventory has 3 errors; nothing was touched
    error[H0112] program: the hosts file is a program, and homestead runs none
      help: write its result into a file: `ansible-inventory -i program --list --yaml --output hosts.yml`
    error[H0113] hosts.toml: a TOML hosts file cannot be read
      help: write it as INI or YAML
    error[H0113] plugin.yml:1:1: this is the configuration of an inventory plugin, which homestead cannot run
      help: write its result into a file: `ansible-inventory -i FILE --list --yaml --output hosts.yml`
    ");
}

#[test]
fn a_folder_is_its_hosts_file_or_all_of_its_files() {
    let names = |inventory: &TestInventory, path: &str| {
        let (inventory, _) = inventory.load_with(&[path], &[], &VaultPasswords::none()).unwrap();
        let names: Vec<_> = inventory.hosts().map(|host| format!("{} {}", host.name, values(&inventory, &host.name)["v"])).collect();
        names.join(", ")
    };
    let vars = ("group_vars/all.yml", "v: 1");
    let with_hosts = TestInventory::new(&[("hosts", "web"), ("files/secret", "hunter2"), ("README", "text"), vars]);
    assert_eq!(names(&with_hosts, ""), "web 1");
    assert_eq!(names(&with_hosts, "hosts"), "web 1");
    let without =
        TestInventory::new(&[("02-b", "[g]\nb\n"), ("01-a.yml", "g: {hosts: {a: }}"), ("more/c", "c"), ("x.txt", "x"), (".y", "y"), vars]);
    assert_eq!(names(&without, ""), "a 1, b 1, c 1");
    let (inventory, _) = with_hosts.load_with(&["hosts"], &[], &VaultPasswords::none()).unwrap();
    assert_eq!(inventory.directory, with_hosts.root);
}

#[test]
fn a_hosts_file_is_yaml_or_ini_by_its_look() {
    for (text, host) in [
        ("all:\n  hosts:\n    web:\n", "web"),
        ("# comment\n---\nall: {hosts: {web: }}\n", "web"),
        ("{\"all\": {\"hosts\": {\"web\": {}}}}", "web"),
        ("web:22 a=b\n", "web"),
        ("; comment\n[g]\nweb a=\"x: y\"\n", "web"),
        ("[2001:db8::1]:22\n", "2001:db8::1"),
        ("2001:db8::1\n", "2001:db8::1"),
    ] {
        let inventory = TestInventory::new(&[("inventory/hosts", text)]);
        let (inventory, warnings) = inventory.load(&[]).unwrap();
        assert_eq!(findings(&warnings), "", "{text}");
        assert_eq!(inventory.hosts().map(|host| host.name.as_str()).collect::<Vec<_>>(), [host], "{text}");
    }
}

#[test]
fn an_unknown_host_has_a_nearest_name() {
    let inventory = TestInventory::new(&[("inventory/hosts", "matrix.example.com\n")]);
    let (loaded, _) = inventory.load(&[]).unwrap();
    let error = loaded.host("matrix.exmaple.com").unwrap_err();
    assert_snapshot!(format!("{error}\n{}", error.hints.join("\n")), @r"
    the inventory has no host `matrix.exmaple.com`
    did you mean `matrix.example.com`?
    ");
    let error = loaded.select(Some("web*")).unwrap_err();
    assert_snapshot!(format!("{error}\n{}", error.hints.join("\n")), @r"
    `--limit web*` selects no host
    the inventory has `matrix.example.com`
    ");
    assert_eq!(loaded.host("matrix.example.com").unwrap().name, "matrix.example.com");
}

#[test]
fn secrets_of_vaults_are_secret_in_every_layer() {
    let password = crate::secret::Secret::new("swordfish".to_owned());
    let locked = |text: &str| vault::encrypt(&crate::secret::Secret::new(text.to_owned()), &password, None, &[7; 32]);
    let inline: String = locked("inner").lines().map(|line| format!("    {line}\n")).collect();
    let inventory = TestInventory::new(&[
        ("inventory/hosts", &locked("web line=1\n")),
        ("inventory/group_vars/all.yml", &format!("open: text\nkey: !vault |\n{inline}")),
        ("inventory/host_vars/web/vault.yml", &locked("whole: hunter2\nlist: [hunter3, 4, !unsafe hunter5]\n")),
    ]);
    let mut passwords = VaultPasswords::none();
    passwords.add(None, &password);
    let (loaded, _) = inventory.load_with(&["inventory/hosts"], &[], &passwords).unwrap();
    let shown: String = loaded
        .layers("web")
        .iter()
        .flat_map(|layer| &layer.variables)
        .map(|variable| format!("{} {:?}\n", variable.name, variable.value.value))
        .collect();
    assert!(!shown.contains("hunter") && !shown.contains("inner"), "{shown}");
    assert_eq!(
        values(&loaded, "web"),
        BTreeMap::from([
            ("key".to_owned(), json!("[secret]")),
            ("line".to_owned(), json!("[secret]")),
            ("list".to_owned(), json!(["[secret]", "[secret]", "[secret]"])),
            ("open".to_owned(), json!("text")),
            ("whole".to_owned(), json!("[secret]")),
        ])
    );

    let mut wrong = VaultPasswords::none();
    wrong.add(None, &crate::secret::Secret::new("guess".to_owned()));
    assert_snapshot!(inventory.told(inventory.load_with(&["inventory/hosts"], &[], &wrong)), @r"
    Invalid: the inventory has 2 errors; nothing was touched
    error[H0133] inventory/hosts: this is encrypted, and no given password opens it (tried: `default`)
      help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`
    error[H0133] inventory/group_vars/all.yml:2:6: this is encrypted, and no given password opens it (tried: `default`)
      help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`
    ");
    assert_snapshot!(inventory.told(inventory.load(&[])), @r"
    Invalid: the inventory has 1 error; nothing was touched
    error[H0132] inventory/hosts: this is encrypted, and no password for it was given
      help: give its password: `--vault-password-file FILE`, or `--ask-vault-pass`
    ");
}
