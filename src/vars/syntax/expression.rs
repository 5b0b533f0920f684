//! Tokens -> expressions, in Jinja2's order of precedence.

use std::sync::Arc;

use super::SyntaxError;
use super::ast::{Arguments, Call, Comparison, Expression, Kind, Literal, Operator};
use super::tokens::{Reader, Token};

type Parsed<T = Expression> = Result<T, SyntaxError>;

const fn expression(kind: Kind, offset: usize) -> Expression {
    Expression { kind, offset }
}

/// One expression.
pub fn parse(reader: &mut Reader) -> Parsed {
    reader.deeper(conditional)
}

/// One expression, or several with commas between them, which are a tuple.
pub fn parse_tuple(reader: &mut Reader, with_conditional: bool, in_parentheses: bool) -> Parsed {
    let offset = reader.offset();
    let mut items = Vec::new();
    let mut is_tuple = false;
    loop {
        if !items.is_empty() && !reader.skip(",") {
            break;
        }
        is_tuple |= !items.is_empty();
        if matches!(reader.peek(), Token::PrintEnd | Token::BlockEnd | Token::End) || reader.is(")") || reader.is_word("recursive") {
            break;
        }
        items.push(if with_conditional { parse(reader)? } else { reader.deeper(or)? });
    }
    if !is_tuple {
        return match items.pop() {
            Some(item) => Ok(item),
            None if in_parentheses => Ok(expression(Kind::Tuple(Vec::new()), offset)),
            None => Err(reader.unexpected("an expression")),
        };
    }
    Ok(expression(Kind::Tuple(items), offset))
}

fn conditional(reader: &mut Reader) -> Parsed {
    let offset = reader.offset();
    let mut value = or(reader)?;
    let mut length = 0;
    while reader.skip_word("if") {
        length += 1;
        reader.check_chain(length)?;
        let condition = or(reader)?;
        let otherwise = if reader.skip_word("else") { Some(Box::new(parse(reader)?)) } else { None };
        value = expression(Kind::Conditional(Box::new([condition, value]), otherwise), offset);
    }
    Ok(value)
}

fn or(reader: &mut Reader) -> Parsed {
    joined(reader, "or", and, Kind::Or)
}

fn and(reader: &mut Reader) -> Parsed {
    joined(reader, "and", not, Kind::And)
}

fn joined(reader: &mut Reader, word: &str, part: fn(&mut Reader) -> Parsed, kind: fn(Vec<Expression>) -> Kind) -> Parsed {
    let offset = reader.offset();
    let first = part(reader)?;
    if !reader.is_word(word) {
        return Ok(first);
    }
    let mut parts = vec![first];
    while reader.skip_word(word) {
        parts.push(part(reader)?);
    }
    Ok(expression(kind(parts), offset))
}

fn not(reader: &mut Reader) -> Parsed {
    let offset = reader.offset();
    if reader.skip_word("not") {
        let inner = reader.deeper(not)?;
        return Ok(expression(Kind::Not(Box::new(inner)), offset));
    }
    compare(reader)
}

fn compare(reader: &mut Reader) -> Parsed {
    let offset = reader.offset();
    let first = sum(reader)?;
    let mut rest = Vec::new();
    loop {
        let operator = match reader.peek() {
            Token::Symbol("==") => Comparison::Equal,
            Token::Symbol("!=") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            Token::Name(word) if &**word == "in" => Comparison::In,
            Token::Name(word) if &**word == "not" && matches!(reader.look(1), Token::Name(next) if &**next == "in") => {
                reader.next();
                Comparison::NotIn
            }
            _ => break,
        };
        reader.next();
        rest.push((operator, sum(reader)?));
    }
    Ok(if rest.is_empty() { first } else { expression(Kind::Compare(Box::new(first), rest), offset) })
}

fn sum(reader: &mut Reader) -> Parsed {
    arithmetic(reader, concat, |token| match token {
        Token::Symbol("+") => Some(Operator::Add),
        Token::Symbol("-") => Some(Operator::Subtract),
        _ => None,
    })
}

fn concat(reader: &mut Reader) -> Parsed {
    let offset = reader.offset();
    let first = product(reader)?;
    if !reader.is("~") {
        return Ok(first);
    }
    let mut parts = vec![first];
    while reader.skip("~") {
        parts.push(product(reader)?);
    }
    Ok(expression(Kind::Concat(parts), offset))
}

