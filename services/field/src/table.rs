//! The table: every field that a user can name, declared once (chapter ra-output, 8.5).

use crate::read::{
    agr, attr, flags, flow, jitter, later, link, locality, loss, management, metric, nothing, other, psize,
    state, tcp, time,
};
use crate::row::Row;
use crate::value::Value;
use record::Mar;

/// Reads a field of a flow record.
pub type Read = for<'r, 'a> fn(&'r Row<'a>) -> Value<'a>;
/// Reads a field of a management record.
pub type ReadManagement = fn(&Mar, &Row<'_>) -> Value<'static>;

/// How text becomes a cell of fixed width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// To the right; too long a text keeps one character less than the width, and a star.
    Right,
    /// To the right; cut without a star.
    Cut,
    /// The options of TCP: as [`Cell::Cut`]; 3.0.8 does so between delimiters too.
    Options,
    /// A port: to the left, numbers never cut.
    Port,
    /// The flags: always nine characters, also between delimiters.
    Flags,
    /// The direction: to the right, cut without a star, padded also between delimiters.
    Direction,
    /// User data: the width is in octets.
    Data,
    /// The answer to an ARP request: as [`Cell::Right`].
    Answer,
}

/// How a title is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// To the right, cut to the width.
    Right,
    /// As [`Layout::Right`], the width grown by the digits of the fraction.
    Date,
    /// As [`Layout::Date`]; 3.0.8 makes these one column wider than their cells.
    SideDate,
    /// In the middle; so many more blanks to the right.
    Centred(u8),
    /// No title and no room for one.
    None,
}

/// What a field shows for a management record.
#[derive(Clone, Copy)]
pub enum Management {
    /// Nothing.
    Blank,
    /// `0`.
    Count,
    /// `0.000000`.
    Float,
    /// A member of the record.
    Read(ReadManagement),
}

impl Management {
    /// The value.
    pub fn read(self, mar: &Mar, row: &Row<'_>) -> Value<'static> {
        match self {
            Management::Blank => Value::Absent,
            Management::Count => Value::Uint(0),
            Management::Float => Value::Float(0.0),
            Management::Read(read) => read(mar, row),
        }
    }
}

/// A field: what it is called, where it is read, how it is shown.
pub struct Field {
    /// Its name in `-s` and in JSON.
    pub name: &'static str,
    /// Width of its column in characters; of user data in octets; of dates without the fraction.
    pub width: u16,
    /// Title of its column.
    pub title: &'static str,
    /// Name of its attribute in XML; empty when it has none.
    pub xml: &'static str,
    /// Reads it from a flow record.
    pub read: Read,
    /// What it shows for a management record.
    pub management: Management,
    /// The form of its cell.
    pub cell: Cell,
    /// The form of its title.
    pub layout: Layout,
    /// The field that it is joined to with a period.
    pub follows: Option<&'static str>,
    /// Whether `-H` abbreviates it.
    pub abbreviates: bool,
    /// Whether `-s name:width:format` applies.
    pub formats: bool,
    /// Whether records add up, so that `-%` shows shares of the sum.
    pub adds_up: bool,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn field(name: &'static str, width: u16, title: &'static str, xml: &'static str, read: Read) -> Field {
    Field {
        name,
        width,
        title,
        xml,
        read,
        management: Management::Blank,
        cell: Cell::Right,
        layout: Layout::Right,
        follows: None,
        abbreviates: false,
        formats: false,
        adds_up: false,
    }
}

impl Field {
    const fn man(mut self, read: ReadManagement) -> Field {
        self.management = Management::Read(read);
        self
    }

    const fn man_count(mut self) -> Field {
        self.management = Management::Count;
        self
    }

    const fn man_float(mut self) -> Field {
        self.management = Management::Float;
        self
    }

    const fn cell(mut self, cell: Cell) -> Field {
        self.cell = cell;
        self
    }

    const fn date(mut self) -> Field {
        self.layout = Layout::Date;
        self
    }

    const fn side_date(mut self) -> Field {
        self.layout = Layout::SideDate;
        self
    }

    const fn centred(mut self, more: u8) -> Field {
        self.layout = Layout::Centred(more);
        self
    }

    const fn untitled(mut self) -> Field {
        self.layout = Layout::None;
        self
    }

