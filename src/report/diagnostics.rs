//! Findings and failures as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Error, Severity, Span};
use crate::secret::REDACTED;

/// More further places than this are counted, not shown.
const PLACES: usize = 6;

/// Gives the text of a file by its name, where it may be shown.
type Sources<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Findings in the manner of a compiler. `source` gives a file's text by the name in the span, where it
/// may be shown.
pub fn findings(diagnostics: &[Diagnostic], color: bool, source: &Sources<'_>) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut texts: BTreeMap<Arc<str>, Option<String>> = BTreeMap::new();
    let places = |finding: &Diagnostic| finding.span.iter().chain(finding.notes.iter().map(|note| &note.span)).cloned().collect::<Vec<_>>();
    for place in diagnostics.iter().flat_map(places) {
        texts.entry(place.file.clone()).or_insert_with(|| source(&place.file));
    }
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&finding(diagnostic, &renderer, &texts));
        out.push('\n');
    }
    out
}

fn finding(diagnostic: &Diagnostic, renderer: &Renderer, texts: &BTreeMap<Arc<str>, Option<String>>) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let shown = |span: &Span| {
        let text = texts.get(&span.file)?.as_deref()?;
        Some((text, byte_range(text, span.line, span.column)?))
    };
    // Each file once, with all places in it; the finding's own file first.
    let mut files: Vec<(Arc<str>, Vec<Annotation<'_>>)> = Vec::new();
    let mut lines = Vec::new();
    let own = diagnostic.span.iter().map(|span| (AnnotationKind::Primary, span, ""));
    let notes = diagnostic.notes.iter().take(PLACES).map(|note| (AnnotationKind::Context, &note.span, note.message.as_str()));
    for (kind, span, label) in own.chain(notes) {
        let Some((_, range)) = shown(span) else {
            lines.push(if label.is_empty() { format!("  --> {span}") } else { format!("  --> {span}: {label}") });
            continue;
        };
        let annotation = kind.span(range).label((!label.is_empty()).then_some(label));
        match files.iter_mut().find(|(file, _)| *file == span.file) {
            Some((_, annotations)) => annotations.push(annotation),
            None => files.push((span.file.clone(), vec![annotation])),
        }
    }
    let mut group = annotate_snippets::Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code));
    let excerpts = !files.is_empty();
    for (file, annotations) in files {
        if let Some(text) = texts.get(&file).and_then(Option::as_deref) {
            group = group.element(Snippet::source(text).path(file.to_string()).annotations(annotations));
        }
    }
    let more = diagnostic.notes.len().saturating_sub(PLACES);
    let more = (more > 0).then(|| format!("and {more} more"));
    let remarks = [(Level::NOTE, "note", more), (Level::HELP, "help", diagnostic.help.clone())];
    let remarks: Vec<_> = remarks.into_iter().filter_map(|(level, name, text)| Some((level, name, text?))).collect();
    if lines.is_empty() && excerpts {
        for (level, _, text) in remarks {
            group = group.element(level.message(text));
        }
        return renderer.render(&[group]) + "\n";
    }
    let mut out = renderer.render(&[group]) + "\n";
    for line in lines {
        out.push_str(&line);
        out.push('\n');
    }
    for (_, name, text) in remarks {
        out.push_str(&format!("  = {name}: {text}\n"));
    }
    out
}

/// The bytes of the word at a place: a name, a quoted text, or what stands up to the next space. A value itself
/// is never a part of what is printed beside it when its file may not be shown.
fn byte_range(text: &str, line: u32, column: u32) -> Option<std::ops::Range<usize>> {
    let line_index = usize::try_from(line.checked_sub(1)?).ok()?;
    let start_of_line: usize = text.split_inclusive('\n').take(line_index).map(str::len).sum();
    let this = text[start_of_line..].lines().next()?;
    let skip = usize::try_from(column.saturating_sub(1)).ok()?;
    let offset = this.char_indices().nth(skip).map_or(this.len(), |(offset, _)| offset);
    // A place in a value that is not shown.
    if let Some(hidden) = this.find(REDACTED).filter(|hidden| offset >= *hidden) {
        return Some(start_of_line + hidden..start_of_line + hidden + REDACTED.len());
    }
    let rest = &this[offset..];
    let word = enclosed(rest).unwrap_or_else(|| {
        let word = rest.split(|character: char| character.is_whitespace() || character == ':').next().unwrap_or(rest);
        // What a list or mapping on one line goes on with is no part of the word.
        word.trim_end_matches([',', '}', ']']).len()
    });
    let word = word.max(1).min(rest.len().max(1));
    let start = start_of_line + offset;
    Some(start..(start + word).min(text.len()).max(start))
}

/// How long a text in quotes or brackets is.
fn enclosed(rest: &str) -> Option<usize> {
    let end = match rest.chars().next()? {
        quote @ ('"' | '\'') => quote,
        '[' => ']',
        '{' => '}',
        _ => return None,
    };
    rest[1..].find(end).map(|at| at + 2)
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
