//! What a variable may hold, as its documentation says it.

use std::fmt;

use serde_json::Value as Json;

/// A kind of value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A number without a fraction.
    Integer,
    /// Any number.
    Number,
    /// A list; of what, where that is told.
    List(Option<Box<Self>>),
    /// A mapping; of what values, where that is told.
    Mapping(Option<Box<Self>>),
    /// No value: `null`.
    Nothing,
}

impl Type {
    /// Reads words such as `list of mappings` or `text or nothing`: the kinds between which a value may choose.
    ///
    /// # Errors
    /// The word that names no kind.
    pub fn read_all(words: &str) -> Result<Vec<Self>, String> {
        words.split(" or ").map(|word| Self::read(word.trim())).collect()
    }

    fn read(word: &str) -> Result<Self, String> {
        let (outer, inner) = word.split_once(" of ").map_or((word, None), |(outer, inner)| (outer, Some(inner)));
        let inner = inner.map(Self::read).transpose()?.map(Box::new);
        match (outer, inner) {
            ("list" | "lists", inner) => Ok(Self::List(inner)),
            ("mapping" | "mappings", inner) => Ok(Self::Mapping(inner)),
            ("text" | "texts", None) => Ok(Self::Text),
            ("boolean" | "booleans", None) => Ok(Self::Boolean),
            ("whole number" | "whole numbers", None) => Ok(Self::Integer),
            ("number" | "numbers", None) => Ok(Self::Number),
            ("nothing", None) => Ok(Self::Nothing),
            _ => Err(word.to_owned()),
        }
    }

    /// Whether a value is of this kind, or is text that programs read as one: `"8008"`, `"yes"`. Numbers are
    /// taken for text, because they become text wherever they are written.
    pub fn accepts(&self, value: &Json) -> bool {
        match (self, value) {
            (Self::Text, Json::String(_) | Json::Number(_))
            | (Self::Boolean, Json::Bool(_))
            | (Self::Number, Json::Number(_))
            | (Self::Nothing, Json::Null)
            | (Self::List(None), Json::Array(_))
            | (Self::Mapping(None), Json::Object(_)) => true,
            (Self::Integer, Json::Number(number)) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
            (Self::Boolean, Json::String(text)) => {
                matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "1" | "0")
            }
            (Self::Boolean, Json::Number(number)) => matches!(number.as_i64(), Some(0 | 1)),
            (Self::Integer, Json::String(text)) => text.trim().parse::<i64>().is_ok(),
            (Self::Number, Json::String(text)) => text.trim().parse::<f64>().is_ok(),
            (Self::List(Some(inner)), Json::Array(items)) => items.iter().all(|item| inner.accepts(item)),
            (Self::Mapping(Some(inner)), Json::Object(entries)) => entries.values().all(|value| inner.accepts(value)),
            _ => false,
        }
    }

    fn plural(&self) -> String {
        match self {
            Self::Text => "texts".to_owned(),
            Self::Boolean => "booleans".to_owned(),
            Self::Integer => "whole numbers".to_owned(),
            Self::Number => "numbers".to_owned(),
            Self::List(None) => "lists".to_owned(),
            Self::Mapping(None) => "mappings".to_owned(),
            Self::List(Some(inner)) => format!("lists of {}", inner.plural()),
            Self::Mapping(Some(inner)) => format!("mappings of {}", inner.plural()),
            Self::Nothing => "nothing".to_owned(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Boolean => f.write_str("boolean"),
            Self::Integer => f.write_str("whole number"),
            Self::Number => f.write_str("number"),
            Self::List(None) => f.write_str("list"),
            Self::Mapping(None) => f.write_str("mapping"),
            Self::List(Some(inner)) => write!(f, "list of {}", inner.plural()),
            Self::Mapping(Some(inner)) => write!(f, "mapping of {}", inner.plural()),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_reads_as_it_is_shown() {
        for words in ["text", "list of mappings", "mapping of lists of whole numbers", "text or list of texts or nothing"] {
            let kinds = Type::read_all(words).unwrap();
            assert_eq!(kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "), words);
        }
        assert_eq!(Type::read_all("text or list of strings").unwrap_err(), "strings");
        assert_eq!(Type::read_all("text of texts").unwrap_err(), "text of texts");
    }

    #[test]
    fn a_value_that_programs_read_as_the_kind_is_one() {
        let accepted = |words: &str, value: Json| Type::read_all(words).unwrap().iter().any(|kind| kind.accepts(&value));
        assert!(accepted("boolean", json!("yes")) && accepted("whole number", json!("8008")) && accepted("text", json!(16)));
        assert!(accepted("list of texts", json!(["a", 1])) && accepted("text or nothing", json!(null)));
        assert!(
            !accepted("boolean", json!("ture")) && !accepted("whole number", json!("8008/tcp")) && !accepted("whole number", json!(1.5))
        );
        assert!(!accepted("text", json!(true)) && !accepted("list of texts", json!("a")) && !accepted("text", json!(null)));
    }
}
