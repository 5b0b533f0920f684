//! A manifest in several files: `role.<part>.yml` adds to the lists of `role.yml`.

use crate::diagnostic::Diagnostic;
use crate::inventory::{Node, Value};

/// Adds a part's lists and mappings to the manifest's. What a role has once stays in `role.yml`.
pub fn append(manifest: &mut Node, part: Node) -> Result<(), Diagnostic> {
    let wrong = |node: &Node| Diagnostic::error("H0308", "a part of a role holds lists and mappings only").at(&node.span);
    let Value::Map(entries) = &mut manifest.value else { return Ok(()) };
    let span = part.span.clone();
    let Value::Map(additions) = part.value else {
        return Err(Diagnostic::error("H0308", "a part of a role is a mapping of lists").at(&span));
    };
    for (key, value) in additions {
        if !matches!(value.value, Value::List(_) | Value::Map(_)) {
            return Err(wrong(&value));
        }
        let same = |node: &Node| node.as_text().is_some() && node.as_text() == key.as_text();
        match entries.iter_mut().find(|(known, _)| same(known)) {
            None => entries.push((key, value)),
            Some((_, known)) => match (&mut known.value, value.value) {
                (Value::List(known), Value::List(more)) => known.extend(more),
                (Value::Map(known), Value::Map(more)) => known.extend(more),
                _ => return Err(wrong(&key)),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::yaml;

    fn node(text: &str) -> Node {
        yaml::read(text, "role.yml").unwrap().0.unwrap()
    }

    #[test]
    fn a_part_adds_to_lists_and_mappings() {
        let mut manifest = node("name: a\nrenamed: {b: c}\nfiles: [1]\n");
        append(&mut manifest, node("files: [2, 3]\nrenamed: {d: e}\nkeys: [4]\n")).unwrap();
        let Value::Map(entries) = &manifest.value else { panic!() };
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_text().unwrap()).collect();
        assert_eq!(keys, ["name", "renamed", "files", "keys"]);
        let length = |name: &str| match &manifest.get(name).unwrap().value {
            Value::List(items) => items.len(),
            Value::Map(entries) => entries.len(),
            _ => 0,
        };
        assert_eq!((length("renamed"), length("files"), length("keys")), (2, 3, 1));
    }

    #[test]
    fn what_a_role_has_once_is_no_part() {
        for part in ["name: b", "files: x", "files: {a: b}", "[1]"] {
            let problem = append(&mut node("name: a\nfiles: [1]\n"), node(part)).unwrap_err();
            assert_eq!(problem.code, "H0308", "{part}");
        }
    }
}
