//! Host patterns of a hosts file: an optional port, and ranges such as `web[01:03]`.

use std::net::Ipv6Addr;

/// No fleet is larger; a typo in a range would otherwise fill the memory.
pub const MOST_HOSTS: usize = 65_536;

/// Names in DNS have 253 characters at most.
const LONGEST_NAME: usize = 1000;

/// Splits `name:22`, `[2001:db8::1]:22` or a name alone into host and port. `None` where the text
/// is no address, which may hold ranges (Ansible's `parse_address`).
pub fn address(text: &str) -> Option<(&str, Option<i64>)> {
    let (mut host, mut port) = (text, None);
    if let Some((name, number)) = host.strip_prefix('[').and_then(|rest| rest.rsplit_once("]:"))
        && is_number(number)
        && !name.is_empty()
    {
        (host, port) = (name, Some(number.parse().ok()?));
    }
    if let Some((name, number)) = host.rsplit_once(':')
        && is_number(number)
        && no_loose_colon(name)
    {
        (host, port) = (name, Some(number.parse().ok()?));
    }
    (is_hostname(host) || is_ipv6(host)).then_some((host, port))
}

/// The hosts that a pattern of a hosts file names, and their port.
///
/// # Errors
/// What is wrong with a range.
pub fn expand(text: &str) -> Result<(Vec<String>, Option<i64>), String> {
    let (pattern, port) = address(text).unwrap_or((text, None));
    if text.ends_with(':') && port.is_none() {
        return Err(format!("`{text}` ends with `:` but names no port"));
    }
    let mut hosts = Vec::new();
    expand_into(String::new(), pattern, &mut hosts)?;
    Ok((hosts, port))
}

fn expand_into(done: String, pattern: &str, hosts: &mut Vec<String>) -> Result<(), String> {
    let Some((head, rest)) = pattern.split_once('[') else {
        if hosts.len() >= MOST_HOSTS {
            return Err(format!("the range names more than {MOST_HOSTS} hosts"));
        }
        hosts.push(done + pattern);
        return Ok(());
    };
    let Some((range, tail)) = rest.split_once(']') else {
        return Err("a range that opens with `[` must close with `]`".to_owned());
    };
    if done.len() + pattern.len() > LONGEST_NAME {
        return Err(format!("a name of more than {LONGEST_NAME} characters is no name of a host"));
    }
    for item in items(range)? {
        expand_into(format!("{done}{head}{item}"), tail, hosts)?;
    }
    Ok(())
}

