use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::inventory::hosts_ini;

fn hosts() -> Hosts {
    let (mut hosts, mut findings) = (Hosts::default(), Vec::new());
    hosts_ini::read(
        "lonely\n[web]\nweb[1:4].example.com\n[db]\ndb1\ndb2\nweb1.example.com\n[eu]\nweb1.example.com\ndb1\n[both:children]\nweb\ndb\n",
        "hosts",
        &mut hosts,
        &mut findings,
    );
    hosts.complete(&mut findings);
    assert_eq!(findings, []);
    hosts
}

fn shown(pattern: &str) -> String {
    let hosts = hosts();
    match select(&hosts, pattern) {
        Ok(names) => hosts
            .hosts
            .keys()
            .filter(|name| names.contains(name.as_str()))
            .map(|name| name.replace(".example.com", ""))
            .collect::<Vec<_>>()
            .join(" "),
        Err(error) => format!("{error}; {}", error.hints.join(", ")),
    }
}

#[test]
fn patterns_select_what_ansible_selects() {
    // Compared with `ansible PATTERN --list-hosts` of ansible-core 2.19.
    let patterns = include_str!("cases.txt");
    let all: String = patterns.lines().map(|pattern| format!("{pattern} => {}\n", shown(pattern))).collect();
    assert_eq!(all, include_str!("expected.txt"));
}

#[test]
fn unknown_names_are_errors() {
    let patterns = ["wbe", "web,dbb", "!nobody", "&db3", "web[9]", "~(", "web[1:]x", "@/no/such/file"];
    let all: String = patterns.iter().map(|pattern| format!("{pattern} => {}\n", shown(pattern))).collect();
    assert_snapshot!(all, @"
    wbe => no host and no group is named `wbe`; did you mean `web`?
    web,dbb => no host and no group is named `dbb`; did you mean `db`?
    !nobody => no host and no group is named `nobody`; the inventory has `lonely`, `web1.example.com`, `web2.example.com`, `web3.example.com`, `web4.example.com`, `db1`, `db2`
    &db3 => no host and no group is named `db3`; did you mean `db`?
    web[9] => `web[9]` selects no host: `web` has 4; 
    ~( => `~(` is no host pattern: Parsing error at position 6: Opening parenthesis without closing parenthesis; 
    web[1:]x => 
    @/no/such/file => the limit file `/no/such/file` cannot be read: it does not exist;
    ");
}

#[test]
fn a_file_can_hold_the_patterns() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"db1\n\nweb2.example.com\n").unwrap();
    assert_eq!(shown(&format!("@{}", file.path().display())), "web2 db1");
}

proptest! {
    #[test]
    fn no_pattern_makes_it_panic(pattern in "[\\[\\]a-c*?!&:,~()0-9^\\\\@ -]{0,16}") {
        let _ = select(&hosts(), &pattern);
    }
}
