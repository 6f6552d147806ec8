//! Text to tokens: the longest match wins, keywords before names (filter chapter, section 2).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::ast::{Cmp, Number};
use crate::error::{Printable, Problem, Span, SyntaxError};
use crate::keyword::{self, Keyword, Since};

/// A token and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Keyword(Keyword),
    /// A word of 5.x that 3.x takes for a name.
    NewKeyword(Keyword),
    Number(Number),
    Float(f64),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Mac([u8; 6]),
    Uuid([u8; 16]),
    Quoted(String),
    Name(String),
    Open,
    Close,
    Slash,
    /// `<`, `>`, `=`, `!=`, `[` and the others that only byte arithmetic uses.
    Operator(&'static str),
}

/// What the lexer does as the oracle does, though it is a fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// 3.0.8.2: no words of 5.x, strings that reach to the last quote, no dotted quad in IPv6.
    pub(crate) historic: bool,
}

/// Cuts the text up. Errors: an octet that begins no token, an address part above 255.
pub(crate) fn tokens(text: &str, dialect: Dialect) -> Result<Vec<Token>, SyntaxError> {
    let octets = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&octet) = octets.get(at) {
        if matches!(octet, b' ' | b'\t' | b'\n') {
            at += 1;
            continue;
        }
        let (kind, length) = token(text, at, dialect)?;
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    Ok(tokens)
}

fn token(text: &str, at: usize, dialect: Dialect) -> Result<(TokenKind, usize), SyntaxError> {
    let rest = &text.as_bytes()[at..];
    let illegal = || {
        let character = text.get(at..).and_then(|t| t.chars().next()).unwrap_or(char::REPLACEMENT_CHARACTER);
        let span = at..at + character.len_utf8().min(rest.len());
        SyntaxError::new(text, span, Problem::IllegalCharacter(Printable(character)))
            .with_historic(format!("illegal char '{character}'"))
    };
    match rest[0] {
        b'"' => return quoted(text, at, dialect).ok_or_else(illegal),
        b'\\' => {
            let end = rest[1..].iter().position(|b| matches!(b, b' ' | b'!' | b'(' | b')' | b'\t' | b'\n'));
            let length = end.unwrap_or(rest.len() - 1);
            // A backslash ends at an ASCII octet, so this cuts between characters.
            return match text.get(at + 1..at + 1 + length) {
                Some(name) if !name.is_empty() => Ok((TokenKind::Name(name.to_owned()), length + 1)),
                _ => Err(illegal()),
            };
        }
        _ => {}
    }

    // Candidates in the order that decides among equal lengths.
    let number = number_length(rest);
    let mut best: Option<(Shape, usize)> = None;
    for (shape, length) in [
        (Shape::Number, number),
        (Shape::Float, float_length(rest)),
        (Shape::V4, v4_length(rest)),
        (Shape::Mac, mac_length(rest)),
        (Shape::V6, v6_length(rest, dialect)),
        (Shape::Uuid, if dialect.historic { 0 } else { uuid_length(rest) }),
        (Shape::Word, word_length(rest)),
    ] {
        if length > 0 && best.is_none_or(|(_, longest)| length > longest) {
            best = Some((shape, length));
        }
    }
    let operator = operator(rest);
    if let (Some((_, length)), Some((_, operator_length))) = (best, &operator)
        && *operator_length >= length
    {
        best = None;
    }
    let Some((shape, length)) = best else {
        return operator.ok_or_else(illegal);
    };
    // All of these shapes are ASCII.
    let lexeme = &text[at..at + length];
    let kind = match shape {
        Shape::Number => TokenKind::Number(number_value(lexeme)),
        Shape::Float => TokenKind::Float(float_value(lexeme)),
        Shape::V4 => TokenKind::V4(v4_value(lexeme).ok_or_else(|| {
            SyntaxError::new(
                text,
                at..at + length,
                Problem::Meaning(format!("'{lexeme}' is not an IPv4 address: each part is 0 to 255")),
            )
        })?),
        Shape::Mac => TokenKind::Mac(mac_value(lexeme)),
        Shape::V6 => match lexeme.parse() {
            Ok(address) => TokenKind::V6(address),
            Err(_) => return Err(illegal()),
        },
        Shape::Uuid => TokenKind::Uuid(uuid_value(lexeme)),
        Shape::Word => word(lexeme, dialect),
    };
    Ok((kind, length))
}