fn items(range: &str) -> Result<Vec<String>, String> {
    let mut parts = range.split(':');
    let (Some(begin), Some(end), step, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(format!("the range `[{range}]` must be `[begin:end]` or `[begin:end:step]`"));
    };
    let step = match step {
        None => 1,
        Some(step) => step
            .parse()
            .ok()
            .filter(|&step| step > 0)
            .ok_or_else(|| format!("the step of the range `[{range}]` must be a number above 0"))?,
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if let (Some(first), Some(last)) = (letter(begin), letter(end)) {
        return some((first..=last).step_by(step).map(|place| char::from(LETTERS[place]).to_string()).collect(), range);
    }
    let number = |text: &str| if is_number(text) { text.parse::<u64>().ok() } else { None };
    let (Some(first), Some(last)) = (number(begin), number(end)) else {
        return Err(format!("the range `[{range}]` needs two numbers or two letters"));
    };
    let width = if begin.len() > 1 && begin.starts_with('0') { begin.len() } else { 0 };
    if width != 0 && width != end.len() {
        return Err(format!("the ends of the range `[{range}]` must have the same number of digits"));
    }
    if (last.saturating_sub(first)) / u64::try_from(step).unwrap_or(u64::MAX) >= MOST_HOSTS as u64 {
        return Err(format!("the range names more than {MOST_HOSTS} hosts"));
    }
    some((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect(), range)
}

fn some(items: Vec<String>, range: &str) -> Result<Vec<String>, String> {
    if items.is_empty() { Err(format!("the range `[{range}]` begins after its end")) } else { Ok(items) }
}

const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn letter(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [letter] => LETTERS.iter().position(|other| other == letter),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether every colon and bracket belongs to a complete range.
fn no_loose_colon(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find([':', '[', ']']) {
        match rest[at..].strip_prefix('[').and_then(|range| range.split_once(']')) {
            Some((_, tail)) => rest = tail,
            None => return false,
        }
    }
    true
}

fn is_hostname(text: &str) -> bool {
    let digits = |range: &str| {
        let mut parts = range.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(begin), Some(end), step) => {
                let ends = is_number(begin) && is_number(end) || letter(begin).is_some() && letter(end).is_some();
                ends && step.is_none_or(is_number)
            }
            _ => false,
        }
    };
    without_ranges(text, digits).is_some_and(|text| {
        text.split('.').all(|label| {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            label.starts_with(word) && label.chars().all(|c| word(c) || c == '-') && !label.ends_with(['-', '_'])
        })
    })
}

fn is_ipv6(text: &str) -> bool {
    let hexadecimal = |range: &str| {
        range.split(':').count() <= 3 && range.contains(':') && range.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    };
    without_ranges(text, hexadecimal).is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// The text with a `0` in the place of each range; `None` where a range is wrong.
fn without_ranges(text: &str, valid: impl Fn(&str) -> bool) -> Option<String> {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some((head, tail)) = rest.split_once('[') {
        let (range, tail) = tail.split_once(']')?;
        if !valid(range) {
            return None;
        }
        plain.push_str(head);
        plain.push('0');
        rest = tail;
    }
    plain.push_str(rest);
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(text: &str) -> String {
        match expand(text) {
            Ok((hosts, None)) => hosts.join(" "),
            Ok((hosts, Some(port))) => format!("{} port {port}", hosts.join(" ")),
            Err(error) => error,
        }
    }

    #[test]
    fn patterns_name_hosts_as_ansible_expands_them() {
        let patterns = [
            "web",
            "web:2222",
            "matrix.example.com",
            "web[01:03]",
            "web[1:7:3].example.com:22",
            "db-[a:c]",
            "[x:z]",
            "n[9:11]",
            "n[:2]",
            "r[1:2]n[a:b]",
            "2001:db8::1",
            "[2001:db8::1]:22",
            "::1",
            "10.0.0.[1:3]",
            "x[z:A]",
            "web[01:3]",
            "web[3:1]",
            "web[1]",
            "web[1:2",
            "web[1:2:0]",
            "web[a:2]",
            "web:",
            "web[0:99999999]",
            "a[1:1000]b[1:1000]",
            "we/b:22",
            "1.2.3.4:8080",
            "x[1:2:3:4]",
        ];
        let shown: String = patterns.iter().map(|pattern| format!("{pattern} => {}\n", hosts(pattern))).collect();
        insta::assert_snapshot!(shown, @r"
        web => web
        web:2222 => web port 2222
        matrix.example.com => matrix.example.com
        web[01:03] => web01 web02 web03
        web[1:7:3].example.com:22 => web1.example.com web4.example.com web7.example.com port 22
        db-[a:c] => db-a db-b db-c
        [x:z] => x y z
        n[9:11] => n9 n10 n11
        n[:2] => n0 n1 n2
        r[1:2]n[a:b] => r1na r1nb r2na r2nb
        2001:db8::1 => 2001:db8::1
        [2001:db8::1]:22 => 2001:db8::1 port 22
        ::1 => ::1
        10.0.0.[1:3] => 10.0.0.1 10.0.0.2 10.0.0.3
        x[z:A] => xz xA
        web[01:3] => the ends of the range `[01:3]` must have the same number of digits
        web[3:1] => the range `[3:1]` begins after its end
        web[1] => the range `[1]` must be `[begin:end]` or `[begin:end:step]`
        web[1:2 => a range that opens with `[` must close with `]`
        web[1:2:0] => the step of the range `[1:2:0]` must be a number above 0
        web[a:2] => the range `[a:2]` needs two numbers or two letters
        web: => `web:` ends with `:` but names no port
        web[0:99999999] => the range names more than 65536 hosts
        a[1:1000]b[1:1000] => the range names more than 65536 hosts
        we/b:22 => we/b:22
        1.2.3.4:8080 => 1.2.3.4 port 8080
        x[1:2:3:4] => the range `[1:2:3:4]` must be `[begin:end]` or `[begin:end:step]`
        ");
    }

    #[test]
    fn only_addresses_are_addresses() {
        assert_eq!(address("web:22"), Some(("web", Some(22))));
        assert_eq!(address("a:b"), None);
        assert_eq!(address("a:&b"), None);
        assert_eq!(address("web[1:2]"), Some(("web[1:2]", None)));
        assert_eq!(address("web*"), None);
        assert_eq!(address("-web"), None);
        assert_eq!(address(""), None);
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(text in "[\\[\\]a-zA-Z0-9:.é -]{0,16}") {
            let _ = expand(&text);
            let _ = address(&text);
        }

        #[test]
        fn a_range_names_each_number_once(begin in 0_u32..50, more in 0_u32..50) {
            let (hosts, _) = expand(&format!("n[{begin}:{}]", begin + more)).unwrap();
            let expected: Vec<_> = (begin..=begin + more).map(|number| format!("n{number}")).collect();
            prop_assert_eq!(hosts, expected);
        }
    }
}
