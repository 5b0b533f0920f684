//! The escapes of a string literal, as Python's `unicode-escape` reads them.

/// The text between the quotes. With `literal`, every backslash stays, as Ansible has it between
/// `{{` and `}}`: there the YAML reader has dealt with escapes already.
pub fn unescape(quoted: &str, literal: bool) -> Result<String, String> {
    if literal || !quoted.contains('\\') {
        return Ok(quoted.to_owned());
    }
    let mut out = String::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        let Some(escape) = rest.next() else {
            return Err("a string ends in a backslash".to_owned());
        };
        match escape {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(escape),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            'x' => out.push(hexadecimal(&mut rest, 2)?),
            'u' => out.push(hexadecimal(&mut rest, 4)?),
            'U' => out.push(hexadecimal(&mut rest, 8)?),
            '0'..='7' => {
                let mut code = escape.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = rest.as_str().chars().next().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    rest.next();
                }
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Ok(out)
}

fn hexadecimal(rest: &mut std::str::Chars<'_>, digits: usize) -> Result<char, String> {
    let wrong = || format!("an escape of a string needs {digits} hexadecimal digits");
    let mut code = 0;
    for _ in 0..digits {
        let digit = rest.next().and_then(|c| c.to_digit(16)).ok_or_else(wrong)?;
        code = code * 16 + digit;
    }
    char::from_u32(code).ok_or_else(|| "an escape of a string names no character".to_owned())
}
