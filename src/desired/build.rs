//! The walk over all roles: every entry of every enabled manifest becomes a resource.

use serde_json::{Value as Json, json};

use super::evaluate::Evaluator;
use super::resource::{
    Account, Database, Desired, Directory, Download, Exclusive, File, Health, Image, ImageBuild, Key, Network, Probe, Service,
};
use super::template::Templates;
use super::{container, data, order, procedure, render, timer, validate};
use crate::diagnostic::{self, Diagnostic, Error, Result, Severity, Span};
use crate::inventory::{Mentions, Node};
use crate::role::{self, FileContent, Format, Library, Manifest};
use crate::secret::Secret;
use crate::vars::Variables;

/// What [`build`] needs beside the variables.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The host's inventory name.
    pub host: &'a str,
    /// All roles.
    pub library: &'a Library,
    /// Their templates.
    pub templates: &'a Templates,
    /// What the texts of the whole inventory mention.
    pub mentions: &'a Mentions,
    /// Whether other hosts share the variables of groups.
    pub many_hosts: bool,
}

/// Evaluates every enabled role.
///
/// Gives the desired state and the warnings.
///
/// # Errors
/// Everything that is wrong, together: failing rules, expressions, templates.
pub fn build(options: Options<'_>, variables: &Variables) -> Result<(Desired, Vec<Diagnostic>)> {
    let mut findings = Vec::new();
    let mut desired = Desired { host: options.host.to_owned(), ..Desired::default() };
    let evaluator = Evaluator::new(variables);
    let mut enabled = Vec::new();
    for role in &options.library.roles {
        match evaluator.truth(&role.manifest.enabled) {
            Ok(true) => enabled.push(role),
            Ok(false) => {}
            Err(problem) => findings.push(problem),
        }
    }
    let names: Vec<&str> = enabled.iter().map(|role| role.manifest.name.as_str()).collect();
    let mut rules = Vec::new();
    for role in &enabled {
        findings.extend(validate::requirements(&role.manifest, &names, options.library, variables));
        rules.extend(validate::rules(&role.manifest, &evaluator));
    }
    findings.extend(validate::broken(rules));
    let mut met = Vec::new();
    for role in &enabled {
        let walk = Walk { options, evaluator: &evaluator, manifest: &role.manifest };
        walk.add_to(&mut desired, &mut met);
    }
    data::keys(&mut desired);
    data::managed(&mut desired);
    desired.roles = names.into_iter().map(str::to_owned).collect();
    order::order(&mut desired, &mut met);
    let read = variables.asked_for().map(str::to_owned).collect();
    let Options { library, mentions, many_hosts, .. } = options;
    let review = validate::Review { library, variables, mentions, read: &read, enabled: &enabled, many_hosts };
    validate::review(&review, &mut findings);
    // What goes wrong in a role may come from a mistake that is reported already; what goes wrong in a user's own
    // expression is a mistake of its own.
    let broken = findings.iter().any(|finding| finding.severity == Severity::Error);
    findings.extend(met.into_iter().filter(|finding| !broken || is_users(finding, library)));
    let findings = once_each(diagnostic::in_order(findings));
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Error::invalid(findings));
    }
    Ok((desired, findings))
}

/// Leaves one finding where several expressions of roles fail for the same value of a user's, and none where that
/// value is wrong for a reason of its own.
fn once_each(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let follows = |finding: &Diagnostic| finding.code == "H0201" && !finding.notes.is_empty();
    let own: Vec<Option<Span>> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error && finding.span.is_some() && !follows(finding))
        .map(|finding| finding.span.clone())
        .collect();
    let mut said = Vec::new();
    let mut repeats = |finding: &Diagnostic| {
        let known = follows(finding) && (own.contains(&finding.span) || said.contains(&finding.span));
        said.push(finding.span.clone());
        known
    };
    findings.into_iter().filter(|finding| !repeats(finding)).collect()
}

/// Whether a user's own expression failed.
fn is_users(finding: &Diagnostic, library: &Library) -> bool {
    let about_expressions = matches!(finding.code, "H0201" | "H0202" | "H0203" | "H0204" | "H0207");
    about_expressions && finding.span.as_ref().is_some_and(|span| !library.holds(span))
}

/// One role's entries.
struct Walk<'a> {
    options: Options<'a>,
    evaluator: &'a Evaluator<'a>,
    manifest: &'a Manifest,
}

