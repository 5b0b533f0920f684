//! Unified diffs that show no secret.

use serde_json::Value as Json;
use similar::TextDiff;

use crate::desired::meaning;
use crate::role::Format;
use crate::secret::{REDACTED, sounds_secret};

/// The diff of a file whose values may be shown, with known secrets taken out all the same.
pub fn plain(old: &str, new: &str, redact: &dyn Fn(&str) -> String) -> String {
    unified(&redact(old), &redact(new))
}

/// The diff of a file that holds secrets: its keys, with the values that are no secrets.
///
/// The file on the host may hold secrets that nobody here knows any more, so a value is shown only where
/// the new value at the same place is known to be none, and never below a key that sounds like one.
pub fn masked(format: Format, old: &str, new: &str, redact: &dyn Fn(&str) -> String) -> String {
    let (old_meaning, new_meaning) = (meaning::of(format, old), meaning::of(format, new));
    if !matches!(new_meaning, Json::Object(_) | Json::Array(_)) || !matches!(old_meaning, Json::Object(_) | Json::Array(_) | Json::Null) {
        return format!("-{} lines {REDACTED}\n+{} lines {REDACTED}\n", old.lines().count(), new.lines().count());
    }
    let mut shown_old = Vec::new();
    let mut shown_new = Vec::new();
    lines(&mut shown_new, "", &new_meaning, Some(&old_meaning), redact, Side::New);
    if old_meaning != Json::Null {
        lines(&mut shown_old, "", &old_meaning, Some(&new_meaning), redact, Side::Old);
    }
    unified(&shown_old.concat(), &shown_new.concat())
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Old,
    New,
}

/// One `path: value` line a scalar.
fn lines(out: &mut Vec<String>, path: &str, value: &Json, other: Option<&Json>, redact: &dyn Fn(&str) -> String, side: Side) {
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                lines(out, &path, value, other.and_then(|other| other.get(key)), redact, side);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                lines(out, &format!("{path}[{index}]"), value, other.and_then(|other| other.get(index)), redact, side);
            }
        }
        scalar => {
            let text = scalar.to_string();
            let hidden = |value: &Json| {
                let text = value.to_string();
                redact(&text) != text
            };
            let doubtful = side == Side::Old && other.map_or_else(|| scalar.is_string(), hidden);
            let secret = sounds_secret(path.rsplit('.').next().unwrap_or(path))
                && !matches!(scalar, Json::Bool(_) | Json::Null | Json::Object(_) | Json::Array(_));
            let shown = if secret || doubtful || hidden(scalar) {
                let changed = side == Side::New && other.is_some_and(|other| other != scalar);
                if changed { format!("{REDACTED} (changed)") } else { REDACTED.to_owned() }
            } else {
                text
            };
            out.push(format!("{}: {shown}\n", redact(path)));
        }
    }
}

fn unified(old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut text = String::new();
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        text.push_str(&hunk.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(text: &str) -> String {
        text.replace("hunter2hunter2", REDACTED)
    }

    #[test]
    fn a_changed_number_shows_and_a_changed_secret_does_not() {
        let old = "max_upload_size: 50M\ndatabase: {args: {password: oldoldold, host: db}}\nform_secret: a\nextra: gone\n";
        let new = "max_upload_size: 60M\ndatabase: {args: {password: hunter2hunter2, host: db}}\nform_secret: b\n";
        insta::assert_snapshot!(masked(Format::Yaml, old, new, &redact), @r#"
        @@ -1,5 +1,4 @@
         database.args.host: "db"
        -database.args.password: [redacted]
        -extra: [redacted]
        -form_secret: [redacted]
        -max_upload_size: "50M"
        +database.args.password: [redacted] (changed)
        +form_secret: [redacted] (changed)
        +max_upload_size: "60M"
        "#);
    }

    #[test]
    fn a_secret_text_shows_its_length_only() {
        assert_eq!(masked(Format::Text, "a\nb", "hunter2hunter2", &redact), "-2 lines [redacted]\n+1 lines [redacted]\n");
    }

    #[test]
    fn known_secrets_are_taken_out_of_plain_files_too() {
        let diff = plain("a=1\n", "a=hunter2hunter2\n", &redact);
        assert!(diff.contains("+a=[redacted]") && !diff.contains("hunter2"), "{diff}");
    }

    #[test]
    fn a_secret_number_is_hidden_where_it_stands_alone() {
        let redact = |text: &str| if text == "5" { REDACTED.to_owned() } else { text.to_owned() };
        insta::assert_snapshot!(masked(Format::Yaml, "retries: 3\nport: 5050\nname: 5 x\n", "retries: 5\nport: 5051\nname: 5 y\n", &redact), @r#"
        @@ -1,3 +1,3 @@
        -name: "5 x"
        -port: 5050
        -retries: [redacted]
        +name: "5 y"
        +port: 5051
        +retries: [redacted] (changed)
        "#);
    }
}
