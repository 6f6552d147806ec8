//! Any octets as a record: every field of it in every form, on one line, without control characters.
#![no_main]

use field::style::{Form, Names, TcpStates, UserData};
use field::table::FIELDS;
use field::{Column, Printer, Row, Style};
use libfuzzer_sys::fuzz_target;
use record::RecordView;

fuzz_target!(|input: (u64, &[u8])| {
    let (look, octets) = input;
    let Ok(mut view) = RecordView::new(octets) else { return };
    let style = style(look);
    let shown = |view: &RecordView<'_>| {
        let width = (look >> 40) as usize % 90;
        let column = |field: &'static field::Field| {
            let width = if width == 0 { usize::from(field.width) } else { width };
            let total = (look >> 48 & 1 != 0).then_some(1e3);
            Column { field, width, format: None, total, titled: true, fits: look >> 49 & 1 != 0 }
        };
        let columns: Vec<Column> = FIELDS.iter().map(column).collect();
        let mut out = Vec::new();
        let mut printer = Printer::new(&columns, style.clone());
        match view.mar() {
            Some(mar) => printer.row(&mut out, &Row::management(&mar, &style, 128, 1)),
            None => printer.row(&mut out, &Row::flow(view, &style, 128, 1)),
        }
        assert_eq!(out.pop(), Some(b'\n'));
        let control = |byte: &u8| (*byte < b' ' && Some(*byte) != style.delimiter) || *byte == 0x7F;
        assert!(!out.iter().any(control), "{}", out.escape_ascii());
    };
    shown(&view);
    view.repair_direction();
    shown(&view);
    view.turn();
    shown(&view);
});

/// A look for every number.
fn style(look: u64) -> Style {
    let bit = |at: u32| look >> at & 1 != 0;
    let form = [Form::Text, Form::Text, Form::Xml, Form::Json][(look & 3) as usize];
    let text = form == Form::Text;
    let delimiter = [None, Some(b','), Some(b'\t'), Some(b' ')][(look >> 2 & 3) as usize].filter(|_| text);
    Style {
        form,
        delimiter,
        variable: text && (bit(4) || delimiter.is_some()),
        names: [Names::Ports, Names::Protocols, Names::None, Names::Ports][(look >> 5 & 3) as usize],
        tcp_states: [TcpStates::Word, TcpStates::Letters, TcpStates::SourceFlags, TcpStates::BothFlags]
            [(look >> 7 & 3) as usize],
        user_data: [UserData::Ascii, UserData::Obfuscate, UserData::Encode32, UserData::Encode64]
            [(look >> 9 & 3) as usize],
        precision: (look >> 11 & 15) as usize,
        unix_time: bit(15),
        abbreviate: bit(16),
        vendor_addresses: bit(17),
        zero_ports: bit(18),
        disa: bit(19),
        compat: bit(20),
        later: bit(21) && !bit(20),
        ..Style::default()
    }
}