impl Walk<'_> {
    fn add_to(&self, desired: &mut Desired, findings: &mut Vec<Diagnostic>) {
        let manifest = self.manifest;
        let role = || manifest.name.clone();
        let evaluator = self.evaluator;
        collect(&mut desired.accounts, findings, &manifest.accounts, evaluator, |entry| &entry.repeat, account);
        collect(
            &mut desired.directories,
            findings,
            &manifest.directories,
            evaluator,
            |entry| &entry.repeat,
            |entry, evaluator| {
                Ok(Directory {
                    path: evaluator.path(&entry.path)?,
                    mode: evaluator.mode(&entry.mode)?,
                    owner: evaluator.text(&entry.owner)?,
                    group: evaluator.text(&entry.group)?,
                    role: role(),
                })
            },
        );
        collect(
            &mut desired.keys,
            findings,
            &manifest.keys,
            evaluator,
            |entry| &entry.repeat,
            |entry, evaluator| {
                Ok(Key {
                    path: evaluator.path(&entry.path)?,
                    mode: evaluator.mode(&entry.mode)?,
                    owner: evaluator.text(&entry.owner)?,
                    group: evaluator.text(&entry.group)?,
                    command: evaluator.text(&entry.command)?,
                    role: role(),
                })
            },
        );
        collect(&mut desired.networks, findings, &manifest.networks, evaluator, |entry| &entry.repeat, network);
        collect(
            &mut desired.images,
            findings,
            &manifest.images,
            evaluator,
            |entry| &entry.repeat,
            |entry, evaluator| Ok(Image { name: evaluator.text(&entry.name)?, services: Vec::new() }),
        );
        let first_service = desired.services.len();
        for service in &manifest.services {
            if let Err(problem) = self.service(service, desired) {
                findings.push(problem);
            }
        }
        collect(
            &mut desired.builds,
            findings,
            &manifest.builds,
            evaluator,
            |entry| &entry.repeat,
            |entry, evaluator| {
                Ok(ImageBuild {
                    name: evaluator.text(&entry.name)?,
                    base: evaluator.text(&entry.base)?,
                    dockerfile: evaluator.text(&entry.dockerfile)?,
                    no_cache: evaluator.truth_or(entry.no_cache.as_ref(), false)?,
                    always: evaluator.truth_or(entry.always.as_ref(), false)?,
                    services: Vec::new(),
                    role: role(),
                })
            },
        );
        let units: Vec<String> =
            desired.services[first_service..].iter().filter(|service| service.autostart).map(|service| service.unit.clone()).collect();
        collect(
            &mut desired.files,
            findings,
            &manifest.files,
            evaluator,
            |entry| &entry.repeat,
            |entry, evaluator| self.file(entry, evaluator, &units),
        );
        collect(
            &mut desired.downloads,
            findings,
            &manifest.downloads,
            evaluator,
            |entry| &entry.repeat,
            |entry, evaluator| {
                Ok(Download {
                    url: evaluator.text(&entry.url)?,
                    part: evaluator.optional_text(entry.part.as_ref())?,
                    sha256: evaluator.optional_text(entry.sha256.as_ref())?,
                    path: evaluator.path(&entry.path)?,
                    mode: evaluator.mode(&entry.mode)?,
                    owner: evaluator.text(&entry.owner)?,
                    group: evaluator.text(&entry.group)?,
                    restarts: restarts(entry.restarts.as_ref(), evaluator, &units)?,
                    role: role(),
                })
            },
        );
        for entry in &manifest.timers {
            match timer::evaluate(entry, evaluator, &manifest.name, &|path, values| self.template(path, values)) {
                Ok(timers) => {
                    for (service, files) in timers {
                        desired.services.push(service);
                        desired.files.extend(files);
                    }
                }
                Err(problem) => findings.push(problem),
            }
        }
        if let Some(node) = &manifest.databases {
            match self.databases(node) {
                Ok(databases) => desired.databases.extend(databases),
                Err(problem) => findings.push(problem),
            }
        }
        match data::evaluate(&manifest.data, evaluator) {
            Ok(data) => drop(desired.data.insert(role(), data)),
            Err(problem) => findings.push(problem),
        }
        for entry in &manifest.operations {
            match procedure::evaluate(entry, evaluator, &manifest.name) {
                Ok(operation) => desired.operations.extend(operation),
                Err(problem) => findings.push(problem),
            }
        }
        for node in &manifest.exclusive {
            match evaluator.path(node) {
                Ok(pattern) => desired.exclusive.push(Exclusive { pattern, role: role() }),
                Err(problem) => findings.push(problem),
            }
        }
    }

    fn file(&self, entry: &role::FileEntry, evaluator: &Evaluator<'_>, units: &[String]) -> Result<File, Diagnostic> {
        let contents = match &entry.content {
            FileContent::Text(node) => evaluator.text(node)?,
            FileContent::Value(node) => render::value(entry.format, evaluator.json(node)?, &entry.span)?,
            FileContent::Template(name, values) => {
                let values =
                    values.iter().map(|(name, node)| Ok((name.clone(), evaluator.json(node)?))).collect::<Result<Vec<_>, Diagnostic>>()?;
                self.template(&format!("{}/{name}", self.manifest.name), &values)?
            }
        };
        let restarts = restarts(entry.restarts.as_ref(), evaluator, units)?;
        Ok(File {
            path: evaluator.path(&entry.path)?,
            contents: Secret::new(contents),
            format: entry.format,
            mode: evaluator.mode(&entry.mode)?,
            owner: evaluator.text(&entry.owner)?,
            group: evaluator.text(&entry.group)?,
            secret: entry.secret,
            restarts,
            role: self.manifest.name.clone(),
        })
    }

    fn template(&self, path: &str, values: &[(String, Json)]) -> Result<String, Diagnostic> {
        let variables = self.evaluator.variables();
        self.options
            .templates
            .render(path, values, &|name| variables.definition(name).map(|_| variables.get(name).map(|evaluated| evaluated.value)))
    }

    fn databases(&self, node: &Node) -> Result<Vec<Database>, Diagnostic> {
        let text = |entry: &Json, name: &str| entry.get(name).and_then(Json::as_str).map(str::to_owned);
        let wrong = || self.evaluator.blame(Diagnostic::error("H0316", "a database has `name`, `username`, and `password`"), node);
        let entries = self.evaluator.list(node)?;
        entries
            .iter()
            .map(|entry| {
                let additional = entry.get("additional_databases").and_then(Json::as_array).cloned().unwrap_or_default();
                Ok(Database {
                    name: text(entry, "name").ok_or_else(wrong)?,
                    username: text(entry, "username").ok_or_else(wrong)?,
                    password: Secret::new(text(entry, "password").ok_or_else(wrong)?),
                    additional: additional.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
                })
            })
            .collect()
    }

    fn service(&self, service: &role::Service, desired: &mut Desired) -> Result<(), Diagnostic> {
        for evaluator in self.evaluator.repeated(&service.repeat)? {
            let name = evaluator.text(&service.name)?;
            let container = container::evaluate(&name, &service.container, &evaluator)?;
            let requires = evaluator.texts(service.requires.as_ref())?;
            let autostart = evaluator.truth_or(service.autostart.as_ref(), true)?;
            let description = evaluator.text(&service.description)?;
            let number = |node: &Option<Node>| node.as_ref().map(|node| evaluator.number(node)).transpose();
            let environment: serde_json::Map<String, Json> =
                evaluator.mapping(service.environment.as_ref())?.into_iter().map(|(key, value)| (key, Json::String(value))).collect();
            let value = json!({
                "name": name,
                "description": description,
                "requires": requires,
                "after": evaluator.texts(service.after.as_ref())?,
                "wants": evaluator.texts(service.wants.as_ref())?,
                "autostart": autostart,
                "environment": environment,
                "stop_grace_seconds": number(&service.stop_grace_seconds)?,
                "start_delay_seconds": number(&service.start_delay_seconds)?,
                "reload": evaluator.texts(service.reload.as_ref())?,
                "post_start": evaluator.texts(service.post_start.as_ref())?,
                "post_stop": evaluator.texts(service.post_stop.as_ref())?,
                "pre_start": evaluator.texts(service.pre_start.as_ref())?,
                "restart": evaluator.optional_text(service.restart.as_ref())?,
                "type": evaluator.optional_text(service.kind.as_ref())?,
                "syslog_identifier": evaluator.optional_text(service.syslog_identifier.as_ref())?.unwrap_or_else(|| name.clone()),
                "container": container.template_value,
            });
            let command = |name: &str, otherwise: &str| {
                let variables = self.evaluator.variables();
                variables
                    .definition(name)
                    .map_or_else(|| Ok(Json::String(otherwise.to_owned())), |_| variables.get(name).map(|evaluated| evaluated.value))
            };
            let values = [
                ("service".to_owned(), value),
                ("docker".to_owned(), command("devture_systemd_docker_base_host_command_docker", "/usr/bin/env docker")?),
                ("sh".to_owned(), command("devture_systemd_docker_base_host_command_sh", "/usr/bin/env sh")?),
            ];
            let unit = unit_name(name.clone());
            desired.files.push(File {
                path: format!("/etc/systemd/system/{unit}"),
                contents: Secret::new(self.template("systemd/container.service.tera", &values)?),
                format: Format::Unit,
                mode: "0644".to_owned(),
                owner: "root".to_owned(),
                group: "root".to_owned(),
                secret: false,
                restarts: if autostart { vec![unit.clone()] } else { Vec::new() },
                role: self.manifest.name.clone(),
            });
            desired.services.push(Service {
                unit,
                container: name,
                description,
                groups: service.groups.clone(),
                priority: evaluator.number(&service.priority)?,
                autostart,
                at_boot: autostart && timer::starts_at_boot(&evaluator)?,
                requires,
                health: service.health.as_ref().map(|entry| health(entry, &evaluator)).transpose()?,
                image: container.image,
                ports: container.ports,
                trial: container.trial,
                role: self.manifest.name.clone(),
            });
        }
        Ok(())
    }
}

