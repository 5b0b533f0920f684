//! Names and addresses as people type them: what is meant, and what cannot be.

use std::net::IpAddr;

/// A domain as homestead uses it, and what was changed to get there.
#[derive(Debug, PartialEq, Eq)]
pub struct Domain {
    /// Lower case, ASCII, without a dot at the end.
    pub name: String,
    /// How it differs from what was typed; none where it does not.
    pub changed: Option<String>,
}

const PLAIN: &str = "write the bare domain, as in `example.com`";

/// Reads a domain; `Err` says why it is none, and what to type.
///
/// International names become ASCII (UTS #46, RFC 5891), because Matrix user ids hold nothing else
/// (<https://spec.matrix.org/latest/appendices/#server-name>).
pub fn domain(typed: &str) -> Result<Domain, (String, String)> {
    let wrong = |why: &str, instead: &str| Err((why.to_owned(), instead.to_owned()));
    if let Some((_, rest)) = typed.split_once("://") {
        return wrong("it is an address of a page", &format!("write the bare domain: `{}`", rest.split(['/', ':']).next().unwrap_or(rest)));
    }
    if let Some((_, rest)) = typed.split_once('@') {
        let domain = rest.split_once(':').map_or(rest, |(_, domain)| domain);
        return wrong("it is the name of a user", &format!("write the domain alone: `{domain}`"));
    }
    if typed.contains([':', '/']) {
        return wrong("it holds a port or path", PLAIN);
    }
    if typed.parse::<IpAddr>().is_ok() {
        return wrong("it is an address", "the domain comes first, then the address: `homestead init example.com 203.0.113.7`");
    }
    let bare = typed.trim().trim_end_matches('.');
    let Ok(name) = idna::domain_to_ascii_strict(bare) else {
        return wrong("its parts are made of letters, digits and `-`", PLAIN);
    };
    if let Some(rest) = name.strip_prefix("matrix.").filter(|rest| rest.contains('.')) {
        return wrong(
            "it begins with `matrix.`, which the server's own name adds to the domain in user ids",
            &format!("write `{rest}` if users are `@alice:{rest}`"),
        );
    }
    if !name.contains('.') {
        return wrong("it has no dot", PLAIN);
    }
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if name.rsplit('.').next().is_none_or(number) || !name.split('.').all(is_label) {
        return wrong("its parts are made of letters, digits and `-`", PLAIN);
    }
    let changed = (name != typed).then(|| format!("`{typed}` is written as `{name}`"));
    Ok(Domain { name, changed })
}

fn is_label(part: &str) -> bool {
    let characters = part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    !part.is_empty() && part.len() < 64 && characters && !part.starts_with('-') && !part.ends_with('-')
}

