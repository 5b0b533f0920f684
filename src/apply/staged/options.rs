//! The options of a container -> scripts that try it, in the words of `host/scripts/trial_library.sh`.

use crate::desired::{Check, Trial};
use crate::host::shell::quote as word;

/// Options of `docker create` that take no value of their own.
const FLAGS: [&str; 12] = [
    "--rm",
    "--init",
    "--read-only",
    "--privileged",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--publish-all",
    "-P",
    "--tty",
    "-t",
    "--interactive",
    "-i",
];

/// An option with its value, and the words that it came from.
struct Given<'a> {
    name: &'a str,
    value: Option<&'a str>,
    words: &'a [String],
}

/// Takes words apart as docker(1) does.
fn given(options: &[String]) -> Vec<Given<'_>> {
    let mut given = Vec::new();
    let mut at = 0;
    while let Some(first) = options.get(at) {
        let next = options.get(at + 1).filter(|next| !next.starts_with('-'));
        let (name, value, taken) = match (first.split_once('='), next) {
            (Some((name, value)), _) if name.starts_with("--") => (name, Some(value), 1),
            _ if FLAGS.contains(&first.as_str()) => (first.as_str(), None, 1),
            (_, Some(next)) => (first.as_str(), Some(next.as_str()), 2),
            _ => (first.as_str(), None, 1),
        };
        given.push(Given { name, value, words: &options[at..at + taken] });
        at += taken;
    }
    given
}

/// What a mount says, as `--mount` or `--volume` spell it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mount<'a> {
    kind: &'a str,
    source: &'a str,
    target: &'a str,
}

impl<'a> Mount<'a> {
    fn read(text: &'a str) -> Self {
        let mut mount = Self { kind: "volume", ..Self::default() };
        for (name, value) in text.split(',').filter_map(|field| field.split_once('=')) {
            match name {
                "type" => mount.kind = value,
                "src" | "source" => mount.source = value,
                "dst" | "target" | "destination" => mount.target = value,
                _ => {}
            }
        }
        mount
    }

    fn read_volume(text: &'a str) -> Option<Self> {
        let (source, rest) = text.split_once(':')?;
        let target = rest.split(':').next()?;
        Some(Self { kind: if source.starts_with('/') { "bind" } else { "volume" }, source, target })
    }
}

/// The files that Docker itself reads to make the container.
pub fn files(trial: &Trial) -> Vec<&str> {
    let reads = |name: &str| matches!(name, "--env-file" | "--label-file");
    given(&trial.options).into_iter().filter(|option| reads(option.name)).filter_map(|option| option.value).collect()
}

/// Makes the container and removes it. `networks` must be there.
pub fn create(trial: &Trial, networks: &[&str]) -> String {
    let mut script = String::new();
    for network in networks.iter().filter(|name| !matches!(**name, "host" | "none" | "bridge" | "default") && !name.contains(':')) {
        script.push_str(&format!("joins {}\n", word(network)));
    }
    let mut words = vec!["create".to_owned()];
    for option in given(&trial.options) {
        match (option.name, option.value) {
            ("--name", _) => {}
            ("--env-file" | "--label-file", Some(path)) => words.push(format!("{}={}", option.name, at(path))),
            ("--mount", Some(text)) if Mount::read(text).kind == "bind" => {
                let fields: Vec<String> = text
                    .split(',')
                    .map(|field| match field.split_once('=') {
                        Some(("src" | "source", path)) => format!("src={}", at(path)),
                        _ => word(field),
                    })
                    .collect();
                words.push(format!("--mount={}", fields.join(",")));
            }
            _ => words.extend(option.words.iter().map(|part| word(part))),
        }
    }
    words.push(word(&trial.image));
    words.extend(trial.command.iter().map(|part| word(part)));
    script + &words.join(" ") + "\n"
}

/// Runs a check: the container's user, environment and files, and nothing that it could harm. What the service only
/// reads is as it will be, what it writes is an empty folder; a check that needs the network finds that as it is.
pub fn check(trial: &Trial, check: &Check) -> String {
    let further = trial.networks.get(1..).filter(|further| check.network && !further.is_empty());
    let mut words = vec![further.map_or_else(|| "check".to_owned(), |further| format!("check_in {}", word(&further.join(" "))))];
    let mut temporary = false;
    for option in given(&trial.options) {
        match (option.name, option.value) {
            ("--user" | "-u" | "--env" | "-e" | "--shm-size" | "--group-add", Some(value)) => {
                words.push(format!("{} {}", option.name, word(value)));
            }
            ("--tmpfs", Some(value)) => {
                temporary |= value == "/tmp" || value.starts_with("/tmp:");
                words.push(format!("--tmpfs={}", word(value)));
            }
            ("--add-host", Some(value)) if check.network => words.push(format!("--add-host={}", word(value))),
            ("--env-file", Some(path)) => words.push(format!("--env-file={}", at(path))),
            ("--mount", Some(text)) => words.extend(mounted(trial, check, &Mount::read(text), text)),
            ("--volume" | "-v", Some(text)) => {
                words.extend(Mount::read_volume(text).and_then(|mount| mounted(trial, check, &mount, text)));
            }
            _ => {}
        }
    }
    if !temporary {
        words.push("--tmpfs=/tmp".to_owned());
    }
    words.push(match trial.networks.first().filter(|_| check.network) {
        Some(network) => format!("--network=\"$(network {})\"", word(network)),
        None if check.network => "--network=bridge".to_owned(),
        None => "--network=none".to_owned(),
    });
    words.extend(check.program.iter().map(|program| format!("--entrypoint={}", word(program))));
    words.push(word(&check.image));
    words.extend(check.command.iter().map(|part| word(part)));
    words.join(" ") + "\n"
}

fn mounted(trial: &Trial, check: &Check, mount: &Mount<'_>, text: &str) -> Option<String> {
    let target = word(mount.target);
    let ours = trial.mounts.iter().find(|own| own.source == mount.source && own.target == mount.target);
    match mount.kind {
        "bind" if ours.is_some_and(|own| !own.read_only) && !check.network => {
            Some(format!("--mount=type=bind,src=\"$(data {})\",dst={target}", word(mount.source)))
        }
        "bind" => Some(format!("--mount=type=bind,src={},dst={target},readonly", at(mount.source))),
        "volume" if !mount.source.is_empty() => Some(format!("--mount=type=volume,src={},dst={target},readonly", word(mount.source))),
        "tmpfs" => Some(format!("--mount={}", word(text))),
        _ => None,
    }
}

/// Asks the managed Postgres something, for a minute: one that recovers takes its time.
pub fn postgres(container: &str) -> String {
    let ask = "PGPASSWORD=$POSTGRES_PASSWORD psql --no-psqlrc --quiet -h \"${PGHOST:-/run/postgresql}\" -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c \"SELECT 1\" >/dev/null";
    format!(
        "tries=0\nuntil answer=$(docker exec {} sh -c {} 2>&1); do\n    tries=$((tries + 1))\n    [ \"$tries\" -lt 60 ] || {{ echo \"$answer\"; exit 1; }}\n    sleep 1\ndone\n",
        word(container),
        word(ask)
    )
}

/// Where what will be at a path is now.
fn at(path: &str) -> String {
    format!("\"$(at {})\"", word(path))
}
