//! Rows and titles as text: cells, columns, delimiters (chapter ra-output, 8.2 and 8.3).

use crate::columns::Column;
use crate::express::{Express, express};
use crate::number::{put_abbreviated, put_float, put_hex, put_hex_digits, put_int, put_uint};
use crate::row::{Body, Row};
use crate::services::Services;
use crate::small::Small;
use crate::style::{Cidr, Form, Names, Style, UserData};
use crate::table::{Cell, Field, Layout};
use crate::time::{TimeText, XML_FORMAT};
use crate::userdata;
use crate::vacant::{Vacant, vacant};
use crate::value::Value;
use crate::{cells, colour, names, structured};
use record::dsr::flow::FlowKey;
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Prints rows of one list of columns. Appends to a buffer of the caller's, which is reused from row to row.
pub struct Printer {
    pub(crate) columns: Vec<Column>,
    pub(crate) style: Style,
    pub(crate) services: Services,
    pub(crate) time: TimeText,
    /// Text of the present cell, reused from cell to cell.
    cell: Vec<u8>,
    pub(crate) small: Small,
    /// What is known of the columns beforehand, when rows have fixed columns.
    pub(crate) plan: Option<Vec<cells::Plan>>,
    /// The cells of everyday rows.
    pub(crate) express: Option<Express>,
    /// Characters of such a row.
    pub(crate) room: usize,
    hosts: crate::hosts::Hosts,
    /// Formats of single columns (`-s stime:20:%F`), by their text.
    formats: Vec<(String, TimeText)>,
    /// Whether `daddr` may be `Broadcast`.
    names_broadcast: bool,
}

impl Printer {
    /// A printer of these columns in this style.
    pub fn new(columns: &[Column], style: Style) -> Printer {
        let format = if style.form == Form::Xml { XML_FORMAT } else { &style.time_format };
        let time =
            TimeText::new(format, style.zone.clone(), style.precision, style.unix_time).signed(style.compat);
        let mut printer = Printer {
            columns: columns.to_vec(),
            services: if style.names <= Names::Ports { Services::load() } else { Services::none() },
            hosts: crate::hosts::Hosts::default(),
            time,
            cell: Vec::new(),
            formats: Vec::new(),
            names_broadcast: style.compat
                && columns.iter().any(|column| matches!(column.field.name, "smac" | "dmac")),
            small: Small::default(),
            plan: None,
            express: None,
            room: 0,
            style,
        };
        for column in columns {
            let Some(format) = column.format.clone().filter(|_| printer.has_format(column)) else { continue };
            let style = &printer.style;
            let text = TimeText::new(&format, style.zone.clone(), style.precision, false);
            printer.formats.push((format, text));
        }
        printer.lay_out();
        printer.plan = cells::plan(&printer);
        printer.express = express(&printer);
        printer.room = printer.plan.as_deref().map_or(0, Printer::room_of);
        printer
    }

    /// The same, every cell taking the long way.
    #[cfg(test)]
    pub(crate) fn without_plan(self) -> Printer {
        Printer { plan: None, express: None, ..self }
    }

    /// The style in use.
    pub fn style(&self) -> &Style {
        &self.style
    }

    /// Widths that depend on the style: dates and code points.
    fn lay_out(&mut self) {
        let custom = self.style.time_format != crate::time::DEFAULT_FORMAT && !self.style.unix_time;
        let precision = self.style.precision;
        let sample = custom.then(|| {
            let mut sample = Vec::new();
            self.time.put(&mut sample, record::Stamp::from_sec_usec(1_000_000_000, 0));
            (sample.len(), sample.contains(&b'.'))
        });
        for column in &mut self.columns {
            let fitted = match column.field.layout {
                Layout::Date => true,
                Layout::SideDate => !self.style.compat,
                _ => false,
            };
            if let (true, Some((length, fraction))) = (fitted, sample) {
                // 3.0.8 subtracts the digits of the fraction even when the format has none.
                let less = if fraction || self.style.compat { precision } else { 0 };
                column.width = length.saturating_sub(less);
            }
            if self.style.disa && matches!(column.field.name, "sdsb" | "ddsb") {
                column.width = column.width.max(8);
            }
        }
    }

