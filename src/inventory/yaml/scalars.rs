//! The scalars of a file with the bytes that they take, for changing a file in place.

use std::ops::Range;

use granit_parser::{Event, Options, Parser};

use super::local;

/// One scalar as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// Its bytes, with quotes and block indicators.
    pub range: Range<usize>,
    /// What it says.
    pub value: String,
    /// Whether it is a key of the file's own mapping: the name of a variable.
    pub names_variable: bool,
    /// Whether expressions in it count: a value without a tag, outside of `!unsafe` and `!secret`.
    pub is_template: bool,
}

struct Frame {
    /// For mappings, whether a key comes next.
    key_next: Option<bool>,
    literal: bool,
}

/// Every scalar, in order; nothing for what the parser refuses.
pub fn scalars(text: &str) -> Vec<Scalar> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut frames: Vec<Frame> = Vec::new();
    let mut found = Vec::new();
    while let Some(Ok((event, place))) = parser.next_event() {
        let is_key = frames.last().and_then(|frame| frame.key_next).unwrap_or(false);
        let literal = frames.last().is_some_and(|frame| frame.literal);
        match event {
            Event::Scalar(value, _, _, tag) => {
                if let (Some(start), Some(end)) = (place.start.byte_offset(), place.end.byte_offset()) {
                    let is_template = !is_key && !literal && tag.is_none();
                    found.push(Scalar {
                        range: start..end,
                        value: value.into_owned(),
                        names_variable: is_key && frames.len() == 1,
                        is_template,
                    });
                }
            }
            Event::SequenceStart(_, _, ref tag) | Event::MappingStart(_, _, ref tag) => {
                let literal = literal || tag.as_deref().is_some_and(|tag| local(tag, "unsafe") || local(tag, "secret"));
                let key_next = matches!(event, Event::MappingStart(..)).then_some(true);
                frames.push(Frame { key_next, literal });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                frames.pop();
            }
            Event::Alias(_) => {}
            Event::StreamEnd => return found,
            _ => continue,
        }
        // A key or value is complete.
        if let Some(next) = frames.last_mut().and_then(|frame| frame.key_next.as_mut()) {
            *next = !*next;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_templates_are_told_apart() {
        let text = "---\n# c\na: b\n\"c\": 'd''e'\nf: |-\n  {{ g }}\n  h\ni: {j: k}\nl: !unsafe {m: n}\no: !vault x\np: *q\nr: [s]\n";
        let lines: Vec<String> = scalars(text)
            .iter()
            .map(|scalar| {
                let raw = &text[scalar.range.clone()];
                format!(
                    "{raw:?} {:?}{}{}",
                    scalar.value,
                    if scalar.names_variable { " name" } else { "" },
                    if scalar.is_template { " template" } else { "" }
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        "a" "a" name
        "b" "b" template
        "\"c\"" "c" name
        "'d''e'" "d'e" template
        "f" "f" name
        "{{ g }}\n  h\n" "{{ g }}\nh" template
        "i" "i" name
        "j" "j"
        "k" "k" template
        "l" "l" name
        "m" "m"
        "n" "n"
        "o" "o" name
        "x" "x"
        "p" "p" name
        "#);
    }
}
