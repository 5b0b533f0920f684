//! Tokens -> statements.

use std::sync::Arc;

use super::SyntaxError;
use super::ast::{Call, Expression, For, Macro, Statement, Target, Template};
use super::expression;
use super::tokens::{Reader, Token};
use crate::diagnostic::did_you_mean;

type Parsed<T> = Result<T, SyntaxError>;

const WORDS: [&str; 11] = ["if", "for", "set", "with", "filter", "macro", "call", "raw", "include", "elif", "else"];

/// A whole template.
pub fn parse(tokens: Vec<(Token, usize)>) -> Parsed<Template> {
    let mut reader = Reader::new(tokens);
    let body = body(&mut reader, &[])?;
    Ok(Template { body })
}

/// Statements up to a block that begins with one of `ends`, which is not read, or to the end.
fn body(reader: &mut Reader, ends: &[&str]) -> Parsed<Vec<Statement>> {
    let mut statements = Vec::new();
    let begin = reader.offset();
    loop {
        match reader.peek().clone() {
            Token::End if ends.is_empty() => return Ok(statements),
            Token::End => {
                return Err(SyntaxError::new(format!("`{}` is missing", ends.last().unwrap_or(&"")), begin));
            }
            Token::Data(text) => {
                reader.next();
                statements.push(Statement::Data(text));
            }
            Token::PrintBegin => {
                reader.next();
                let value = expression::parse_tuple(reader, true, false)?;
                if *reader.peek() != Token::PrintEnd {
                    return Err(reader.unexpected("`}}` or an operator"));
                }
                reader.next();
                statements.push(Statement::Print(value));
            }
            Token::BlockBegin => {
                if matches!(reader.look(1), Token::Name(word) if ends.contains(&&**word)) {
                    reader.next();
                    return Ok(statements);
                }
                reader.next();
                statements.push(reader.deeper(statement)?);
                reader.expect_token(&Token::BlockEnd)?;
            }
            _ => return Err(reader.unexpected("text, `{{` or `{%`")),
        }
    }
}

/// The body behind a block's head; the word that ends it is read, its block's end is not.
fn block(reader: &mut Reader, ends: &[&str]) -> Parsed<(Vec<Statement>, Arc<str>)> {
    reader.skip(":");
    reader.expect_token(&Token::BlockEnd)?;
    let statements = body(reader, ends)?;
    let end = reader.expect_name()?;
    Ok((statements, end))
}

fn statement(reader: &mut Reader) -> Parsed<Statement> {
    let offset = reader.offset();
    let word = reader.expect_name()?;
    match &*word {
        "if" => condition(reader),
        "for" => for_loop(reader),
        "set" => set(reader),
        "with" => {
            let mut assignments = Vec::new();
            while *reader.peek() != Token::BlockEnd {
                if !assignments.is_empty() {
                    reader.expect(",")?;
                }
                let target = target(reader)?;
                reader.expect("=")?;
                assignments.push((target, expression::parse(reader)?));
            }
            let (statements, _) = block(reader, &["endwith"])?;
            Ok(Statement::With(assignments, statements))
        }
        "filter" => {
            let filters = filters(reader)?;
            let (statements, _) = block(reader, &["endfilter"])?;
            Ok(Statement::Filter(filters, statements))
        }
        "macro" => {
            let name = reader.expect_name()?;
            let parameters = parameters(reader)?;
            let (body, _) = block(reader, &["endmacro"])?;
            Ok(Statement::Macro(Arc::new(Macro { name, parameters, body })))
        }
        "call" => {
            let parameters = if reader.is("(") { parameters(reader)? } else { Vec::new() };
            let call = expression::parse(reader)?;
            let (body, _) = block(reader, &["endcall"])?;
            Ok(Statement::CallBlock(Arc::new(Macro { name: Arc::from("caller"), parameters, body }), call))
        }
        "include" => {
            let name = expression::parse(reader)?;
            let optional = reader.skip_word("ignore");
            if optional {
                reader.expect_word("missing")?;
            }
            if reader.skip_word("with") || reader.skip_word("without") {
                reader.expect_word("context")?;
            }
            Ok(Statement::Include(name, optional))
        }
        "import" | "from" | "extends" | "block" | "autoescape" | "do" | "break" | "continue" | "trans" => {
            Err(SyntaxError::new(format!("`{{% {word} %}}` is not supported in variables"), offset))
        }
        _ => {
            let meant = did_you_mean(&word, WORDS).map_or_else(String::new, |hint| format!("; {hint}"));
            Err(SyntaxError::new(format!("unknown block `{{% {word} %}}`{meant}"), offset))
        }
    }
}

