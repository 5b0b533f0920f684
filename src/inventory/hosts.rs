//! Hosts and groups, as the files of an inventory declare them together.

use std::collections::{HashSet, VecDeque};

use camino::Utf8PathBuf;
use indexmap::{IndexMap, IndexSet};

use super::layers::{self, Variable};
use super::node::{Node, Value};
use super::ranges;
use crate::diagnostic::{Diagnostic, Span};

/// The group that holds every host.
pub const ALL: &str = "all";
/// The group of the hosts that are in no other.
pub const UNGROUPED: &str = "ungrouped";

/// One machine of the inventory.
#[derive(Clone, Debug, PartialEq)]
pub struct InventoryHost {
    /// Its name, which is also its address where no `ansible_host` says otherwise.
    pub name: String,
    /// Where it stands first.
    pub span: Span,
    /// What stands beside its name in the hosts files.
    pub variables: Vec<Variable>,
}

/// A group of hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Where it stands first; nowhere for `all` and `ungrouped`, which always exist.
    pub span: Option<Span>,
    /// Its own hosts, in order; those of its children are not among them.
    pub hosts: IndexSet<String>,
    /// Its child groups, in order.
    pub children: IndexSet<String>,
    /// The groups that it is a child of.
    pub parents: IndexSet<String>,
    /// Its variables in the hosts files.
    pub variables: Vec<Variable>,
    /// `ansible_group_priority`: among groups of one depth the highest wins.
    pub priority: i64,
    /// How far below `all` it is, on the longest way.
    pub depth: usize,
}

/// All hosts and groups, while they are read and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Hosts {
    /// In the order of the files.
    pub hosts: IndexMap<String, InventoryHost>,
    /// `all`, `ungrouped`, then in the order of the files.
    pub groups: IndexMap<String, Group>,
    /// Where it was read from.
    pub files: Vec<Utf8PathBuf>,
}

impl Default for Hosts {
    fn default() -> Self {
        let mut hosts = Self { hosts: IndexMap::new(), groups: IndexMap::new(), files: Vec::new() };
        for name in [ALL, UNGROUPED] {
            hosts.group(name, None);
        }
        hosts.link(ALL, UNGROUPED);
        hosts
    }
}

