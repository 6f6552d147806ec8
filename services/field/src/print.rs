//! Rows and titles as text: cells, columns, delimiters (chapter ra-output, 8.2 and 8.3).

use crate::columns::Column;
use crate::express::{Express, express};
use crate::number::put_abbreviated;
use crate::row::{Body, Row};
use crate::services::Services;
use crate::small::Small;
use crate::style::{Form, Names, Style, UserData};
use crate::table::{Cell, Field, Layout};
use crate::time::{TimeText, XML_FORMAT};
use crate::userdata;
use crate::vacant::{Vacant, vacant};
use crate::value::Value;
use crate::{cells, colour, structured};
use record::dsr::flow::FlowKey;
use std::borrow::Cow;

/// Prints rows of one list of columns. Appends to a buffer of the caller's, which is reused from row to row.
pub struct Printer {
    pub(crate) columns: Vec<Column>,
    pub(crate) style: Style,
    pub(crate) services: Services,
    pub(crate) time: TimeText,
    /// Text of the present cell, reused from cell to cell.
    cell: Vec<u8>,
    pub(crate) small: Small,
    /// A row with delimiters before it is appended.
    pub(crate) line: Vec<u8>,
    /// What is known of the columns beforehand, when rows have fixed columns.
    pub(crate) plan: Option<Vec<cells::Plan>>,
    /// The cells of everyday rows.
    pub(crate) express: Option<Express>,
    /// Characters of such a row.
    pub(crate) room: usize,
    pub(crate) hosts: crate::hosts::Hosts,
    /// Formats of single columns (`-s stime:20:%F`), by their text.
    pub(crate) formats: Vec<(String, TimeText)>,
    /// Whether `daddr` may be `Broadcast`.
    pub(crate) names_broadcast: bool,
    /// Characters that the time format of the user lacks for 3.0.8 to find a width.
    pub(crate) short: usize,
    /// Whether the present row's counts are among those that add up to the columns' totals.
    pub(crate) shares: bool,
}

