//! Reads a hosts file of the INI kind.

use std::sync::Arc;

use super::hosts::{Hosts, UNGROUPED};
use super::node::Node;
use super::{python_literal, ranges, shell_words};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::secret::sounds_secret;

/// What the lines of a section are.
#[derive(Clone, Copy, PartialEq)]
enum Section {
    Hosts,
    Children,
    Vars,
    /// Its header is wrong, and its lines would only repeat that.
    Unknown,
}

struct Reader<'a> {
    hosts: &'a mut Hosts,
    findings: &'a mut Vec<Diagnostic>,
    file: Arc<str>,
    group: String,
    section: Section,
    /// Children that no section has declared yet: parent, child, place.
    pending: Vec<(String, String, Span)>,
    /// Groups that only a `:vars` section names so far.
    undeclared: Vec<(String, Span)>,
}

/// Reads a file into the hosts, and everything that is wrong with it into the findings.
pub fn read(text: &str, file: &str, hosts: &mut Hosts, findings: &mut Vec<Diagnostic>) {
    let mut reader = Reader {
        hosts,
        findings,
        file: Arc::from(file),
        group: UNGROUPED.to_owned(),
        section: Section::Hosts,
        pending: Vec::new(),
        undeclared: Vec::new(),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let indentation = line.chars().take_while(|c| c.is_whitespace()).count();
        reader.line(content, number, u32::try_from(indentation).unwrap_or(0));
    }
    reader.finish();
}

