//! Tokens to a tree, by recursive descent (filter chapter, sections 3 and 4).

use crate::ast::{
    Cast, Cmp, Connective, Direction, Expr, ExprKind, Head, Id, Number, Protocol, Type, V4Mask,
};
use crate::error::{Found, Problem, Span, SyntaxError};
use crate::keyword::{self, Keyword};
use crate::lexer::{self, Dialect, Token, TokenKind};

/// How deep parentheses and `not` may be nested.
pub(crate) const MAX_NESTING: usize = 128;

const TERM: &str = "a test such as `tcp`, `src host`, `port` or `(`";

/// What was understood of a text.
pub(crate) struct Parsed {
    /// `None`: it is blank, so everything matches.
    pub(crate) expr: Option<Expr>,
    /// The filter should have ended before. A name that means nothing in what comes before is the better
    /// message: in `port ne 80` the fault is `ne`, not `80`.
    pub(crate) trailing: Option<SyntaxError>,
}

/// Parses a whole filter.
pub(crate) fn parse(text: &str, dialect: Dialect) -> Result<Parsed, SyntaxError> {
    let tokens = lexer::tokens(text, dialect)?;
    if tokens.is_empty() {
        return Ok(Parsed { expr: None, trailing: None });
    }
    let mut parser = Parser {
        text,
        tokens: &tokens,
        at: 0,
        depth: 0,
        dialect,
        inherited: Direction::Unspecified,
        addressed: false,
    };
    let expr = parser.expr()?;
    let trailing = (parser.at < tokens.len()).then(|| parser.unexpected("`and`, `or` or the end"));
    // After a word the fault is what follows: in `ether 1:2:3:4:5:6` a `host` is missing.
    let after_word =
        matches!(tokens.get(parser.at.wrapping_sub(1)), Some(Token { kind: TokenKind::Keyword(_), .. }));
    match trailing {
        Some(error) if after_word => Err(error),
        trailing => Ok(Parsed { expr: Some(expr), trailing }),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
    depth: usize,
    dialect: Dialect,
    /// 3.0.8.2: the direction that a flag word without one takes from the operand before it.
    inherited: Direction,
    /// 3.0.8.2: whether an IPv4 address stood behind the qualifiers in force, so that numbers there are addresses too.
    addressed: bool,
}

/// The qualifiers that the next bare identifier would take.
type Sticky = Option<Head>;

impl Parser<'_> {
    /// `expr = term { ("and" | "or") (term | id) }`
    fn expr(&mut self) -> Result<Expr, SyntaxError> {
        let (first, mut sticky) = self.term(None)?;
        let mut rest = Vec::new();
        while let Some(connective) = self.connective() {
            let operand = if self.bare_id_follows() {
                let Some(head) = sticky else {
                    return Err(self.unexpected("a qualifier such as `port` or `host` before the identifier"));
                };
                self.id(head, self.here().start)?
            } else {
                let (operand, after) = self.term(sticky)?;
                sticky = after;
                operand
            };
            rest.push((connective, operand));
        }
        Ok(chain(first, rest))
    }

    /// A term, and the qualifiers in force after it when `before` were in force before it.
    fn term(&mut self, before: Sticky) -> Result<(Expr, Sticky), SyntaxError> {
        let start = self.here().start;
        let Some(kind) = self.peek() else { return Err(self.unexpected(TERM)) };
        match kind {
            TokenKind::Open => {
                self.enter()?;
                let inherited = self.inherited;
                let inner = self.expr()?;
                self.inherited = inherited;
                self.close()?;
                self.depth -= 1;
                Ok((inner, before))
            }
            TokenKind::Keyword(keyword) | TokenKind::NewKeyword(keyword) => {
                self.keyword_term(*keyword, start, before)
            }
            _ => Err(self.unexpected(TERM)),
        }
    }

    fn keyword_term(
        &mut self,
        keyword: Keyword,
        start: usize,
        before: Sticky,
    ) -> Result<(Expr, Sticky), SyntaxError> {
        let alone = |parser: &mut Self, kind| {
            parser.at += 1;
            parser.inherited = Direction::Unspecified;
            Ok((parser.node(kind, start), None))
        };
        match keyword {
            Keyword::Not => {
                self.enter()?;
                let (operand, sticky) = self.term(before)?;
                self.depth -= 1;
                Ok((self.node(ExprKind::Not(Box::new(operand)), start), sticky))
            }
            Keyword::Protocol(protocol) => {
                self.at += 1;
                match self.peek_keyword() {
                    Some(Keyword::Broadcast) => alone(self, cast(Some(protocol), Cast::Broadcast)),
                    Some(Keyword::Multicast) => alone(self, cast(Some(protocol), Cast::Multicast)),
                    Some(Keyword::Src | Keyword::Dst | Keyword::Lcl | Keyword::Rmt) => {
                        self.directed(Some(protocol), start)
                    }
                    Some(Keyword::Type(kind)) => self.typed(
                        Head { protocol: Some(protocol), direction: Direction::Unspecified, kind },
                        start,
                    ),
                    _ if matches!(self.peek(), Some(TokenKind::Operator("["))) => Err(self.meaningless()),
                    _ => {
                        self.inherited = Direction::Unspecified;
                        Ok((self.node(ExprKind::Protocol(protocol), start), None))
                    }
                }
            }
            Keyword::Src | Keyword::Dst | Keyword::Lcl | Keyword::Rmt => self.directed(None, start),
            Keyword::Type(kind) => {
                self.typed(Head { protocol: None, direction: Direction::Unspecified, kind }, start)
            }
            Keyword::Flag(flag) => {
                self.at += 1;
                let direction = if self.dialect.historic { self.inherited } else { Direction::Unspecified };
                // And hands it on to an identifier, as one that was written.
                let sticky = (direction != Direction::Unspecified).then_some(Head {
                    protocol: None,
                    direction,
                    kind: Type::Host,
                });
                Ok((self.node(ExprKind::Flag { protocol: None, direction, flag }, start), sticky))
            }
            Keyword::State(state) => alone(self, ExprKind::State(state)),
            Keyword::Broadcast => alone(self, cast(None, Cast::Broadcast)),
            Keyword::Multicast => alone(self, cast(None, Cast::Multicast)),
            Keyword::Meaningless => Err(self.meaningless()),
            Keyword::And | Keyword::Or | Keyword::Cmp(_) | Keyword::Mask | Keyword::Reserved => {
                Err(self.unexpected(TERM))
            }
        }
    }

    /// What follows a direction: a flag, a type, or at once an address.
    fn directed(&mut self, protocol: Option<Protocol>, start: usize) -> Result<(Expr, Sticky), SyntaxError> {
        let direction = self.direction()?;
        (self.inherited, self.addressed) = (direction, false);
        match self.peek_keyword() {
            Some(Keyword::Flag(flag)) => {
                self.at += 1;
                // 3.0.8.2: an identifier without qualifiers behind it is a host of that direction.
                let sticky = self.dialect.historic.then_some(Head { protocol, direction, kind: Type::Host });
                Ok((self.node(ExprKind::Flag { protocol, direction, flag }, start), sticky))
            }
            Some(Keyword::Type(Type::Proto | Type::Gateway)) => {
                Err(self.unexpected("a type that has sides (`proto` and `gateway` have none)"))
            }
            Some(Keyword::Type(kind)) => self.typed(Head { protocol, direction, kind }, start),
            _ => {
                let head = Head { protocol, direction, kind: Type::Host };
                if !self.bare_id_follows() {
                    return Err(self.unexpected("`host`, `net`, `port` or an address after the direction"));
                }
                Ok((self.id(head, start)?, Some(head)))
            }
        }
    }

    /// `src`, `dst`, and the two joined by `or` or `and` in either order; `lcl` and `rmt` likewise.
    fn direction(&mut self) -> Result<Direction, SyntaxError> {
        let (alone, other, expected) = match self.peek_keyword() {
            Some(Keyword::Src) => (Direction::Src, Keyword::Dst, "`dst`"),
            Some(Keyword::Lcl) => (Direction::Local, Keyword::Rmt, "`rmt`"),
            Some(Keyword::Rmt) => (Direction::Remote, Keyword::Lcl, "`lcl`"),
            _ => (Direction::Dst, Keyword::Src, "`src`"),
        };
        self.at += 1;
        let joined = match self.peek_keyword() {
            Some(Keyword::Or) => Direction::Either,
            Some(Keyword::And) => Direction::Both,
            _ => return Ok(alone),
        };
        self.at += 1;
        if self.peek_keyword() != Some(other) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(joined)
    }

    /// The type word itself and the identifier after it.
    fn typed(&mut self, head: Head, start: usize) -> Result<(Expr, Sticky), SyntaxError> {
        self.at += 1;
        (self.inherited, self.addressed) = (head.direction, false);
        Ok((self.id(head, start)?, Some(head)))
    }

    /// An identifier, a negated one or a group of them, each compared under `head`.
    fn id(&mut self, head: Head, start: usize) -> Result<Expr, SyntaxError> {
        match self.peek_keyword() {
            Some(Keyword::Cmp(cmp)) => {
                self.at += 1;
                let from = self.here().start;
                let id = self.compared_number()?;
                return Ok(self.compare(head, Some(cmp), id, start, from));
            }
            Some(Keyword::Not) => {
                self.enter()?;
                let operand = self.id(head, self.here().start)?;
                self.depth -= 1;
                return Ok(self.node(ExprKind::Not(Box::new(operand)), start));
            }
            _ => {}
        }
        if self.peek() == Some(&TokenKind::Open) {
            self.enter()?;
            if let Some(Keyword::Cmp(_)) = self.peek_keyword() {
                return Err(self.unexpected("an identifier (no comparison stands directly after `(`)"));
            }
            let first = self.id(head, self.here().start)?;
            let mut rest = Vec::new();
            while let Some(connective) = self.connective() {
                rest.push((connective, self.id(head, self.here().start)?));
            }
            self.close()?;
            self.depth -= 1;
            return Ok(chain(first, rest));
        }
        let from = self.here().start;
        let id = self.leaf(head)?;
        Ok(self.compare(head, None, id, start, from))
    }

    /// After a comparison word only a number may stand, perhaps in parentheses.
    fn compared_number(&mut self) -> Result<Id, SyntaxError> {
        const EXPECTED: &str = "a number after the comparison";
        let mut open = 0;
        while self.peek() == Some(&TokenKind::Open) {
            self.enter()?;
            open += 1;
        }
        let id = match self.peek() {
            Some(TokenKind::Number(number)) => Id::Number(*number, None),
            Some(TokenKind::Float(value)) => Id::Float(*value, self.lexeme().to_owned(), None),
            _ => return Err(self.unexpected(EXPECTED)),
        };
        self.at += 1;
        for _ in 0..open {
            self.close()?;
            self.depth -= 1;
        }
        Ok(id)
    }

    fn leaf(&mut self, head: Head) -> Result<Id, SyntaxError> {
        let Some(kind) = self.peek() else { return Err(self.unexpected(expected_id(head.kind))) };
        let mut id = match kind {
            TokenKind::Number(number) => Id::Number(*number, None),
            TokenKind::Float(value) => Id::Float(*value, self.lexeme().to_owned(), None),
            TokenKind::V4(address) => Id::V4(*address, V4Mask::None),
            TokenKind::V6(address) => Id::V6(*address, None),
            TokenKind::Mac(address) => Id::Mac(*address, None),
            TokenKind::Uuid(id) => Id::Uuid(*id),
            TokenKind::Quoted(text) => Id::Name { text: text.clone(), quoted: true, length: None },
            TokenKind::Name(text) => Id::Name { text: text.clone(), quoted: false, length: None },
            TokenKind::NewKeyword(_) => self.word_as_name(),
            // 5.x: protocol words need no backslash after `proto`.
            TokenKind::Keyword(Keyword::Protocol(_))
                if head.kind == Type::Proto && !self.dialect.historic =>
            {
                self.word_as_name()
            }
            _ => return Err(self.unexpected(expected_id(head.kind))),
        };
        self.at += 1;
        if self.peek() == Some(&TokenKind::Slash) {
            self.at += 1;
            let given = self.prefix_length()?;
            match &mut id {
                Id::Number(_, length)
                | Id::Float(_, _, length)
                | Id::Name { length, .. }
                | Id::V6(_, length)
                | Id::Mac(_, length) => *length = Some(given),
                Id::V4(_, mask) => *mask = V4Mask::Length(given),
                Id::Uuid(_) => {
                    self.at -= 2;
                    return Err(self.unexpected("`and`, `or` or the end"));
                }
            }
        } else if let (Id::V4(_, mask), Some(Keyword::Mask)) = (&mut id, self.peek_keyword()) {
            self.at += 1;
            let Some(TokenKind::V4(given)) = self.peek() else {
                return Err(self.unexpected("a mask such as 255.255.255.0"));
            };
            *mask = V4Mask::Mask(*given);
            self.at += 1;
        }
        Ok(id)
    }

    fn prefix_length(&mut self) -> Result<Number, SyntaxError> {
        let Some(TokenKind::Number(length)) = self.peek() else {
            return Err(self.unexpected("the length of the prefix"));
        };
        let length = *length;
        self.at += 1;
        Ok(length)
    }

    fn word_as_name(&self) -> Id {
        Id::Name { text: self.lexeme().to_owned(), quoted: false, length: None }
    }

    /// Whether an identifier without qualifiers stands here, perhaps after `not` and `(`.
    /// No other term begins with one.
    fn bare_id_follows(&self) -> bool {
        let ahead = self.tokens[self.at..].iter().take(MAX_NESTING + 1);
        let first = ahead
            .map(|token| &token.kind)
            .find(|kind| !matches!(kind, TokenKind::Open | TokenKind::Keyword(Keyword::Not)));
        matches!(
            first,
            Some(
                TokenKind::Number(_)
                    | TokenKind::Float(_)
                    | TokenKind::V4(_)
                    | TokenKind::V6(_)
                    | TokenKind::Mac(_)
                    | TokenKind::Uuid(_)
                    | TokenKind::Quoted(_)
                    | TokenKind::Name(_)
                    | TokenKind::Keyword(Keyword::Cmp(_))
                    | TokenKind::NewKeyword(Keyword::Cmp(_))
            )
        )
    }

    fn connective(&mut self) -> Option<Connective> {
        let connective = match self.peek_keyword()? {
            Keyword::And => Connective::And,
            Keyword::Or => Connective::Or,
            _ => return None,
        };
        self.at += 1;
        Some(connective)
    }

    /// Takes `(` or `not`, unless that would nest too deep.
    fn enter(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(SyntaxError::new(self.text, self.here(), Problem::TooDeep(MAX_NESTING)));
        }
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        if self.peek() != Some(&TokenKind::Close) {
            return Err(self.unexpected("`)`, `and` or `or`"));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn peek_keyword(&self) -> Option<Keyword> {
        match self.peek()? {
            TokenKind::Keyword(keyword) | TokenKind::NewKeyword(keyword) => Some(*keyword),
            _ => None,
        }
    }

    /// The place of the current token, or the end of the text.
    fn here(&self) -> Span {
        self.tokens.get(self.at).map_or(self.text.len()..self.text.len(), |token| token.span.clone())
    }

    fn lexeme(&self) -> &str {
        self.text.get(self.here()).unwrap_or("")
    }

    /// From `start` to the end of the last token taken.
    fn span_from(&self, start: usize) -> Span {
        let end = self
            .at
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(start, |token| token.span.end);
        start..end.max(start)
    }

    fn node(&self, kind: ExprKind, start: usize) -> Expr {
        Expr { kind, span: self.span_from(start) }
    }

    fn compare(&mut self, head: Head, cmp: Option<Cmp>, id: Id, start: usize, id_start: usize) -> Expr {
        let id = match (head.kind, id) {
            (Type::Host | Type::Net, Id::Number(number, None)) if self.addressed => {
                historic_address(head.kind, number.wrapped)
            }
            (kind, id) => {
                let addresses = matches!((kind, &id), (Type::Host | Type::Net, Id::V4(..)));
                self.addressed |= addresses && self.dialect.historic;
                id
            }
        };
        self.node(ExprKind::Compare { head, cmp, id, id_span: self.span_from(id_start) }, start)
    }

    fn unexpected(&self, expected: &'static str) -> SyntaxError {
        let found = match self.peek() {
            None => Found::End,
            Some(TokenKind::Name(word)) if expected == TERM => keyword::unknown(word),
            Some(_) => Found::Text(self.lexeme().to_owned()),
        };
        SyntaxError::new(self.text, self.here(), Problem::Unexpected { expected, found })
    }

    /// What the oracle accepts though it tests nothing that a record holds.
    fn meaningless(&self) -> SyntaxError {
        let problem = format!("'{}' tests nothing that a record holds", crate::error::shorten(self.lexeme()));
        SyntaxError::new(self.text, self.here(), Problem::Meaning(problem))
    }
}

/// The address that a number stands for: that of a network fills it from the left.
fn historic_address(kind: Type, number: u32) -> Id {
    let zeros = if kind == Type::Net && number != 0 { number.leading_zeros() / 8 * 8 } else { 0 };
    let mask = if zeros == 0 { V4Mask::None } else { V4Mask::Mask((u32::MAX << zeros).into()) };
    Id::V4((number << zeros).into(), mask)
}

fn cast(protocol: Option<Protocol>, cast: Cast) -> ExprKind {
    ExprKind::Cast { protocol, cast }
}

fn chain(first: Expr, rest: Vec<(Connective, Expr)>) -> Expr {
    let Some((_, last)) = rest.last() else { return first };
    let span = first.span.start..last.span.end;
    Expr { kind: ExprKind::Chain { first: Box::new(first), rest }, span }
}

/// What may follow a type word, for messages.
fn expected_id(kind: Type) -> &'static str {
    match kind {
        Type::Host | Type::Inode | Type::SrcId => "an address or a name",
        Type::Net => "a network such as 10.0.0.0/8",
        Type::Gateway => "a name",
        Type::Port => {
            "a port number, a range LO-HI or the name of a service (comparisons are the words `gt`, `gte`, `lt`, `lte`)"
        }
        Type::Proto => "the number or name of a protocol",
        Type::Dsb => "a number or the name of a code point",
        Type::Co => "two letters of a country",
        Type::Encaps => {
            "the name of an encapsulation (after a backslash where it is a word of the language: `\\mpls`)"
        }
        Type::MacClass | Type::Interface | Type::Node => "a name",
        _ => "a number (comparisons are the words `gt`, `gte`, `lt`, `lte`)",
    }
}
