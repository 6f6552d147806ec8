//! Link types: what files number them, and what libpcap calls them afterwards.

/// Ethernet.
pub(crate) const ETHERNET: i32 = 1;
/// Raw IPv4 or IPv6, as libpcap numbers it on Linux.
pub(crate) const RAW: i32 = 12;
/// A link whose frames nobody reads, of a format that has no number for libpcap.
pub(crate) const UNKNOWN: i32 = 147;

/// libpcap's number for the link type of a pcap or pcapng file. Most are the same; some `DLT_*` numbers differ between
/// systems, and files have numbers of their own for these.
pub(crate) fn from_file(number: u32) -> i32 {
    match number {
        100 => 11, // RFC 1483 ATM
        101 => RAW,
        102 => 15, // BSD/OS SLIP
        103 => 16, // BSD/OS PPP
        106 => 19, // Classical IP over ATM
        246 => 18, // pfsync
        other => i32::try_from(other).unwrap_or(UNKNOWN),
    }
}

/// Whether libpcap changes the frames of a file of this link type when the file is in the other byte order: parts of
/// their headers are in the byte order of the capturing machine.
pub(crate) fn is_in_host_order(number: u32) -> bool {
    matches!(number, 113 | 149 | 189 | 220 | 239 | 258 | 276)
}

/// Link types whose packets libpcap lets be longer than [`crate::MAX_CAPTURED`].
pub(crate) fn may_be_huge(number: u32) -> bool {
    matches!(number, 231 | 249 | 279)
}
