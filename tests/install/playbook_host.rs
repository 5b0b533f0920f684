//! A disposable host as the playbook leaves one: the files and units that were measured
//! (`../shared/parity`), written in another layout than ours, and the containers running.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::common::Sandbox;
use crate::installed::Installed;

/// The numbers of the user `matrix` and its group on the machine that was measured, and here.
const NUMBERS: [(&str, &str); 2] = [("999:997", "991:991"), ("uid=999", "uid=991")];

/// What the case's `expected.json` and `resolved.json` hold, on a host without homestead's memory.
pub fn make(installed: &Installed, expected: &Value, resolved: &Value) {
    let sandbox = &installed.sandbox;
    let mut host = Script(String::from(
        "set -e\ngroupadd -r -g 991 matrix\nuseradd -r -u 991 -g 991 -d /matrix -M -s /usr/sbin/nologin matrix\n\
         umask 077\nput() { mkdir -p \"$(dirname \"$1\")\"; cat >\"$1\"; }\n",
    ));
    let text = NUMBERS.iter().fold(expected.to_string(), |text, (measured, here)| text.replace(measured, here));
    let expected: Value = serde_json::from_str(&text).unwrap();
    let paths = expected.as_object().unwrap();
    // Docker makes this one when nobody did.
    host.line("install -d -m 0700 -o 991 -g 991 /matrix /matrix/postgres/data");
    for (path, entry) in paths {
        match entry["type"].as_str().unwrap() {
            "directory" => host.line(&format!("mkdir -p '{path}'")),
            _ if entry["generated"] == Value::Bool(true) => {
                host.line(&format!("mkdir -p \"$(dirname '{path}')\"; {} >'{path}'", key(path)))
            }
            _ => host.file(path, &contents(path, &entry["meaning"])),
        }
    }
    for (path, entry) in paths {
        // The owner of the mail spool is a number in the container, which has another name on each host.
        let owner = |name: &str, number: &str| {
            if entry[name] == "messagebus" { number.to_owned() } else { entry[name].as_str().unwrap().to_owned() }
        };
        host.line(&format!(
            "chown {}:{} '{path}'; chmod {} '{path}'",
            owner("owner", "100"),
            owner("group", "101"),
            entry["mode"].as_str().unwrap()
        ));
    }
    let units: Vec<&Value> = paths.iter().filter(|(path, _)| path.ends_with(".service")).map(|(_, entry)| &entry["meaning"]).collect();
    for network in networks(&units) {
        host.line(&format!("docker network create --driver=bridge '{network}' >/dev/null"));
    }
    for image in images(&units) {
        let name = image.split_once('/').unwrap().1;
        // The sandbox's registry has no namespaces of Docker Hub's.
        let ours = name.strip_prefix("library/").unwrap_or(name);
        host.line(&format!("docker pull --quiet 127.0.0.1:5000/{ours} >/dev/null && docker tag 127.0.0.1:5000/{ours} '{image}'"));
    }
    host.line("systemctl daemon-reload");
    host.line("systemctl enable --now matrix-postgres.service 2>/dev/null");
    host.line("for n in $(seq 60); do docker exec matrix-postgres pg_isready -q -h 127.0.0.1 && break; sleep 0.5; done");
    for database in find(resolved, "postgres_managed_databases").as_array().unwrap() {
        let part = |name: &str| database[name].as_str().unwrap();
        host.line(&format!(
            "docker exec -i matrix-postgres psql -q -U matrix -h 127.0.0.1 -v ON_ERROR_STOP=1 <<'SQL'\n\
             CREATE ROLE {user} LOGIN PASSWORD '{password}';\n\
             CREATE DATABASE {name} OWNER {user} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;\nSQL",
            user = part("username"),
            password = part("password"),
            name = part("name"),
        ));
    }
    let services = paths.keys().filter_map(|path| path.strip_prefix("/etc/systemd/system/")).filter(|unit| !unit.contains('@'));
    host.line(&format!("systemctl enable --now {} 2>/dev/null", services.collect::<Vec<_>>().join(" ")));
    run(sandbox, &host.0);
}

struct Script(String);

impl Script {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn file(&mut self, path: &str, text: &str) {
        let _ = write!(self.0, "put '{path}' <<'END-OF-FILE'\n{text}\nEND-OF-FILE\n");
    }
}

#[track_caller]
fn run(sandbox: &Sandbox, script: &str) {
    let output = sandbox.exec("cat >/tmp/playbook.sh; sh /tmp/playbook.sh", script.as_bytes());
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// The value of a variable, whichever role it belongs to.
fn find<'a>(resolved: &'a Value, name: &str) -> &'a Value {
    resolved.as_object().unwrap().values().find_map(|role| role.get(name)).unwrap()
}

/// The command that makes a key on its standard output.
fn key(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap() {
        "rsa-2048.priv.pem" => "openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        "ecdsa-p256.priv.pem" => "openssl ecparam -genkey -name prime256v1 -noout",
        "ecdsa-p384.priv.pem" => "openssl ecparam -genkey -name secp384r1 -noout",
        "ecdsa-k256.priv.pem" => "openssl ecparam -genkey -name secp256k1 -noout",
        _ => "printf 'ed25519 a_play %s\\n' \"$(openssl rand -base64 32 | tr -d =)\"",
    }
}

