//! A reader of the few DER shapes that private keys are made of (X.690).

use anyhow::{Context as _, bail};

/// Reads values one after another.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn byte(&mut self) -> anyhow::Result<u8> {
        let (first, rest) = self.rest.split_first().context("the key is cut short")?;
        self.rest = rest;
        Ok(*first)
    }

    fn value(&mut self, tag: u8) -> anyhow::Result<&'a [u8]> {
        let found = self.byte()?;
        if found != tag {
            bail!("the key has tag {found:#04x} where {tag:#04x} belongs");
        }
        let mut length = usize::from(self.byte()?);
        if length & 0x80 != 0 {
            let digits = length & 0x7F;
            if digits == 0 || digits > 3 {
                bail!("the key has a length that DER does not allow");
            }
            length = 0;
            for _ in 0..digits {
                length = (length << 8) | usize::from(self.byte()?);
            }
        }
        if length > self.rest.len() {
            bail!("the key is cut short");
        }
        let (value, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(value)
    }

    pub fn sequence(&mut self) -> anyhow::Result<Reader<'a>> {
        self.value(0x30).map(Reader::new)
    }

    /// An integer without the zero that only marks it as positive.
    pub fn integer(&mut self) -> anyhow::Result<&'a [u8]> {
        let bytes = self.value(0x02)?;
        Ok(match bytes {
            [0, rest @ ..] if !rest.is_empty() => rest,
            _ => bytes,
        })
    }

    pub fn octets(&mut self) -> anyhow::Result<&'a [u8]> {
        self.value(0x04)
    }

    pub fn object_identifier(&mut self) -> anyhow::Result<&'a [u8]> {
        self.value(0x06)
    }

    pub fn bits(&mut self) -> anyhow::Result<&'a [u8]> {
        match self.value(0x03)? {
            [0, bits @ ..] => Ok(bits),
            _ => bail!("the key has a bit string that is no whole number of bytes"),
        }
    }

    /// The next field that carries a context tag, with that tag's number.
    pub fn optional_context(&mut self) -> anyhow::Result<Option<(u8, Reader<'a>)>> {
        match self.rest.first() {
            Some(tag) if tag & 0xE0 == 0xA0 => {
                let tag = *tag;
                Ok(Some((tag & 0x1F, Reader::new(self.value(tag)?))))
            }
            _ => Ok(None),
        }
    }
}