impl Hosts {
    /// Declares a group.
    pub fn add_group(&mut self, name: &str, span: &Span, findings: &mut Vec<Diagnostic>) {
        if !self.groups.contains_key(name) && name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            findings.push(
                Diagnostic::warning("H0121", format!("the group name `{name}` holds characters that expressions cannot use"))
                    .at(span)
                    .help("names hold letters, digits and `_`"),
            );
        }
        self.group(name, Some(span));
    }

    fn group(&mut self, name: &str, span: Option<&Span>) -> &mut Group {
        self.groups.entry(name.to_owned()).or_insert_with(|| Group {
            span: span.cloned(),
            hosts: IndexSet::new(),
            children: IndexSet::new(),
            parents: IndexSet::new(),
            variables: Vec::new(),
            priority: 1,
            depth: 0,
        })
    }

    /// Hosts that are to be added, where there is room for them.
    ///
    /// # Errors
    /// The inventory would have more than any fleet has.
    pub fn with_room<T>(&self, (names, port): (Vec<String>, T)) -> Result<(Vec<String>, T), String> {
        if self.hosts.len() + names.len() > ranges::MOST_HOSTS {
            return Err(format!("the inventory names more than {} hosts", ranges::MOST_HOSTS));
        }
        Ok((names, port))
    }

    /// Puts a host into a group. The port counts where the host is new.
    pub fn add_host(&mut self, name: &str, port: Option<i64>, group: &str, span: &Span) {
        let host = self.hosts.entry(name.to_owned()).or_insert_with(|| {
            let port = port.map(|port| Variable {
                name: "ansible_port".to_owned(),
                name_span: span.clone(),
                value: Node::new(Value::Int(port.into()), span.clone()),
            });
            InventoryHost { name: name.to_owned(), span: span.clone(), variables: port.into_iter().collect() }
        });
        let name = host.name.clone();
        self.group(group, Some(span)).hosts.insert(name);
    }

    /// Makes a group the child of another.
    pub fn add_child(&mut self, parent: &str, child: &str, span: &Span, findings: &mut Vec<Diagnostic>) {
        match self.way(child, parent) {
            Some(way) => findings.push(
                Diagnostic::error("H0118", format!("the group `{child}` is inside itself: {} -> {child}", way.join(" -> ")))
                    .at(span)
                    .help("remove one of these from the children of another"),
            ),
            None => self.link(parent, child),
        }
    }

    fn link(&mut self, parent: &str, child: &str) {
        self.group(parent, None).children.insert(child.to_owned());
        self.group(child, None).parents.insert(parent.to_owned());
    }

    /// The groups from one down to another, where there is a way.
    fn way<'a>(&'a self, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
        if from == to {
            return Some(vec![from]);
        }
        let (mut seen, mut stack) = (HashSet::from([from]), vec![vec![from]]);
        while let Some(way) = stack.pop() {
            let children = way.last().and_then(|last| self.groups.get(*last)).into_iter().flat_map(|group| &group.children);
            for child in children {
                if seen.insert(child) {
                    let longer: Vec<_> = way.iter().copied().chain([child.as_str()]).collect();
                    if child == to {
                        return Some(longer);
                    }
                    stack.push(longer);
                }
            }
        }
        None
    }

    /// Sets a group's variable; the last one of a name counts.
    pub fn set_group_variable(&mut self, group: &str, name: &str, span: &Span, value: Node, findings: &mut Vec<Diagnostic>) {
        layers::check_name(name, span, findings);
        let group = self.group(group, Some(span));
        if name == "ansible_group_priority" {
            let number = match &value.value {
                Value::Int(number) => i64::try_from(*number).ok(),
                Value::Text(text) => text.trim().parse().ok(),
                _ => None,
            };
            match number {
                Some(number) => group.priority = number,
                None => findings.push(Diagnostic::error("H0116", "`ansible_group_priority` must be a whole number").at(&value.span)),
            }
        } else {
            Variable::set(&mut group.variables, name, span, value);
        }
    }

    /// Sets a host's variable; the last one of a name counts.
    pub fn set_host_variable(&mut self, host: &str, name: &str, span: &Span, value: Node) {
        if let Some(host) = self.hosts.get_mut(host) {
            Variable::set(&mut host.variables, name, span, value);
        }
    }

    /// Puts everything below `all`, and hosts without a group into `ungrouped`.
    pub fn complete(&mut self, findings: &mut Vec<Diagnostic>) {
        let orphans: Vec<_> = self
            .groups
            .iter()
            .filter(|(name, group)| *name != ALL && group.parents.is_empty())
            .map(|(name, group)| (name.clone(), group.span.clone()))
            .collect();
        for (name, span) in orphans {
            self.add_child(ALL, &name, &span.unwrap_or_else(|| Span::whole(ALL)), findings);
        }
        let names: Vec<_> = self.hosts.keys().cloned().collect();
        for name in names {
            let groups = self.groups_with_ancestors(&name);
            let grouped = groups.iter().any(|group| !matches!(*group, ALL | UNGROUPED));
            let ungrouped = groups.contains(&UNGROUPED);
            let group = self.group(UNGROUPED, None);
            if grouped {
                group.hosts.shift_remove(&name);
            } else if !ungrouped {
                group.hosts.insert(name);
            }
        }
        self.measure();
        for (name, host) in &self.hosts {
            if self.groups.contains_key(name) {
                findings.push(
                    Diagnostic::warning("H0122", format!("`{name}` is both a host and a group")).at(&host.span).help("rename one of them"),
                );
            }
        }
    }

    /// Every group's depth is the length of the longest way from `all`.
    fn measure(&mut self) {
        let mut work = VecDeque::from([ALL.to_owned()]);
        while let Some(name) = work.pop_front() {
            let Some((depth, children)) = self.groups.get(&name).map(|group| (group.depth + 1, group.children.clone())) else {
                continue;
            };
            for child in children {
                if let Some(group) = self.groups.get_mut(&child)
                    && group.depth < depth
                {
                    group.depth = depth;
                    work.push_back(child);
                }
            }
        }
    }

    /// The groups that a host is in, their parents too.
    pub fn groups_with_ancestors(&self, host: &str) -> HashSet<&str> {
        let mut work: Vec<&str> =
            self.groups.iter().filter(|(_, group)| group.hosts.contains(host)).map(|(name, _)| name.as_str()).collect();
        let mut groups = HashSet::new();
        while let Some(name) = work.pop() {
            if groups.insert(name)
                && let Some(group) = self.groups.get(name)
            {
                work.extend(group.parents.iter().map(String::as_str));
            }
        }
        groups
    }

    /// The hosts of a group and of all groups below it, in Ansible's order.
    pub fn members(&self, group: &str) -> Vec<&str> {
        let (mut seen, mut queue, mut place) = (HashSet::from([group]), vec![group], 0);
        let mut hosts = IndexSet::new();
        while let Some(group) = queue.get(place).and_then(|name| self.groups.get(*name)) {
            place += 1;
            hosts.extend(group.hosts.iter().map(String::as_str));
            queue.extend(group.children.iter().map(String::as_str).filter(|child| seen.insert(child)));
        }
        hosts.into_iter().collect()
    }
}