fn condition(reader: &mut Reader) -> Parsed<Statement> {
    let mut branches = Vec::new();
    loop {
        let test = expression::parse_tuple(reader, false, false)?;
        let (statements, end) = block(reader, &["elif", "else", "endif"])?;
        branches.push((test, statements));
        match &*end {
            "elif" => {}
            "else" => {
                let (otherwise, _) = block(reader, &["endif"])?;
                return Ok(Statement::If(branches, otherwise));
            }
            _ => return Ok(Statement::If(branches, Vec::new())),
        }
    }
}

fn for_loop(reader: &mut Reader) -> Parsed<Statement> {
    let target = target(reader)?;
    reader.expect_word("in")?;
    let items = expression::parse_tuple(reader, false, false)?;
    let condition = if reader.skip_word("if") { Some(expression::parse(reader)?) } else { None };
    let recursive = reader.skip_word("recursive");
    let (body, end) = block(reader, &["else", "endfor"])?;
    let otherwise = if &*end == "else" { block(reader, &["endfor"])?.0 } else { Vec::new() };
    Ok(Statement::For(Arc::new(For { target, items, condition, recursive, body, otherwise })))
}

fn set(reader: &mut Reader) -> Parsed<Statement> {
    let target = target(reader)?;
    if reader.skip("=") {
        return Ok(Statement::Set(target, expression::parse_tuple(reader, true, false)?));
    }
    let filters = if reader.skip("|") { filters(reader)? } else { Vec::new() };
    let (statements, _) = block(reader, &["endset"])?;
    Ok(Statement::SetBlock(target, filters, statements))
}

fn filters(reader: &mut Reader) -> Parsed<Vec<Call>> {
    let mut filters = vec![expression::filter(reader)?];
    while reader.skip("|") {
        filters.push(expression::filter(reader)?);
    }
    Ok(filters)
}

fn target(reader: &mut Reader) -> Parsed<Target> {
    let mut targets = vec![single_target(reader)?];
    let mut is_tuple = false;
    while reader.skip(",") {
        is_tuple = true;
        if !matches!(reader.peek(), Token::Name(word) if &**word != "in") && !reader.is("(") {
            break;
        }
        targets.push(single_target(reader)?);
    }
    match (is_tuple, targets.pop()) {
        (false, Some(only)) => Ok(only),
        (_, last) => {
            targets.extend(last);
            Ok(Target::Tuple(targets))
        }
    }
}

fn single_target(reader: &mut Reader) -> Parsed<Target> {
    if reader.skip("(") {
        let inner = reader.deeper(target)?;
        reader.expect(")")?;
        return Ok(inner);
    }
    let offset = reader.offset();
    let name = reader.expect_name()?;
    if matches!(&*name, "true" | "false" | "none" | "True" | "False" | "None") {
        return Err(SyntaxError::new(format!("`{name}` cannot be assigned to"), offset));
    }
    if reader.skip(".") {
        return Ok(Target::Attribute(name, reader.expect_name()?));
    }
    Ok(Target::Name(name))
}

fn parameters(reader: &mut Reader) -> Parsed<Vec<(Arc<str>, Option<Expression>)>> {
    reader.expect("(")?;
    let mut parameters = Vec::new();
    while !reader.is(")") {
        if !parameters.is_empty() {
            reader.expect(",")?;
        }
        let name = reader.expect_name()?;
        let default = if reader.skip("=") { Some(expression::parse(reader)?) } else { None };
        parameters.push((name, default));
    }
    reader.expect(")")?;
    Ok(parameters)
}
