//! What `PyYAML` finds out about a text before it writes it: may it stand without quotes?

/// What a text allows.
#[expect(clippy::struct_excessive_bools, reason = "four independent answers")]
pub struct Analysis {
    /// It has more than one line.
    pub multiline: bool,
    /// It may stand without quotes inside of brackets.
    pub flow_plain: bool,
    /// It may stand without quotes outside of brackets.
    pub block_plain: bool,
    /// It may stand in single quotes.
    pub single_quoted: bool,
}

fn ends_word(character: Option<&char>) -> bool {
    character.is_none_or(|c| matches!(c, '\0' | ' ' | '\t' | '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}'))
}

impl Analysis {
    /// A port of `Emitter.analyze_scalar`.
    pub fn of(text: &str, unicode: bool) -> Self {
        if text.is_empty() {
            return Self { multiline: false, flow_plain: false, block_plain: true, single_quoted: true };
        }
        let characters: Vec<char> = text.chars().collect();
        let last = characters.len() - 1;
        let document = text.starts_with("---") || text.starts_with("...");
        let (mut block_indicators, mut flow_indicators) = (document, document);
        let (mut line_breaks, mut special) = (false, false);
        let (mut at_edges, mut space_behind_break, mut break_behind_space) = (false, false, false);
        let (mut previous_space, mut previous_break, mut after_space) = (false, false, true);
        for (index, &character) in characters.iter().enumerate() {
            let before_space = ends_word(characters.get(index + 1));
            match character {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' if index == 0 => {
                    flow_indicators = true;
                    block_indicators = true;
                }
                '?' | ':' if index == 0 => {
                    flow_indicators = true;
                    block_indicators |= before_space;
                }
                '-' if index == 0 && before_space => {
                    flow_indicators = true;
                    block_indicators = true;
                }
                ',' | '?' | '[' | ']' | '{' | '}' => flow_indicators = true,
                ':' => {
                    flow_indicators = true;
                    block_indicators |= before_space;
                }
                '#' if after_space => {
                    flow_indicators = true;
                    block_indicators = true;
                }
                _ => {}
            }
            let is_break = matches!(character, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
            line_breaks |= is_break;
            if !matches!(character, '\n' | ' '..='~') {
                let is_letter = matches!(character, '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && character != '\u{feff}';
                special |= !is_letter || !unicode;
            }
            at_edges |= (character == ' ' || is_break) && (index == 0 || index == last);
            space_behind_break |= character == ' ' && previous_break;
            break_behind_space |= is_break && previous_space;
            previous_space = character == ' ';
            previous_break = is_break;
            after_space = ends_word(Some(&character));
        }
        let plain = !(at_edges || space_behind_break || break_behind_space || special || line_breaks);
        Self {
            multiline: line_breaks,
            flow_plain: plain && !flow_indicators,
            block_plain: plain && !block_indicators,
            single_quoted: !(space_behind_break || break_behind_space || special),
        }
    }
}

/// Whether a text without quotes would be read as something else than text.
pub fn is_implicit(text: &str) -> bool {
    let is_word = matches!(text, "" | "~" | "null" | "Null" | "NULL" | "<<" | "=");
    let is_boolean = matches!(
        text,
        "yes"
            | "Yes"
            | "YES"
            | "no"
            | "No"
            | "NO"
            | "true"
            | "True"
            | "TRUE"
            | "false"
            | "False"
            | "FALSE"
            | "on"
            | "On"
            | "ON"
            | "off"
            | "Off"
            | "OFF"
    );
    if is_word || is_boolean {
        return true;
    }
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) && (is_int(text) || is_float(text) || is_date(text))
}

fn digits(text: &str, is_digit: fn(&u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'_' || is_digit(&byte))
}

fn is_sixty(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
}

fn is_int(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(rest) = unsigned.strip_prefix("0b") {
        return digits(rest, |b| matches!(b, b'0' | b'1'));
    }
    if let Some(rest) = unsigned.strip_prefix("0x") {
        return digits(rest, u8::is_ascii_hexdigit);
    }
    if let Some(rest) = unsigned.strip_prefix('0') {
        return rest.is_empty() || digits(rest, |b| matches!(b, b'0'..=b'7'));
    }
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_digit()) && digits(first, u8::is_ascii_digit) && parts.all(is_sixty)
}

fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let all = |text: &str| text.bytes().all(|b| b == b'_' || b.is_ascii_digit());
    let (mantissa, exponent) = unsigned.find(['e', 'E']).map_or((unsigned, ""), |at| unsigned.split_at(at));
    let Some((whole, fraction)) = mantissa.split_once('.') else {
        return false;
    };
    if !all(fraction) {
        return false;
    }
    if whole.contains(':') {
        let mut parts = whole.split(':');
        let first = parts.next().unwrap_or_default();
        return exponent.is_empty() && first.starts_with(|c: char| c.is_ascii_digit()) && all(first) && parts.all(is_sixty);
    }
    let exponent_fits = match exponent.as_bytes() {
        [] => true,
        [_, b'+' | b'-', rest @ ..] => !rest.is_empty() && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let starts = if whole.is_empty() {
        unsigned.len() == text.len() && fraction.starts_with(|c: char| c.is_ascii_digit())
    } else {
        whole.starts_with(|c: char| c.is_ascii_digit()) && all(whole)
    };
    starts && exponent_fits
}

/// `2024-01-02`, or with a time behind it.
fn is_date(text: &str) -> bool {
    let number = |text: &str, least: usize, most: usize| (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    if number(year, 4, 4) && number(month, 2, 2) && number(rest, 2, 2) {
        return true;
    }
    let day = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (day, time) = rest.split_at(day);
    let time = match time.strip_prefix(['T', 't']) {
        Some(time) => time,
        None if time.starts_with([' ', '\t']) => time.trim_start(),
        None => return false,
    };
    let mut clock = time.splitn(3, ':');
    let (Some(hour), Some(minute), Some(second)) = (clock.next(), clock.next(), clock.next()) else {
        return false;
    };
    let seconds = second.get(..2).unwrap_or("");
    let mut zone = second.get(2..).unwrap_or("");
    if let Some(fraction) = zone.strip_prefix('.') {
        zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let zone = zone.trim_start();
    let zone_fits = zone.is_empty()
        || zone == "Z"
        || zone.strip_prefix(['+', '-']).is_some_and(|zone| zone.bytes().all(|b| b.is_ascii_digit() || b == b':') && !zone.is_empty());
    number(year, 4, 4)
        && number(month, 1, 2)
        && number(day, 1, 2)
        && number(hour, 1, 2)
        && number(minute, 2, 2)
        && number(seconds, 2, 2)
        && zone_fits
}
