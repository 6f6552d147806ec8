//! Keys read at a glance: what the shape of a record says of its key, and the few words that differ.

use super::Window;
use crate::dsr::network::{self, status};
use crate::dsr::{Index, flow};
use crate::view::RecordView;

/// What kind of key a record has, as far as a glance tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4, with protocol and ports.
    Ipv4,
    /// IPv6, likewise.
    Ipv6,
    /// ARP.
    Arp,
}

/// How the key of a shape is stored.
#[derive(Clone, Copy)]
pub(super) struct KeyForm {
    /// `None`: in a way that a glance does not tell.
    family: Option<Family>,
    /// Word offset of the protocol; the ports follow it.
    protocol: u8,
    /// Bits behind the ports in the two words that begin with the protocol.
    behind: u8,
    /// Whether the ends are exchanged.
    reversed: bool,
    /// Whether this is a fragment without its first one, which has ports 0 whatever its protocol.
    fragment: bool,
    /// Protocols below 64 that have no ports.
    portless: u64,
    /// Word offset of the addresses.
    addresses: u8,
    /// Word offset of the status of a TCP flow that may be turned round; 0 of others.
    status: u8,
    /// Whether a reader may turn it round when it is ICMP.
    icmp_turns: bool,
}

const TCP: u8 = 6;
const ICMP: u8 = 1;

impl KeyForm {
    pub(super) const UNKNOWN: KeyForm = KeyForm {
        family: None,
        protocol: 0,
        behind: 0,
        reversed: false,
        fragment: false,
        portless: 0,
        addresses: 0,
        status: 0,
        icmp_turns: false,
    };

    /// The form of a record's key; `None` when the record is too long for a glance.
    pub(super) fn of(view: &RecordView<'_>) -> Option<KeyForm> {
        let at = u8::try_from(view.layout().place(Index::Flow)).ok()?;
        let Some(&[_, subtype, qualifier, length, ..]) = view.dsr(Index::Flow) else {
            return Some(KeyForm::UNKNOWN);
        };
        let common = KeyForm {
            reversed: subtype & flow::REVERSE != 0,
            fragment: qualifier & flow::FRAGMENT != 0,
            addresses: at + 1,
            ..KeyForm::UNKNOWN
        };
        Some(match (subtype & 0x3f, qualifier & 0x1f) {
            (flow::kind::ARP, flow::address::ARP) if length >= 5 => {
                // No place is read: any will do.
                KeyForm { family: Some(Family::Arp), ..KeyForm::UNKNOWN }
            }
            (flow::kind::ARP | flow::kind::LAYER_3_MATRIX, _) => KeyForm::UNKNOWN,
            (_, flow::address::IPV4) if length >= 5 => KeyForm {
                family: Some(Family::Ipv4),
                protocol: at + 3,
                behind: 16,
                portless: 1 << ICMP | 1 << 2 | 1 << 50,
                status: match view.dsr(Index::Network) {
                    Some([_, network::subtype::TCP_PERF, _, _, _, ..]) => {
                        u8::try_from(view.layout().place(Index::Network) + 1).ok()?
                    }
                    _ => 0,
                },
                icmp_turns: qualifier & flow::DIRECTION != 0,
                ..common
            },
            (_, flow::address::IPV6) if length >= 11 => KeyForm {
                family: Some(Family::Ipv6),
                protocol: at + 9,
                portless: 1 << 2 | 1 << 50 | 1 << 58,
                ..common
            },
            _ => KeyForm::UNKNOWN,
        })
    }

    /// The key of a record of this form, unless it must be looked at properly.
    #[inline]
    pub(super) fn read<'a>(&'a self, window: &'a Window) -> Option<Key<'a>> {
        let family = self.family?;
        let word = |at: u8| u32::from_be_bytes(window[usize::from(at)]);
        let [protocol, ..] = window[usize::from(self.protocol)];
        // What [`RecordView::repair_direction`] looks at first.
        let turns = match protocol {
            TCP if self.status != 0 => {
                word(self.status) & (status::SAW_SYN | status::SAW_SYN_SENT) == status::SAW_SYN_SENT
            }
            ICMP => self.icmp_turns,
            _ => false,
        };
        if turns {
            return None;
        }
        let protocol = if family == Family::Arp { NO_PROTOCOL } else { protocol.into() };
        Some(Key { family, protocol, form: self, window })
    }
}

/// In place of a protocol.
const NO_PROTOCOL: u16 = 0x100;

/// The key of a record in true direction, as far as a glance tells.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    family: Family,
    protocol: u16,
    form: &'a KeyForm,
    window: &'a Window,
}

impl Key<'_> {
    /// The kind of key.
    #[inline]
    pub fn family(&self) -> Family {
        self.family
    }

    /// Protocol of IP.
    #[inline]
    pub fn proto(&self) -> Option<u8> {
        u8::try_from(self.protocol).ok()
    }

    /// Ports of source and destination, as [`crate::FlowKey::ports`] has them; 0 for fragments without their first.
    #[inline]
    pub fn ports(&self) -> Option<[u16; 2]> {
        let form = self.form;
        if form.fragment && self.protocol < NO_PROTOCOL {
            return Some([0, 0]);
        }
        if self.protocol >= NO_PROTOCOL || (self.protocol < 64 && form.portless >> self.protocol & 1 != 0) {
            return None;
        }
        let word = |at: u8| u32::from_be_bytes(self.window[usize::from(at)]);
        let words = u64::from(word(form.protocol)) << 32 | u64::from(word(form.protocol.wrapping_add(1)));
        let ports = (words >> (form.behind & 31)) as u32;
        let [src, dst] = [(ports >> 16) as u16, ports as u16];
        Some(if form.reversed { [dst, src] } else { [src, dst] })
    }

    /// IPv4 addresses of source and destination of IPv4 keys.
    #[inline]
    pub fn ipv4(&self) -> Option<[u32; 2]> {
        if self.family != Family::Ipv4 {
            return None;
        }
        let word = |at: u8| u32::from_be_bytes(self.window[usize::from(at)]);
        let (first, second) = (word(self.form.addresses), word(self.form.addresses.wrapping_add(1)));
        Some(if self.form.reversed { [second, first] } else { [first, second] })
    }
}
