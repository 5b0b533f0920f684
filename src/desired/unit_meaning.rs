//! What a systemd unit means: what it starts, not how its file is laid out.
//!
//! A `docker create` or `docker run` means its options as a set, its image and its command; networks are joined
//! in any order. Clean-up before a start and after a stop means nothing: whatever removes a left-over container
//! does the same thing. A description means nothing either.

use serde_json::{Map, Value as Json, json};

use crate::inventory::shell_words;

/// Options of `docker create` and `docker run` that take no value (docker-container-create(1)).
const FLAGS: &[&str] = &["--rm", "--read-only", "--init", "--privileged", "--tty", "-t", "--interactive", "-i", "--detach", "-d"];

/// Short options and synonyms, and what they are called here.
const SYNONYMS: &[(&str, &str)] = &[
    ("-p", "--publish"),
    ("-e", "--env"),
    ("-v", "--volume"),
    ("-u", "--user"),
    ("-l", "--label"),
    ("-h", "--hostname"),
    ("-m", "--memory"),
    ("--net", "--network"),
];

/// Parts of a `--mount` and what they are called here.
const MOUNT_PARTS: &[(&str, &str)] = &[("source", "src"), ("target", "dst"), ("destination", "dst"), ("readonly", "ro")];

/// What may stand before a command (systemd.service(5)); `-` ignores its failure.
const PREFIXES: [char; 5] = ['-', '@', '+', '!', ':'];

/// Directives whose values are names without an order (systemd.unit(5)).
const SETS: &[&str] =
    &["Requires", "Requisite", "Wants", "BindsTo", "PartOf", "Upholds", "Conflicts", "Before", "After", "WantedBy", "RequiredBy"];