    /// Whether a column shows dates in a format of its own.
    pub(crate) fn has_format(&self, column: &Column) -> bool {
        let date = matches!(column.field.layout, Layout::Date | Layout::SideDate);
        date && !self.style.compat && column.format.is_some()
    }

    /// Appends the line of titles.
    pub fn title(&self, out: &mut Vec<u8>) {
        if self.style.colour {
            out.extend_from_slice(colour::TITLE);
        }
        let line = out.len();
        for (at, column) in self.columns.iter().enumerate().filter(|(_, column)| column.titled) {
            self.put_title(out, at, column);
        }
        if self.style.compat && out.len() > line && out.last() == self.style.delimiter.as_ref() {
            out.pop();
        }
        if self.style.colour {
            out.extend_from_slice(colour::PLAIN);
        }
        out.push(b'\n');
    }

    fn put_title(&self, out: &mut Vec<u8>, at: usize, column: &Column) {
        let field = column.field;
        let title = self.title_of(field);
        let title = &*match (column.total, field.name) {
            (None, _) => Cow::Borrowed(title),
            (Some(_), "appbytes") => Cow::Borrowed("pAppBytes"),
            (Some(_), _) => Cow::Owned(format!("p{title}")),
        };
        if self.style.variable || self.style.delimiter.is_some() {
            let delimiter = self.style.delimiter;
            // 3.0.8 looks whether there is one, be it the last letter of the title before.
            if let (Some(delimiter), true) = (delimiter, at > 0)
                && !(self.style.compat && out.last() == Some(&delimiter))
            {
                out.push(delimiter);
            }
            let quote = self.style.quote.filter(|_| delimiter.is_some());
            out.extend(quote);
            // 3.0.8 cuts titles to a width that the cells do not have, and prints one that is no text.
            let width = match (self.style.compat, field.layout) {
                (true, Layout::Right) if field.cell != Cell::Data => column.width,
                (true, Layout::Date | Layout::SideDate) => self.title_width(column),
                _ => usize::MAX,
            };
            let title = if title.is_empty() && self.style.compat { "(null)" } else { title };
            out.extend(title.bytes().take(width));
            out.extend(quote);
            if delimiter.is_none() {
                out.push(b' ');
            }
            return;
        }
        match (field.cell, field.layout) {
            (Cell::Data, _) => userdata::put_title(out, title, column.width, self.style.user_data),
            (_, Layout::None) => {}
            (_, Layout::Centred(more)) if !self.style.later => {
                let room = column.width.saturating_sub(title.len());
                let side = (room / 2).max(1);
                let more = usize::from(more) + usize::from(column.width.is_multiple_of(2));
                out.resize(out.len() + side, b' ');
                out.extend_from_slice(title.as_bytes());
                out.resize(out.len() + side + more, b' ');
            }
            _ => {
                let width = self.title_width(column);
                let kept = title.len().min(width);
                out.resize(out.len() + width - kept, b' ');
                out.extend_from_slice(&title.as_bytes()[..kept]);
                out.push(b' ');
            }
        }
    }