/// Digits of the fraction that 3.0.8 expects in a time format.
const FRACTION: usize = 6;

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
            short: 0,
            shares: true,
            small: Small::default(),
            line: Vec::new(),
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
        let precision = self.style.precision;
        let historic = self.style.compat && self.style.form == Form::Text;
        // 3.0.8 lays columns out for the format even where it prints seconds.
        let used = !self.style.unix_time || historic;
        let custom = self.style.time_format != crate::time::DEFAULT_FORMAT && used;
        let sample = custom.then(|| {
            let mut sample = Vec::new();
            let stamp = record::Stamp::from_sec_usec(1_000_000_000, 0);
            if historic {
                // 3.0.8 takes six digits for granted.
                TimeText::new(&self.style.time_format, self.style.zone.clone(), FRACTION, false)
                    .put(&mut sample, stamp);
            } else {
                self.time.put(&mut sample, stamp);
            }
            (sample.len(), sample.contains(&b'.'))
        });
        if let (true, Some((length, _))) = (historic, sample) {
            self.short = FRACTION.saturating_sub(length);
        }
        for column in &mut self.columns {
            let fitted = match column.field.layout {
                Layout::Date => column.fits,
                Layout::SideDate => column.fits && !self.style.compat,
                _ => false,
            };
            if let (true, Some((length, fraction))) = (fitted, sample) {
                // 3.0.8 subtracts the digits of a fraction even when the format has none.
                let less = match (historic, fraction) {
                    (true, _) => FRACTION,
                    (false, true) => precision,
                    (false, false) => 0,
                };
                column.width = length.saturating_sub(less);
            }
            let given = column.width != usize::from(column.field.width);
            if self.style.disa && matches!(column.field.name, "sdsb" | "ddsb") && !given {
                column.width = 8;
            }
        }
    }

    /// Whether it is a column of dates for which 3.0.8 finds no width.
    pub(crate) fn is_narrow(&self, column: &Column) -> bool {
        self.style.compat && column.field.layout == Layout::Date && column.width == 0
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
                && !(self.style.compat && out.last().is_none_or(|last| [delimiter, b'\n'].contains(last)))
            {
                out.push(delimiter);
            }
            let quote = self.style.quote.filter(|_| delimiter.is_some());
            out.extend(quote);
            // 3.0.8 cuts titles to a width that the cells do not have, and prints one that is no text.
            let width = match (self.style.compat, field.layout) {
                (true, Layout::Right) if field.cell != Cell::Data => column.width,
                (true, Layout::Date | Layout::SideDate) => {
                    let width = self.title_width(column);
                    let short = if self.is_narrow(column) { self.short } else { 0 };
                    width.checked_sub(short).unwrap_or(usize::MAX)
                }
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
                if self.is_narrow(column) {
                    let from = out.len();
                    out.extend_from_slice(title.as_bytes());
                    fit(out, from, width as isize - self.short as isize);
                    return out.push(b' ');
                }
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
        self.shares = !matches!(row.body, Body::Management(_));
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
                if self.style.compat {
                    text.truncate(width);
                }
                let missing = width.saturating_sub(text.len());
                if text.iter().all(|&byte| byte == b' ') {
                    blanks(out, missing);
                } else {
                    text.resize(text.len() + missing, b' ');
                    text.rotate_right(missing);
                }
            }
            if field.cell == Cell::Options && self.style.compat {
                text.truncate(width);
                let missing = width - text.len();
                text.resize(width, b' ');
                text.rotate_right(missing);
            }
            return self.end_cell(out, text, field, value, row);
        }
        if self.style.delimiter.is_some() && field.cell != Cell::Flags && text.trim_ascii().is_empty() {
            return self.end_cell(out, text, field, value, row);
        }
        let management = matches!(row.body, Body::Management(_));
        match field.cell {
            Cell::Data => {
                // 3.0.8 counts the digits of the length otherwise where there are no data.
                let less = self.style.compat && text.is_empty() && matches!(width, 10 | 100..);
                let width = userdata::widths(width, self.style.user_data).0 - usize::from(less);
                text.resize(text.len().max(width), b' ');
            }
            // Numbers of ports are never cut; they push the row.
            Cell::Port if !management => {
                // An SPI and a checksum are cut like names.
                let number = self.style.names > Names::Ports && !matches!(value, Value::Hex(_, 8 | 1));
                if text.len() > width && !number {
                    cut(text, width);
                }
                text.resize(text.len().max(width), b' ');
            }
            Cell::Cut | Cell::Options | Cell::Direction => {
                text.truncate(width);
                blanks(out, width - text.len());
            }
            _ if self.is_narrow(column) => {
                let fraction = text.contains(&b'.') || field.name != "stime";
                let width = width + if fraction { self.style.precision } else { 0 };
                let width = width as isize - self.short as isize;
                if width > 0 && text.len() > width.unsigned_abs() {
                    cut(text, width.unsigned_abs());
                }
                fit(text, 0, width);
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
        // 3.0.8 prints one more behind the checksum of IS-IS.
        let isis = matches!(row.key(), Some(FlowKey::Isis(_)));
        if self.style.compat && isis && !delimiter.is_ascii_whitespace() && field.name == "dport" {
            text.push(delimiter);
        }
        match self.style.quote {
            // 3.0.8 has quotes around titles, and around text that needs them.
            Some(quote) if self.style.compat && (text.contains(&delimiter) || text.contains(&quote)) => {
                put_doubled(out, text, quote);
            }
            Some(quote)
                if !self.style.compat && !text.is_empty() && !structured::is_number(&self.style, value) =>
            {
                put_quoted(out, text, quote);
            }
            _ => out.extend_from_slice(text),
        }
        out.push(delimiter);
    }
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

/// Appends a text between quotes, those in it twice.
fn put_doubled(out: &mut Vec<u8>, text: &[u8], quote: u8) {
    out.push(quote);
    for &byte in text {
        out.extend(std::iter::repeat_n(byte, if byte == quote { 2 } else { 1 }));
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
pub(crate) fn cut(text: &mut Vec<u8>, width: usize) {
    text.truncate(width.saturating_sub(1));
    text.push(b'*');
}

/// Fits the text from a place on into a width as C's `%*.*s` does with the same width twice: none of it in a width of 0,
/// all of it to the left in one below.
fn fit(out: &mut Vec<u8>, from: usize, width: isize) {
    let room = width.unsigned_abs();
    if width >= 0 {
        out.truncate(from + room);
    }
    let missing = (from + room).saturating_sub(out.len());
    blanks(out, missing);
    if width > 0 {
        out[from..].rotate_right(missing);
    }
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