fn product(reader: &mut Reader) -> Parsed {
    arithmetic(reader, power, |token| match token {
        Token::Symbol("*") => Some(Operator::Multiply),
        Token::Symbol("/") => Some(Operator::Divide),
        Token::Symbol("//") => Some(Operator::FloorDivide),
        Token::Symbol("%") => Some(Operator::Remainder),
        _ => None,
    })
}

fn power(reader: &mut Reader) -> Parsed {
    arithmetic(reader, |reader| unary(reader, true), |token| matches!(token, Token::Symbol("**")).then_some(Operator::Power))
}

fn arithmetic(reader: &mut Reader, part: fn(&mut Reader) -> Parsed, operator: fn(&Token) -> Option<Operator>) -> Parsed {
    let offset = reader.offset();
    let first = part(reader)?;
    let mut rest = Vec::new();
    while let Some(operator) = operator(reader.peek()) {
        reader.next();
        rest.push((operator, part(reader)?));
    }
    Ok(if rest.is_empty() { first } else { expression(Kind::Arithmetic(Box::new(first), rest), offset) })
}

fn unary(reader: &mut Reader, with_filters: bool) -> Parsed {
    let offset = reader.offset();
    let value = if reader.skip("-") {
        let inner = reader.deeper(|reader| unary(reader, false))?;
        expression(Kind::Negative(Box::new(inner)), offset)
    } else if reader.skip("+") {
        let inner = reader.deeper(|reader| unary(reader, false))?;
        expression(Kind::Positive(Box::new(inner)), offset)
    } else {
        primary(reader)?
    };
    let value = postfix(reader, value)?;
    if with_filters { filters(reader, value) } else { Ok(value) }
}

/// A literal, a name, or something in brackets.
fn primary(reader: &mut Reader) -> Parsed {
    let offset = reader.offset();
    let kind = match reader.peek().clone() {
        Token::Name(name) => {
            reader.next();
            match &*name {
                "true" | "True" => Kind::Literal(Literal::Bool(true)),
                "false" | "False" => Kind::Literal(Literal::Bool(false)),
                "none" | "None" => Kind::Literal(Literal::None),
                _ => Kind::Name(name),
            }
        }
        Token::Text(first) => {
            reader.next();
            let mut text = first;
            while let Token::Text(more) = reader.peek() {
                text = Arc::from(format!("{text}{more}"));
                reader.next();
            }
            Kind::Literal(Literal::Text(text))
        }
        Token::Int(number) => {
            reader.next();
            Kind::Literal(Literal::Int(number))
        }
        Token::Float(number) => {
            reader.next();
            Kind::Literal(Literal::Float(number))
        }
        Token::Symbol("(") => {
            reader.next();
            let inner = reader.deeper(|reader| parse_tuple(reader, true, true))?;
            reader.expect(")")?;
            inner.kind
        }
        Token::Symbol("[") => {
            reader.next();
            Kind::List(separated(reader, "]", parse)?)
        }
        Token::Symbol("{") => {
            reader.next();
            Kind::Map(separated(reader, "}", |reader| {
                let key = parse(reader)?;
                reader.expect(":")?;
                Ok((key, parse(reader)?))
            })?)
        }
        _ => return Err(reader.unexpected("an expression")),
    };
    Ok(expression(kind, offset))
}

fn separated<T>(reader: &mut Reader, close: &str, mut item: impl FnMut(&mut Reader) -> Parsed<T>) -> Parsed<Vec<T>> {
    let mut items = Vec::new();
    while !reader.is(close) {
        if !items.is_empty() {
            reader.expect(",")?;
        }
        if reader.is(close) {
            break;
        }
        items.push(item(reader)?);
    }
    reader.expect(close)?;
    Ok(items)
}

fn postfix(reader: &mut Reader, mut value: Expression) -> Parsed {
    let mut length = 0;
    loop {
        length += 1;
        reader.check_chain(length)?;
        let offset = reader.offset();
        let kind = if reader.skip(".") {
            let at = reader.offset();
            match reader.next() {
                Token::Name(name) => Kind::Attribute(Box::new(value), name),
                Token::Int(number) => Kind::Item(Box::new(value), Box::new(expression(Kind::Literal(Literal::Int(number)), at))),
                other => return Err(SyntaxError::new(format!("expected a name or number behind `.`, found {}", other.describe()), at)),
            }
        } else if reader.skip("[") {
            let mut indexes = separated(reader, "]", subscript)?;
            let index = match (indexes.len(), indexes.pop()) {
                (1, Some(index)) => index,
                (0, _) | (_, None) => return Err(SyntaxError::new("expected an expression between `[` and `]`", offset)),
                (_, Some(last)) => {
                    indexes.push(last);
                    expression(Kind::Tuple(indexes), offset)
                }
            };
            Kind::Item(Box::new(value), Box::new(index))
        } else if reader.is("(") {
            Kind::Call(Box::new(value), arguments(reader)?)
        } else {
            return Ok(value);
        };
        value = expression(kind, offset);
    }
}