impl Reader<'_> {
    fn span(&self, line: u32, column: u32) -> Span {
        Span::new(Arc::clone(&self.file), line, column)
    }

    fn line(&mut self, content: &str, line: u32, indentation: u32) {
        let span = self.span(line, indentation + 1);
        if let Some((group, kind)) = header(content) {
            self.section(group, kind, &span);
        } else if content.starts_with('[') && (content.ends_with(']') || !content.contains(']') || self.section != Section::Hosts) {
            self.section = Section::Unknown;
            let error = Diagnostic::error("H0114", format!("`{content}` is no section")).at(&span);
            self.findings.push(if content.contains(']') {
                error.help("a section is `[group]`, `[group:children]` or `[group:vars]`, without spaces")
            } else {
                error.help(format!("close it: `{content}]`"))
            });
        } else {
            match self.section {
                Section::Hosts => self.host(content, line, indentation),
                Section::Children => self.child(content, &span),
                Section::Vars => self.variable(content, line, indentation),
                Section::Unknown => {}
            }
        }
    }

    fn section(&mut self, group: &str, kind: Option<&str>, span: &Span) {
        group.clone_into(&mut self.group);
        self.section = match kind {
            None | Some("hosts") => Section::Hosts,
            Some("children") => Section::Children,
            Some("vars") => Section::Vars,
            Some(kind) => {
                self.section = Section::Unknown;
                let error = Diagnostic::error("H0114", format!("the section `[{group}:{kind}]` has the unknown kind `{kind}`")).at(span);
                self.findings.push(match did_you_mean(kind, ["hosts", "children", "vars"]) {
                    Some(help) => error.help(help),
                    None => error.help("known are `children` and `vars`"),
                });
                return;
            }
        };
        if self.section == Section::Vars {
            if !self.hosts.groups.contains_key(group) {
                self.undeclared.push((group.to_owned(), span.clone()));
            }
            return;
        }
        self.undeclared.retain(|(name, _)| name != group);
        self.hosts.add_group(group, span, self.findings);
        let (known, pending) = std::mem::take(&mut self.pending).into_iter().partition::<Vec<_>, _>(|(_, child, _)| child == group);
        self.pending = pending;
        for (parent, child, span) in known {
            self.hosts.add_child(&parent, &child, &span, self.findings);
        }
    }

    fn host(&mut self, content: &str, line: u32, indentation: u32) {
        let words = match shell_words::split(content) {
            Ok(words) => words,
            Err(column) => {
                self.findings.push(
                    Diagnostic::error("H0115", "a quote or backslash opens here and nothing closes it")
                        .at(&self.span(line, indentation + column))
                        .help("close it; a value that holds one kind of quote stands in the other: `name=\"it's\"`"),
                );
                return;
            }
        };
        let Some((pattern, variables)) = words.split_first() else {
            return;
        };
        let span = self.span(line, indentation + pattern.column);
        if pattern.text == "---" {
            self.findings.push(
                Diagnostic::error("H0115", "`---` is no host; this looks like YAML").at(&span).help("name a YAML hosts file `hosts.yml`"),
            );
            return;
        }
        let (names, port) = match ranges::expand(&pattern.text).and_then(|expanded| self.hosts.with_room(expanded)) {
            Ok(expanded) => expanded,
            Err(error) => {
                self.findings.push(Diagnostic::error("H0119", error).at(&span));
                return;
            }
        };
        if pattern.text.contains('=') {
            self.findings.push(
                Diagnostic::warning("H0124", format!("`{}` is taken for the name of a host", pattern.text))
                    .at(&span)
                    .help("variables stand behind a host's name, or below `[group:vars]`"),
            );
        }
        for name in &names {
            self.hosts.add_host(name, port, &self.group, &span);
        }
        if let Some(equals) = variables.iter().position(|word| word.text == "=") {
            let before = equals.checked_sub(1).and_then(|index| variables.get(index));
            let (name, value) = (before.map_or("name", |word| &word.text), variables.get(equals + 1).map_or("value", |word| &word.text));
            self.findings.push(
                Diagnostic::error("H0115", "spaces around `=` cut this into words of their own")
                    .at(&self.span(line, indentation + variables[equals].column))
                    .help(format!("write `{name}={}`", if sounds_secret(name) { "..." } else { value })),
            );
            return;
        }
        for word in variables {
            let place = self.span(line, indentation + word.column);
            match word.text.split_once('=').filter(|(name, _)| !name.is_empty()) {
                Some((name, value)) => {
                    super::layers::check_name(name, &place, self.findings);
                    let length = u32::try_from(name.chars().count()).unwrap_or(0);
                    let Some(value) = self.literal(value, &self.span(line, place.column + length + 1)) else { continue };
                    for host in &names {
                        self.hosts.set_host_variable(host, name, &place, value.clone());
                    }
                }
                None => self.findings.push(
                    Diagnostic::error("H0115", format!("`{}` is no variable of the host", word.text))
                        .at(&place)
                        .help("after the host's name come `name=value` pairs, without spaces around `=`"),
                ),
            }
        }
    }

    fn literal(&mut self, text: &str, span: &Span) -> Option<Node> {
        python_literal::value(text, span).map_err(|finding| self.findings.push(finding)).ok()
    }

    fn child(&mut self, content: &str, span: &Span) {
        let name = content.split_once('#').map_or(content, |(name, _)| name).trim_end();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || matches!(c, ':' | ']')) {
            self.findings.push(
                Diagnostic::error("H0114", format!("`{content}` is no group name"))
                    .at(span)
                    .help(format!("`[{}:children]` holds one group a line and nothing else", self.group)),
            );
        } else if self.hosts.groups.contains_key(name) {
            self.hosts.add_child(&self.group, name, span, self.findings);
        } else {
            self.pending.push((self.group.clone(), name.to_owned(), span.clone()));
        }
    }

    fn variable(&mut self, content: &str, line: u32, indentation: u32) {
        let span = self.span(line, indentation + 1);
        let Some((name, value)) = content.split_once('=') else {
            self.findings.push(
                Diagnostic::error("H0116", format!("`{content}` is no variable"))
                    .at(&span)
                    .help(format!("`[{}:vars]` holds one `name=value` a line", self.group)),
            );
            return;
        };
        let before = name.chars().count() + 1 + value.chars().take_while(|c| c.is_whitespace()).count();
        let column = indentation + 1 + u32::try_from(before).unwrap_or(0);
        let Some(value) = self.literal(value.trim(), &self.span(line, column)) else { return };
        if self.undeclared.iter().any(|(group, _)| *group == self.group) {
            // The group may be declared below; until then nothing but its variables exists.
            self.hosts.add_group(&self.group, &span, &mut Vec::new());
        }
        self.hosts.set_group_variable(&self.group, name.trim_end(), &span, value, self.findings);
    }

    fn finish(self) {
        let known = |hosts: &Hosts| hosts.groups.keys().cloned().collect::<Vec<_>>();
        let groups = known(self.hosts);
        let suggest = |name: &str| {
            let others =
                groups.iter().map(String::as_str).filter(|group| *group != name && !self.undeclared.iter().any(|(name, _)| name == group));
            did_you_mean(name, others).unwrap_or_else(|| format!("declare it with a section `[{name}]`"))
        };
        for (group, span) in &self.undeclared {
            self.findings.push(
                Diagnostic::error("H0117", format!("`[{group}:vars]` is for a group that nothing declares")).at(span).help(suggest(group)),
            );
        }
        for (parent, child, span) in &self.pending {
            self.findings.push(
                Diagnostic::error("H0117", format!("`[{parent}:children]` names the group `{child}`, which nothing declares"))
                    .at(span)
                    .help(suggest(child)),
            );
        }
    }
}

/// A section's group and kind.
fn header(line: &str) -> Option<(&str, Option<&str>)> {
    let (inside, after) = line.strip_prefix('[')?.split_once(']')?;
    let after = after.trim_start();
    if !after.is_empty() && !after.starts_with('#') {
        return None;
    }
    let (group, kind) = match inside.split_once(':') {
        Some((group, kind)) => (group, Some(kind)),
        None => (inside, None),
    };
    let good_kind = kind.is_none_or(|kind| !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_'));
    (!group.is_empty() && !group.contains(char::is_whitespace) && good_kind).then_some((group, kind))
}

#[cfg(test)]
mod tests;