/// The units that an entry restarts: those that it names, else those of its role.
fn restarts(node: Option<&Node>, evaluator: &Evaluator<'_>, units: &[String]) -> Result<Vec<String>, Diagnostic> {
    match node {
        None => Ok(units.to_vec()),
        Some(node) => Ok(evaluator.texts(Some(node))?.into_iter().map(unit_name).collect()),
    }
}

/// Evaluates entries of one kind; what fails is reported and the rest goes on.
fn collect<E, R>(
    resources: &mut Vec<R>,
    findings: &mut Vec<Diagnostic>,
    entries: &[E],
    evaluator: &Evaluator<'_>,
    repeat: impl Fn(&E) -> &role::Repeat,
    make: impl Fn(&E, &Evaluator<'_>) -> Result<R, Diagnostic>,
) {
    for entry in entries {
        let made = evaluator
            .repeated(repeat(entry))
            .and_then(|evaluators| evaluators.iter().map(|evaluator| make(entry, evaluator)).collect::<Result<Vec<R>, _>>());
        match made {
            Ok(made) => resources.extend(made),
            Err(problem) => findings.push(problem),
        }
    }
}

fn account(entry: &role::Account, evaluator: &Evaluator<'_>) -> Result<Account, Diagnostic> {
    let system = evaluator.truth(&entry.system)?;
    Ok(Account {
        user: evaluator.text(&entry.user)?,
        uid: evaluator.number_as(&entry.uid)?,
        group: evaluator.text(&entry.group)?,
        gid: evaluator.number_as(&entry.gid)?,
        home: evaluator.path(&entry.home)?,
        shell: evaluator.text(&entry.shell)?,
        system,
        group_system: evaluator.truth_or(entry.group_system.as_ref(), system)?,
    })
}

fn network(entry: &role::Network, evaluator: &Evaluator<'_>) -> Result<Network, Diagnostic> {
    Ok(Network {
        name: evaluator.text(&entry.name)?,
        ipv6: evaluator.truth_or(entry.ipv6.as_ref(), false)?,
        driver_options: evaluator.mapping(entry.driver_options.as_ref())?,
    })
}

fn health(entry: &role::Health, evaluator: &Evaluator<'_>) -> Result<Health, Diagnostic> {
    let probe = match &entry.probe {
        role::Probe::Http { port, path } => Probe::Http { port: evaluator.number_as(port)?, path: evaluator.text(path)? },
        role::Probe::Tcp { port } => Probe::Tcp { port: evaluator.number_as(port)? },
        role::Probe::Running { seconds } => Probe::Running { seconds: evaluator.number_as(seconds)? },
    };
    let timeout_seconds = entry.timeout_seconds.as_ref().map_or(Ok(90), |node| evaluator.number_as(node))?;
    Ok(Health { probe, timeout_seconds, route: evaluator.optional_text(entry.route.as_ref())? })
}

/// A unit's full name; a plain name is a service.
fn unit_name(name: String) -> String {
    let full = [".service", ".timer", ".socket", ".target", ".path"].iter().any(|ending| name.ends_with(ending));
    if full { name } else { format!("{name}.service") }
}
