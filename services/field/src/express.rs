//! Rows of everyday flows in everyday columns: read once, each cell written where it belongs.
//!
//! Columns that are not known here are made from a [`Row`], which is then put together for them; records that are not
//! known go the way of [`Printer::row`] altogether. A test holds the two against each other.

use crate::brief::{Brief, Ends, ICMP, TCP};
use crate::cells::{Plan, SLACK, plans, put_small};
use crate::columns::Column;
use crate::formula;
use crate::place::{
    put, put_address, put_hex, put_ipv4, put_left, put_number, put_right, put_text, put_trimmed,
};
use crate::print::Printer;
use crate::read::{link, state};
use crate::row::{LeftOver, Row, Side};
use crate::small::Small;
use crate::style::{Cidr, Form, Names, Style, TcpStates, UserData};
use crate::value::{Short, Value};
use record::{RecordView, Stamp};

/// Characters for which there is room in each cell of a row with delimiters: more than any text has that is put there,
/// its delimiter and what is written behind it beforehand.
const CELL: usize = 96;

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Start,
    Last,
    Flags,
    Protocol,
    Address(usize),
    Port(usize),
    Direction,
    State,
    Packets,
    SrcPackets,
    DstPackets,
    Bytes,
    SrcBytes,
    DstBytes,
    Duration,
    Load(Side),
    Rate(Side),
    /// Something that is read from a row.
    Other,
}

/// The cells of a run.
#[derive(Clone, Debug)]
pub(crate) struct Express {
    cells: Vec<(Cell, Plan)>,
    /// Letters of encapsulations by the place of their bit.
    letters: [u8; 32],
    /// What stands between cells; `None` where these are of fixed width.
    delimiter: Option<u8>,
}

/// What stands beside a record in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    /// As [`Row::offset`].
    pub offset: u64,
    /// As [`Row::rank`].
    pub rank: u64,
    /// As [`Row::base`].
    pub base: Option<Stamp>,
    /// As [`Row::left_over`].
    pub left_over: LeftOver,
}

/// The cells of the columns; `None` when nothing is gained.
pub(crate) fn express(printer: &Printer) -> Option<Express> {
    let style = &printer.style;
    let plain = style.form == Form::Text && !style.compat && !style.later && !style.rmon && !style.colour;
    let delimited = style.delimiter.is_some() && style.variable && style.quote.is_none();
    let usual = style.extra_octets == 0 && style.user_data != UserData::Hex;
    if !plain || !usual || !(delimited || printer.plan.is_some()) {
        return None;
    }
    let plans = plans(printer);
    let named = |column: &Column, plan: &Plan| {
        let addresses = style.names != Names::All && style.cidr == Cidr::No;
        let fits = |width: usize| delimited || plan.width >= width;
        let room = |cell: Cell, width: usize| if fits(width) { cell } else { Cell::Other };
        if plan.odd {
            return Cell::Other;
        }
        match column.field.name {
            "stime" => Cell::Start,
            "ltime" => Cell::Last,
            "flgs" => room(Cell::Flags, 9),
            "proto" => room(Cell::Protocol, 4),
            "saddr" if addresses => Cell::Address(0),
            "daddr" if addresses => Cell::Address(1),
            "sport" => room(Cell::Port(0), 6),
            "dport" => room(Cell::Port(1), 6),
            "dir" => room(Cell::Direction, 3),
            "state" if style.tcp_states == TcpStates::Word => room(Cell::State, 3),
            // Any number fits.
            "pkts" => room(Cell::Packets, 1),
            "spkts" => room(Cell::SrcPackets, 1),
            "dpkts" => room(Cell::DstPackets, 1),
            "bytes" => room(Cell::Bytes, 1),
            "sbytes" => room(Cell::SrcBytes, 1),
            "dbytes" => room(Cell::DstBytes, 1),
            "dur" => Cell::Duration,
            "sload" => Cell::Load(Side::Src),
            "dload" => Cell::Load(Side::Dst),
            "srate" => Cell::Rate(Side::Src),
            "drate" => Cell::Rate(Side::Dst),
            _ => Cell::Other,
        }
    };
    let cells: Vec<(Cell, Plan)> =
        printer.columns.iter().zip(&plans).map(|(column, plan)| (named(column, plan), *plan)).collect();
    let known = cells.iter().filter(|(cell, _)| *cell != Cell::Other).count();
    let mut letters = [b' '; 32];
    for (place, letter) in letters.iter_mut().enumerate() {
        *letter = link::letter(1 << place).unwrap_or(b' ');
    }
    (known * 2 > cells.len()).then_some(Express { cells, letters, delimiter: style.delimiter })
}

