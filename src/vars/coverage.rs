//! Every filter, test, lookup, function and method that we have is compared with Ansible's.

use fancy_regex::{Regex, escape};

use super::{filters, functions, lookups, methods, tests};

/// What is compared with the real Ansible: expressions, and an inventory.
const COMPARED: [&str; 2] = [include_str!("../../tests/ansible/expressions.yml"), include_str!("../../tests/ansible/make_inventory.py")];

/// Not in ansible-core alone, so there is nothing to compare with.
const OF_COLLECTIONS: [&str; 10] =
    ["dict", "index_of", "ipaddr", "ipv4", "ipv6", "ipwrap", "keep_keys", "remove_keys", "ipv4_address", "random_string"];
/// Its result needs the web.
const OF_THE_WEB: [&str; 1] = ["url"];

fn unused<'a>(names: impl IntoIterator<Item = &'a str>, pattern: impl Fn(&str) -> String) -> Vec<&'a str> {
    let excepted = |name: &str| OF_COLLECTIONS.contains(&name) || OF_THE_WEB.contains(&name);
    let used = |name: &str| {
        let regex = Regex::new(&pattern(&escape(name))).unwrap();
        COMPARED.iter().any(|text| regex.is_match(text).unwrap())
    };
    names.into_iter().filter(|name| !excepted(name) && !used(name)).collect()
}

#[test]
fn every_filter_is_compared() {
    assert_eq!(unused(filters::names(), |name| format!(r"\|\s*([\w.]+\.)?{name}\b|map\('{name}'")), [""; 0]);
}

#[test]
fn every_test_is_compared() {
    let pattern = |name: &str| format!(r"\bis (not )?([\w.]+\.)?{name}(?!\w)|(select|reject)(attr)?\([^)]*'{name}'");
    assert_eq!(unused(tests::NAMES, pattern), [""; 0]);
}

#[test]
fn every_lookup_is_compared() {
    let names = lookups::LOOKUPS.iter().map(|(name, _)| *name);
    assert_eq!(unused(names, |name| format!(r"\b(lookup|query|q)\('([\w.]+\.)?{name}'")), [""; 0]);
}

#[test]
fn every_function_is_compared() {
    // `lipsum` is refused.
    let names = ["range", "dict", "namespace", "lookup", "query", "q", "now", "undef", "cycler", "joiner"];
    assert!(names.iter().chain(&["lipsum"]).all(|name| functions::global(name).is_some()));
    assert_eq!(unused(names, |name| format!(r"\b{name}\(")), [""; 0]);
}

#[test]
fn every_method_is_compared() {
    let names = methods::text::NAMES.iter().chain(&methods::list::NAMES).chain(&methods::mapping::NAMES).copied();
    assert_eq!(unused(names, |name| format!(r"\.{name}\(")), [""; 0]);
}