    const fn follows(mut self, address: &'static str) -> Field {
        self.follows = Some(address);
        self
    }

    const fn abbreviates(mut self) -> Field {
        self.abbreviates = true;
        self
    }

    const fn adds_up(mut self) -> Field {
        self.adds_up = true;
        self
    }

    const fn formats(mut self) -> Field {
        self.formats = true;
        self
    }

    /// Whether it is a share of packets, which 3.0.8 gives room for three characters.
    pub(crate) fn is_percentage(&self) -> bool {
        matches!(
            self.name,
            "ploss"
                | "sploss"
                | "dploss"
                | "pretrans"
                | "spretrans"
                | "dpretrans"
                | "pnacks"
                | "spnacks"
                | "dpnacks"
                | "psolo"
                | "spsolo"
                | "dpsolo"
                | "pfirst"
                | "spfirst"
                | "dpfirst"
        )
    }

    /// Whether a user may mean this field by `name`; names are compared exactly.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name
    }
}

/// The field of that name.
pub fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.is_called(name))
}

/// Fields that 3.0.8 has: the first of the table.
pub const HISTORIC: usize = 201;

/// The field of that name, if 3.0.8 has it.
pub fn find_historic(name: &str) -> Option<&'static Field> {
    FIELDS[..HISTORIC].iter().find(|field| field.is_called(name))
}