impl Express {
    /// What a cell shows, to be turned into text as any value; `None` of those that are read from a row.
    fn value(&self, cell: Cell, brief: &Brief) -> Option<Value<'static>> {
        let time = |(seconds, micros)| Value::Time(Stamp::from_sec_usec(seconds, micros));
        let both = |src: u64, dst: u64| Value::Uint(src.saturating_add(dst));
        Some(match cell {
            Cell::Start => time(brief.start),
            Cell::Last => time(brief.last),
            Cell::Flags => Value::Text(Short::from_array(brief.flags(|bit| self.letter(bit)))),
            Cell::Protocol => Value::Protocol(brief.protocol),
            Cell::Address(side) => match brief.ends {
                Ends::V4(addresses) => Value::Ipv4(addresses[side], 32),
                Ends::V6(addresses) => Value::Ipv6(addresses[side], 128),
            },
            Cell::Port(side) if brief.protocol == ICMP => Value::Hex(brief.ports[side].into(), 4),
            Cell::Port(side) => Value::Port { protocol: brief.protocol, port: brief.ports[side] },
            Cell::Direction => Value::Text(Short::from_array(brief.direction())),
            Cell::State if brief.protocol == ICMP => Value::Name(icmp_state(brief)),
            Cell::State => Value::Text(Short::from_array(brief.state())),
            Cell::Packets => both(brief.src.packets, brief.dst.packets),
            Cell::SrcPackets => Value::Uint(brief.src.packets),
            Cell::DstPackets => Value::Uint(brief.dst.packets),
            Cell::Bytes => both(brief.src.bytes, brief.dst.bytes),
            Cell::SrcBytes => Value::Uint(brief.src.bytes),
            Cell::DstBytes => Value::Uint(brief.dst.bytes),
            Cell::Duration => Value::Float(formula::duration(&brief.times()).into()),
            Cell::Load(side) => {
                Value::Float(formula::load(brief.counters(side), formula::span(&brief.times(), side)).into())
            }
            Cell::Rate(side) => {
                let span = formula::span(&brief.times(), side);
                Value::Float(formula::rate(brief.counters(side).packets, span).into())
            }
            Cell::Other => return None,
        })
    }

    #[inline]
    fn letter(&self, bit: u32) -> u8 {
        self.letters[bit.trailing_zeros() as usize & 31]
    }
}

fn icmp_state(brief: &Brief) -> &'static str {
    let [code, typ] = brief.ports[0].to_be_bytes();
    state::icmp(typ, code, false)
}

impl Beside {
    fn row<'a>(&self, view: &'a RecordView<'a>, style: &'a Style) -> Row<'a> {
        let mut row = Row::flow(view, style, self.offset, self.rank);
        row.base = self.base;
        self.left_over.put(&mut row);
        row
    }
}

