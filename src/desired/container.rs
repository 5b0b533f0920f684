//! A service's container settings -> the options of `docker create` or `docker run`, as they stand in
//! a unit, one a line.

use serde_json::{Value as Json, json};

use super::evaluate::Evaluator;
use super::trial::{self, Trial, TrialMount};
use crate::diagnostic::Diagnostic;
use crate::role;

/// A container, evaluated.
pub struct Container {
    /// Image with tag.
    pub image: String,
    /// TCP ports of the host that it listens on.
    pub ports: Vec<u16>,
    /// How it can be tried before; nothing for a template unit, which has no container of its own.
    pub trial: Option<Trial>,
    /// What the unit template gets as `service.container`.
    pub template_value: Json,
}

/// Evaluates a container's settings.
///
/// # Errors
/// An expression that fails or has the wrong type.
pub fn evaluate(name: &str, container: &role::Container, evaluator: &Evaluator<'_>) -> Result<Container, Diagnostic> {
    let mode = evaluator.optional_text(container.mode.as_ref())?.unwrap_or_else(|| "create".to_owned());
    if mode != "create" && mode != "run" {
        let finding = Diagnostic::error("H0313", format!("`{mode}` is no container mode")).help("`create` or `run`");
        return Err(evaluator.blame(finding, container.mode.as_ref().unwrap_or(&container.image)));
    }
    let mut options = vec!["--rm".to_owned()];
    // A template unit has several instances; Docker names their containers.
    if !name.ends_with('@') {
        options.push(format!("--name={name}"));
    }
    options.push("--log-driver=none".to_owned());
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            options.push(format!("--{name}={}", quoted(&value)));
        }
    };
    option("user", evaluator.optional_text(container.user.as_ref())?);
    if evaluator.truth_or(container.drop_capabilities.as_ref(), true)? {
        option("cap-drop", Some("ALL".to_owned()));
    }
    if evaluator.truth_or(container.read_only.as_ref(), true)? {
        options.push("--read-only".to_owned());
    }
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            options.push(format!("--{name}={}", quoted(&value)));
        }
    };
    option("entrypoint", evaluator.optional_text(container.entrypoint.as_ref())?);
    option("hostname", evaluator.optional_text(container.hostname.as_ref())?);
    option("network", evaluator.optional_text(container.network.as_ref())?);
    option("shm-size", evaluator.optional_text(container.shm_size.as_ref())?);
    option("health-interval", evaluator.optional_text(container.health_interval.as_ref())?);
    let published = evaluator.texts(container.publish.as_ref())?;
    for port in &published {
        option("publish", Some(port.clone()));
    }
    option("env-file", evaluator.optional_text(container.env_file.as_ref())?);
    option("label-file", evaluator.optional_text(container.label_file.as_ref())?);
    for tmpfs in &container.tmpfs {
        for evaluator in evaluator.repeated(&tmpfs.repeat)? {
            let target = evaluator.text(&tmpfs.target)?;
            let settings = evaluator.optional_text(tmpfs.options.as_ref())?;
            option("tmpfs", Some(settings.map_or_else(|| target.clone(), |settings| format!("{target}:{settings}"))));
        }
    }
    let mut mounts = Vec::new();
    for mount in &container.mounts {
        for evaluator in evaluator.repeated(&mount.repeat)? {
            let made = TrialMount {
                source: evaluator.text(&mount.source)?,
                target: evaluator.text(&mount.target)?,
                read_only: evaluator.truth_or(mount.read_only.as_ref(), false)?,
            };
            let mut text = format!("type=bind,src={},dst={}", made.source, made.target);
            if made.read_only {
                text.push_str(",ro");
            }
            if let Some(propagation) = evaluator.optional_text(mount.propagation.as_ref())? {
                text.push_str(",bind-propagation=");
                text.push_str(&propagation);
            }
            option("mount", Some(text));
            mounts.push(made);
        }
    }
    if let Some(mounts) = &container.additional_mounts {
        for mount in evaluator.list(mounts)? {
            option("mount", Some(additional_mount(&mount, mounts, evaluator)?));
        }
    }
    // Written by users as docker reads them, with their own quotes.
    options.extend(evaluator.texts(container.arguments.as_ref())?);
    let image = evaluator.text(&container.image)?;
    if image.is_empty() {
        return Err(evaluator.blame(Diagnostic::error("H0314", format!("the image of `{name}` is empty")), &container.image));
    }
    let (command, additional_networks) =
        (evaluator.texts(container.command.as_ref())?, evaluator.texts(container.additional_networks.as_ref())?);
    let mut networks: Vec<String> = evaluator.optional_text(container.network.as_ref())?.into_iter().collect();
    networks.extend(additional_networks.iter().cloned());
    let blamed = container.arguments.as_ref().unwrap_or(&container.image);
    let trial = (!name.ends_with('@')).then(|| {
        Ok::<_, Diagnostic>(Trial {
            image: image.clone(),
            options: words(&options, evaluator, blamed)?.into_iter().filter(|word| *word != format!("--name={name}")).collect(),
            command: words(&command, evaluator, container.command.as_ref().unwrap_or(blamed))?,
            networks,
            mounts,
            checks: trial::checks(&container.checks, &image, evaluator)?,
        })
    });
    let trial = trial.transpose()?;
    let template_value = json!({
        "mode": mode,
        "image": image,
        "options": options,
        "additional_networks": additional_networks,
        "command": command,
    });
    let ports = published.iter().filter_map(|port| host_port(port)).collect();
    Ok(Container { image, ports, trial, template_value })
}