/// A file that means what was measured. Scripts were measured by their path alone.
fn contents(path: &str, meaning: &Value) -> String {
    let name = path.rsplit('/').next().unwrap();
    if name == "entrypoint.sh" {
        return "#!/bin/sh\nexec sleep infinity".to_owned();
    }
    let Some(entries) = meaning.as_object() else { return "#!/bin/sh\necho a script of the playbook".to_owned() };
    if path.ends_with(".service") {
        unit(meaning)
    } else if path.ends_with(".toml") {
        toml::to_string(meaning).unwrap()
    } else if path.ends_with(".yaml") || path.ends_with(".yml") || path.ends_with(".config") {
        format!("# JSON is YAML in another layout.\n{}", serde_json::to_string_pretty(meaning).unwrap())
    } else if path.ends_with(".json") || path.contains("/.well-known/") {
        serde_json::to_string_pretty(meaning).unwrap()
    } else {
        let lines = entries.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
        format!("# A comment and empty lines.\n\n{}\n", lines.collect::<Vec<_>>().join("\n\n"))
    }
}

/// A unit in the playbook's manner: the clean-up before and after, tabs, `--mount type=...` in two words.
fn unit(meaning: &Value) -> String {
    let (mut head, mut service, mut install) = (String::new(), String::new(), String::new());
    let (mut create, mut options, mut networks, mut start, mut reload) = (None, Vec::new(), Vec::new(), None, Vec::new());
    for (key, value) in meaning.as_object().unwrap() {
        let (word, rest) = key.split_once(' ').unwrap_or((key, ""));
        match word {
            "After" | "Requires" | "Wants" => head.push_str(&format!("{word}={rest}\n")),
            "DefaultDependencies" => head.push_str(&format!("{word}={}\n", value[0].as_str().unwrap())),
            "WantedBy" => install.push_str(&format!("{word}={rest}\n")),
            "docker" => match rest.split_once(' ').unwrap() {
                ("network", _) => networks.push(format!("ExecStartPre=/usr/bin/env docker {rest}\n")),
                ("start", name) => start = Some(name.rsplit(' ').next().unwrap().to_owned()),
                ("exec", _) => reload.push("ExecReload=/usr/bin/env docker exec matrix-synapse /bin/sh -c 'kill -HUP 1'\n".to_owned()),
                (verb, "command" | "image") => create = Some(verb.to_owned()),
                (_, option) => options.push(option.replacen("--mount=", "--mount ", 1)),
            },
            _ => service.push_str(&format!("{word}={}\n", value[0].as_str().unwrap())),
        }
    }
    let verb = create.unwrap();
    let words = |name: &str| meaning[format!("docker {verb} {name}")].clone();
    let command: Vec<String> = words("command").as_array().unwrap().iter().map(|word| quoted(word.as_str().unwrap())).collect();
    let how = if verb == "run" { "ExecStart" } else { "ExecStartPre" };
    let container = format!(
        "{how}=/usr/bin/env docker {verb} \\\n{}\t\t\t{} {}\n",
        options.iter().rev().map(|option| format!("\t\t\t{option} \\\n")).collect::<String>(),
        words("image").as_str().unwrap(),
        command.join(" "),
    );
    let name = start.clone().or_else(|| options.iter().find_map(|option| option.strip_prefix("--name=").map(str::to_owned)));
    let clean = |directive: &str| {
        let line = |what: &str| {
            name.as_ref().map(|name| format!("{directive}=-/usr/bin/env sh -c '/usr/bin/env docker {what} {name} 2>/dev/null || true'\n"))
        };
        format!("{}{}", line("stop -t 3").unwrap_or_default(), line("rm").unwrap_or_default())
    };
    let attach = start.as_ref().map(|name| format!("ExecStart=/usr/bin/env docker start --attach {name}\n")).unwrap_or_default();
    format!(
        "#jinja2: lstrip_blocks: True\n[Unit]\nDescription=A service of the playbook\n{head}\n[Service]\n{service}Environment=\"HOME=/root\"\n{}{container}{}{attach}{}{}\n[Install]\n{install}",
        clean("ExecStartPre"),
        networks.concat(),
        reload.concat(),
        clean("ExecStop"),
    )
}

fn quoted(word: &str) -> String {
    if word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
}

fn options_of<'a>(units: &[&'a Value]) -> impl Iterator<Item = &'a str> {
    units.iter().flat_map(|unit| unit.as_object().unwrap().keys().map(String::as_str)).collect::<Vec<_>>().into_iter()
}

fn networks(units: &[&Value]) -> BTreeSet<String> {
    let main = options_of(units).filter_map(|key| key.strip_prefix("docker create --network="));
    let more = options_of(units).filter_map(|key| key.strip_prefix("docker network connect ")?.split(' ').next());
    main.chain(more).filter(|name| *name != "none").map(str::to_owned).collect()
}

fn images(units: &[&Value]) -> BTreeSet<String> {
    let image = |unit: &&Value| unit.get("docker create image").or_else(|| unit.get("docker run image"))?.as_str().map(str::to_owned);
    units.iter().filter_map(image).collect()
}
