//! The tokens of a template, and a reader over them.

use std::sync::Arc;

use super::SyntaxError;

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// Text outside of all delimiters.
    Data(Arc<str>),
    /// `{{`
    PrintBegin,
    /// `}}`
    PrintEnd,
    /// `{%`
    BlockBegin,
    /// `%}`
    BlockEnd,
    /// A name or keyword.
    Name(Arc<str>),
    /// A string, its escapes read.
    Text(Arc<str>),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// An operator, bracket or separator.
    Symbol(&'static str),
    /// Behind the last one.
    End,
}

impl Token {
    /// As a message names it.
    pub fn describe(&self) -> String {
        match self {
            Self::Data(_) => "text".to_owned(),
            Self::PrintBegin => "`{{`".to_owned(),
            Self::PrintEnd => "`}}`".to_owned(),
            Self::BlockBegin => "`{%`".to_owned(),
            Self::BlockEnd => "`%}`".to_owned(),
            Self::Name(name) => format!("`{name}`"),
            // Its content may be a secret.
            Self::Text(_) => "a string".to_owned(),
            Self::Int(_) | Self::Float(_) => "a number".to_owned(),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end of the text".to_owned(),
        }
    }
}

/// The symbols, longer ones first.
pub const SYMBOLS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";",
];

/// How deep brackets, filters and attributes may nest. Far beyond what people write, and far from
/// the end of a thread's stack.
const DEEPEST: usize = 60;

/// A reader over tokens.
pub struct Reader {
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
}

impl Reader {
    /// A reader from the first token on.
    pub const fn new(tokens: Vec<(Token, usize)>) -> Self {
        Self { tokens, at: 0, depth: 0 }
    }

    /// The token that comes next.
    pub fn peek(&self) -> &Token {
        self.look(0)
    }

    /// A later one.
    pub fn look(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |(token, _)| token)
    }

    /// Where the next one stands.
    pub fn offset(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(_, offset)| *offset)
    }

    /// Goes on.
    pub fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// Goes on, when the next one is this symbol.
    pub fn skip(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    /// Goes on, when the next one is this word.
    pub fn skip_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    /// Whether the next one is this symbol.
    pub fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    /// Whether the next one is this word.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(found) if **found == *word)
    }

    /// Goes on over this symbol.
    pub fn expect(&mut self, symbol: &str) -> Result<(), SyntaxError> {
        if self.skip(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    /// Goes on over this word.
    pub fn expect_word(&mut self, word: &str) -> Result<(), SyntaxError> {
        if self.skip_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    /// Goes on over this token.
    pub fn expect_token(&mut self, token: &Token) -> Result<(), SyntaxError> {
        if self.peek() == token {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected(&token.describe()))
    }

    /// Goes on over a name.
    pub fn expect_name(&mut self) -> Result<Arc<str>, SyntaxError> {
        match self.peek() {
            Token::Name(name) => {
                let name = Arc::clone(name);
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    /// The error of a token that may not stand here.
    pub fn unexpected(&self, wanted: &str) -> SyntaxError {
        SyntaxError::new(format!("expected {wanted}, found {}", self.peek().describe()), self.offset())
    }

    /// Reads something one level deeper.
    pub fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>) -> Result<T, SyntaxError> {
        if self.depth >= DEEPEST {
            return Err(SyntaxError::new("the expression nests too deep", self.offset()));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// The error of a chain of filters or attributes that is too long.
    pub fn check_chain(&self, length: usize) -> Result<(), SyntaxError> {
        if length > DEEPEST { Err(SyntaxError::new("too many filters or attributes in a row", self.offset())) } else { Ok(()) }
    }
}