    fn title_of(&self, field: &Field) -> &'static str {
        match field.name {
            "load" if self.style.application_titles => "AppLoad",
            "sload" if self.style.application_titles => "SrcAppLoad",
            "dload" if self.style.application_titles => "DstAppLoad",
            "saddr" if self.style.rmon => "Host",
            "spkts" if self.style.rmon => "OutPkts",
            "dpkts" if self.style.rmon => "InPkts",
            "sbytes" if self.style.rmon => "OutBytes",
            "dbytes" if self.style.rmon => "InBytes",
            "sappbytes" if self.style.rmon => "OAppBytes",
            "dappbytes" if self.style.rmon => "IAppBytes",
            "smac" if self.style.rmon => "Mac",
            "soui" if self.style.rmon => "Oui",
            "snet" | "lnet" if self.style.rmon => "Net",
            "laddr" if self.style.rmon => "Host",
            _ => field.title,
        }
    }

    fn title_width(&self, column: &Column) -> usize {
        match column.field.layout {
            Layout::Date if self.style.compat => column.width + self.style.precision,
            Layout::SideDate if self.style.compat => column.width + self.style.precision + 1,
            Layout::Date | Layout::SideDate if self.style.later => column.width + self.style.precision,
            Layout::Date | Layout::SideDate => self.date_width(column),
            _ => column.width,
        }
    }

    /// Width of a date: its own and the digits of the fraction, if the text will have one.
    fn date_width(&self, column: &Column) -> usize {
        let fraction = match &column.format {
            Some(format) if self.has_format(column) => format.contains('.'),
            _ => self.style.unix_time || self.style.time_format.contains('.'),
        };
        column.width + if fraction { self.style.precision } else { 0 }
    }

    /// Appends the row of a record, line end included.
    pub fn row(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        match self.style.form {
            Form::Xml => return structured::put_xml(self, out, row),
            Form::Json => return structured::put_json(self, out, row),
            Form::Text => {}
        }
        let line = out.len();
        let columns = std::mem::take(&mut self.columns);
        if let Some(plan) = self.plan.take_if(|_| self.style.user_data != UserData::Hex) {
            self.fixed_row(out, &columns, &plan, row);
            trim(out, line);
            out.push(b'\n');
            (self.plan, self.columns) = (Some(plan), columns);
            return;
        }
        let mut text = std::mem::take(&mut self.cell);
        let mut dumps = false;
        for (at, column) in columns.iter().enumerate() {
            let field = column.field;
            let from = out.len();
            if field.cell == Cell::Data && self.style.user_data == UserData::Hex {
                dumps = true;
                if let Some(delimiter) = self.style.delimiter {
                    out.push(delimiter);
                }
                continue;
            }
            let value = row.read(field);
            text.clear();
            self.put_value(&mut text, column, &value);
            self.put_cell(out, &mut text, column, &value, row);
            if self.style.colour
                && let Some(colour) = colour::of(field, &value, &out[from..])
            {
                colour::paint(out, from, colour);
            }
            let port_of_address =
                at > 0 && field.follows.is_some_and(|address| columns[at - 1].field.name == address);
            if port_of_address
                && self.style.period
                && self.style.delimiter.is_none()
                && matches!(row.body, Body::Flow(_))
                && from > line
                && out[from..].iter().any(|byte| *byte != b' ')
            {
                out[from - 1] = b'.';
            }
        }
        self.finish_row(out, line);
        out.push(b'\n');
        if dumps {
            for column in columns.iter().filter(|column| column.field.cell == Cell::Data) {
                if let Value::Data(_, data) = row.read(column.field) {
                    userdata::put_dump(out, &data[..data.len().min(column.width)]);
                }
            }
        }
        self.columns = columns;
        self.cell = text;
    }

    fn finish_row(&self, out: &mut Vec<u8>, line: usize) {
        match self.style.delimiter {
            Some(delimiter) => {
                if out.len() > line && out.last() == Some(&delimiter) {
                    out.pop();
                }
                // 3.0.8 trims white space at last, and so loses empty cells between tabs.
                if delimiter.is_ascii_whitespace() && self.style.compat {
                    trim(out, line);
                }
            }
            None => trim(out, line),
        }
    }

    /// Appends the cell of a column.
    pub(crate) fn put_column(
        &mut self,
        out: &mut Vec<u8>,
        column: &Column,
        value: &Value<'_>,
        row: &Row<'_>,
    ) {
        let mut text = std::mem::take(&mut self.cell);
        text.clear();
        self.put_value(&mut text, column, value);
        self.put_cell(out, &mut text, column, value, row);
        self.cell = text;
    }

    /// Appends a text in the form of its cell.
    fn put_cell(
        &self,
        out: &mut Vec<u8>,
        text: &mut Vec<u8>,
        column: &Column,
        value: &Value<'_>,
        row: &Row<'_>,
    ) {
        let field = column.field;
        let width = column.width;
        if self.style.compat && matches!(value, Value::Absent) {
            match vacant(field, &row.body) {
                Vacant::Nothing => return,
                Vacant::Blanks(count) => text.resize(count, b' '),
                Vacant::Wide if self.style.variable => text.resize(width, b' '),
                // Abbreviating it brings out the number behind the blank.
                Vacant::Empty if self.style.abbreviate && matches!(field.name, "sgap" | "dgap") => {
                    put_abbreviated(text, -1.0, self.style.precision, false);
                }
                Vacant::Empty | Vacant::Wide => {}
            }
        }
        // The checksum of IS-IS keeps its width, unless there is a delimiter.
        let kept = self.style.compat
            && self.style.delimiter.is_none()
            && field.name == "dport"
            && matches!(row.key(), Some(FlowKey::Isis(_)));
        if self.style.variable && !kept {
            let quoted = self.style.quote.is_some() && !self.style.compat;
            if field.cell == Cell::Direction && !text.is_empty() && !self.style.later && !quoted {
                blanks(out, width.saturating_sub(text.len()));
            }
            if field.cell == Cell::Options && self.style.compat {
                text.truncate(width);
                let missing = width - text.len();
                text.resize(width, b' ');
                text.rotate_right(missing);
            }
            return self.end_cell(out, text, field, value, row);
        }
        let management = matches!(row.body, Body::Management(_));
        match field.cell {
            Cell::Data => {
                let width = userdata::widths(width, self.style.user_data).0;
                text.resize(text.len().max(width), b' ');
            }
            // Numbers of ports are never cut; they push the row.
            Cell::Port if !management => {
                let number =
                    self.style.names > Names::Ports && matches!(value, Value::Port { .. } | Value::Sap(_));
                if text.len() > width && !number {
                    cut(text, width);
                }
                text.resize(text.len().max(width), b' ');
            }
            Cell::Cut | Cell::Options | Cell::Direction => {
                text.truncate(width);
                blanks(out, width - text.len());
            }
            _ => {
                let width = match field.layout {
                    Layout::Date | Layout::SideDate => {
                        // 3.0.8 minds this for the start only.
                        let fraction = text.contains(&b'.') || (self.style.compat && field.name != "stime");
                        width + if fraction { self.style.precision } else { 0 }
                    }
                    _ => width,
                };
                if text.len() > width {
                    let near =
                        matches!(field.name, "saddr" | "daddr" | "label" | "icmpid" | "sipid" | "dipid");
                    // 5.0.3 leaves a blank in front of most.
                    let less = self.style.later && !near && field.cell != Cell::Answer;
                    cut(text, width - usize::from(less && width > 1));
                }
                blanks(out, width.saturating_sub(text.len()));
            }
        }
        self.end_cell(out, text, field, value, row);
    }

    /// Appends a cell's text and what separates it from the next.
    fn end_cell(
        &self,
        out: &mut Vec<u8>,
        text: &mut Vec<u8>,
        field: &Field,
        value: &Value<'_>,
        row: &Row<'_>,
    ) {
        let Some(delimiter) = self.style.delimiter else {
            out.extend_from_slice(text);
            return out.push(b' ');
        };
        if field.cell == Cell::Flags {
            text.push(b' ');
        } else {
            trim(text, 0);
        }
        match self.style.quote {
            // 3.0.8 has quotes around titles only.
            Some(quote)
                if !self.style.compat && !text.is_empty() && !structured::is_number(&self.style, value) =>
            {
                put_quoted(out, text, quote);
            }
            _ => out.extend_from_slice(text),
        }
        out.push(delimiter);
        // 3.0.8 prints one more behind the checksum of IS-IS.
        let isis = matches!(row.key(), Some(FlowKey::Isis(_)));
        if self.style.compat && isis && !delimiter.is_ascii_whitespace() && field.name == "dport" {
            out.push(delimiter);
        }
    }

    /// Appends a time.
    pub(crate) fn put_time(&mut self, out: &mut Vec<u8>, stamp: record::Stamp) {
        self.time.put(out, stamp);
    }

    /// Appends the text of a value in a column, without padding.
    pub fn text(&mut self, out: &mut Vec<u8>, column: &Column, value: &Value<'_>) {
        self.put_value(out, column, value);
    }

    /// Appends the bare text of a value.
    pub(crate) fn put_value(&mut self, out: &mut Vec<u8>, column: &Column, value: &Value<'_>) {
        let style = &self.style;
        if let (Some(total), Some(number)) = (column.total, value.number()) {
            let share = if total > 0.0 { 100.0 * number / total } else { 0.0 };
            // 5.0.3 computes in single precision.
            return put_float(
                out,
                if style.later { f64::from(share as f32) } else { share },
                style.precision,
            );
        }
        match *value {
            Value::Absent => {}
            Value::Uint(n) if style.abbreviate && column.field.abbreviates => {
                put_abbreviated(out, n as f64, style.precision, style.later);
            }
            Value::Float(x) if style.abbreviate && column.field.abbreviates => {
                put_abbreviated(out, x, style.precision, style.later);
            }
            Value::Uint(n) => match own_format(column, style) {
                Some(format) => put_formatted(out, format, n, style.compat),
                None => put_uint(out, n),
            },
            // Ports of ICMP are numbers as others, those of eight digits are not ports.
            Value::Hex(n, digits) => match own_format(column, style) {
                Some(format) if digits < 8 && (column.field.cell != Cell::Port || digits == 4) => {
                    put_formatted(out, format, n, style.compat);
                }
                _ => put_hex(out, n, usize::from(digits)),
            },
            Value::Int(n) => put_int(out, n),
            Value::Float(x) => {
                let from = out.len();
                put_float(out, x, style.precision);
                if style.compat && column.field.is_percentage() {
                    let short = 3usize.saturating_sub(out.len() - from);
                    out.resize(out.len() + short, b' ');
                    out[from..].rotate_right(short);
                }
            }
            Value::Time(stamp) => {
                let own = match &column.format {
                    Some(format) => self.formats.iter_mut().find(|(known, _)| known == format),
                    None => None,
                };
                own.map_or(&mut self.time, |(_, text)| text).put(out, stamp);
            }
            Value::Ipv4(address, prefix) => match own_format(column, style) {
                Some(format) => put_formatted(out, format, u64::from(address), style.compat),
                _ if style.names == Names::All
                    && self.hosts.put(out, Ipv4Addr::from(address).into(), style.host_names) => {}
                _ => {
                    put_ipv4(out, address);
                    put_prefix(out, prefix, 32, style.cidr);
                }
            },
            Value::Ipv6(octets, prefix) => {
                let address = Ipv6Addr::from(octets).into();
                if !(style.names == Names::All && self.hosts.put(out, address, style.host_names)) {
                    put_ipv6(out, octets);
                    put_prefix(out, prefix, 128, style.cidr);
                }
            }
            // 3.0.8 names it in every address of a row that shows Ethernet addresses too.
            Value::Mac([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
                if self.names_broadcast && style.names < Names::None && column.field.name == "daddr" =>
            {
                out.extend_from_slice(b"Broadcast")
            }
            Value::MacOrBroadcast(octets)
                if octets == [0xFF; 6] && style.names < Names::None && !style.later =>
            {
                out.extend_from_slice(b"Broadcast")
            }
            Value::Mac(octets) | Value::MacOrBroadcast(octets) | Value::VendorMac(octets) => {
                let by_name = style.vendor_addresses || matches!(value, Value::VendorMac(_));
                match style.vendors.as_ref().filter(|_| by_name).and_then(|vendors| vendors.name(octets)) {
                    Some(name) => put_vendor_address(out, name, octets),
                    None => put_mac(out, octets),
                }
            }
            Value::Vendor(octets) => {
                let name = style.vendors.as_ref().and_then(|vendors| vendors.name(octets));
                out.extend_from_slice(name.unwrap_or_default().as_bytes());
            }
            Value::Octets(octets) => octets.iter().for_each(|&octet| put_hex_digits(out, octet.into(), 2)),
            Value::Parts(bits) => {
                let from = out.len();
                for (name, _) in names::PARTS.iter().filter(|&&(_, index)| bits & 1 << index as u32 != 0) {
                    if out.len() > from {
                        out.push(b',');
                    }
                    out.extend_from_slice(name.as_bytes());
                }
            }
            Value::Port { protocol, port } => match self.services.name(protocol, port) {
                _ if style.names >= Names::Protocols => match own_format(column, style) {
                    Some(format) => put_formatted(out, format, u64::from(port), style.compat),
                    None => put_uint(out, u64::from(port)),
                },
                _ if port == 0 => put_no_port(out, style),
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => put_uint(out, u64::from(port)),
            },
            Value::Protocol(n) if style.names == Names::None => put_uint(out, u64::from(n)),
            Value::Protocol(n) => out.extend_from_slice(names::PROTOCOLS[usize::from(n)].as_bytes()),
            Value::Ethertype(n) => match names::ethertype(n) {
                Some(name) if style.names < Names::None => out.extend_from_slice(name.as_bytes()),
                None if style.names <= Names::Ports => out.extend_from_slice(b"unknown"),
                _ => put_uint(out, u64::from(n)),
            },
            Value::Sap(n) => match names::sap(n) {
                _ if style.names >= Names::Protocols => match own_format(column, style) {
                    Some(format) => put_formatted(out, format, u64::from(n), style.compat),
                    None => put_uint(out, u64::from(n)),
                },
                _ if n == 0 => put_no_port(out, style),
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => put_hex(out, u64::from(n), 2),
            },
            Value::CodePoint(n) => match names::code_point(n, style.disa) {
                Some(name) if style.names < Names::None => out.extend_from_slice(name.as_bytes()),
                _ => {
                    if style.compat && n < 10 {
                        out.push(b' ');
                    }
                    put_uint(out, u64::from(n));
                }
            },
            Value::IcmpV6(n) if style.names <= Names::Ports => put_hex(out, u64::from(n), 4),
            Value::IcmpV6(n) => match own_format(column, style) {
                Some(format) => put_formatted(out, format, u64::from(n), style.compat),
                None => put_uint(out, u64::from(n)),
            },
            Value::Name(text) => out.extend_from_slice(text.as_bytes()),
            Value::Text(ref text) => out.extend_from_slice(text),
            Value::Bytes(bytes) => put_printable(out, bytes),
            Value::Data(side, data) => {
                userdata::put(out, side, data, column.width, style.user_data, style.compat);
            }
        }
    }
}

/// The format that was given for the numbers of a column, where these take one.
fn own_format<'a>(column: &'a Column, style: &Style) -> Option<&'a str> {
    let port = column.field.cell == Cell::Port;
    let formats = column.field.formats && (!port || style.names >= Names::Protocols);
    column.format.as_deref().filter(|_| formats)
}