#[derive(Clone, Copy)]
enum Shape {
    Number,
    Float,
    V4,
    Mac,
    V6,
    Uuid,
    Word,
}

fn word(lexeme: &str, dialect: Dialect) -> TokenKind {
    match keyword::lookup(lexeme) {
        Some((Keyword::Reserved, _)) if !dialect.historic => match keyword::since_v5(lexeme) {
            Some(keyword) => TokenKind::Keyword(keyword),
            None => TokenKind::Keyword(Keyword::Reserved),
        },
        Some((keyword, Since::V3)) => TokenKind::Keyword(keyword),
        Some((keyword, Since::V5)) if !dialect.historic => TokenKind::NewKeyword(keyword),
        _ => TokenKind::Name(lexeme.to_owned()),
    }
}

fn operator(rest: &[u8]) -> Option<(TokenKind, usize)> {
    let two = match rest.get(..2).unwrap_or_default() {
        b"&&" => Some(TokenKind::Keyword(Keyword::And)),
        b"||" => Some(TokenKind::Keyword(Keyword::Or)),
        b">=" => Some(TokenKind::Keyword(Keyword::Cmp(Cmp::Gte))),
        b"<=" => Some(TokenKind::Keyword(Keyword::Cmp(Cmp::Lte))),
        b"!=" => Some(TokenKind::Operator("!=")),
        b"==" => Some(TokenKind::Operator("==")),
        b"<<" => Some(TokenKind::Operator("<<")),
        b">>" => Some(TokenKind::Operator(">>")),
        _ => None,
    };
    two.map(|kind| (kind, 2)).or_else(|| single(rest[0]).map(|kind| (kind, 1)))
}

fn single(octet: u8) -> Option<TokenKind> {
    Some(match octet {
        b'!' => TokenKind::Keyword(Keyword::Not),
        b'(' => TokenKind::Open,
        b')' => TokenKind::Close,
        b'/' => TokenKind::Slash,
        b'+' => TokenKind::Operator("+"),
        b'-' => TokenKind::Operator("-"),
        b'*' => TokenKind::Operator("*"),
        b':' => TokenKind::Operator(":"),
        b'[' => TokenKind::Operator("["),
        b']' => TokenKind::Operator("]"),
        b'<' => TokenKind::Operator("<"),
        b'>' => TokenKind::Operator(">"),
        b'&' => TokenKind::Operator("&"),
        b'|' => TokenKind::Operator("|"),
        b'=' => TokenKind::Operator("="),
        _ => return None,
    })
}

/// `"…"` without newline or `*`. Ours ends at the next quote, the oracle's at the last.
fn quoted(text: &str, at: usize, dialect: Dialect) -> Option<(TokenKind, usize)> {
    let inside = text.get(at + 1..)?;
    let reach = inside.find(['\n', '*']).unwrap_or(inside.len());
    let inside = &inside[..reach];
    let end = if dialect.historic { inside.rfind('"') } else { inside.find('"') }?;
    Some((TokenKind::Quoted(inside[..end].to_owned()), end + 2))
}

