use insta::assert_snapshot;

use super::*;
use crate::inventory::{tests::findings, yaml};

fn told(text: &str) -> String {
    let (mut hosts, mut wrong) = (Hosts::default(), Vec::new());
    read(yaml::read(text, "hosts.yml").unwrap().0.unwrap(), &mut hosts, &mut wrong);
    hosts.complete(&mut wrong);
    let groups: String = hosts.groups.iter().map(|(name, group)| format!("{name}: {:?} in {:?}\n", group.hosts, group.parents)).collect();
    let variables: String = hosts
        .hosts
        .values()
        .flat_map(|host| host.variables.iter().map(move |v| format!("{} {} {:?}\n", host.name, v.name, v.value.value)))
        .collect();
    groups + &variables + &findings(&wrong)
}

#[test]
fn nested_groups_are_read() {
    assert_snapshot!(told("all:\n  children:\n    a:\n      hosts:\n        web[1:2]:22: {x: 1}\n      children: b\n  hosts: lonely\n  vars:\nc:\n"), @r#"
    all: {"lonely"} in {}
    ungrouped: {"lonely"} in {"all"}
    a: {"web1", "web2"} in {"all"}
    b: {} in {"a"}
    c: {} in {"all"}
    web1 ansible_port Int(22)
    web1 x Int(1)
    web2 ansible_port Int(22)
    web2 x Int(1)
    "#);
}

#[test]
fn wrong_parts_are_all_told() {
    assert_snapshot!(told("all:\n  hosts:\n    - web\n  vars: [a]\n  host: {}\n  children:\n    a: [web]\n    1: {}\n    b: {hosts: {2: , 'x[1': , y: [1], z: {true: 1, a-b: 2}}, vars: {3: x}}\n"), @r#"
    all: {} in {}
    ungrouped: {} in {"all"}
    b: {"y", "z"} in {"all"}
    z a-b Int(2)
    error[H0120] hosts.yml:3:5: `hosts` of the group `all` must be a mapping, not a list
      help: write `name:` with a colon, and no `-` before it
    error[H0120] hosts.yml:4:9: `vars` of the group `all` must be a mapping, not a list
      help: write `name: value`
    warning[H0123] hosts.yml:5:3: `host` is skipped, because a group holds only `hosts`, `children` and `vars`
      help: did you mean `hosts`?
    warning[H0123] hosts.yml:7:5: `a` is skipped, because a group must be a mapping, not a list
      help: put `hosts:`, `children:` or `vars:` below it
    error[H0120] hosts.yml:8:5: a group's name must be text, not a number
      help: quote it
    error[H0120] hosts.yml:9:17: a host's name must be text, not a number
      help: quote it
    error[H0119] hosts.yml:9:22: a range that opens with `[` must close with `]`
    error[H0120] hosts.yml:9:34: the variables of the host `y` must be a mapping, not a list
      help: write `name: value` below the host, or nothing
    warning[H0127] hosts.yml:9:43: a variable's name must be text, not a boolean; this one is ignored
    warning[H0127] hosts.yml:9:52: `a-b` is no valid variable name
      help: names hold letters, digits and `_`: did you mean `a_b`?
    warning[H0127] hosts.yml:9:69: a variable's name must be text, not a number; this one is ignored
    "#);
    assert_snapshot!(told("- web\n"), @r#"
    all: {} in {}
    ungrouped: {} in {"all"}
    error[H0120] hosts.yml:1:1: a YAML hosts file must be a mapping of groups, not a list
      help: begin with `all:` and put `hosts:` or `children:` below it
    "#);
    assert_snapshot!(told("a: {children: {b: {children: {a: }}}}\n"), @r#"
    all: {} in {}
    ungrouped: {} in {"all"}
    a: {} in {"all"}
    b: {} in {"a"}
    error[H0118] hosts.yml:1:31: the group `a` is inside itself: a -> b -> a
      help: remove one of these from the children of another
    "#);
}
