//! Rows of fixed columns, most of whose cells are short text with room enough: they are written where they belong.
//!
//! Whatever is out of the ordinary (a text wider than its column, a `printf` format, a name of a host) takes the way
//! through [`Printer::put_cell`], which says what a cell is; a test holds the two against each other.

use crate::columns::Column;
use crate::number::short_float;
use crate::print::Printer;
use crate::row::{Body, Row};
use crate::small::Small;
use crate::style::{Cidr, Form, Names, Style};
use crate::table::{Cell, Layout};
use crate::vacant::{Vacant, of_flow};
use crate::value::Value;
use crate::{names, services::Services};

/// Room behind the last cell, so that text may be written in whole pieces.
pub(crate) const SLACK: usize = 64;

/// What is known of a column before there are rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Characters, without the fraction of a date.
    pub(crate) width: usize,
    /// Digits that a date grows by when its text has a fraction.
    pub(crate) fraction: usize,
    /// 3.0.8 lets the column of a date grow whatever its text.
    always: bool,
    /// Text to the left.
    left: bool,
    /// A period joins it to the column before.
    pub(crate) joined: bool,
    /// Never taken here.
    pub(crate) odd: bool,
}

/// The plan of all columns; `None` when rows of this style have no fixed columns.
pub(crate) fn plan(printer: &Printer) -> Option<Vec<Plan>> {
    let style = &printer.style;
    let fixed = style.form == Form::Text && !style.variable && style.delimiter.is_none() && !style.colour;
    fixed.then(|| plans(printer))
}

/// What is known of the columns, whatever the style.
pub(crate) fn plans(printer: &Printer) -> Vec<Plan> {
    let (columns, style) = (&printer.columns, &printer.style);
    let one = |(at, column): (usize, &Column)| {
        let field = column.field;
        let date = matches!(field.layout, Layout::Date | Layout::SideDate);
        let follows = |address: &str| at > 0 && columns[at - 1].field.name == address;
        let absent_is_odd = style.compat
            && match of_flow(field.name) {
                Vacant::Nothing => true,
                Vacant::Blanks(count) => count > column.width,
                Vacant::Empty | Vacant::Wide => false,
            };
        Plan {
            width: column.width,
            fraction: if date { style.precision } else { 0 },
            always: style.compat && field.name != "stime",
            left: field.cell == Cell::Port,
            joined: style.period && field.follows.is_some_and(follows),
            odd: field.cell == Cell::Data
                || absent_is_odd
                || column.total.is_some()
                || printer.has_format(column)
                || printer.is_narrow(column)
                || (style.compat && matches!(field.name, "spktsz" | "dpktsz"))
                || (style.abbreviate && field.abbreviates)
                || (column.format.is_some() && field.formats)
                || (style.compat && field.is_percentage() && style.precision == 0),
        }
    };
    columns.iter().enumerate().map(one).collect()
}

impl Printer {
    /// Appends the cells of a row, blanks at its end included.
    pub(crate) fn fixed_row(&mut self, out: &mut Vec<u8>, columns: &[Column], plans: &[Plan], row: &Row<'_>) {
        let line = out.len();
        let mut at = line;
        out.resize(at + self.room + SLACK, b' ');
        let mut small = std::mem::take(&mut self.small);
        for (number, (column, plan)) in columns.iter().zip(plans).enumerate() {
            let rest = plans.get(number + 1..).unwrap_or_default();
            at = self.fixed_cell(out, &mut small, (line, at), (column, plan), rest, row);
        }
        self.small = small;
        out.truncate(at);
    }

