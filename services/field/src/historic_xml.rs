//! Attributes of XML as 3.0.8 prints them: some under other names, some without one, some not at all.

use crate::columns::Column;
use crate::row::{Body, Row};
use crate::style::Names;
use crate::table::{Cell, Field};
use crate::vacant::{Vacant, vacant};
use crate::value::Value;
use record::dsr::flow::FlowKey;

/// How an attribute is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Name and value.
    Named(&'static str),
    /// The same behind two blanks, the value cut to the width of its column.
    Apart(&'static str),
    /// The cell of a column and a quote, without a name.
    Bare,
    /// Not at all.
    Omitted,
}

/// How 3.0.8 writes a field of this row.
pub(crate) fn shape(field: &Field, row: &Row<'_>, value: &Value<'_>) -> Shape {
    let usual = if field.xml.is_empty() { Shape::Omitted } else { Shape::Named(field.xml) };
    let absent = matches!(value, Value::Absent);
    let usual = if matches!(field.name, "ltime" | "sipid") { Shape::Apart(field.xml) } else { usual };
    if let Body::Management(_) = row.body {
        return match field.name {
            "sbytes" => Shape::Named("BytesRcvd"),
            "dbytes" => Shape::Named("PktsDropped"),
            "spkts" => Shape::Named("PktsRcvd"),
            "dpkts" => Shape::Named("Records"),
            "saddr" | "sport" | "daddr" | "dport" | "appbytes" | "sappbytes" | "dappbytes" | "dintpktidl"
            | "sintpktmax" | "sintpktmin" | "label" | "tcprtt" | "snet" | "dnet" | "sco" | "dco" | "ico"
            | "icmpid" | "sas" | "das" | "ias" | "tcpopt" | "sgap" | "dgap" => Shape::Omitted,
            "inode" | "laddr" | "raddr" | "lnet" | "rnet" | "abr" | "pcr" | "tf" | "stf" | "dtf" => {
                Shape::Bare
            }
            _ => usual,
        };
    }
    let ether = matches!(row.key(), Some(FlowKey::Ether(_))) && row.style.names <= Names::Ports;
    match field.name {
        "sport" if ether => Shape::Named("SrcEtherLlcSap"),
        "dport" if ether => Shape::Named("DstEtherLlcSap"),
        "dport" if matches!(row.key(), Some(FlowKey::Isis(_))) => Shape::Bare,
        "dport" if matches!(value, Value::Hex(_, 8)) => Shape::Apart("EspSpi"),
        "bssid" if !absent => Shape::Named("Bssid"),
        "inode" | "laddr" | "raddr" | "lnet" | "rnet" if absent => Shape::Bare,
        "tcpopt" | "sgap" | "dgap" if absent => Shape::Omitted,
        "tcprtt" if matches!(value, Value::Float(0.0)) => Shape::Omitted,
        _ if field.cell == Cell::Answer => {
            if absent {
                Shape::Omitted
            } else {
                Shape::Bare
            }
        }
        _ => usual,
    }
}

/// Blanks in place of a value that is not there.
pub(crate) fn blanks(column: &Column, body: &Body<'_>) -> usize {
    let name = column.field.name;
    match (vacant(column.field, body), name) {
        (Vacant::Blanks(count), _) => count,
        (Vacant::Wide, "nstroke" | "snstroke" | "dnstroke") => column.width,
        (_, "dsbytes" | "ddbytes" | "pdspkts" | "pddpkts" | "pdsbytes" | "pddbytes") => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::columns::Columns;
    use crate::style::Form;
    use crate::{Printer, Row, Style};
    use record::RecordView;

    /// A flow key alone: Ethernet, type 0x88A8.
    const KEY: [u8; 32] = [
        0x13, 0x10, 0, 8, 2, 0, 3, 7, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xa8, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ];

    fn element(fields: &str, style: Style) -> String {
        let mut columns = Columns::new(true);
        columns.add(fields).expect("columns");
        let view = RecordView::new(&KEY).expect("a record");
        let mut out = Vec::new();
        Printer::new(columns.list(), style.clone()).row(&mut out, &Row::flow(&view, &style, 0, 1));
        let text = String::from_utf8(out).expect("ASCII");
        text.trim_start_matches(" <ArgusFlowRecord ").trim_end_matches("></ArgusFlowRecord>\n").to_owned()
    }

    /// Seen with `ra -X -M xml -s FIELD` of 3.0.8.2.
    #[test]
    fn attributes_of_3_0_8() {
        let style = Style { compat: true, form: Form::Xml, ..Style::default() };
        for (field, expected) in [
            ("sport", " SrcEtherLlcSap = \" \""),
            ("stos", " SrcTos = \"\""),
            ("srcid", " SourceId = \" \""),
            ("sas", " SrcASNum = \"  \""),
            ("dlspkt", " DeltaSrcPkts = \" \""),
            ("sipid", "  SrcIpId = \"\""),
            ("inode:4", "    \""),
            ("tcprtt", ""),
            ("tcpopt", ""),
            ("resp", ""),
            ("nstroke:4", " KeyStrokeNStroke = \"    \""),
            ("dir", " Dir\""),
            ("dir:3", " D\""),
            ("dir:20", " Dir = \"   \""),
        ] {
            assert_eq!(element(field, style.clone()), expected, "{field}");
        }
        let delimited = Style { delimiter: Some(b','), variable: true, ..style.clone() };
        assert_eq!(element("stos tcpopt sas dir", delimited), " SrcTos = \"\", SrcASNum = \"  \", Dir\"");
        let ours = Style { compat: false, ..style };
        assert_eq!(element("sport sipid inode", ours), " SrcPort = \"\" SrcIpId = \"\" InodeAddr = \"\"");
    }
}
