//! `role.yml` as text -> [`Manifest`].

use super::fields::{Fields, list, text};
use super::manifest::{
    Account, Container, Deed, Directory, FileContent, FileEntry, Format, Health, ImageEntry, Key, Manifest, Mount, Network, Operation,
    Probe, Repeat, Rule, RuleKind, Service, ShapeRule, Tmpfs,
};
use super::names::check_manifest;
use super::shape::{Shape, ShapeKind};
use super::{check, data, download, image_build, timer};
use crate::diagnostic::Diagnostic;
use crate::inventory::{Node, Value};

type Read<T> = Result<T, Diagnostic>;

/// Reads a whole manifest.
pub fn manifest(node: &Node) -> Read<Manifest> {
    let mut fields = Fields::of(node)?;
    check_manifest(node.get("renamed"), node.get("removed"))?;
    let manifest = Manifest {
        name: text(fields.required("name")?)?.to_owned(),
        description: text(fields.required("description")?)?.to_owned(),
        enabled: fields.required("enabled")?.clone(),
        requires: fields.texts("requires")?,
        tags: fields.texts("tags")?,
        renamed: texts(fields.optional("renamed"))?,
        ignored: texts(fields.optional("ignored"))?,
        removed: texts(fields.optional("removed"))?,
        rules: each(fields.list("validate")?, rule)?,
        shapes: each(fields.list("shapes")?, shape_rule)?,
        accounts: each(fields.list("accounts")?, account)?,
        directories: each(fields.list("directories")?, directory)?,
        keys: each(fields.list("keys")?, key)?,
        files: each(fields.list("files")?, file)?,
        downloads: each(fields.list("downloads")?, download::read)?,
        networks: each(fields.list("networks")?, network)?,
        images: each(fields.list("images")?, image)?,
        builds: each(fields.list("builds")?, image_build::read)?,
        databases: fields.optional("databases").cloned(),
        data: each(fields.list("data")?, data::read)?,
        services: each(fields.list("services")?, service)?,
        timers: each(fields.list("timers")?, timer::read)?,
        exclusive: fields.list("exclusive")?.to_vec(),
        operations: pairs(fields.optional("operations"))?.iter().map(|(name, node)| operation(name, node)).collect::<Read<_>>()?,
    };
    fields.finish()?;
    Ok(manifest)
}

fn each<T>(nodes: &[Node], read: impl Fn(&Node) -> Read<T>) -> Read<Vec<T>> {
    nodes.iter().map(read).collect()
}

/// A mapping of texts to texts; none where it is absent.
pub fn texts(node: Option<&Node>) -> Read<Vec<(String, String)>> {
    pairs(node)?.into_iter().map(|(name, value)| Ok((name, text(&value)?.to_owned()))).collect()
}

/// The entries of a mapping with their names; none where it is absent.
pub fn pairs(node: Option<&Node>) -> Read<Vec<(String, Node)>> {
    match node.map(|node| (&node.value, node)) {
        None | Some((Value::Null, _)) => Ok(Vec::new()),
        Some((Value::Map(entries), _)) => entries.iter().map(|(key, value)| Ok((text(key)?.to_owned(), value.clone()))).collect(),
        Some((_, node)) => Err(Diagnostic::error("H0301", format!("expected a mapping, found {}", node.kind())).at(&node.span)),
    }
}

pub(super) fn repeat(fields: &mut Fields<'_>) -> Repeat {
    Repeat { when: fields.optional("when").cloned(), each: fields.optional("each").cloned() }
}

fn rule(node: &Node) -> Read<Rule> {
    let mut fields = Fields::of(node)?;
    let kind = match fields.text("require")? {
        Some(variable) => RuleKind::Require { variable: variable.to_owned(), matches: fields.text("matches")?.map(str::to_owned) },
        None => RuleKind::Refuse {
            condition: fields.required("refuse")?.clone(),
            variables: match fields.optional("variable") {
                Some(node @ Node { value: Value::List(_), .. }) => {
                    list(node)?.iter().map(|item| text(item).map(str::to_owned)).collect::<Read<_>>()?
                }
                Some(node) => vec![text(node)?.to_owned()],
                None => Vec::new(),
            },
            message: fields.required("message")?.clone(),
        },
    };
    let rule = Rule { kind, when: fields.optional("when").cloned(), hint: fields.optional("hint").cloned(), span: node.span.clone() };
    fields.finish()?;
    Ok(rule)
}