/// Directives of `[Service]` that a running service never reads again: they count from the next
/// `daemon-reload`, or when it stops (systemd.service(5), systemd.kill(5)).
const READ_LATER: &[&str] =
    &["Restart", "RestartSec", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost", "ExecCondition", "KillMode"];

/// Section -> directive -> its values in their order, commands and sets of names in a form that does not
/// depend on how they are written (systemd.syntax(7)).
pub fn of(text: &str) -> Json {
    let mut sections: Map<String, Json> = Map::new();
    for (section, key, value) in directives(text) {
        let Some(value) = canonical(&key, &value) else { continue };
        let section = sections.entry(section).or_insert_with(|| json!({}));
        let Some(section) = section.as_object_mut() else { continue };
        let values = section.entry(key.clone()).or_insert_with(|| json!([]));
        let Some(values) = values.as_array_mut() else { continue };
        match value {
            Json::Array(names) if SETS.contains(&key.as_str()) => {
                values.extend(names);
                values.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
                values.dedup();
            }
            value => values.push(value),
        }
        let joins_network = |value: &Json| value["docker"] == "network";
        for run in values.chunk_by_mut(|left, right| joins_network(left) && joins_network(right)) {
            run.sort_by_key(Json::to_string);
        }
    }
    Json::Object(sections)
}

/// The part of a unit's meaning that a running unit keeps until it restarts. Dependencies and what happens at
/// the end take effect with a `daemon-reload`; preparations that may fail, at the next start.
pub fn running(mut meaning: Json) -> Json {
    if let Some(sections) = meaning.as_object_mut() {
        sections.remove("Unit");
        sections.remove("Install");
        if let Some(service) = sections.get_mut("Service").and_then(Json::as_object_mut) {
            let may_fail = |command: &Json| command.as_str().is_some_and(|text| text.starts_with('-'));
            if let Some(commands) = service.get_mut("ExecStartPre").and_then(Json::as_array_mut) {
                commands.retain(|command| !may_fail(command));
            }
            let nothing = |value: &Json| value.as_array().is_some_and(Vec::is_empty);
            service.retain(|key, value| !READ_LATER.contains(&key.as_str()) && !key.starts_with("Timeout") && !nothing(value));
        }
    }
    meaning
}

/// Section, directive and value of each line, continuations joined, white space of one kind.
fn directives(text: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut pending = String::new();
    for raw in text.lines() {
        let line = raw.trim_end();
        if line.trim_start().starts_with(['#', ';']) || (pending.is_empty() && line.trim().is_empty()) {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            pending.push_str(part);
            pending.push(' ');
            continue;
        }
        pending.push_str(line);
        let whole = std::mem::take(&mut pending);
        let whole = whole.trim();
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let (key, value) = whole.split_once('=').unwrap_or((whole, ""));
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        found.push((section.clone(), key.trim().to_owned(), value));
    }
    found
}

/// One value without what is only a way of writing it; none where it changes nothing.
fn canonical(key: &str, value: &str) -> Option<Json> {
    if SETS.contains(&key) {
        return Some(value.split_whitespace().map(Json::from).collect());
    }
    if key == "Description" || (key.starts_with("Exec") && is_clean_up(value)) {
        return None;
    }
    if !key.starts_with("Exec") {
        return Some(Json::from(value));
    }
    Some(docker_command(value).unwrap_or_else(|| Json::from(value)))
}

/// Whether all that a command does is to end and remove containers, whatever comes of it.
fn is_clean_up(command: &str) -> bool {
    let plain = command.trim_start_matches(PREFIXES);
    let mut words = plain.split([' ', ';', '\'', '"', '(', ')', '|', '&']).filter(|word| !word.is_empty()).peekable();
    let mut verbs = Vec::new();
    while let Some(word) = words.next() {
        if word.rsplit('/').next() == Some("docker") {
            verbs.push(match words.next() {
                Some("container") => words.next(),
                verb => verb,
            });
        }
    }
    let ends = |verb: Option<&str>| matches!(verb, Some("stop" | "kill" | "rm" | "wait" | "inspect"));
    command.starts_with('-') && verbs.iter().any(|verb| matches!(verb, Some("stop" | "kill" | "rm"))) && verbs.iter().copied().all(ends)
}

/// `docker VERB ...` as its parts; none for other commands and what cannot be split. A `#` begins a comment
/// for a shell and not for systemd, so a command with one is left as it is written.
fn docker_command(command: &str) -> Option<Json> {
    if command.contains('#') {
        return None;
    }
    let ignores_failure = command.starts_with('-');
    let words = shell_words::split(command.trim_start_matches(PREFIXES)).ok()?;
    let mut words = words.into_iter().map(|word| word.text).peekable();
    if words.peek().is_some_and(|word| word == "/usr/bin/env") {
        words.next();
    }
    if words.next()?.rsplit('/').next() != Some("docker") {
        return None;
    }
    let verb = words.next()?;
    if !matches!(verb.as_str(), "create" | "run") {
        let rest: Vec<String> = words.collect();
        return Some(json!({"docker": verb, "arguments": rest, "ignores_failure": ignores_failure}));
    }
    let mut options = Vec::new();
    while let Some(word) = words.next_if(|word| word.starts_with('-')) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None if FLAGS.contains(&word.as_str()) => (word, String::new()),
            None => (word, words.next()?),
        };
        options.push(option(&name, &value));
    }
    options.sort();
    options.dedup();
    let image = words.next()?;
    let rest: Vec<String> = words.collect();
    Some(json!({"docker": verb, "options": options, "image": image, "command": rest, "ignores_failure": ignores_failure}))
}