fn subscript(reader: &mut Reader) -> Parsed {
    let offset = reader.offset();
    let ends = |reader: &Reader| reader.is("]") || reader.is(",") || reader.is(":");
    let mut parts = [None, None, None];
    if !reader.is(":") {
        let first = parse(reader)?;
        if !reader.is(":") {
            return Ok(first);
        }
        parts[0] = Some(first);
    }
    for part in parts.iter_mut().skip(1) {
        if reader.skip(":") && !ends(reader) {
            *part = Some(parse(reader)?);
        }
    }
    Ok(expression(Kind::Slice(Box::new(parts)), offset))
}

fn filters(reader: &mut Reader, mut value: Expression) -> Parsed {
    let mut length = 0;
    loop {
        length += 1;
        reader.check_chain(length)?;
        let offset = reader.offset();
        let kind = if reader.skip("|") {
            Kind::Filter(Box::new(value), filter(reader)?)
        } else if reader.is_word("is") {
            reader.next();
            test(reader, value)?
        } else if reader.is("(") {
            Kind::Call(Box::new(value), arguments(reader)?)
        } else {
            return Ok(value);
        };
        value = expression(kind, offset);
    }
}

/// A filter behind its `|`.
pub fn filter(reader: &mut Reader) -> Parsed<Call> {
    let offset = reader.offset();
    let name = dotted(reader)?;
    let arguments = if reader.is("(") { arguments(reader)? } else { Arguments::default() };
    Ok(Call { name, arguments, offset })
}

fn dotted(reader: &mut Reader) -> Parsed<Arc<str>> {
    let mut name = reader.expect_name()?;
    while reader.skip(".") {
        name = Arc::from(format!("{name}.{}", reader.expect_name()?));
    }
    Ok(name)
}

fn test(reader: &mut Reader, value: Expression) -> Parsed<Kind> {
    let negated = reader.skip_word("not");
    let offset = reader.offset();
    let name = dotted(reader)?;
    let mut given = Arguments::default();
    let takes_one = match reader.peek() {
        Token::Name(word) => !matches!(&**word, "else" | "or" | "and"),
        Token::Text(_) | Token::Int(_) | Token::Float(_) => true,
        Token::Symbol(symbol) => matches!(*symbol, "[" | "{"),
        _ => false,
    };
    if reader.is("(") {
        given = arguments(reader)?;
    } else if takes_one {
        if reader.is_word("is") {
            return Err(SyntaxError::new("two tests with `is` cannot follow each other", reader.offset()));
        }
        let argument = primary(reader)?;
        given.positional.push(postfix(reader, argument)?);
    }
    let value_offset = value.offset;
    let kind = Kind::Test(Box::new(value), Call { name, arguments: given, offset });
    Ok(if negated { Kind::Not(Box::new(expression(kind, value_offset))) } else { kind })
}

fn arguments(reader: &mut Reader) -> Parsed<Arguments> {
    reader.deeper(|reader| {
        reader.expect("(")?;
        let mut given = Arguments::default();
        let mut first = true;
        while !reader.is(")") {
            if !first {
                reader.expect(",")?;
                if reader.is(")") {
                    break;
                }
            }
            first = false;
            let misplaced = SyntaxError::new("the arguments of a call stand in an order that Jinja2 does not allow", reader.offset());
            if reader.skip("*") {
                if given.spread.is_some() || given.spread_named.is_some() {
                    return Err(misplaced);
                }
                given.spread = Some(Box::new(parse(reader)?));
            } else if reader.skip("**") {
                if given.spread_named.is_some() {
                    return Err(misplaced);
                }
                given.spread_named = Some(Box::new(parse(reader)?));
            } else if let (Token::Name(name), Token::Symbol("=")) = (reader.peek().clone(), reader.look(1)) {
                if given.spread_named.is_some() {
                    return Err(misplaced);
                }
                reader.next();
                reader.next();
                given.named.push((name, parse(reader)?));
            } else {
                if given.spread.is_some() || given.spread_named.is_some() || !given.named.is_empty() {
                    return Err(misplaced);
                }
                given.positional.push(parse(reader)?);
            }
        }
        reader.expect(")")?;
        Ok(given)
    })
}
