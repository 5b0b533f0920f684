//! Splits a line as Python's `shlex.split(line, comments=True)` does, which is how Ansible reads a
//! host's line.

/// A word without its quotes, and the column where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text that is meant.
    pub text: String,
    /// 1 is the line's first character.
    pub column: u32,
}

/// Splits a line into words. `#` outside quotes ends it.
///
/// # Errors
/// The column of a quote or backslash that nothing closes.
pub fn split(line: &str) -> Result<Vec<Word>, u32> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut characters = (1..).zip(line.chars());
    while let Some((column, character)) = characters.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' => break,
            _ => {
                let text = &mut word.get_or_insert_with(|| Word { text: String::new(), column }).text;
                match character {
                    '\\' => text.push(characters.next().ok_or(column)?.1),
                    '"' | '\'' => quoted(character, &mut characters, text).ok_or(column)?,
                    _ => text.push(character),
                }
            }
        }
    }
    words.extend(word);
    Ok(words)
}

/// Reads to the closing quote; nothing where there is none.
fn quoted(quote: char, characters: &mut impl Iterator<Item = (u32, char)>, text: &mut String) -> Option<()> {
    loop {
        match characters.next()?.1 {
            character if character == quote => return Some(()),
            '\\' if quote == '"' => match characters.next()?.1 {
                character @ ('"' | '\\') => text.push(character),
                character => text.extend(['\\', character]),
            },
            character => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn quotes_hold_words_together_and_comments_end_the_line() {
        assert_eq!(words("web a=1 b='x y' c=\"x # y\" # z"), ["web", "a=1", "b=x y", "c=x # y"]);
        assert_eq!(words("pass=a#b c"), ["pass=a"]);
        assert_eq!(words(r#"a="x \" \\ \n" b=x\ y c='\'"#), ["a=x \" \\ \\n", "b=x y", "c=\\"]);
        assert_eq!(words("''"), [""]);
        assert_eq!(words("  "), [""; 0]);
        assert_eq!(split("a  b=1").unwrap()[1].column, 4);
    }

    #[test]
    fn an_open_quote_is_found() {
        assert_eq!(split("web a='x"), Err(7));
        assert_eq!(split("web\\"), Err(4));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "\\PC{0,30}") {
            let _ = split(&line);
        }

        #[test]
        fn single_quotes_hold_everything(text in "[^']{0,20}") {
            prop_assert_eq!(words(&format!("'{text}'")), [text]);
        }
    }
}
