//! Findings and failures as text.

use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Error, Severity};

/// Findings in the manner of a compiler. `source` gives a file's text by the name in the span, where it
/// may be shown.
pub fn findings(diagnostics: &[Diagnostic], color: bool, source: &dyn Fn(&str) -> Option<String>) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut out = String::new();
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&diagnostic.message).id(diagnostic.code);
        let place = diagnostic.span.as_ref().map(|span| {
            let text = texts.entry(span.file.to_string()).or_insert_with(|| source(&span.file));
            let range = text.as_deref().and_then(|text| byte_range(text, span.line, span.column));
            (span.clone(), text.clone(), range)
        });
        let mut group = annotate_snippets::Group::with_title(title);
        let mut notes = Vec::new();
        match &place {
            Some((span, Some(text), Some(range))) => {
                group =
                    group.element(Snippet::source(text).path(span.file.as_ref()).annotation(AnnotationKind::Primary.span(range.clone())));
            }
            Some((span, ..)) => notes.push(format!("  --> {span}")),
            None => {}
        }
        let help = diagnostic.help.clone();
        if let (Some(help), true) = (&help, notes.is_empty()) {
            group = group.element(Level::HELP.message(help));
        }
        out.push_str(&renderer.render(&[group]));
        out.push('\n');
        for note in &notes {
            out.push_str(note);
            out.push('\n');
        }
        if let (Some(help), false) = (&help, notes.is_empty()) {
            out.push_str(&format!("  = help: {help}\n"));
        }
        out.push('\n');
    }
    out
}

/// The bytes of the word at a place. A value itself is never a part of what is printed beside it when
/// its file may not be shown.
fn byte_range(text: &str, line: u32, column: u32) -> Option<std::ops::Range<usize>> {
    let line_index = usize::try_from(line.checked_sub(1)?).ok()?;
    let start_of_line: usize = text.split_inclusive('\n').take(line_index).map(str::len).sum();
    let this = text[start_of_line..].lines().next()?;
    let skip = usize::try_from(column.saturating_sub(1)).ok()?;
    let offset = this.char_indices().nth(skip).map_or(this.len(), |(offset, _)| offset);
    let rest = &this[offset..];
    let word =
        rest.find(|character: char| character.is_whitespace() || character == ':').unwrap_or(rest.len()).max(1).min(rest.len().max(1));
    let start = start_of_line + offset;
    Some(start..(start + word).min(text.len()).max(start))
}

/// The end of a run: what failed, why, and what to do.
pub fn failure(error: &Error, color: bool) -> String {
    let (red, cyan, reset) = if color { ("\u{1b}[1;31m", "\u{1b}[1;36m", "\u{1b}[0m") } else { ("", "", "") };
    let mut out = format!("{red}error:{reset} {}\n", error.message);
    let mut source = error.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static));
    while let Some(cause) = source {
        out.push_str(&format!("  caused by: {cause}\n"));
        source = cause.source();
    }
    for hint in &error.hints {
        out.push_str(&format!("{cyan}hint:{reset} {hint}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Kind, Span};

    #[test]
    fn a_finding_shows_its_line_and_what_to_do() {
        let finding = Diagnostic::error("H0332", "`matrix_domain` is malformed")
            .at(&Span::new("inventory/host_vars/matrix.example.com/vars.yml", 2, 1))
            .help("a domain name");
        let text = findings(&[finding], false, &|_| Some("---\nmatrix_domain: 'x y'\n".to_owned()));
        insta::assert_snapshot!(text, @"
        error[H0332]: `matrix_domain` is malformed
         --> inventory/host_vars/matrix.example.com/vars.yml:2:1
          |
        2 | matrix_domain: 'x y'
          | ^^^^^^^^^^^^^
          |
          = help: a domain name
        ");
    }

    #[test]
    fn a_finding_without_its_file_still_says_where() {
        let finding = Diagnostic::warning("H0330", "`a` is now called `b`").at(&Span::whole("-e")).help("rename it");
        let text = findings(&[finding], false, &|_| None);
        insta::assert_snapshot!(text, @"
        warning[H0330]: `a` is now called `b`
          --> -e
          = help: rename it
        ");
    }

    #[test]
    fn a_failure_ends_with_hints() {
        let error = Error::new(Kind::Unreachable, "cannot reach `a`").hint("check `ansible_host`").caused_by("connection refused");
        assert_eq!(failure(&error, false), "error: cannot reach `a`\n  caused by: connection refused\nhint: check `ansible_host`\n");
    }
}