/// The words of parts of a unit's command line.
fn words(parts: &[String], evaluator: &Evaluator<'_>, node: &crate::inventory::Node) -> Result<Vec<String>, Diagnostic> {
    let mut words = Vec::new();
    for part in parts {
        words.extend(trial::words(part).ok_or_else(|| {
            let finding = Diagnostic::error("H0329", format!("`{part}` is no option for Docker: a quote is not closed"));
            evaluator.blame(finding, node).help("systemd would not start the unit; close the quote, or write it as `\\\"`")
        })?);
    }
    Ok(words)
}

/// The host's TCP port of a `[address:]host:container[/protocol]` entry.
fn host_port(published: &str) -> Option<u16> {
    let (ports, protocol) = published.split_once('/').unwrap_or((published, "tcp"));
    let host = ports.rsplit(':').nth(1)?;
    (protocol == "tcp").then(|| host.parse().ok()).flatten()
}

fn additional_mount(mount: &Json, node: &crate::inventory::Node, evaluator: &Evaluator<'_>) -> Result<String, Diagnostic> {
    let field = |names: &[&str]| names.iter().find_map(|name| mount.get(*name)).and_then(Json::as_str);
    let (Some(source), Some(target)) = (field(&["src", "source"]), field(&["dst", "target", "destination"])) else {
        let finding = Diagnostic::error("H0315", "a mount needs `src` and `dst`");
        return Err(evaluator.blame(finding, node).help("give it both: `{src: /path/on/the/host, dst: /path/inside}`"));
    };
    let mut text = format!("type={},src={source},dst={target}", field(&["type"]).unwrap_or("bind"));
    if let Some(options) = field(&["options"]).filter(|options| !options.is_empty()) {
        text.push(',');
        text.push_str(options);
    }
    Ok(text)
}

/// A value as one word of a unit's command line (systemd.service(5), "Quoting"). `%` and `$` are left
/// to systemd, as template units need.
fn quoted(value: &str) -> String {
    let plain = |character: char| !character.is_whitespace() && !matches!(character, '"' | '\'' | '\\' | ';');
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::{host_port, quoted};

    #[test]
    fn the_port_of_the_host_is_the_one_before_the_containers() {
        assert_eq!(host_port("443:8443"), Some(443));
        assert_eq!(host_port("127.0.0.1:81:8080"), Some(81));
        assert_eq!(host_port("[::1]:82:8080/tcp"), Some(82));
        assert_eq!(host_port("443:8443/udp"), None);
        assert_eq!(host_port("8080"), None);
    }

    #[test]
    fn only_what_needs_quotes_gets_them() {
        assert_eq!(quoted("443:8443"), "443:8443");
        assert_eq!(quoted("/tmp:rw,size=1m"), "/tmp:rw,size=1m");
        assert_eq!(quoted("two words"), "\"two words\"");
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
