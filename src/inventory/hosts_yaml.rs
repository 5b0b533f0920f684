//! Reads a hosts file of the YAML kind.

use super::hosts::Hosts;
use super::node::{Node, Value};
use super::{layers, ranges};
use crate::diagnostic::{Diagnostic, did_you_mean};

const SECTIONS: [&str; 3] = ["vars", "children", "hosts"];

/// Reads a file's top level into the hosts, and everything that is wrong with it into the findings.
pub fn read(node: Node, hosts: &mut Hosts, findings: &mut Vec<Diagnostic>) {
    let kind = node.kind();
    let Value::Map(groups) = node.value else {
        findings.push(
            Diagnostic::error("H0120", format!("a YAML hosts file must be a mapping of groups, not {kind}"))
                .at(&node.span)
                .help("begin with `all:` and put `hosts:` or `children:` below it"),
        );
        return;
    };
    if let Some((key, _)) = groups.iter().find(|(key, _)| key.as_text() == Some("plugin")) {
        findings.push(
            Diagnostic::error("H0113", "this is the configuration of an inventory plugin, which homestead cannot run")
                .at(&key.span)
                .help("write its result into a file: `ansible-inventory -i FILE --list --yaml --output hosts.yml`"),
        );
        return;
    }
    for (key, data) in groups {
        group(&key, data, None, hosts, findings);
    }
}

/// Reads a group, below its parent where it has one.
fn group(key: &Node, data: Node, parent: Option<&str>, hosts: &mut Hosts, findings: &mut Vec<Diagnostic>) {
    let Some(name) = key.as_text().filter(|name| !name.is_empty()) else {
        findings
            .push(Diagnostic::error("H0120", format!("a group's name must be text, not {}", key.kind())).at(&key.span).help("quote it"));
        return;
    };
    let data_kind = data.kind();
    let sections = match data.value {
        Value::Null => Vec::new(),
        Value::Map(sections) => sections,
        _ => {
            findings.push(
                Diagnostic::warning("H0123", format!("`{name}` is skipped, because a group must be a mapping, not {data_kind}"))
                    .at(&key.span)
                    .help("put `hosts:`, `children:` or `vars:` below it"),
            );
            return;
        }
    };
    hosts.add_group(name, &key.span, findings);
    if let Some(parent) = parent {
        hosts.add_child(parent, name, &key.span, findings);
    }
    for (section, content) in sections {
        let section_name = section.as_text().unwrap_or_default();
        if !SECTIONS.contains(&section_name) {
            let warning = Diagnostic::warning(
                "H0123",
                format!("`{section_name}` is skipped, because a group holds only `hosts`, `children` and `vars`"),
            )
            .at(&section.span);
            findings.push(match did_you_mean(section_name, SECTIONS) {
                Some(help) => warning.help(help),
                None => warning,
            });
            continue;
        }
        let content_kind = content.kind();
        let entries = match content.value {
            Value::Null => continue,
            Value::Map(entries) => entries,
            // `hosts: web` is short for a mapping with nothing in it.
            Value::Text(_) => vec![(Node::new(content.value, content.span.clone()), Node::new(Value::Null, content.span))],
            _ => {
                findings.push(
                    Diagnostic::error("H0120", format!("`{section_name}` of the group `{name}` must be a mapping, not {content_kind}"))
                        .at(&content.span)
                        .help(if section_name == "vars" {
                            "write `name: value`"
                        } else {
                            "write `name:` with a colon, and no `-` before it"
                        }),
                );
                continue;
            }
        };
        for (key, value) in entries {
            match section_name {
                "vars" => match key.as_text() {
                    Some(variable) => hosts.set_group_variable(name, variable, &key.span, value, findings),
                    None => not_text(&key, findings),
                },
                "children" => group(&key, value, Some(name), hosts, findings),
                _ => host(&key, value, name, hosts, findings),
            }
        }
    }
}

fn host(key: &Node, data: Node, group: &str, hosts: &mut Hosts, findings: &mut Vec<Diagnostic>) {
    let Some(pattern) = key.as_text().filter(|name| !name.is_empty()) else {
        findings.push(Diagnostic::error("H0120", format!("a host's name must be text, not {}", key.kind())).at(&key.span).help("quote it"));
        return;
    };
    let (names, port) = match ranges::expand(pattern).and_then(|expanded| hosts.with_room(expanded)) {
        Ok(expanded) => expanded,
        Err(error) => {
            findings.push(Diagnostic::error("H0119", error).at(&key.span));
            return;
        }
    };
    for name in &names {
        hosts.add_host(name, port, group, &key.span);
    }
    let kind = data.kind();
    match data.value {
        Value::Null => {}
        Value::Map(variables) => {
            for (key, value) in variables {
                let Some(variable) = key.as_text() else {
                    not_text(&key, findings);
                    continue;
                };
                layers::check_name(variable, &key.span, findings);
                for name in &names {
                    hosts.set_host_variable(name, variable, &key.span, value.clone());
                }
            }
        }
        _ => findings.push(
            Diagnostic::error("H0120", format!("the variables of the host `{pattern}` must be a mapping, not {kind}"))
                .at(&data.span)
                .help("write `name: value` below the host, or nothing"),
        ),
    }
}

fn not_text(key: &Node, findings: &mut Vec<Diagnostic>) {
    findings.push(
        Diagnostic::warning("H0127", format!("a variable's name must be text, not {}; this one is ignored", key.kind())).at(&key.span),
    );
}

#[cfg(test)]
mod tests;