/// One option, by its long name; the parts of a mount have no order.
fn option(name: &str, value: &str) -> String {
    let long = |table: &[(&str, &'static str)], name: &str| table.iter().find(|(short, _)| *short == name).map(|(_, long)| *long);
    let name = long(SYNONYMS, name).unwrap_or(name);
    if name != "--mount" {
        return if value.is_empty() { name.to_owned() } else { format!("{name}={value}") };
    }
    let mut parts: Vec<String> = value
        .split(',')
        .map(|part| match part.split_once('=') {
            Some((key, value)) => format!("{}={value}", long(MOUNT_PARTS, key).unwrap_or(key)),
            None => long(MOUNT_PARTS, part).unwrap_or(part).to_owned(),
        })
        .collect();
    parts.sort();
    format!("{name}={}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: &str, right: &str) -> bool {
        of(&format!("[Service]\n{left}")) == of(&format!("[Service]\n{right}"))
    }

    fn runs_on(left: &str, right: &str) -> bool {
        running(of(left)) == running(of(right))
    }

    #[test]
    fn a_container_is_what_it_is_created_with() {
        assert!(same(
            "ExecStartPre=/usr/bin/env docker create --rm --name x -p 1:2 --mount type=bind,src=/a,dst=/b,ro img run -c d",
            "ExecStartPre=/usr/bin/docker create \\\n  --mount=readonly,type=bind,target=/b,source=/a \\\n --publish=1:2 --name=x --rm img run -c d",
        ));
        assert!(!same("ExecStartPre=docker create --rm img a b", "ExecStartPre=docker create --rm img b a"));
        assert!(!same("ExecStartPre=docker create --rm img", "ExecStartPre=docker create img"));
        assert!(!same("ExecStartPre=docker create img:1", "ExecStartPre=docker create img:2"));
        assert!(!same("ExecStartPre=docker network connect a x", "ExecStartPre=docker network connect b x"));
        assert!(!same("ExecStartPre=-docker network connect a x", "ExecStartPre=docker network connect a x"));
    }

    #[test]
    fn clean_up_means_nothing_and_nothing_else_is_clean_up() {
        assert!(same("ExecStartPre=-/usr/bin/env sh -c '/usr/bin/env docker stop -t 10 x 2>/dev/null || true'\nType=a", "Type=a"));
        assert!(same("ExecStop=-docker rm x\nType=a", "Type=a"));
        assert!(same("ExecStartPre=-sh -c 'docker stop x; docker rm x; docker container inspect x || exit 0'\nType=a", "Type=a"));
        assert!(!same("ExecStartPre=-sh -c 'docker stop x; docker pull y'\nType=a", "Type=a"));
        assert!(!same("ExecStartPre=docker rm x\nType=a", "Type=a"));
        assert!(!same("ExecStartPre=-docker inspect x\nType=a", "Type=a"));
        assert!(!same("ExecStartPre=-/bin/fsck\nType=a", "Type=a"));
    }

    #[test]
    fn names_have_no_order() {
        assert_eq!(of("[Unit]\nAfter=b\nAfter=a c\n"), of("[Unit]\nAfter=a b c a"));
        assert_ne!(of("[Unit]\nAfter=b\n"), of("[Unit]\nWants=b\n"));
        let joins = |first: &str, second: &str| {
            format!("ExecStartPre=docker network connect {first} x\nExecStartPre=docker network connect {second} x")
        };
        assert!(same(&joins("a", "b"), &joins("b", "a")));
        assert!(!same(&joins("a", "b"), &joins("b", "c")));
    }

    #[test]
    fn what_a_running_unit_never_reads_restarts_nothing() {
        let unit = "[Unit]\nDescription=a\n[Service]\nExecStart=docker start --attach x\n";
        assert!(runs_on(
            unit,
            "[Unit]\nDescription=b\nRequires=y\n[Service]\nExecStart=docker start --attach x\nTimeoutStopSec=9\nRestart=no\n"
        ));
        assert!(!runs_on(unit, "[Unit]\nDescription=a\n[Service]\nExecStart=docker start --attach y\n"));
        assert!(!runs_on(unit, "[Service]\nExecStart=docker start --attach x\nEnvironment=A=b\n"));
        assert!(runs_on(unit, "[Service]\nExecStartPre=-rm -f /y\nExecStart=docker start --attach x\n"));
        assert!(!runs_on(unit, "[Service]\nExecStartPre=rm -f /y\nExecStart=docker start --attach x\n"));
    }
}