/// Reads the address of a server: of version 4 or 6, or a name; `Err` says what to type.
pub fn address(typed: &str) -> Result<String, String> {
    if let Ok(address) = typed.parse::<IpAddr>() {
        return if address.is_unspecified() { Err("it stands for every address".to_owned()) } else { Ok(address.to_string()) };
    }
    let name = typed.trim_end_matches('.').to_ascii_lowercase();
    let numeric = name.rsplit('.').next().is_none_or(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if !numeric && name.len() < 254 && name.split('.').all(is_label) {
        return Ok(name);
    }
    Err(if typed.starts_with('[') {
        "write it without brackets".to_owned()
    } else if typed.contains(':') && typed.matches(':').count() == 1 {
        "write it without a port; `ansible_port=2222` in the hosts file says that".to_owned()
    } else if typed.contains('@') {
        "write it without a user; `--user NAME` says that".to_owned()
    } else {
        "write an address such as `203.0.113.7` or `2001:db8::7`, or a host name".to_owned()
    })
}

/// Whether this can be an address for mail.
pub fn is_mail(typed: &str) -> bool {
    let plain = typed.chars().all(|character| !character.is_whitespace() && !character.is_control() && !"'\"{}<>,;".contains(character));
    let host = |host: &str| idna::domain_to_ascii_strict(host).is_ok_and(|host| host.contains('.') && host.split('.').all(is_label));
    plain && typed.split_once('@').is_some_and(|(user, domain)| !user.is_empty() && host(domain))
}

/// Whether this can be the name of a login on Linux.
pub fn is_login(typed: &str) -> bool {
    let first = |character: char| character.is_ascii_alphabetic() || character == '_';
    typed.starts_with(first)
        && typed.len() <= 32
        && typed.chars().all(|character| character.is_ascii_alphanumeric() || "_-.".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_told_from_what_is_none() {
        let lines: Vec<String> = [
            "example.com",
            "EXAMPLE.com",
            "example.com.",
            "bücher.example",
            "xn--bcher-kva.example",
            "a.b.example.org",
            "matrix.org",
            "matrix.example.com",
            "https://example.com/x",
            "@alice:example.com",
            "example.com:8448",
            "203.0.113.7",
            "localhost",
            "exa mple.com",
            "-a.com",
            "a..b",
            "a_b.com",
            "10.0.0",
            "",
        ]
        .iter()
        .map(|typed| match domain(typed) {
            Ok(Domain { name, changed }) => {
                format!("{typed}: {name}{}", changed.map(|changed| format!(" ({changed})")).unwrap_or_default())
            }
            Err((why, instead)) => format!("{typed}: {why}; {instead}"),
        })
        .collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        example.com: example.com
        EXAMPLE.com: example.com (`EXAMPLE.com` is written as `example.com`)
        example.com.: example.com (`example.com.` is written as `example.com`)
        bücher.example: xn--bcher-kva.example (`bücher.example` is written as `xn--bcher-kva.example`)
        xn--bcher-kva.example: xn--bcher-kva.example
        a.b.example.org: a.b.example.org
        matrix.org: matrix.org
        matrix.example.com: it begins with `matrix.`, which the server's own name adds to the domain in user ids; write `example.com` if users are `@alice:example.com`
        https://example.com/x: it is an address of a page; write the bare domain: `example.com`
        @alice:example.com: it is the name of a user; write the domain alone: `example.com`
        example.com:8448: it holds a port or path; write the bare domain, as in `example.com`
        203.0.113.7: it is an address; the domain comes first, then the address: `homestead init example.com 203.0.113.7`
        localhost: it has no dot; write the bare domain, as in `example.com`
        exa mple.com: its parts are made of letters, digits and `-`; write the bare domain, as in `example.com`
        -a.com: its parts are made of letters, digits and `-`; write the bare domain, as in `example.com`
        a..b: its parts are made of letters, digits and `-`; write the bare domain, as in `example.com`
        a_b.com: its parts are made of letters, digits and `-`; write the bare domain, as in `example.com`
        10.0.0: its parts are made of letters, digits and `-`; write the bare domain, as in `example.com`
        : its parts are made of letters, digits and `-`; write the bare domain, as in `example.com`
        ");
    }

    #[test]
    fn addresses_are_told_from_what_is_none() {
        let lines: Vec<String> = [
            "203.0.113.7",
            "2001:DB8::7",
            "host.example.com",
            "server",
            "::",
            "203.0.113.7:22",
            "[::1]",
            "root@203.0.113.7",
            "203.0.113.777",
            "a b",
            "",
        ]
        .iter()
        .map(|typed| format!("{typed}: {}", address(typed).unwrap_or_else(|help| format!("no: {help}"))))
        .collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        203.0.113.7: 203.0.113.7
        2001:DB8::7: 2001:db8::7
        host.example.com: host.example.com
        server: server
        ::: no: it stands for every address
        203.0.113.7:22: no: write it without a port; `ansible_port=2222` in the hosts file says that
        [::1]: no: write it without brackets
        root@203.0.113.7: no: write it without a user; `--user NAME` says that
        203.0.113.777: no: write an address such as `203.0.113.7` or `2001:db8::7`, or a host name
        a b: no: write an address such as `203.0.113.7` or `2001:db8::7`, or a host name
        : no: write an address such as `203.0.113.7` or `2001:db8::7`, or a host name
        ");
    }

    #[test]
    fn mail_addresses_and_logins_are_told_from_what_is_none() {
        assert!(is_mail("admin@example.com") && is_mail("a.b+c@matrix.example.com"));
        assert!(!is_mail("admin") && !is_mail("@example.com") && !is_mail("a b@example.com") && !is_mail("a@b'c.com"));
        assert!(is_login("root") && is_login("deploy-1") && !is_login("") && !is_login("a b") && !is_login("1a") && !is_login("a=b"));
    }
}