    /// Writes a cell of the row that begins at `line` to `at`, where blanks are, with room for the `rest` of the cells.
    /// Returns where the next one begins.
    #[inline]
    pub(crate) fn fixed_cell(
        &mut self,
        out: &mut Vec<u8>,
        small: &mut Small,
        (line, at): (usize, usize),
        (column, plan): (&Column, &Plan),
        rest: &[Plan],
        row: &Row<'_>,
    ) -> usize {
        let flow = matches!(row.body, Body::Flow(_));
        let value = row.read(column.field);
        small.clear();
        let known = !plan.odd && put_small(small, &value, &self.style, &self.services, &mut self.time);
        let text = if known { small.text() } else { None };
        let fraction = match (&value, plan.fraction) {
            (_, 0) => 0,
            (Value::Time(_), digits) if self.time.has_point() => digits,
            (_, digits) if plan.always => digits,
            _ => 0,
        };
        // A port of a management record is a cell as any other.
        let width = plan.width + fraction;
        match text {
            Some(text) if text.len() <= width && (flow || !plan.left) => {
                let from = if plan.left { at } else { at + width - text.len() };
                // Cannot fail: there is slack behind the last cell. What is behind the text is written later.
                small.copy_to(out, from);
                if plan.joined
                    && flow
                    && !text.is_empty()
                    && at > line
                    && text.iter().any(|&byte| byte != b' ')
                {
                    out[at - 1] = b'.';
                }
                at + width + 1
            }
            _ => {
                out.truncate(at);
                self.put_column(out, column, &value, row);
                if plan.joined && flow && at > line && out[at..].iter().any(|&byte| byte != b' ') {
                    out[at - 1] = b'.';
                }
                let at = out.len();
                out.resize(at + Printer::room_of(rest) + SLACK, b' ');
                at
            }
        }
    }

    /// Columns' room in a row.
    pub(crate) fn room_of(plans: &[Plan]) -> usize {
        plans.iter().map(|plan| plan.width + plan.fraction + 1).sum()
    }
}