/// What stands for a port that has neither number nor name.
fn put_no_port(out: &mut Vec<u8>, style: &Style) {
    // It shows where columns have no width.
    if style.compat {
        out.push(b' ');
    }
}

/// Text of a record goes to the terminal without its control characters.
fn put_printable(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().map(|&byte| if byte < b' ' || byte == 0x7F { b'.' } else { byte }));
}

/// Appends a text between quotes, those in it and backslashes behind a backslash.
fn put_quoted(out: &mut Vec<u8>, text: &[u8], quote: u8) {
    out.push(quote);
    for &byte in text {
        if byte == quote || byte == b'\\' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(quote);
}

/// Removes white space at the end of what follows `from`.
pub(crate) fn trim(out: &mut Vec<u8>, from: usize) {
    while out.len() > from && out.last().is_some_and(u8::is_ascii_whitespace) {
        out.pop();
    }
}

/// Keeps one character less than `width` and marks the cut with a star.
fn cut(text: &mut Vec<u8>, width: usize) {
    text.truncate(width.saturating_sub(1));
    text.push(b'*');
}

/// Appends so many blanks.
pub(crate) fn blanks(out: &mut Vec<u8>, mut count: usize) {
    const BLANKS: [u8; 64] = [b' '; 64];
    while count > 0 {
        let some = count.min(BLANKS.len());
        out.extend_from_slice(&BLANKS[..some]);
        count -= some;
    }
}

/// Appends a dotted quad.
pub fn put_ipv4(out: &mut Vec<u8>, address: u32) {
    let mut small = Small::default();
    small.put_ipv4(address);
    out.extend_from_slice(small.text().unwrap_or_default());
}

/// Appends an IPv6 address as the C library writes it: RFC 5952, and IPv4 notation for the embedded forms.
pub fn put_ipv6(out: &mut Vec<u8>, octets: [u8; 16]) {
    let mut small = Small::default();
    small.put_ipv6(octets);
    out.extend_from_slice(small.text().unwrap_or_default());
}

/// The same by the standard library's hand.
#[cfg(test)]
pub(crate) fn put_ipv6_exactly(out: &mut Vec<u8>, octets: [u8; 16]) {
    use std::io::Write;
    let segments = Ipv6Addr::from(octets).segments();
    if segments[..6] == [0; 6] && segments[6] != 0 {
        let [.., a, b, c, d] = octets;
        write!(out, "::{a}.{b}.{c}.{d}").expect("a vector takes all");
    } else {
        write!(out, "{}", Ipv6Addr::from(octets)).expect("a vector takes all");
    }
}

/// Appends an Ethernet address with its vendor's name in place of the first half.
fn put_vendor_address(out: &mut Vec<u8>, name: &str, octets: [u8; 6]) {
    out.extend_from_slice(name.as_bytes());
    for (at, &octet) in octets[3..].iter().enumerate() {
        out.push(if at == 0 { b'_' } else { b':' });
        put_hex_digits(out, octet.into(), 2);
    }
}

/// Appends six octets in hexadecimal with colons.
pub fn put_mac(out: &mut Vec<u8>, octets: [u8; 6]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, octet) in octets.into_iter().enumerate() {
        if at > 0 {
            out.push(b':');
        }
        out.push(DIGITS[usize::from(octet >> 4)]);
        out.push(DIGITS[usize::from(octet & 15)]);
    }
}

