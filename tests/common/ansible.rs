//! The real Ansible, for comparing with it.

use serde_json::Value as Json;

use super::skipped;

/// The Python that ansible-core is installed in, as `HOMESTEAD_ANSIBLE` names it; says `skipped: ...` without one.
pub fn python_of_ansible() -> Option<String> {
    let python = std::env::var("HOMESTEAD_ANSIBLE").ok().filter(|python| !python.is_empty());
    if python.is_none() {
        skipped("HOMESTEAD_ANSIBLE does not name a Python with ansible-core; `bin/test` installs one where it can");
    }
    python
}

/// Equal with types; the order of keys does not count.
pub fn same(want: &Json, have: &Json) -> bool {
    match (want, have) {
        (Json::Object(want), Json::Object(have)) => {
            want.len() == have.len() && want.iter().all(|(key, value)| have.get(key).is_some_and(|other| same(value, other)))
        }
        (Json::Array(want), Json::Array(have)) => want.len() == have.len() && want.iter().zip(have).all(|(want, have)| same(want, have)),
        (Json::Number(want), Json::Number(have)) => want.is_f64() == have.is_f64() && want == have,
        _ => want == have,
    }
}