/// Puts the text of the common values; `false` when the value is not one of these.
#[inline]
pub(crate) fn put_small(
    small: &mut Small,
    value: &Value<'_>,
    style: &Style,
    services: &Services,
    time: &mut crate::time::TimeText,
) -> bool {
    match *value {
        Value::Absent => {}
        Value::Uint(n) => small.put_uint(n),
        Value::Float(x) => match short_float(x, style.precision) {
            Some((negative, whole, decimals)) => {
                if negative {
                    small.put(b"-");
                }
                small.put_uint(whole);
                if style.precision > 0 {
                    small.put(b".");
                    small.put_decimals(decimals, style.precision);
                }
            }
            None => return false,
        },
        Value::Hex(n, digits) => {
            small.put(b"0x");
            small.put_hex(n, digits.into());
        }
        Value::Time(stamp) => time.put_small(small, stamp),
        Value::Ipv4(address, _) if style.names != Names::All && style.cidr == Cidr::No => {
            small.put_ipv4(address)
        }
        Value::Ipv6(octets, _) if style.names != Names::All && style.cidr == Cidr::No => {
            small.put_ipv6(octets)
        }
        // 3.0.8 has its own way with the broadcast address.
        Value::Mac(octets) | Value::MacOrBroadcast(octets)
            if octets != [0xFF; 6] && style.vendors.is_none() =>
        {
            small.put_mac(octets);
        }
        Value::Port { port, .. } if style.names >= Names::Protocols => small.put_uint(port.into()),
        Value::Port { port: 0, .. } => {}
        Value::Port { protocol, port } => match services.name(protocol, port) {
            Some(name) => small.put(name.as_bytes()),
            None => small.put_uint(port.into()),
        },
        Value::Protocol(n) if style.names == Names::None => small.put_uint(n.into()),
        Value::Protocol(n) => small.put(names::PROTOCOLS[usize::from(n)].as_bytes()),
        Value::Name(text) => small.put(text.as_bytes()),
        Value::Text(ref text) => small.put(text),
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Columns;
    use crate::express::Beside;
    use crate::style::{TcpStates, UserData};
    use crate::table::FIELDS;
    use proptest::prelude::*;
    use record::{Counters, Metric, RecordView, Stamp, Times};

    /// The octets of some record, made from random ones: a flow of any key, times, counters and state.
    fn octets(parts: &[(u8, u8, u8, Vec<u8>)]) -> Vec<u8> {
        let mut out = vec![0x13, 0x10, 0, 0];
        for (typ, subtype, qualifier, body) in parts {
            let words = body.len().div_ceil(4);
            out.extend([*typ, subtype & 0x7f, *qualifier, 1 + words as u8]);
            out.extend(body);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        let words = (out.len() / 4) as u16;
        out[2..4].copy_from_slice(&words.to_be_bytes());
        out
    }

    proptest! {
        /// Cells written in place are the cells that [`Printer::put_cell`] makes.
        #[test]
        fn short_cuts_lead_to_the_same_place(
            parts in proptest::collection::vec(
                (
                    proptest::sample::select(vec![1u8, 2, 3, 0x10, 0x12, 0x20, 0x30, 0x34, 0x40, 0x42, 0x46, 0x48, 0x60]),
                    proptest::sample::select(vec![0u8, 1, 2, 3, 4, 5, 6, 9, 10, 0x18, 0x41]),
                    proptest::sample::select(vec![0u8, 1, 2, 3, 4, 5, 6, 7, 0x18, 0x19, 0x21, 0x3f]),
                    proptest::collection::vec(any::<u8>(), 4..140),
                ),
                0..8,
            ),
            fields in proptest::collection::vec((0..FIELDS.len(), proptest::option::of(1usize..30)), 1..14),
            names in 0..4,
            precision in 0usize..11,
            flags in any::<[bool; 6]>(),
            rows in 1u64..3,
        ) {
            let [compat, abbreviate, unix_time, period, letters, strict] = flags;
            let style = Style {
                // Names of hosts are asked for elsewhere.
                names: [Names::Ports, Names::Protocols, Names::None, Names::Ports][names as usize],
                precision,
                abbreviate,
                unix_time,
                period,
                compat,
                cidr: if strict { Cidr::Strict } else { Cidr::No },
                tcp_states: if letters { TcpStates::Letters } else { TcpStates::Word },
                user_data: UserData::Ascii,
                ..Style::default()
            };
            let mut columns = Columns::new(true);
            for (field, width) in fields {
                let name = FIELDS[field].name;
                let text = width.map_or(name.to_owned(), |width| format!("{name}:{width}"));
                columns.add(&text).expect("a field");
            }
            let record = octets(&parts);
            let Ok(view) = RecordView::new(&record) else { return Ok(()) };
            let mut fast = Printer::new(columns.list(), style.clone());
            let mut slow = Printer::new(columns.list(), style.clone()).without_plan();
            let (mut ours, mut plain) = (b"before\n".to_vec(), b"before\n".to_vec());
            let mut everyday = ours.clone();
            for rank in 0..rows {
                let row = Row::flow(&view, &style, 77, rank);
                fast.row(&mut ours, &row);
                slow.row(&mut plain, &row);
                fast.flow(&mut everyday, &view, &style, Beside { offset: 77, rank, ..Beside::default() });
            }
            prop_assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&plain));
            prop_assert_eq!(String::from_utf8_lossy(&everyday), String::from_utf8_lossy(&plain));
        }
    }

    #[test]
    fn an_everyday_row() {
        let columns = Columns::new(false);
        let style = Style { names: Names::Protocols, ..Style::default() };
        let mut record =
            octets(&[(2, 1, 1, vec![192, 0, 2, 1, 192, 0, 2, 2, 6, 0, 0x9c, 0x40, 0, 80, 0, 0])]);
        let mut metric = Vec::new();
        Metric { src: Counters { packets: 3, bytes: 180, app_bytes: 0 }, ..Metric::default() }
            .emit(&mut metric);
        record.extend(&metric);
        record[3] += (metric.len() / 4) as u8;
        let view = RecordView::new(&record).expect("sound");
        let mut row = Row::flow(&view, &style, 0, 1);
        let at = Stamp::from_sec_usec(1_700_000_000, 42);
        row.times = Times { src: Some((at, at)), dst: None };
        let mut out = Vec::new();
        Printer::new(columns.list(), style.clone()).row(&mut out, &row);
        let expected = "   22:13:20.000042              tcp          192.0.2.1.40000     ->          192.0.2.2.80            3        \
                        180   INT\n";
        assert_eq!(String::from_utf8(out).expect("ASCII"), expected);
    }
}
