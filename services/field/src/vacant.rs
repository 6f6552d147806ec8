//! What 3.0.8 prints in place of a value that a record does not have.
//!
//! Most cells are empty. Some hold blanks, which shows where columns have no width, or where they have less than that;
//! some keep the width of their column even so; two are left out altogether, separator included.

use crate::row::Body;
use crate::table::Field;

/// What stands in the place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vacant {
    /// An empty cell.
    Empty,
    /// No cell.
    Nothing,
    /// So many blanks.
    Blanks(usize),
    /// As many blanks as the column is wide.
    Wide,
}

/// What 3.0.8 prints for a field that such a record does not have.
pub(crate) fn vacant(field: &Field, body: &Body<'_>) -> Vacant {
    match body {
        Body::Flow(view) => match field.name {
            "spktsz" | "dpktsz" | "smaxsz" | "sminsz" | "dmaxsz" | "dminsz" if view.psize().is_some() => {
                Vacant::Blanks(1)
            }
            "sintdist" | "dintdist" | "sintdistact" | "dintdistact" | "sintdistidl" | "dintdistidl"
                if view.jitter().is_some() =>
            {
                Vacant::Blanks(1)
            }
            "stcpb" | "dtcpb" if view.tcp_status().is_some() => Vacant::Blanks(1),
            "ico" if view.icmp_error().is_some() => Vacant::Blanks(1),
            "nstroke" | "snstroke" | "dnstroke" => Vacant::Wide,
            name => of_flow(name),
        },
        Body::Management(_) => of_management(field.name),
    }
}

/// Fields that are blank whatever the record, and of the width of their column.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "dsbytes"
            | "ddbytes"
            | "pdspkts"
            | "pddpkts"
            | "pdsbytes"
            | "pddbytes"
            | "tcpext"
            | "jdelay"
            | "ldelay"
            | "tcpopt"
            | "svpri"
            | "dvpri"
            | "inode"
            | "laddr"
            | "raddr"
            | "lnet"
            | "rnet"
    )
}

/// Blanks of a flow record.
pub(crate) fn of_flow(name: &str) -> Vacant {
    match name {
        "pkts" | "resp" => Vacant::Nothing,
        "srcid" | "dldur" | "dlstime" | "dlltime" | "dlspkt" | "dldpkt" | "dspkts" | "ddpkts" | "sco"
        | "dco" | "icmpid" => Vacant::Blanks(1),
        "sas" | "das" | "ias" => Vacant::Blanks(2),
        "sport" | "dport" => Vacant::Wide,
        name if is_reserved(name) => Vacant::Wide,
        _ => Vacant::Empty,
    }
}

/// Blanks of a management record.
fn of_management(name: &str) -> Vacant {
    match name {
        "trans" | "dldur" | "dlstime" | "dlltime" | "dlspkt" | "dldpkt" | "dspkts" | "ddpkts" => {
            Vacant::Blanks(1)
        }
        "dir" | "label" | "sas" | "das" | "ias" | "icmpid" | "sco" | "dco" | "ico" | "resp" | "abr"
        | "pcr" | "tf" | "stf" | "dtf" | "sjit" | "djit" | "sjitact" | "djitact" | "sjitidl" | "djitidl"
        | "dintpktidl" | "sintpktmax" | "sintpktmin" => Vacant::Wide,
        name if is_reserved(name) => Vacant::Wide,
        _ => Vacant::Empty,
    }
}

#[cfg(test)]
mod tests {
    use crate::columns::Columns;
    use crate::{Printer, Row, Style};
    use record::RecordView;

    /// A record with a flow key alone: TCP, 192.0.2.1 to 192.0.2.2.
    const KEY: [u8; 24] =
        [0x13, 0x10, 0, 6, 2, 1, 1, 5, 192, 0, 2, 1, 192, 0, 2, 2, 6, 0, 0x9c, 0x40, 0, 80, 0x20, 0x20];

    fn shown(fields: &str, style: Style) -> String {
        let mut columns = Columns::new(true);
        columns.add(fields).expect("columns");
        let view = RecordView::new(&KEY).expect("a record");
        let mut out = Vec::new();
        Printer::new(columns.list(), style.clone()).row(&mut out, &Row::flow(&view, &style, 0, 1));
        String::from_utf8(out).expect("ASCII")
    }

    /// Seen with `ra -X -c '' -s FIELD loss` of 3.0.8.2.
    #[test]
    fn blanks_where_columns_have_no_width() {
        let style = Style { compat: true, variable: true, ..Style::default() };
        for (field, blanks) in [
            ("stos", 1),
            ("pkts", 0),
            ("resp", 0),
            ("srcid", 2),
            ("sas", 3),
            ("tcpopt", 13),
            ("inode", 19),
            ("inode:3", 4),
            ("nstroke", 10),
            ("nstroke:2", 3),
            ("dpktsz", 1),
            ("stcpb", 1),
        ] {
            let expected = format!("{}0\n", " ".repeat(blanks));
            assert_eq!(shown(&format!("{field} loss"), style.clone()), expected, "{field}");
        }
    }

    #[test]
    fn blanks_that_are_too_many_are_cut() {
        let style = Style { compat: true, ..Style::default() };
        assert_eq!(shown("ias:1 loss:1", style.clone()), "* 0\n");
        assert_eq!(shown("resp loss:1", style), "0\n");
        assert_eq!(shown("ias:1 loss:1", Style::default()), "  0\n");
    }

    #[test]
    fn formats_are_for_addresses_and_ports() {
        let compat = |names| Style { compat: true, names, ..Style::default() };
        let style = compat(crate::style::Names::Protocols);
        assert_eq!(shown("sport:8:%05x dport:8:%08d", style.clone()), "09c40    00000080\n");
        assert_eq!(shown("saddr:12:%d snet:12:%d", style), " -1073741311  -1073741312\n");
        assert_eq!(shown("dport:8:%08d", compat(crate::style::Names::Ports)).trim_end().len(), 4);
        assert_eq!(shown("saddr:12:%u", Style::default()), "  3221225985\n");
    }

    #[test]
    fn percentages_have_three_characters() {
        let style = |compat| Style {
            compat,
            precision: 0,
            delimiter: Some(b','),
            variable: true,
            ..Style::default()
        };
        assert_eq!(shown("ploss load", style(true)), "  0,0\n");
        assert_eq!(shown("ploss load", style(false)), "0,0\n");
    }

    #[test]
    fn a_title_may_end_in_the_delimiter() {
        let style = Style { compat: true, delimiter: Some(b'a'), variable: true, ..Style::default() };
        let mut columns = Columns::new(true);
        columns.add("duser srcid max:2").expect("columns");
        let mut out = Vec::new();
        Printer::new(columns.list(), style).title(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), "dstUdataSrcIdaM\n");
    }
}