fn digits(octets: &[u8]) -> usize {
    octets.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// `N`: decimal or octal digits, or `0x` and hexadecimal ones.
fn plain_length(octets: &[u8]) -> usize {
    if let [b'0', b'x' | b'X', rest @ ..] = octets {
        let hex = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if hex > 0 {
            return hex + 2;
        }
    }
    digits(octets)
}

fn sign_length(octets: &[u8]) -> usize {
    usize::from(matches!(octets.first(), Some(b'+' | b'-')))
}

fn number_length(octets: &[u8]) -> usize {
    let sign = sign_length(octets);
    match plain_length(&octets[sign..]) {
        0 => 0,
        length => sign + length,
    }
}

/// `[+-]? D* . D+`. Hexadecimal fractions are not numbers: the oracle reads them as 0.
fn float_length(octets: &[u8]) -> usize {
    let sign = sign_length(octets);
    let whole = digits(&octets[sign..]);
    match octets.get(sign + whole) {
        Some(b'.') => match digits(&octets[sign + whole + 1..]) {
            0 => 0,
            fraction => sign + whole + 1 + fraction,
        },
        _ => 0,
    }
}

fn v4_length(octets: &[u8]) -> usize {
    let mut at = 0;
    for part in 0..4 {
        if part > 0 {
            if octets.get(at) != Some(&b'.') {
                return 0;
            }
            at += 1;
        }
        match digits(&octets[at..]) {
            0 => return 0,
            length => at += length,
        }
    }
    at
}

fn mac_length(octets: &[u8]) -> usize {
    let mut at = 0;
    for part in 0..6 {
        if part > 0 {
            if octets.get(at) != Some(&b':') {
                return 0;
            }
            at += 1;
        }
        match octets[at..].iter().take(2).take_while(|b| b.is_ascii_hexdigit()).count() {
            0 => return 0,
            length => at += length,
        }
    }
    at
}

fn v6_length(octets: &[u8], dialect: Dialect) -> usize {
    const LONGEST: usize = 45;
    let run = octets
        .iter()
        .take(LONGEST + 1)
        .take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        .count();
    let run = std::str::from_utf8(&octets[..run.min(LONGEST)]).unwrap_or("");
    if run.bytes().filter(|&b| b == b':').count() < 2 {
        return 0;
    }
    (2..=run.len())
        .rev()
        .find(|&length| {
            let candidate = &run[..length];
            candidate.parse::<Ipv6Addr>().is_ok()
                && !(dialect.historic && (candidate.contains('.') || candidate == "::"))
        })
        .unwrap_or(0)
}

fn uuid_length(octets: &[u8]) -> usize {
    const LENGTH: usize = 36;
    let Some(candidate) = octets.get(..LENGTH) else { return 0 };
    let fits = candidate.iter().enumerate().all(|(at, b)| match at {
        8 | 13 | 18 | 23 => *b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    if fits { LENGTH } else { 0 }
}

/// A letter or digit, then letters, digits, `-`, `_` and `.`, ending in a letter, digit or `.`;
/// at least two.
fn word_length(octets: &[u8]) -> usize {
    if !octets.first().is_some_and(u8::is_ascii_alphanumeric) {
        return 0;
    }
    let run =
        octets.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')).count();
    let end = octets[..run]
        .iter()
        .rposition(|b| b.is_ascii_alphanumeric() || *b == b'.')
        .map_or(0, |last| last + 1);
    if end >= 2 { end } else { 0 }
}

/// Leading `0x` is hexadecimal, leading `0` octal (in which 8 and 9 count as digits too).
fn number_value(lexeme: &str) -> Number {
    const CEILING: i128 = 1 << 80;
    let (negative, digits) = match lexeme.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', rest @ ..] => (8, rest),
        rest => (10, rest),
    };
    let mut value: i128 = 0;
    let mut wrapped: u32 = 0;
    for digit in digits.iter().filter_map(|&b| char::from(b).to_digit(16)) {
        value = (value * i128::from(base) + i128::from(digit)).min(CEILING);
        wrapped = wrapped.wrapping_mul(base).wrapping_add(digit);
    }
    if negative {
        Number { value: -value, wrapped: wrapped.wrapping_neg() }
    } else {
        Number { value, wrapped }
    }
}

fn float_value(lexeme: &str) -> f64 {
    // The shape is a subset of what Rust reads; a value too large becomes infinite, which
    // compares as it should.
    lexeme.parse().unwrap_or(f64::NAN)
}

/// Parts are decimal whatever zeros they begin with.
fn v4_value(lexeme: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    for (octet, part) in octets.iter_mut().zip(lexeme.split('.')) {
        let part = part.trim_start_matches('0');
        *octet = if part.is_empty() { 0 } else { part.parse().ok()? };
    }
    Some(octets.into())
}

fn mac_value(lexeme: &str) -> [u8; 6] {
    let mut octets = [0u8; 6];
    for (octet, part) in octets.iter_mut().zip(lexeme.split(':')) {
        *octet = u8::from_str_radix(part, 16).unwrap_or(0);
    }
    octets
}

fn uuid_value(lexeme: &str) -> [u8; 16] {
    let mut octets = [0u8; 16];
    let nibbles = lexeme.chars().filter_map(|c| c.to_digit(16));
    for (at, nibble) in nibbles.enumerate().take(32) {
        octets[at / 2] = octets[at / 2] << 4 | nibble as u8;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Dialect = Dialect { historic: false };
    const ORACLE: Dialect = Dialect { historic: true };

    fn kinds(text: &str) -> Vec<TokenKind> {
        tokens(text, OURS).unwrap().into_iter().map(|token| token.kind).collect()
    }

    fn name(text: &str) -> TokenKind {
        TokenKind::Name(text.to_owned())
    }

    fn number(value: i128) -> TokenKind {
        TokenKind::Number(Number { value, wrapped: value as u32 })
    }

    #[test]
    fn numbers_names_and_addresses_are_told_apart_by_the_longest_match() {
        assert_eq!(kinds("10.1"), [TokenKind::Float(10.1)]);
        assert_eq!(kinds("10.1.2"), [name("10.1.2")]);
        assert_eq!(kinds("10.1.2.3"), [TokenKind::V4([10, 1, 2, 3].into())]);
        assert_eq!(kinds("010.0.0.1"), [TokenKind::V4([10, 0, 0, 1].into())]);
        assert_eq!(kinds("10.1.2.3.4"), [name("10.1.2.3.4")]);
        assert_eq!(kinds("53-80"), [name("53-80")]);
        assert_eq!(kinds("-80"), [number(-80)]);
        assert_eq!(kinds("80-"), [number(80), TokenKind::Operator("-")]);
        assert_eq!(kinds("ftp-data"), [name("ftp-data")]);
        assert_eq!(kinds("10K"), [name("10K")]);
        assert_eq!(kinds("1.5e3"), [name("1.5e3")]);
        assert_eq!(kinds("0x1.5"), [name("0x1.5")]);
        assert_eq!(kinds("1:2:3:4:5:6"), [TokenKind::Mac([1, 2, 3, 4, 5, 6])]);
        assert_eq!(kinds("1:2:3:4:5:6:7:8"), [TokenKind::V6("1:2:3:4:5:6:7:8".parse().unwrap())]);
        assert_eq!(kinds("FE80::DEAD"), [TokenKind::V6("fe80::dead".parse().unwrap())]);
        assert_eq!(kinds("fe80::"), [TokenKind::V6("fe80::".parse().unwrap())]);
        assert_eq!(kinds("::ffff:1.2.3.4"), [TokenKind::V6("::ffff:1.2.3.4".parse().unwrap())]);
        assert_eq!(tokens("::ffff:1.2.3.4", ORACLE).unwrap().len(), 4, "an address and three fractions");
        assert!(matches!(
            kinds("123e4567-e89b-12d3-a456-426614174000")[..],
            [TokenKind::Uuid([0x12, 0x3e, ..])]
        ));
    }

    #[test]
    fn numbers_have_three_bases() {
        assert_eq!(
            kinds("0x50 0X10 0120 08 +5 010.5"),
            [number(0x50), number(0x10), number(80), number(8), number(5), TokenKind::Float(10.5)]
        );
        let huge = kinds(&format!("1{}", "0".repeat(400)));
        assert!(matches!(huge[..], [TokenKind::Number(Number { value, wrapped: 0 })] if value > 1 << 70));
    }

    #[test]
    fn keywords_are_lower_case_and_escaped_ones_are_names() {
        assert_eq!(kinds("tcp>=udp").len(), 3);
        assert_eq!(kinds("TCP"), [name("TCP")]);
        assert_eq!(kinds("\\tcp)"), [name("tcp"), TokenKind::Close]);
        assert_eq!(
            kinds("!&&||"),
            [
                TokenKind::Keyword(Keyword::Not),
                TokenKind::Keyword(Keyword::And),
                TokenKind::Keyword(Keyword::Or)
            ]
        );
    }

    #[test]
    fn strings_end_at_the_next_quote_and_at_the_last_in_the_oracle() {
        assert_eq!(kinds(r#""US" or "DE""#).len(), 3);
        let greedy = tokens(r#""US" or "DE""#, ORACLE).unwrap();
        assert_eq!(greedy[0].kind, TokenKind::Quoted(r#"US" or "DE"#.into()));
    }

    #[test]
    fn other_octets_are_illegal() {
        for text in
            ["@", "tcp # udp", "tcp;", "a", "port 80\\", ".", "\"open", "é", "$", "\u{0}", "1.2.3.4/x"]
        {
            let error = tokens(text, OURS).unwrap_err();
            assert!(matches!(error.problem, Problem::IllegalCharacter(_)), "{text}: {error}");
        }
        assert!(tokens("999.1.1.1", OURS).unwrap_err().to_string().contains("not an IPv4 address"));
    }
}