fn put_prefix(out: &mut Vec<u8>, prefix: u8, full: u8, cidr: Cidr) {
    let shown = match cidr {
        Cidr::No => false,
        Cidr::Shorter => 0 < prefix && prefix < full,
        Cidr::Strict => true,
    };
    if shown {
        out.push(b'/');
        put_uint(out, u64::from(prefix));
    }
}

/// One integer conversion of `printf` with the text around it: flags `0`, `-`, `#`, a width, and `d i u x X o`.
/// `signed`: as 3.0.8, which takes all numbers for signed ones of 32 bits.
fn put_formatted(out: &mut Vec<u8>, format: &str, value: u64, signed: bool) {
    let Some(at) = format.find('%') else { return out.extend_from_slice(format.as_bytes()) };
    let (before, rest) = (&format[..at], &format[at + 1..]);
    let flags = rest.bytes().take_while(|byte| b"0-#+ ".contains(byte)).count();
    let digits = rest[flags..].bytes().take_while(u8::is_ascii_digit).count();
    let (flags, width) = (&rest[..flags], rest[flags..flags + digits].parse().unwrap_or(0usize).min(256));
    let rest = rest[flags.len() + digits..].trim_start_matches(['l', 'h', 'q']);
    let mut letters = rest.chars();
    let conversion = letters.next();
    let alternate = flags.contains('#') && value != 0;
    let text = match conversion {
        Some('d' | 'i') if signed => (value as u32).cast_signed().to_string(),
        Some('d' | 'i' | 'u') => value.to_string(),
        Some('x') if alternate => format!("{value:#x}"),
        Some('x') => format!("{value:x}"),
        Some('X') if alternate => format!("0X{value:X}"),
        Some('X') => format!("{value:X}"),
        Some('o') => format!("{value:o}"),
        _ => return out.extend_from_slice(format.as_bytes()),
    };
    out.extend_from_slice(before.as_bytes());
    let (sign, text) = text.strip_prefix('-').map_or(("", &*text), |digits| ("-", digits));
    let missing = width.saturating_sub(sign.len() + text.len());
    let (left, zeros) = (flags.contains('-'), flags.contains('0') && !flags.contains('-'));
    if !left && !zeros {
        out.resize(out.len() + missing, b' ');
    }
    out.extend_from_slice(sign.as_bytes());
    if zeros {
        out.resize(out.len() + missing, b'0');
    }
    out.extend_from_slice(text.as_bytes());
    if left {
        out.resize(out.len() + missing, b' ');
    }
    out.extend_from_slice(letters.as_str().as_bytes());
}
