//! From a place inside an expression to a line and column of a user's file.

use super::error::Place;
use crate::diagnostic::Span;

/// The line and column of a place.
///
/// A value knows where it begins, not how YAML laid it out. So the file is read again, which is
/// done only for a value that failed, and the line of the expression looked for near the value.
pub fn locate(place: &Place) -> Span {
    let origin = &place.origin;
    let span = &origin.span;
    if origin.source.is_empty() || span.line == 0 {
        return span.clone();
    }
    let offset = place.offset.min(origin.source.len());
    let before = origin.source.get(..offset).unwrap_or("");
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = &origin.source[start..];
    let line = rest.split('\n').next().unwrap_or(rest);
    let ahead = before.len() - start;
    if let Some(found) = in_file(span, line, ahead, before.matches('\n').count()) {
        return found;
    }
    // Without the file: right for a quoted value on one line.
    if span.column > 0 && !origin.source.trim_end().contains('\n') && !origin.source.ends_with('\n') {
        let characters = before.chars().count();
        return Span::new(span.file.clone(), span.line, span.column + u32::try_from(characters).unwrap_or(0) + 1);
    }
    span.clone()
}

fn in_file(span: &Span, line: &str, ahead: usize, newlines: usize) -> Option<Span> {
    let text = fs_err::read_to_string(&*span.file).ok()?;
    let first = usize::try_from(span.line).ok()?.checked_sub(1)?;
    let wanted = line.trim_end();
    let found = |number: usize, candidate: &str, at: usize| {
        let column = candidate[..at].chars().count() + 1;
        Some(Span::new(span.file.clone(), u32::try_from(number + 1).ok()?, u32::try_from(column).ok()?))
    };
    for (number, candidate) in text.lines().enumerate().skip(first).take(newlines + 40) {
        if let Some(at) = candidate.find(wanted).filter(|_| !wanted.is_empty()) {
            return found(number, candidate, candidate.floor_char_boundary(at + ahead));
        }
    }
    // Quotes or folding changed the text: a piece of it around the place will do.
    let piece: String = line.get(ahead..)?.chars().take_while(|c| !matches!(c, '\\' | '"' | '\'')).take(12).collect();
    let piece = piece.trim_end();
    if piece.chars().count() < 3 {
        return None;
    }
    text.lines()
        .enumerate()
        .skip(first)
        .take(newlines + 40)
        .find_map(|(number, candidate)| candidate.find(piece).and_then(|at| found(number, candidate, at)))
}