/// All fields, in the order of the chapter's table: name, width, title, XML attribute, reader.
#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    field("stime", 12, "StartTime", "StartTime", time::start).date().man(management::first),
    field("ltime", 12, "LastTime", "LastTime", time::last).date().man(management::last),
    field("trans", 6, "Trans", "Trans", agr::trans).adds_up(),
    field("dur", 10, "Dur", "Duration", time::dur).man(management::duration),
    field("mean", 10, "Mean", "Mean", agr::mean),
    field("min", 10, "Min", "Min", agr::min),
    field("max", 10, "Max", "Max", agr::max),
    field("saddr", 18, "SrcAddr", "SrcAddr", flow::saddr).formats().man(management::queue),
    field("daddr", 18, "DstAddr", "DstAddr", flow::daddr).formats().man(management::buffers),
    field("proto", 6, "Proto", "Proto", flow::proto).man(management::proto),
    field("sport", 6, "Sport", "SrcPort", flow::sport).cell(Cell::Port).formats().follows("saddr").man(management::dropped),
    field("dport", 6, "Dport", "DstPort", flow::dport).cell(Cell::Port).formats().follows("daddr").man(management::clients),
    field("stos", 5, "sTos", "SrcTos", attr::stos),
    field("dtos", 5, "dTos", "DstTos", attr::dtos),
    field("sdsb", 5, "sDSb", "SrcDSByte", attr::sdsb),
    field("ddsb", 5, "dDSb", "DstDSByte", attr::ddsb),
    field("sttl", 4, "sTtl", "SrcTtl", attr::sttl),
    field("dttl", 4, "dTtl", "DstTtl", attr::dttl),
    field("bytes", 10, "TotBytes", "Bytes", metric::bytes).abbreviates().man(management::buffer_octets).adds_up(),
    field("sbytes", 12, "SrcBytes", "SrcBytes", metric::sbytes).abbreviates().man(management::octets).adds_up(),
    field("dbytes", 12, "DstBytes", "DstBytes", metric::dbytes).abbreviates().man(management::dropped).adds_up(),
    field("appbytes", 10, "TotAppBytes", "AppBytes", metric::appbytes).abbreviates().man(management::buffer_octets).adds_up(),
    field("sappbytes", 12, "SAppBytes", "SrcAppBytes", metric::sappbytes).abbreviates().man(management::buffers).adds_up(),
    field("dappbytes", 12, "DAppBytes", "DstAppBytes", metric::dappbytes).abbreviates().man(management::queue).adds_up(),
    field("pkts", 8, "TotPkts", "Pkts", metric::pkts).abbreviates().man(management::packets).adds_up(),
    field("spkts", 8, "SrcPkts", "SrcPkts", metric::spkts).abbreviates().man(management::packets).adds_up(),
    field("dpkts", 8, "DstPkts", "DstPkts", metric::dpkts).abbreviates().man(management::records).adds_up(),
    field("load", 8, "Load", "Load", metric::load).abbreviates().man_float().adds_up(),
    field("sload", 8, "SrcLoad", "SrcLoad", metric::sload).abbreviates().man_float().adds_up(),
    field("dload", 8, "DstLoad", "DstLoad", metric::dload).abbreviates().man_float().adds_up(),
    field("loss", 10, "Loss", "Loss", loss::loss).man_count().adds_up(),
    field("sloss", 10, "SrcLoss", "SrcLoss", loss::sloss).man_count().adds_up(),
    field("dloss", 10, "DstLoss", "DstLoss", loss::dloss).man_count().adds_up(),
    field("ploss", 8, "pLoss", "PctLoss", loss::ploss).man_float(),
    field("sploss", 10, "pSrcLoss", "SrcPctLoss", loss::sploss).man_float(),
    field("dploss", 10, "pDstLoss", "DstPctLoss", loss::dploss).man_float(),
    field("rate", 12, "Rate", "Rate", metric::rate).abbreviates().man_float().adds_up(),
    field("srate", 12, "SrcRate", "SrcRate", metric::srate).abbreviates().man_float().adds_up(),
    field("drate", 12, "DstRate", "DstRate", metric::drate).abbreviates().man_float().adds_up(),
    field("srcid", 18, "SrcId", "SourceId", other::srcid).man(management::srcid),
    field("flgs", 9, "Flgs", "Flags", flags::flgs).cell(Cell::Flags).man(management::flags),
    field("smac", 18, "SrcMac", "SrcMacAddr", link::smac),
    field("dmac", 18, "DstMac", "DstMacAddr", link::dmac),
    field("dir", 5, "Dir", "Dir", flags::dir).cell(Cell::Direction),
    field("sintpkt", 12, "SIntPkt", "SrcIntPkt", jitter::sintpkt),
    field("dintpkt", 12, "DIntPkt", "DstIntPkt", jitter::dintpkt),
    field("sintpktact", 12, "SIntPktAct", "SrcActiveIntPkt", jitter::sintpktact),
    field("dintpktact", 12, "DIntPktAct", "DstActiveIntPkt", jitter::dintpktact),
    field("sintpktidl", 12, "SIntPktIdl", "SrcIdleIntPkt", jitter::sintpktidl),
    field("dintpktidl", 12, "DIntPktIdl", "DstIdleIntPkt", jitter::dintpktidl),
    field("sintpktmax", 12, "SIntPktMax", "SrcIntPktMax", jitter::sintpktmax),
    field("sintpktmin", 12, "SIntPktMin", "SrcIntPktMin", jitter::sintpktmin),
    field("dintpktmax", 12, "DIntPktMax", "DstIntPktMax", jitter::dintpktmax),
    field("dintpktmin", 12, "DIntPktMin", "DstIntPktMin", jitter::dintpktmin),
    field("sintpktactmax", 12, "SIPActMax", "SrcActIntPktMax", jitter::sintpktactmax),
    field("sintpktactmin", 12, "SIPActMin", "SrcActIntPktMin", jitter::sintpktactmin),
    field("dintpktactmax", 12, "DIPActMax", "DstActIntPktMax", jitter::dintpktactmax),
    field("dintpktactmin", 12, "DIPActMin", "DstActIntPktMin", jitter::dintpktactmin),
    field("sintpktidlmax", 12, "SIPIdlMax", "", jitter::sintpktidlmax),
    field("sintpktidlmin", 12, "SIPIdlMin", "", jitter::sintpktidlmin),
    field("dintpktidlmax", 12, "DIPIdlMax", "", jitter::dintpktidlmax),
    field("dintpktidlmin", 12, "DIPIdlMin", "", jitter::dintpktidlmin),
    field("xxx", 12, "", "", nothing).untitled(),
    field("sjit", 12, "SrcJitter", "", jitter::sjit),
    field("djit", 12, "DstJitter", "", jitter::djit),
    field("sjitact", 12, "SrcJitAct", "", jitter::sjitact),
    field("djitact", 12, "DstJitAct", "", jitter::djitact),
    field("sjitidl", 12, "SrcJitIdl", "", jitter::sjitidl),
    field("djitidl", 12, "DstJitIdl", "", jitter::djitidl),
    field("state", 5, "State", "State", state::state).man(management::state),
    field("dldur", 12, "dlDur", "DeltaDuration", other::dldur),
    field("dlstime", 12, "dlsTime", "DeltaStartTime", other::dlstime),
    field("dlltime", 12, "dllTime", "DeltaLastTime", other::dlltime),
    field("dlspkt", 6, "dsPkts", "DeltaSrcPkts", other::dlspkt),
    field("dldpkt", 6, "ddPkts", "DeltaSrcPkts", other::dldpkt),
    field("dspkts", 12, "dsPkts", "DeltaSrcPkts", other::dlspkt),
    field("ddpkts", 12, "ddPkts", "DeltaSrcPkts", other::dldpkt),
    field("dsbytes", 12, "dsBytes", "DeltaSrcBytes", nothing),
    field("ddbytes", 12, "ddBytes", "DeltaDstBytes", nothing),
    field("pdspkts", 12, "pdsPkt", "PctDeltaSrcPkts", nothing),
    field("pddpkts", 12, "pddPkt", "PctDeltaDstPkts", nothing),
    field("pdsbytes", 12, "pdsByte", "PctDeltaSrcBytes", nothing),
    field("pddbytes", 12, "pddByte", "PctDeltaDstBytes", nothing),
    field("suser", 16, "srcUdata", "SrcUserData", other::suser).cell(Cell::Data),
    field("duser", 16, "dstUdata", "DstUserData", other::duser).cell(Cell::Data),
    field("tcpext", 12, "", "", nothing).untitled(),
    field("swin", 6, "SrcWin", "", tcp::swin).abbreviates(),
    field("dwin", 6, "DstWin", "", tcp::dwin).abbreviates(),
    field("jdelay", 12, "JDelay", "", nothing),
    field("ldelay", 12, "LDelay", "", nothing),
    field("seq", 12, "Seq", "SeqNumber", other::seq).centred(1).man(management::sequence),
    field("bins", 6, "Bins", "Bins", nothing).centred(1),
    field("binnum", 6, "Bin", "BinNum", nothing).centred(1),
    field("smpls", 8, "sMpls", "", link::smpls),
    field("dmpls", 8, "dMpls", "", link::dmpls),
    field("svlan", 8, "sVlan", "", link::svlan),
    field("dvlan", 8, "dVlan", "", link::dvlan),
    field("svid", 6, "sVid", "", link::svid).formats(),
    field("dvid", 6, "dVid", "", link::dvid).formats(),
    field("svpri", 6, "sVpri", "", link::svpri),
    field("dvpri", 6, "dVpri", "", link::dvpri),
    field("sipid", 7, "sIpId", "SrcIpId", attr::sipid),
    field("dipid", 7, "dIpId", "DstIpId", attr::dipid),
    field("srng", 6, "SRange", "StartRange", nothing),
    field("erng", 6, "ERange", "DstRange", nothing),
    field("stcpb", 12, "SrcTCPBase", "", tcp::stcpb),
    field("dtcpb", 12, "DstTCPBase", "", tcp::dtcpb),
    field("tcprtt", 12, "TcpRtt", "TcpRtt", tcp::tcprtt).abbreviates().man_float(),
    field("inode", 18, "Inode", "InodeAddr", other::inode).formats(),
    field("stddev", 10, "StdDev", "StdDev", agr::stddev),
    field("rtime", 12, "RelTime", "RelativeDate", other::rtime),
    field("offset", 12, "Offset", "ByteOffset", other::offset).man(management::offset),
    field("snet", 18, "SrcNet", "SrcAddr", flow::snet).formats().man(management::queue),
    field("dnet", 18, "DstNet", "DstAddr", flow::dnet).formats().man(management::queue),
    field("sdur", 10, "SrcDur", "SrcDuration", time::sdur).man(management::duration),
    field("ddur", 10, "DstDur", "DstDuration", time::ddur).man(management::duration),
    field("stcpmax", 10, "STcpMax", "", tcp::stcpmax).abbreviates().man_float(),
    field("dtcpmax", 10, "DTcpMax", "", tcp::dtcpmax).abbreviates().man_float(),
    field("synack", 12, "SynAck", "TcpSynAck", tcp::synack).abbreviates().man_float(),
    field("ackdat", 12, "AckDat", "TcpAckDat", tcp::ackdat).abbreviates().man_float(),
    field("sstime", 12, "SrcStartTime", "SrcStartTime", time::src_start).side_date().man(management::start),
    field("sltime", 12, "SrcLastTime", "SrcLastTime", time::src_last).side_date().man(management::now),
    field("dstime", 12, "DstStartTime", "DstStartTime", time::dst_start).side_date().man(management::start),
    field("dltime", 12, "DstLastTime", "DstLastTime", time::dst_last).side_date().man(management::now),
    field("senc", 12, "sEnc", "SrcEncaps", link::senc),
    field("denc", 12, "dEnc", "DstEncaps", link::denc),
    field("spktsz", 12, "sPktSz", "SrcPktSize", psize::spktsz),
    field("smaxsz", 12, "sMaxPktSz", "SrcMaxPktSize", psize::smaxsz),
    field("sminsz", 12, "sMinPktSz", "SrcMinPktSize", psize::sminsz),
    field("dpktsz", 12, "dPktSz", "DstPktSize", psize::dpktsz),
    field("dmaxsz", 12, "dMaxPktSz", "DstMaxPktSize", psize::dmaxsz),
    field("dminsz", 12, "dMinPktSz", "DstMinPktSize", psize::dminsz),
    field("sco", 3, "sCo", "SrcCoCode", other::sco),
    field("dco", 3, "dCo", "DstCoCode", other::dco),
    field("shops", 5, "sHops", "SrcHops", attr::shops),
    field("dhops", 5, "dHops", "DstHops", attr::dhops),
    field("icmpid", 6, "IcmpId", "IcmpId", flow::icmpid),
    field("label", 5, "Label", "Label", other::label),
    field("sintdist", 8, "SIntDist", "SrcIntDist", jitter::sintdist),
    field("dintdist", 8, "DIntDist", "SrcIntDist", jitter::dintdist),
    field("sintdistact", 11, "SIntActDist", "SrcIntDist", jitter::sintdistact),
    field("dintdistact", 11, "DIntActDist", "SrcIntDist", jitter::dintdistact),
    field("sintdistidl", 11, "SIntIdlDist", "SrcIntDist", jitter::sintdistidl),
    field("dintdistidl", 11, "DIntIdlDist", "SrcIntDist", jitter::dintdistidl),
    field("retrans", 7, "Retrans", "Retrans", loss::retrans).man_count().adds_up(),
    field("sretrans", 8, "SrcRetrans", "SrcRetrans", loss::sretrans).man_count().adds_up(),
    field("dretrans", 8, "DstRetrans", "DstRetrans", loss::dretrans).man_count().adds_up(),
    field("pretrans", 7, "pRetrans", "PctRetrans", loss::pretrans).man_float(),
    field("spretrans", 8, "pSrcRetrans", "SrcPctRetrans", loss::spretrans).man_float(),
    field("dpretrans", 8, "pDstRetrans", "DstPctRetrans", loss::dpretrans).man_float(),
    field("nacks", 7, "Nacks", "Nacks", loss::nacks).man_count(),
    field("snacks", 8, "SrcNacks", "SrcNacks", loss::snacks).man_count(),
    field("dnacks", 8, "DstNacks", "DstNacks", loss::dnacks).man_count(),
    field("pnacks", 7, "pNacks", "PctNacks", loss::pnacks).man_float(),
    field("spnacks", 8, "pSrcNacks", "SrcPctNacks", loss::spnacks).man_float(),
    field("dpnacks", 8, "pDstNacks", "DstPctNacks", loss::dpnacks).man_float(),
    field("solo", 7, "Solo", "Solo", loss::solo).man_count(),
    field("ssolo", 8, "SrcSolo", "SrcSolo", loss::ssolo).man_count(),
    field("dsolo", 8, "DstSolo", "DstSolo", loss::dsolo).man_count(),
    field("psolo", 7, "pSolo", "PctSolo", loss::psolo).man_float(),
    field("spsolo", 8, "pSrcSolo", "SrcPctSolo", loss::spsolo).man_float(),
    field("dpsolo", 8, "pDstSolo", "DstPctSolo", loss::dpsolo).man_float(),
    field("first", 7, "First", "First", loss::first).man_count(),
    field("sfirst", 8, "SrcFirst", "SrcFirst", loss::sfirst).man_count(),
    field("dfirst", 8, "DstFirst", "DstFirst", loss::dfirst).man_count(),
    field("pfirst", 7, "pFirst", "PctFirst", loss::pfirst).man_float(),
    field("spfirst", 8, "pSrcFirst", "SrcPctFirst", loss::spfirst).man_float(),
    field("dpfirst", 8, "pDstFirst", "DstPctFirst", loss::dpfirst).man_float(),
    field("autoid", 6, "AutoId", "AutoId", other::autoid).man_count(),
    field("sas", 6, "sAS", "SrcASNum", other::sas),
    field("das", 6, "dAS", "DstASNum", other::das),
    field("ias", 5, "iAS", "InodeASNum", other::ias),
    field("cause", 7, "Cause", "Cause", other::cause).cell(Cell::Cut).man(management::cause),
    field("bssid", 18, "Bssid", "", flow::bssid),
    field("ssid", 9, "Ssid", "", flow::ssid),
    field("nstroke", 9, "NStrok", "KeyStrokeNStroke", other::nstroke),
    field("snstroke", 9, "sNStrok", "KeyStrokeSrcNStroke", other::snstroke),
    field("dnstroke", 9, "dNStrok", "KeyStrokeDstNStroke", other::dnstroke),
    field("smeansz", 12, "sMeanPktSz", "SrcMeanPktSize", metric::smeansz).abbreviates().man_float(),
    field("dmeansz", 12, "dMeanPktSz", "DstMeanPktSize", metric::dmeansz).abbreviates().man_float(),
    field("rank", 6, "Rank", "Rank", other::rank).centred(0).man(management::rank),
    field("sum", 10, "Sum", "Sum", agr::sum),
    field("runtime", 10, "RunTime", "Run", agr::sum),
    field("idle", 10, "IdleTime", "Idle", other::idle),
    field("tcpopt", 12, "TcpOpt", "TcpOptions", tcp::tcpopt).cell(Cell::Options),
    field("resp", 12, "Response", "", link::resp).cell(Cell::Answer),
    field("sgap", 8, "SrcGap", "SrcGap", loss::sgap).abbreviates().adds_up(),
    field("dgap", 8, "DstGap", "DstGap", loss::dgap).abbreviates().adds_up(),
    field("soui", 9, "SrcOui", "SrcOui", later::soui),
    field("doui", 9, "DstOui", "DstOui", later::doui),
    field("cor", 12, "Cor", "Cor", other::cor),
    field("laddr", 18, "LocalAddr", "", locality::laddr),
    field("raddr", 18, "RemoteAddr", "", locality::raddr),
    field("lnet", 18, "LocalNet", "", locality::lnet),
    field("rnet", 18, "RemoteNet", "", locality::rnet),
    field("abr", 10, "ABRatio", "PCR", metric::abr),
    field("pcr", 10, "PCRatio", "PCR", metric::abr),
    field("tf", 12, "TF", "TransEff", metric::tf),
    field("stf", 12, "STF", "TransEff", metric::stf),
    field("dtf", 12, "DTF", "TransEff", metric::dtf),
    field("ico", 3, "iCo", "DstCoCode", other::ico),
    // What argus 5 added.
    field("slat", 3, "sLat", "sLat", later::slat),
    field("slon", 3, "sLon", "sLon", later::slon),
    field("dlat", 3, "dLat", "dLat", later::dlat),
    field("dlon", 3, "dLon", "dLon", later::dlon),
    field("ilat", 3, "iLat", "iLat", later::ilat),
    field("ilon", 3, "iLon", "iLon", later::ilon),
    field("sloc", 3, "sLoc", "sLoc", later::sloc),
    field("dloc", 3, "dLoc", "dLoc", later::dloc),
    field("loc", 3, "Loc", "Loc", later::loc),
    field("sid", 18, "Sid", "Sid", later::sid).man(later::mar_sid),
    field("node", 8, "Node", "Node", later::node).man(later::mar_node),
    field("inf", 4, "Inf", "Inf", later::inf),
    field("status", 4, "Status", "Status", later::status),
    field("sgrp", 4, "SrcGrp", "SrcGrp", locality::sgrp),
    field("dgrp", 4, "DstGrp", "DstGrp", locality::dgrp),
    field("hash", 4, "Hash", "Hash", later::hash),
    field("ind", 4, "Ind", "Ind", later::ind),
    field("score", 5, "Score", "Score", later::score),
    field("sname", 16, "SrcName", "SrcName", flow::saddr),
    field("dname", 16, "DstName", "DstName", flow::daddr),
    field("etype", 8, "Etype", "Etype", later::etype),
    field("idlemean", 8, "IdlMean", "IdlMean", later::idlemean),
    field("idlemin", 8, "IdlMin", "IdlMin", later::idlemin),
    field("idlemax", 8, "IdlMax", "IdlMax", later::idlemax),
    field("idlestddev", 8, "IdlStdDev", "IdlStdDev", later::idlestddev),
    field("smss", 6, "SrcMss", "SrcMss", later::smss),
    field("dmss", 6, "DstMss", "DstMss", later::dmss),
    field("intflow", 12, "IntFlow", "IntFlow", later::idlemean),
    field("actintflow", 12, "", "", nothing),
    field("idleintflow", 12, "IdlIntFlow", "IdlIntFlow", later::idlemean),
    field("intflowmax", 12, "IntFlowMax", "IntFlowMax", later::idlemax),
    field("intflowmin", 12, "IntFlowMin", "IntFlowMin", later::idlemin),
    field("intflowsdev", 12, "IntFlowStd", "IntFlowStd", later::idlestddev),
    field("actintflowmax", 12, "", "", nothing),
    field("actintflowmin", 12, "", "", nothing),
    field("actintflowsdev", 12, "", "", nothing),
    field("idleintflowmax", 12, "IdlIntFlowMax", "IdlIntFlowMax", later::idlemax),
    field("idleintflowmin", 12, "IdlIntFlowMin", "IdlIntFlowMin", later::idlemin),
    field("idleintflowsdev", 12, "IdlIntFlowStd", "IdlIntFlowStd", later::idlestddev),
    field("svnid", 6, "sVnid", "sVnid", later::svnid),
    field("dvnid", 6, "dVnid", "dVnid", later::dvnid),
    field("type", 4, "Type", "Type", later::kind).man(later::mar_kind),
    field("smacoui", 7, "SrcMoui", "SrcMoui", later::smacoui),
    field("dmacoui", 7, "DstMoui", "DstMoui", later::dmacoui),
    field("smacclass", 5, "SrcMacClass", "SrcMacClass", later::smacclass),
    field("dmacclass", 5, "DstMacClass", "DstMacClass", later::dmacclass),
    field("sgreaddr", 18, "GSrcAddr", "GSrcAddr", later::sgreaddr),
    field("dgreaddr", 18, "GDstAddr", "GDstAddr", later::dgreaddr),
    field("greproto", 6, "GProto", "GProto", later::greproto),
    field("sgenaddr", 18, "gSrcAddr", "gSrcAddr", later::sgenaddr),
    field("dgenaddr", 18, "gDstAddr", "gDstAddr", later::dgenaddr),
    field("genproto", 6, "gProto", "gProto", later::genproto),
    field("sencbuf", 12, "sEnB", "sEnB", later::sencbuf),
    field("dencbuf", 12, "dEnB", "dEnB", later::dencbuf),
    field("dsrs", 32, "Dsrs", "Dsrs", later::dsrs),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_found() {
        let names: HashSet<&str> = FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), FIELDS.len());
        assert_eq!((HISTORIC, FIELDS.len()), (201, 256));
        assert_eq!((FIELDS[200].name, FIELDS[255].name), ("ico", "dsrs"));
        assert!(find_historic("ico").is_some() && find_historic("slat").is_none());
        assert!(FIELDS.iter().all(|field| std::ptr::eq(find(field.name).expect("listed"), field)));
        assert!(find("SADDR").is_none());
    }

    #[test]
    fn joined_fields_exist() {
        assert!(FIELDS.iter().filter_map(|field| field.follows).all(|name| find(name).is_some()));
    }
}