impl Printer {
    /// Appends the row of a flow or event record, line end included: as [`Printer::row`] of [`Row::flow`]. `style` is the
    /// printer's own.
    pub fn flow(&mut self, out: &mut Vec<u8>, view: &RecordView<'_>, style: &Style, beside: Beside) {
        let Some(brief) = self.express.as_ref().and_then(|_| Brief::of(view)) else {
            return self.row(out, &beside.row(view, style));
        };
        let Some(express) = self.express.take() else { return };
        match (express.delimiter, self.plan.take()) {
            (Some(delimiter), plans) => {
                self.delimited_row(out, (&express, delimiter), view, style, (&brief, beside));
                self.plan = plans;
            }
            (None, Some(plans)) => {
                self.express_row(out, (&express, &plans), view, style, (&brief, beside));
                self.plan = Some(plans);
            }
            (None, None) => self.row(out, &beside.row(view, style)),
        }
        self.express = Some(express);
    }

    fn delimited_row(
        &mut self,
        out: &mut Vec<u8>,
        (express, delimiter): (&Express, u8),
        view: &RecordView<'_>,
        style: &Style,
        (brief, beside): (&Brief, Beside),
    ) {
        let columns = std::mem::take(&mut self.columns);
        let (mut small, mut line) = (std::mem::take(&mut self.small), std::mem::take(&mut self.line));
        let room = express.cells.len() * CELL + SLACK;
        if line.len() < room {
            line.resize(room, b' ');
        }
        // What is in the line has not been appended yet.
        let (begin, mut at, mut row) = (out.len(), 0, None);
        for (&(cell, ref plan), column) in express.cells.iter().zip(&columns) {
            match self.put_delimited((&mut line, at), &mut small, express, (cell, plan), brief) {
                Some(length) => {
                    put(&mut line, at + length, [delimiter]);
                    at += length + 1;
                }
                None => {
                    out.extend_from_slice(line.get(..at).unwrap_or_default());
                    at = 0;
                    let row = row.get_or_insert_with(|| beside.row(view, style));
                    self.put_column(out, column, &row.read(column.field), row);
                }
            }
        }
        out.extend_from_slice(line.get(..at).unwrap_or_default());
        if out.len() > begin && out.last() == Some(&delimiter) {
            out.pop();
        }
        out.push(b'\n');
        (self.columns, self.small, self.line) = (columns, small, line);
    }

    /// Puts a cell of a row with delimiters at a place of the line, where there is room for [`CELL`] characters; tells how
    /// long it is. `None` when that takes the longer way.
    #[inline]
    fn put_delimited(
        &mut self,
        (line, at): (&mut [u8], usize),
        small: &mut Small,
        express: &Express,
        (cell, plan): (Cell, &Plan),
        brief: &Brief,
    ) -> Option<usize> {
        let direct = match cell {
            Cell::Other => return None,
            Cell::Start => self.time.put_left(line, at, brief.start),
            Cell::Last => self.time.put_left(line, at, brief.last),
            Cell::Flags => {
                put(line, at, brief.flags(|bit| express.letter(bit)));
                put(line, at + 9, [b' ']);
                Some(10)
            }
            Cell::Protocol => {
                let (text, length) = match (self.style.names, brief.protocol) {
                    (Names::None, TCP) => (*b"6   ", 1),
                    (Names::None, ICMP) => (*b"1   ", 1),
                    (Names::None, _) => (*b"17  ", 2),
                    (_, TCP) => (*b"tcp ", 3),
                    (_, ICMP) => (*b"icmp", 4),
                    _ => (*b"udp ", 3),
                };
                put(line, at, text);
                Some(length)
            }
            Cell::Address(side) => match brief.ends {
                Ends::V4(addresses) => Some(put_ipv4(line, at, addresses[side])),
                Ends::V6(addresses) => {
                    small.clear();
                    small.put_ipv6(addresses[side]);
                    let length = small.text().map(<[u8]>::len);
                    length.filter(|_| small.copy_to(line, at))
                }
            },
            Cell::Port(side) => {
                let port = brief.ports[side];
                match self.style.names {
                    _ if brief.protocol == ICMP => Some(put_hex(line, at, port)),
                    Names::All | Names::Ports if port == 0 => Some(0),
                    Names::All | Names::Ports => match self.services.name(brief.protocol, port) {
                        Some(name) => {
                            let place = line.get_mut(at..at + name.len()).filter(|_| name.len() < CELL);
                            place.map(|place| place.copy_from_slice(name.as_bytes())).map(|()| name.len())
                        }
                        None => Some(put_left(line, at, port)),
                    },
                    _ => Some(put_left(line, at, port)),
                }
            }
            Cell::Direction => {
                let (text, before) = (brief.direction(), plan.width.saturating_sub(3));
                let place = line.get_mut(at..at + before).filter(|_| before < CELL / 2);
                place.map(|place| place.fill(b' ')).map(|()| before + put_trimmed(line, at + before, text))
            }
            Cell::State if brief.protocol != ICMP => Some(put_trimmed(line, at, brief.state())),
            Cell::Packets => put_number(line, at, brief.src.packets.saturating_add(brief.dst.packets)),
            Cell::SrcPackets => put_number(line, at, brief.src.packets),
            Cell::DstPackets => put_number(line, at, brief.dst.packets),
            Cell::Bytes => put_number(line, at, brief.src.bytes.saturating_add(brief.dst.bytes)),
            Cell::SrcBytes => put_number(line, at, brief.src.bytes),
            Cell::DstBytes => put_number(line, at, brief.dst.bytes),
            _ => None,
        };
        direct.or_else(|| {
            let known = self.put_express(small, express, cell, brief);
            let text = small.text().filter(|_| known && cell != Cell::Direction)?.trim_ascii_end();
            small.copy_to(line, at).then_some(text.len())
        })
    }

