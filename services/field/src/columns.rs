//! The list of columns: `-s`, `RA_FIELD_SPECIFIER` (chapter ra-output, 8.1).

use crate::table::{self, Field};
use thiserror::Error;

/// The columns of a run that names none.
pub const DEFAULT_COLUMNS: [&str; 11] =
    ["stime", "flgs", "proto", "saddr", "sport", "dir", "daddr", "dport", "pkts", "bytes", "state"];

/// More columns than this are refused: a row has to stay in memory.
const MOST_COLUMNS: usize = 4096;
/// Cells are not made wider than this.
const WIDEST: usize = 65_535;
/// As many columns 3.0.8 shows.
const MOST_HISTORIC: usize = 201;

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// What it shows.
    pub field: &'static Field,
    /// Width in characters; for user data the number of octets.
    pub width: usize,
    /// A `printf` conversion for the number, from `-s name:width:format`.
    pub format: Option<String>,
    /// `-%`: the total that the column is shown as a percentage of.
    pub total: Option<f64>,
    /// Whether it has a title: 3.0.8 forgets those behind a place of the list that was left free.
    pub titled: bool,
    /// Whether its width is that of the times of the run: no other was asked for, and, to 3.0.8, the column was.
    pub fits: bool,
}

/// What is wrong with a field list.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ColumnError {
    /// A width of zero or less.
    #[error("-s {0} length must be greater than 0")]
    Width(String),
    /// No such field.
    #[error("-s {name}: no field of that name{}", meant(.name))]
    Unknown {
        /// What was written.
        name: String,
    },
    /// Too many columns.
    #[error("-s: more than {MOST_COLUMNS} columns")]
    Many,
}

/// What a name that no field has was perhaps meant for.
fn meant(name: &str) -> String {
    let names = table::FIELDS.iter().map(|field| field.name);
    crate::names::nearest(name, names).map(|name| format!(" (perhaps {name})")).unwrap_or_default()
}

/// A list of columns in the making.
#[derive(Clone, Debug)]
pub struct Columns {
    list: Vec<Column>,
    /// The places of the list as 3.0.8 keeps them, some of them free; where it is imitated.
    places: Vec<Option<Column>>,
    /// Widths given so far; they hold for later columns of the same field.
    widths: Vec<(&'static Field, usize)>,
    started: bool,
    lenient: bool,
}

impl Columns {
    /// The default columns. `lenient`: unknown names are ignored, as 3.0.8 does, rather than refused.
    pub fn new(lenient: bool) -> Columns {
        let list: Vec<Column> =
            DEFAULT_COLUMNS.iter().filter_map(|name| table::find(name)).map(plain).collect();
        let list: Vec<Column> = list.into_iter().map(|column| Column { fits: !lenient, ..column }).collect();
        let places = list.iter().cloned().map(Some).collect();
        Columns { list, places, widths: Vec::new(), started: false, lenient }
    }

    /// Shows the columns that add up as percentages of these totals, in the order of [`Columns::list`]; `None` leaves
    /// a column as it is.
    pub fn set_totals(&mut self, totals: &[Option<f64>]) {
        for (column, total) in self.list.iter_mut().zip(totals) {
            column.total = *total;
        }
    }

    /// The columns as they are now.
    pub fn list(&self) -> &[Column] {
        &self.list
    }

    /// A new option set begins (the command line after a configuration file): its first element decides again
    /// whether the list is replaced or edited.
    pub fn restart(&mut self) {
        self.started = false;
    }

    /// Takes one argument of `-s`: elements separated by commas or blanks.
    ///
    /// # Errors
    /// [`ColumnError`] when an element cannot be taken.
    pub fn add(&mut self, text: &str) -> Result<(), ColumnError> {
        for element in text.split([',', ' ', '\t']).filter(|element| !element.is_empty()) {
            self.element(element)?;
        }
        Ok(())
    }

    /// Puts a column at a place, or at the end.
    fn insert(&mut self, place: Option<usize>, column: Column) {
        if !self.lenient {
            return self.list.insert(place.unwrap_or(usize::MAX).min(self.list.len()), column);
        }
        let free = |places: &[Option<Column>], from: usize| {
            places.iter().skip(from).position(Option::is_none).map_or(places.len().max(from), |at| from + at)
        };
        // 3.0.8 has no place behind these, where it shows nothing.
        let place = place.filter(|&at| at < MOST_HISTORIC).unwrap_or_else(|| match place {
            Some(_) => MOST_HISTORIC,
            None => free(&self.places, 0),
        });
        let end = free(&self.places, place);
        self.places.resize(self.places.len().max(end + 1), None);
        // What stood there moves on, as far as the next free place.
        self.places[place..=end].rotate_right(1);
        self.places[place] = Some(column);
        self.list_places();
    }

    /// Takes the first column of that name off.
    fn remove(&mut self, name: &str) -> bool {
        let called = |column: &Column| column.field.is_called(name);
        if !self.lenient {
            let found = self.list.iter().position(called);
            return found.map(|at| self.list.remove(at)).is_some();
        }
        let found = self.places.iter().position(|place| place.as_ref().is_some_and(called));
        found.map(|at| self.places.remove(at));
        self.list_places();
        found.is_some()
    }

    /// What 3.0.8 shows of its places.
    fn list_places(&mut self) {
        let titled = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        let shown = self.places.iter().enumerate().take(MOST_HISTORIC);
        let shown = shown.filter_map(|(at, place)| Some((at, place.clone()?)));
        self.list = shown.map(|(at, column)| Column { titled: at < titled, ..column }).collect();
    }