fn shape_rule(node: &Node) -> Read<ShapeRule> {
    let mut fields = Fields::of(node)?;
    let rule = ShapeRule {
        file: text(fields.required("file")?)?.to_owned(),
        // The library reads the file; until then anything fits.
        shape: Shape { kind: ShapeKind::Any, nullable: true },
        program: text(fields.required("program")?)?.to_owned(),
        value: fields.required("value")?.clone(),
        prefix: text(fields.required("prefix")?)?.to_owned(),
        parts: texts(fields.optional("parts"))?,
        texts: fields.texts("texts")?,
        fragments: fields.text("fragments")?.map(str::to_owned),
        owned: fields.optional("owned").cloned(),
        span: node.span.clone(),
    };
    fields.finish()?;
    Ok(rule)
}

fn account(node: &Node) -> Read<Account> {
    let mut fields = Fields::of(node)?;
    let account = Account {
        user: fields.required("user")?.clone(),
        uid: fields.required("uid")?.clone(),
        group: fields.required("group")?.clone(),
        gid: fields.required("gid")?.clone(),
        home: fields.required("home")?.clone(),
        shell: fields.required("shell")?.clone(),
        system: fields.required("system")?.clone(),
        group_system: fields.optional("group_system").cloned(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(account)
}

fn directory(node: &Node) -> Read<Directory> {
    let mut fields = Fields::of(node)?;
    let directory = Directory {
        path: fields.required("path")?.clone(),
        mode: fields.required("mode")?.clone(),
        owner: fields.required("owner")?.clone(),
        group: fields.required("group")?.clone(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(directory)
}

fn key(node: &Node) -> Read<Key> {
    let mut fields = Fields::of(node)?;
    let key = Key {
        path: fields.required("path")?.clone(),
        mode: fields.required("mode")?.clone(),
        owner: fields.required("owner")?.clone(),
        group: fields.required("group")?.clone(),
        command: fields.required("command")?.clone(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(key)
}

fn format(node: &Node) -> Read<Format> {
    const FORMATS: [Format; 7] = [Format::Yaml, Format::Json, Format::Toml, Format::Env, Format::Labels, Format::Unit, Format::Text];
    let name = text(node)?;
    FORMATS.into_iter().find(|format| format.name() == name).ok_or_else(|| {
        Diagnostic::error("H0304", format!("unknown format `{name}`"))
            .at(&node.span)
            .help(format!("one of {}", FORMATS.map(Format::name).join(", ")))
    })
}

fn file(node: &Node) -> Read<FileEntry> {
    let mut fields = Fields::of(node)?;
    let values = pairs(fields.optional("values"))?;
    let sources = (fields.text("template")?, fields.optional("value"), fields.optional("content"));
    let content = match sources {
        (Some(template), None, None) => FileContent::Template(template.to_owned(), values),
        (None, Some(value), None) => FileContent::Value(value.clone()),
        (None, None, Some(content)) => FileContent::Text(content.clone()),
        _ => return Err(Diagnostic::error("H0305", "a file has exactly one of `template`, `value`, and `content`").at(&node.span)),
    };
    let file = FileEntry {
        content,
        path: fields.required("path")?.clone(),
        format: fields.optional("format").map_or(Ok(Format::Text), format)?,
        mode: fields.required("mode")?.clone(),
        owner: fields.required("owner")?.clone(),
        group: fields.required("group")?.clone(),
        secret: fields.flag("secret", false)?,
        restarts: fields.optional("restarts").cloned(),
        repeat: repeat(&mut fields),
        span: node.span.clone(),
    };
    fields.finish()?;
    Ok(file)
}

fn network(node: &Node) -> Read<Network> {
    let mut fields = Fields::of(node)?;
    let network = Network {
        name: fields.required("name")?.clone(),
        ipv6: fields.optional("ipv6").cloned(),
        driver_options: fields.optional("driver_options").cloned(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(network)
}

fn image(node: &Node) -> Read<ImageEntry> {
    let mut fields = Fields::of(node)?;
    let image = ImageEntry { name: fields.required("name")?.clone(), repeat: repeat(&mut fields) };
    fields.finish()?;
    Ok(image)
}

fn service(node: &Node) -> Read<Service> {
    let mut fields = Fields::of(node)?;
    let mut copied = |name| fields.optional(name).cloned();
    let (requires, after, wants, autostart) = (copied("requires"), copied("after"), copied("wants"), copied("autostart"));
    let (environment, stop_grace_seconds, start_delay_seconds) =
        (copied("environment"), copied("stop_grace_seconds"), copied("start_delay_seconds"));
    let (pre_start, reload, post_start, post_stop) = (copied("pre_start"), copied("reload"), copied("post_start"), copied("post_stop"));
    let (restart, kind, syslog_identifier) = (copied("restart"), copied("type"), copied("syslog_identifier"));
    let service = Service {
        name: fields.required("name")?.clone(),
        description: fields.required("description")?.clone(),
        groups: fields.texts("groups")?,
        priority: fields.required("priority")?.clone(),
        container: container(fields.required("container")?)?,
        health: fields.optional("health").map(health).transpose()?,
        repeat: repeat(&mut fields),
        requires,
        after,
        wants,
        autostart,
        environment,
        stop_grace_seconds,
        start_delay_seconds,
        reload,
        post_start,
        post_stop,
        pre_start,
        restart,
        kind,
        syslog_identifier,
    };
    fields.finish()?;
    Ok(service)
}

fn container(node: &Node) -> Read<Container> {
    let mut fields = Fields::of(node)?;
    let mut copied = |name| fields.optional(name).cloned();
    let (mode, user, read_only, drop_capabilities) = (copied("mode"), copied("user"), copied("read_only"), copied("drop_capabilities"));
    let (network, additional_networks, hostname) = (copied("network"), copied("additional_networks"), copied("hostname"));
    let (env_file, label_file, entrypoint) = (copied("env_file"), copied("label_file"), copied("entrypoint"));
    let (shm_size, health_interval, additional_mounts) = (copied("shm_size"), copied("health_interval"), copied("additional_mounts"));
    let (publish, arguments, command) = (copied("publish"), copied("arguments"), copied("command"));
    let container = Container {
        image: fields.required("image")?.clone(),
        mounts: each(fields.list("mounts")?, mount)?,
        tmpfs: each(fields.list("tmpfs")?, tmpfs)?,
        checks: each(fields.list("checks")?, check::read)?,
        mode,
        user,
        read_only,
        drop_capabilities,
        network,
        additional_networks,
        hostname,
        env_file,
        label_file,
        entrypoint,
        shm_size,
        health_interval,
        additional_mounts,
        publish,
        arguments,
        command,
    };
    fields.finish()?;
    Ok(container)
}

fn mount(node: &Node) -> Read<Mount> {
    let mut fields = Fields::of(node)?;
    let mount = Mount {
        source: fields.required("source")?.clone(),
        target: fields.required("target")?.clone(),
        read_only: fields.optional("read_only").cloned(),
        propagation: fields.optional("propagation").cloned(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(mount)
}

fn tmpfs(node: &Node) -> Read<Tmpfs> {
    let mut fields = Fields::of(node)?;
    let tmpfs =
        Tmpfs { target: fields.required("target")?.clone(), options: fields.optional("options").cloned(), repeat: repeat(&mut fields) };
    fields.finish()?;
    Ok(tmpfs)
}

fn health(node: &Node) -> Read<Health> {
    let mut fields = Fields::of(node)?;
    let timeout_seconds = fields.optional("timeout_seconds").cloned();
    let route = fields.optional("route").cloned();
    let probes = (fields.optional("http"), fields.optional("tcp"), fields.optional("running"));
    let probe = match probes {
        (Some(http), None, None) => {
            let mut inner = Fields::of(http)?;
            let probe = Probe::Http { port: inner.required("port")?.clone(), path: inner.required("path")?.clone() };
            inner.finish()?;
            probe
        }
        (None, Some(tcp), None) => {
            let mut inner = Fields::of(tcp)?;
            let probe = Probe::Tcp { port: inner.required("port")?.clone() };
            inner.finish()?;
            probe
        }
        (None, None, Some(running)) => {
            let mut inner = Fields::of(running)?;
            let probe = Probe::Running { seconds: inner.required("seconds")?.clone() };
            inner.finish()?;
            probe
        }
        _ => return Err(Diagnostic::error("H0305", "`health` has exactly one of `http`, `tcp`, and `running`").at(&node.span)),
    };
    fields.finish()?;
    Ok(Health { probe, timeout_seconds, route })
}

fn operation(name: &str, node: &Node) -> Read<Operation> {
    let mut fields = Fields::of(node)?;
    let refused = fields.text("refuse")?.map(str::to_owned);
    let hint = fields.text("hint")?.map(str::to_owned);
    let deed = match refused {
        Some(reason) => Deed::Refuse { reason, hint },
        None => Deed::Run(text(fields.required("run")?)?.to_owned()),
    };
    let operation = Operation {
        name: name.to_owned(),
        deed,
        tags: fields.texts("tags")?,
        values: pairs(fields.optional("values"))?,
        container: fields.optional("container").map(container).transpose()?,
    };
    fields.finish()?;
    Ok(operation)
}

/// A mapping of a whole file; nothing counts as an empty one.
pub fn top_level(node: &Node) -> Read<&[(Node, Node)]> {
    match &node.value {
        Value::Map(entries) => Ok(entries),
        Value::Null => Ok(&[]),
        _ => Err(Diagnostic::error("H0301", format!("expected a mapping, found {}", node.kind())).at(&node.span)),
    }
}