    /// Puts the text of a cell as any value's; `false` when that takes the longer way.
    #[inline(never)]
    fn put_express(&mut self, small: &mut Small, express: &Express, cell: Cell, brief: &Brief) -> bool {
        small.clear();
        let value = express.value(cell, brief);
        value.is_some_and(|value| put_small(small, &value, &self.style, &self.services, &mut self.time))
            && small.text().is_some()
    }

    fn express_row(
        &mut self,
        out: &mut Vec<u8>,
        (express, plans): (&Express, &[Plan]),
        view: &RecordView<'_>,
        style: &Style,
        (brief, beside): (&Brief, Beside),
    ) {
        let columns = std::mem::take(&mut self.columns);
        let mut small = std::mem::take(&mut self.small);
        let mut row = None;
        let line = out.len();
        let mut at = line;
        out.resize(at + self.room + SLACK, b' ');
        for (number, &(cell, ref plan)) in express.cells.iter().enumerate() {
            let width = plan.width;
            let done = match cell {
                Cell::Other => None,
                Cell::Duration | Cell::Load(_) | Cell::Rate(_) => {
                    self.put_express(&mut small, express, cell, brief).then(|| {
                        put_text(out, &small, at, width);
                        width
                    })
                }
                Cell::Start | Cell::Last => {
                    let stamp = if cell == Cell::Start { brief.start } else { brief.last };
                    let put = self.time.put_right(out, at, width, stamp);
                    put.or_else(|| {
                        let known = self.put_express(&mut small, express, cell, brief);
                        let width = width + if self.time.has_point() { plan.fraction } else { 0 };
                        let text = small.text().filter(|text| known && text.len() <= width)?.len();
                        small.copy_to(out, at + width - text).then_some(width)
                    })
                }
                Cell::Flags => {
                    let flags = brief.flags(|bit| express.letter(bit));
                    put(out, at + width - 9, flags);
                    Some(width)
                }
                Cell::Protocol => {
                    let text = match (style.names, brief.protocol) {
                        (Names::None, TCP) => *b"   6",
                        (Names::None, ICMP) => *b"   1",
                        (Names::None, _) => *b"  17",
                        (_, TCP) => *b" tcp",
                        (_, ICMP) => *b"icmp",
                        _ => *b" udp",
                    };
                    put(out, at + width - 4, text);
                    Some(width)
                }
                Cell::Address(side) => {
                    put_address(out, &mut small, at, width, &brief.ends, side);
                    Some(width)
                }
                Cell::Port(side) => {
                    let port = brief.ports[side];
                    let shown = match style.names {
                        _ if brief.protocol == ICMP => Some(put_hex(out, at, port)),
                        Names::All | Names::Ports if port == 0 => Some(0),
                        Names::All | Names::Ports => match self.services.name(brief.protocol, port) {
                            Some(name) if name.len() <= width => {
                                out[at..at + name.len()].copy_from_slice(name.as_bytes());
                                Some(name.len())
                            }
                            Some(_) => None,
                            None => Some(put_left(out, at, port)),
                        },
                        _ => Some(put_left(out, at, port)),
                    };
                    if plan.joined && at > line && shown.is_some_and(|length| length > 0) {
                        out[at - 1] = b'.';
                    }
                    shown.map(|_| width)
                }
                Cell::Direction => {
                    put(out, at + width - 3, brief.direction());
                    Some(width)
                }
                Cell::State if brief.protocol == ICMP => {
                    let name = icmp_state(brief).as_bytes();
                    let to = (at + width).checked_sub(name.len()).filter(|&to| to >= at);
                    to.map(|to| out[to..to + name.len()].copy_from_slice(name)).map(|()| width)
                }
                Cell::State => {
                    put(out, at + width - 3, brief.state());
                    Some(width)
                }
                Cell::Packets => {
                    put_right(out, at, width, brief.src.packets.saturating_add(brief.dst.packets))
                }
                Cell::SrcPackets => put_right(out, at, width, brief.src.packets),
                Cell::DstPackets => put_right(out, at, width, brief.dst.packets),
                Cell::Bytes => put_right(out, at, width, brief.src.bytes.saturating_add(brief.dst.bytes)),
                Cell::SrcBytes => put_right(out, at, width, brief.src.bytes),
                Cell::DstBytes => put_right(out, at, width, brief.dst.bytes),
            };
            at = match done {
                Some(width) => at + width + 1,
                None => {
                    let row = row.get_or_insert_with(|| beside.row(view, style));
                    let rest = plans.get(number + 1..).unwrap_or_default();
                    self.fixed_cell(out, &mut small, (line, at), (&columns[number], plan), rest, row)
                }
            };
        }
        out.truncate(at);
        crate::print::trim(out, line);
        out.push(b'\n');
        (self.columns, self.small) = (columns, small);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Columns;
    use proptest::prelude::*;

    /// Appends a part of so many words.
    fn part(out: &mut Vec<u8>, header: [u8; 3], words: usize, octets: &[u8]) {
        let [typ, subtype, qualifier] = header;
        out.extend([typ, subtype, qualifier, words as u8]);
        out.extend(octets.iter().cycle().take(4 * (words - 1)));
    }

    const FIELDS: [&str; 20] = [
        "stime", "ltime", "flgs", "proto", "saddr", "sport", "dir", "daddr", "dport", "state", "pkts",
        "spkts", "dpkts", "bytes", "sbytes", "dbytes", "dur", "sload", "smac", "stcpb",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        /// What a sensor writes, with whatever values.
        #[test]
        fn everyday_rows_are_those_of_every_day(
            form in (0..3usize, any::<bool>(), any::<bool>()),
            cause in 0u8..11,
            octets in proptest::collection::vec(any::<u8>(), 200),
            zeros in any::<[bool; 5]>(),
            bits in (any::<u32>(), 0u32..6, 0u8..16),
            default in any::<bool>(),
            metric in (prop_oneof![Just(1u8), 0u8..14], any::<bool>()),
            columns in proptest::collection::vec((0..FIELDS.len(), proptest::option::of(1usize..24)), 1..14),
            (names, precision, unix_time, period) in (0..4usize, 0usize..8, any::<bool>(), any::<bool>()),
            delimiter in prop_oneof![Just(None), Just(Some(b',')), Just(Some(b'\t'))],
        ) {
            let (protocol, version_6, reversed) = form;
            let protocol = [TCP, crate::brief::UDP, ICMP][protocol];
            // Small numbers are more common than large ones.
            let quiet = |at: usize, zero: bool| -> Vec<u8> {
                octets[at..].iter().map(|&octet| if zero { octet & 1 } else { octet }).collect()
            };
            let mut record = vec![0x13, cause << 4, 0, 0];
            part(&mut record, [0x01, 3, 1], 3, &octets);
            let key = record.len();
            let subtype = if reversed { 0x41 } else { 1 };
            part(&mut record, [0x02, subtype, 1 + u8::from(version_6)], if version_6 { 11 } else { 5 }, &quiet(3, zeros[0]));
            record[key + if version_6 { 36 } else { 12 }] = protocol;
            let number = |at: usize| u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
            let (start, micros) = (number(20), number(24) % 1_000_001);
            let (last, more) = (start.saturating_add(u32::from(octets[28] / 128)), number(28) % 1_000_001);
            let times = [start, micros, last, more].map(u32::to_be_bytes).concat();
            part(&mut record, [0x03, 2, 0x18], 5, &times);
            part(&mut record, [0x10, if metric.1 { 4 } else { 1 }, metric.0], 13, &quiet(40, zeros[1]));
            match protocol {
                TCP if zeros[3] => {
                    part(&mut record, [0x30, 3, 0], 5, &quiet(90, zeros[2]));
                }
                TCP => {
                    let state = record.len();
                    part(&mut record, [0x30, 5, 2 * u8::from(zeros[4])], 32, &quiet(60, zeros[2]));
                    record[state + 4..state + 8].copy_from_slice(&(bits.0 >> (8 * (bits.1 % 4))).to_be_bytes());
                }
                ICMP if zeros[3] => part(&mut record, [0x30, 52, 0], 7, &octets),
                _ => part(&mut record, [0x30, 0, 0], 1, &[0]),
            }
            part(&mut record, [0x48, 3, bits.2.saturating_sub(12) << 4], 3, &octets);
            part(&mut record, [0x42, 0, bits.2 / 12], 5, &octets);
            let wrapped = if bits.1 > 4 { 3 } else { 1u32 << (bits.0 % 32) };
            let side = |shown: bool| (wrapped * u32::from(shown)).to_be_bytes();
            part(&mut record, [0x20, 0, 0], 3, &[side(bits.1 % 2 > 0), side(bits.1 % 3 > 0)].concat());
            let words = (record.len() / 4) as u16;
            record[2..4].copy_from_slice(&words.to_be_bytes());
            let view = RecordView::new(&record).expect("a sound record");
            let style = Style {
                names: [Names::Ports, Names::Protocols, Names::None, Names::Ports][names],
                precision,
                unix_time,
                period,
                delimiter,
                variable: delimiter.is_some(),
                ..Style::default()
            };
            let mut list = Columns::new(true);
            // Half of the runs show the default columns.
            for (field, width) in columns.into_iter().filter(|_| !default) {
                let name = FIELDS[field];
                list.add(&width.map_or(name.to_owned(), |width| format!("{name}:{width}"))).expect("a field");
            }
            let mut fast = Printer::new(list.list(), style.clone());
            let mut slow = Printer::new(list.list(), style.clone()).without_plan();
            let (mut ours, mut plain) = (vec![], vec![]);
            fast.flow(&mut ours, &view, &style, Beside::default());
            slow.row(&mut plain, &Row::flow(&view, &style, 0, 0));
            prop_assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&plain));
        }
    }
}