    /// The width that is asked for, if one is. 3.0.8 looks at it before it looks at the name, and at its leading digits.
    fn width(&self, name: &str, text: Option<&str>) -> Result<Option<usize>, ColumnError> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(text).bytes().take_while(u8::is_ascii_digit).count();
        if self.lenient && digits == 0 {
            return Ok(None);
        }
        let digits = if self.lenient { &text[..digits + usize::from(text.starts_with('-'))] } else { text };
        match digits.parse::<i64>() {
            Ok(width) if width > 0 => Ok(Some(usize::try_from(width).unwrap_or(WIDEST).min(WIDEST))),
            _ => Err(ColumnError::Width(format!("{name}:{text}"))),
        }
    }

    fn element(&mut self, text: &str) -> Result<(), ColumnError> {
        let first = !std::mem::replace(&mut self.started, true);
        if let Some(name) = text.strip_prefix('-') {
            let mut parts = name.split(':');
            let name = parts.next().unwrap_or(name);
            if self.lenient {
                self.width(name, parts.next())?;
            }
            let known = self.remove(name) || self.lenient || table::find(name).is_some();
            return if known { Ok(()) } else { Err(ColumnError::Unknown { name: name.to_owned() }) };
        }
        let (name, place) = match text.strip_prefix('+') {
            Some(rest) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                (&rest[digits..], rest[..digits].parse::<usize>().ok())
            }
            None => (text, None),
        };
        if first && !text.starts_with('+') {
            self.list.clear();
            self.places.clear();
        }
        let mut parts = name.splitn(3, ':');
        let (name, width, format) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let width = self.width(name, width)?;
        // Accepted, and print no column.
        if matches!(name, "rec" | "xxx") {
            return Ok(());
        }
        let known = if self.lenient { table::find_historic(name) } else { table::find(name) };
        let Some(field) = known else {
            return if self.lenient { Ok(()) } else { Err(ColumnError::Unknown { name: name.to_owned() }) };
        };
        let mut column = plain(field);
        if let Some(&(_, width)) = self.widths.iter().rev().find(|&&(known, _)| std::ptr::eq(known, field)) {
            column.width = width;
            column.fits = false;
        }
        if let Some(width) = width {
            column.width = width;
            column.fits = false;
            self.widths.push((field, column.width));
        }
        column.format = format.map(str::to_owned);
        if self.list.len().max(self.places.len()) >= MOST_COLUMNS {
            return Err(ColumnError::Many);
        }
        self.insert(place, column);
        Ok(())
    }
}

fn plain(field: &'static Field) -> Column {
    Column { field, width: usize::from(field.width), format: None, total: None, titled: true, fits: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lenient: bool, arguments: &[&str]) -> String {
        let mut columns = Columns::new(lenient);
        for argument in arguments {
            if let Err(error) = columns.add(argument) {
                return error.to_string();
            }
        }
        let names: Vec<String> =
            columns.list().iter().map(|c| format!("{}:{}", c.field.name, c.width)).collect();
        names.join(" ")
    }

    #[test]
    fn lists_replace_or_edit() {
        assert_eq!(shown(false, &["saddr,daddr:20 bytes"]), "saddr:18 daddr:20 bytes:10");
        assert_eq!(shown(false, &["saddr", "daddr"]), "saddr:18 daddr:18");
        assert!(shown(false, &["+dur"]).ends_with("state:5 dur:10"));
        assert!(shown(false, &["+0dur", "+1seq"]).starts_with("dur:10 seq:12 stime:12"));
        assert!(shown(false, &["-stime"]).starts_with("flgs:9"));
        assert!(shown(false, &["+9999dur"]).ends_with("dur:10"));
        assert_eq!(shown(false, &["saddr:8", "saddr"]), "saddr:8 saddr:8");
        assert_eq!(shown(false, &["xxx", "rec", "dur"]), "dur:10");
    }

    /// Seen with the default columns, eleven of them, and `-s` of 3.0.8.2.
    #[test]
    fn places_left_free_cost_titles() {
        let shown = |arguments: &[&str]| {
            let mut columns = Columns::new(true);
            arguments.iter().for_each(|argument| columns.add(argument).expect("columns"));
            let name = |c: &Column| format!("{}{}", c.field.name, if c.titled { "" } else { "!" });
            columns.list()[9..].iter().map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(&["+11dur"]), "bytes state dur");
        assert_eq!(shown(&["+12dur"]), "bytes state dur!");
        assert_eq!(shown(&["+12dur", "+trans"]), "bytes state trans dur");
        assert_eq!(shown(&["+13dur", "+trans"]), "bytes state trans dur!");
        assert_eq!(shown(&["+12dur", "+12rate"]), "bytes state rate! dur!");
        assert_eq!(shown(&["+13dur", "+12rate", "+0trans"]), "pkts bytes state rate dur");
        assert_eq!(shown(&["+12dur", "-dir", "+trans"]), "state trans dur");
        assert_eq!(shown(&["+12dur", "+0trans"]), "pkts bytes state dur");
        assert_eq!(shown(&["+200dur"]), "bytes state dur!");
        assert_eq!(shown(&["+201dur"]), "bytes state");
    }

    #[test]
    fn bad_elements_are_named() {
        assert_eq!(shown(false, &["saddr:0"]), "-s saddr:0 length must be greater than 0");
        assert_eq!(shown(false, &["nonesuch"]), "-s nonesuch: no field of that name");
        assert_eq!(shown(true, &["nonesuch"]), "");
        assert_eq!(shown(false, &[&"dur ".repeat(5000)]), "-s: more than 4096 columns");
    }
}
