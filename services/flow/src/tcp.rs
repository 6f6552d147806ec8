//! TCP: sequence processing and connection state (chapter section 6).

use crate::time::Time;
use packet::TcpFlags;

const FIN: u8 = TcpFlags::FIN;
const SYN: u8 = TcpFlags::SYN;
const RST: u8 = TcpFlags::RST;
const PSH: u8 = TcpFlags::PSH;
const ACK: u8 = TcpFlags::ACK;
const URG: u8 = TcpFlags::URG;
const ECE: u8 = TcpFlags::ECE;
const CWR: u8 = TcpFlags::CWR;

/// Status bits (record-format chapter, section 7.5). Two-bit groups are SRC and DST in a flow's status and are used
/// whole in a side's.
pub(crate) mod status {
    pub const SAW_SYN: u32 = 0x1;
    pub const SAW_SYN_SENT: u32 = 0x2;
    pub const ESTABLISHED: u32 = 0x4;
    pub const FIN: u32 = 0x8;
    pub const FIN_ACK: u32 = 0x10;
    pub const NORMAL_CLOSE: u32 = 0x20;
    pub const PORT_REUSE: u32 = 0x80;
    pub const RETRANSMITTED: u32 = 0x300;
    pub const WINDOW_SHUT: u32 = 0xc00;
    pub const RESET: u32 = 0x3000;
    pub const CONGESTED: u32 = 0xc000;
    pub const OUT_OF_ORDER: u32 = 0x3_0000;
    pub const DUPLICATES: u32 = 0xc_0000;

    /// What a new record starts without.
    pub const OF_A_RECORD: u32 = PORT_REUSE | RETRANSMITTED | WINDOW_SHUT | RESET | CONGESTED | OUT_OF_ORDER;
    /// Groups that the flow's status takes from its sides when a record is written.
    pub const FROM_SIDES: [u32; 5] = [RETRANSMITTED, WINDOW_SHUT, RESET, OUT_OF_ORDER, DUPLICATES];
}

const SRC_ECN: u32 = 0x4000_0000;
const DST_ECN: u32 = 0x8000_0000;
const TIMESTAMP: u32 = 0x0400_0000;

/// Connection states, with the numbers that records carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    #[default]
    Closed = 0,
    Listen = 1,
    SynSent = 2,
    SynReceived = 3,
    Established = 4,
    FinWait1 = 6,
    Closing = 7,
    FinWait2 = 9,
}

/// One side's registers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Registers {
    /// Time of the last segment, split so that the registers of both sides fit in their cache lines.
    last: [u32; 2],
    pub status: u32,
    pub base: u32,
    pub sequence: u32,
    /// The last octet acknowledged.
    pub acknowledged: u32,
    pub windows: u32,
    pub octets: u32,
    pub retransmitted: u32,
    pub acknowledged_octets: u32,
    pub window_octets: u32,
    pub window: u16,
    pub segment_size: u16,
    /// IP id of the last data packet of the record.
    ip_id: u16,
    pub flags: u8,
    pub shift: u8,
}

/// TCP state of a flow: two cache lines.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Tcp {
    pub shared: Shared,
    pub sides: [Registers; 2],
}

/// What both sides share.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shared {
    pub status: u32,
    pub options: u32,
    /// SYN to SYN-ACK, microseconds.
    pub syn_ack: u32,
    /// SYN-ACK to ACK, microseconds.
    pub ack_data: u32,
    pub phase: Phase,
    /// More than one packet was seen.
    pub continued: bool,
}

/// A segment as the state machine sees it.
pub(crate) struct Segment<'a> {
    pub header: &'a packet::Tcp<'a>,
    /// 0: from the flow's source.
    pub side: usize,
    pub now: Time,
    pub ip_id: u16,
    pub compat: bool,
    pub track_duplicates: bool,
}

/// What a segment of a known flow came to.
pub(crate) struct Outcome {
    /// The segment opens another connection: the flow's record ends before it.
    pub splits: bool,
    /// The gap before the segment counts as active.
    pub active: bool,
    /// The segment was not looked into: its header counts with its data.
    pub unread: bool,
}

impl Registers {
    /// Time of the last segment.
    #[inline]
    pub fn last(&self) -> Time {
        let [low, high] = self.last;
        Time::from_nanos(0, (u64::from(high) << 32 | u64::from(low)) as i64)
    }

    #[inline]
    fn touch(&mut self, now: Time) {
        let nanos = now.since(Time::from_nanos(0, 0)).max(0) as u64;
        self.last = [nanos as u32, (nanos >> 32) as u32];
    }

    fn retransmission(&mut self) {
        self.retransmitted = self.retransmitted.wrapping_add(1);
        self.status |= status::RETRANSMITTED;
    }

    fn shifted_window(&self, compat: bool) -> u32 {
        if compat {
            // 3.0.8 shifts the wrong way; shifts beyond a register wrap on its machines.
            u32::from(self.window).wrapping_shr(u32::from(self.shift))
        } else {
            u32::from(self.window) << self.shift.min(14)
        }
    }
}

/// Sequence numbers in order: as plain numbers in 3.0.8, around the circle otherwise.
#[derive(Clone, Copy)]
struct Order {
    compat: bool,
}

impl Order {
    fn before(self, a: u32, b: u32) -> bool {
        if self.compat { a < b } else { (a.wrapping_sub(b) as i32) < 0 }
    }

    fn later(self, a: u32, b: u32) -> u32 {
        if self.before(a, b) { b } else { a }
    }
}

impl Tcp {
    /// Notes what the first segment was with its sender too, as records of version 5 tell it (chapter section 6.3).
    pub fn note_first(&mut self, side: usize) {
        let seen = self.shared.status;
        if let Some(sender) = self.sides.get_mut(side) {
            sender.status |= seen;
        }
    }

    /// The state after a flow's first segment (chapter section 6.3).
    pub fn first(segment: &Segment<'_>) -> Tcp {
        let header = segment.header;
        let (flags, q, a) = (header.flags.0, header.sequence, header.acknowledgement);
        let n = header.payload as u32;
        let mut tcp = Tcp::default();
        tcp.read_options(segment.side, header.options);
        let Tcp { shared, sides: [one, other] } = &mut tcp;
        let (src, dst) = if segment.side == 0 { (one, other) } else { (other, one) };
        src.octets = n;
        src.flags = flags;
        src.touch(segment.now);
        if flags & RST != 0 {
            shared.status |= status::RESET;
            src.status |= status::RESET;
            shared.phase = Phase::Listen;
            if q != 0 {
                src.base = q.wrapping_sub(1);
                src.sequence = q.wrapping_add(n);
            } else {
                src.base = a.wrapping_sub(1);
                src.sequence = src.base;
            }
            dst.acknowledged = a.wrapping_sub(1);
        } else {
            src.window = header.window;
            let bits = flags & (SYN | ACK | FIN | PSH | URG);
            let (seen, phase) = match bits {
                SYN => (status::SAW_SYN, Phase::SynSent),
                0x12 => (status::SAW_SYN_SENT, Phase::SynReceived),
                FIN | 0x11 => (status::FIN, Phase::FinWait1),
                0 => (status::ESTABLISHED, Phase::Closing),
                // In 3.0.8 any mixture with SYN or FIN is an established connection that is closing.
                _ if bits & (SYN | FIN) != 0 => (status::ESTABLISHED, Phase::Closing),
                _ => (status::ESTABLISHED, Phase::Established),
            };
            shared.status |= seen;
            shared.phase = phase;
            match phase {
                Phase::SynSent | Phase::SynReceived => {
                    src.base = q;
                    src.sequence = q;
                }
                _ => {
                    src.base = q.wrapping_sub(1);
                    src.sequence = q.wrapping_add(n);
                }
            }
            match phase {
                Phase::SynSent if flags & (ECE | CWR) == ECE | CWR => shared.options |= SRC_ECN,
                Phase::SynReceived => {
                    dst.acknowledged = a.wrapping_sub(1);
                    if flags & (ECE | CWR) == ECE {
                        shared.options |= DST_ECN;
                    }
                }
                Phase::Established if flags & ACK != 0 => dst.acknowledged = a.wrapping_sub(1),
                _ => {}
            }
        }
        tcp
    }

    /// Takes a later segment (chapter sections 6.4 and 6.5). Nothing but the splitting segment's registers has
    /// changed when `splits` is reported.
    #[inline]
    pub fn next(&mut self, segment: &Segment<'_>) -> Outcome {
        // Each way is compiled by itself.
        if segment.compat { self.step(segment, true) } else { self.step(segment, false) }
    }

    /// `compat` is the segment's.
    #[inline(always)]
    fn step(&mut self, segment: &Segment<'_>, compat: bool) -> Outcome {
        let header = segment.header;
        let flags = header.flags.0;
        if compat && self.shared.phase == Phase::Listen {
            return self.after_reset(segment);
        }
        self.read_options(segment.side, header.options);
        let Tcp { shared, sides: [one, other] } = self;
        let (src, dst) = if segment.side == 0 { (one, other) } else { (other, one) };
        shared.continued = true;
        src.flags |= flags;
        if shared.options & (SRC_ECN | DST_ECN) != 0 && flags & (ECE | ACK) == ECE | ACK {
            shared.status |= if segment.side == 0 { 0x4000 } else { 0x8000 };
        }
        let mut active = true;
        let duplicate = flags != SYN && sequence(segment, compat, src, dst, &mut active);
        if shared.phase == Phase::Established && flags & (FIN | SYN | RST) == 0 {
            // What nearly every segment is: nothing else moves an established connection.
            src.touch(segment.now);
            return Outcome { splits: false, active, unread: false };
        }
        let mut splits = false;
        if !duplicate {
            let result = shared.transition(segment, src, dst);
            let opens = if compat { flags == SYN } else { flags & SYN != 0 };
            splits = result == Phase::Listen && opens;
            if splits && compat {
                // Never added, taken off all the same (chapter section 6.6).
                src.octets = src.octets.wrapping_sub(header.payload as u32);
            }
            // One that a reset closed stays so when later records no longer tell of the reset.
            let closes = result == Phase::Closed && (segment.compat || shared.phase != Phase::Closed);
            if result != Phase::Listen {
                shared.phase = result;
            }
            if closes && shared.status & status::RESET == 0 {
                shared.status |= status::NORMAL_CLOSE;
            }
        }
        if !splits {
            src.touch(segment.now);
        }
        Outcome { splits, active, unread: false }
    }

    /// A later segment of a flow that a reset began, as 3.0.8 takes it: a new connection, or one whose flags are noted.
    #[cold]
    fn after_reset(&mut self, segment: &Segment<'_>) -> Outcome {
        let flags = segment.header.flags.0;
        let splits = flags & SYN != 0;
        if !splits && let Some(sender) = self.sides.get_mut(segment.side) {
            sender.flags |= flags;
        }
        Outcome { splits, active: true, unread: !splits }
    }

    /// Prepares for the next record (chapter section 5.4).
    pub fn reset(&mut self, compat: bool) {
        // 3.0.8 begins anew with those of the sides alone. So it tells congestion in all later records, and with a flow
        // that a reset began that reset.
        if !compat {
            self.shared.status &= !status::OF_A_RECORD;
        }
        for side in &mut self.sides {
            side.status &= !status::OF_A_RECORD;
            side.retransmitted = 0;
            side.flags = 0;
            side.octets = 0;
            side.window_octets = 0;
            side.acknowledged_octets = 0;
            side.base = side.sequence;
            side.ip_id = 0;
        }
    }

    /// The flow's status as a record states it: the groups are taken from the sides.
    pub fn reported_status(&self) -> u32 {
        let mut reported = self.shared.status;
        for group in status::FROM_SIDES {
            reported &= !group;
            let source = group & (group >> 1);
            if self.sides[0].status & group != 0 {
                reported |= source;
            }
            if self.sides[1].status & group != 0 {
                reported |= group & !source;
            }
        }
        reported
    }

    #[inline]
    fn read_options(&mut self, side: usize, list: &[u8]) {
        match list {
            [] => {}
            // The stamps that nearly every segment of an established connection carries, and nothing else.
            [1, 1, 8, 10, rest @ ..] if rest.len() == 8 => self.shared.options |= TIMESTAMP,
            _ => self.walk_options(side, list),
        }
    }

    fn walk_options(&mut self, side: usize, mut list: &[u8]) {
        while let &[kind, ref rest @ ..] = list {
            if kind == 0 {
                return;
            }
            if kind == 1 {
                list = rest;
                continue;
            }
            let Some(&length) = rest.first() else { return };
            let Some(after) = list.get(usize::from(length)..).filter(|_| length >= 2) else {
                return;
            };
            let (bit, size) = match kind {
                2 => (0x0010_0000, 4),
                3 => (0x0020_0000, 3),
                4 => (0x0040_0000, 0),
                5 => (0x0080_0000, 0),
                6 => (0x0100_0000, 6),
                7 => (0x0200_0000, 6),
                8 => (TIMESTAMP, 10),
                11 => (0x0800_0000, 6),
                12 => (0x1000_0000, 6),
                13 => (0x2000_0000, 6),
                _ => (0, 0),
            };
            self.shared.options |= bit;
            let sender = &mut self.sides[side & 1];
            match (kind, list) {
                (2, &[_, _, high, low, ..]) if length >= 4 => {
                    sender.segment_size = u16::from_be_bytes([high, low]);
                }
                (3, &[_, _, shift, ..]) if length >= 3 => sender.shift = shift,
                _ => {}
            }
            // The walk goes by the size that an option of this kind has.
            list = if size == 0 { after } else { list.get(size..).unwrap_or(&[]) };
        }
    }
}

impl Shared {
    /// The phase that a segment leads to; `Listen` asks for a split and is not entered.
    fn transition(&mut self, segment: &Segment<'_>, src: &mut Registers, dst: &mut Registers) -> Phase {
        let flags = segment.header.flags.0;
        let q = segment.header.sequence;
        // 3.0.8 compares the whole flags octet (chapter section 6.5).
        let exact = if segment.compat { flags } else { flags & (FIN | SYN | RST | ACK) };
        if flags & RST != 0 {
            self.status |= status::RESET;
            src.status |= status::RESET;
            return match self.phase {
                Phase::SynSent if dst.sequence == src.acknowledged => Phase::Listen,
                Phase::SynSent => Phase::Closing,
                _ => {
                    let end = u64::from(src.acknowledged) + u64::from(src.shifted_window(segment.compat));
                    let inside = src.acknowledged <= q && u64::from(q) < end;
                    if inside { Phase::Closed } else { Phase::Closing }
                }
            };
        }
        if !segment.compat && exact == SYN {
            // A new connection on the same ports, whatever the state of the old one's end.
            match self.phase {
                Phase::FinWait1 | Phase::FinWait2 | Phase::Closing | Phase::Closed => return Phase::Listen,
                _ => {}
            }
        }
        match self.phase {
            Phase::Listen if flags & SYN != 0 => Phase::Listen,
            Phase::Listen | Phase::SynSent => self.after_syn_sent(segment, exact, src, dst),
            Phase::SynReceived => self.after_syn_received(segment, src, dst),
            Phase::Established => {
                if flags & FIN != 0 {
                    self.both(src, status::FIN);
                    return Phase::FinWait1;
                }
                if flags & SYN != 0 {
                    if flags & ACK != 0 {
                        self.status |= status::SAW_SYN_SENT | status::ESTABLISHED;
                    }
                    self.again(src);
                }
                Phase::Established
            }
            Phase::FinWait1 | Phase::FinWait2 => self.after_fin_wait(segment, src, dst),
            Phase::Closing if flags & (SYN | ACK) == SYN => Phase::Listen,
            Phase::Closing => {
                let quiet = src.sequence == src.acknowledged && dst.sequence == src.acknowledged;
                if flags & ACK != 0 && quiet { Phase::Closed } else { Phase::Closing }
            }
            Phase::Closed if flags & (SYN | ACK) == SYN => Phase::Listen,
            Phase::Closed => Phase::Closed,
        }
    }

    fn after_syn_sent(
        &mut self,
        segment: &Segment<'_>,
        exact: u8,
        src: &mut Registers,
        dst: &Registers,
    ) -> Phase {
        let flags = segment.header.flags.0;
        if exact == SYN {
            self.again(src);
        } else if exact == SYN | ACK {
            self.both(src, status::SAW_SYN_SENT);
            if dst.sequence == src.acknowledged {
                self.syn_ack = micros(segment.now, dst.last(), segment.compat);
            }
            return Phase::SynReceived;
        } else if flags & FIN != 0 {
            self.both(src, status::FIN);
            return Phase::FinWait1;
        } else if flags & ACK != 0 {
            self.both(src, status::ESTABLISHED);
            return Phase::Established;
        }
        self.phase
    }

    fn after_syn_received(&mut self, segment: &Segment<'_>, src: &mut Registers, dst: &Registers) -> Phase {
        let flags = segment.header.flags.0;
        if flags & FIN != 0 {
            self.both(src, status::FIN);
            return Phase::FinWait1;
        }
        if flags & SYN != 0 {
            self.again(src);
        } else if flags & ACK != 0 {
            self.both(src, status::ESTABLISHED);
            if src.sequence == dst.acknowledged {
                self.ack_data = micros(segment.now, dst.last(), segment.compat);
            }
            return Phase::Established;
        }
        Phase::SynReceived
    }

    fn after_fin_wait(&mut self, segment: &Segment<'_>, src: &mut Registers, dst: &mut Registers) -> Phase {
        let flags = segment.header.flags.0;
        let mut phase = self.phase;
        if phase == Phase::FinWait1 && flags & (SYN | ACK) == SYN {
            return Phase::Listen;
        }
        if flags & FIN != 0 {
            if flags & ACK != 0 {
                self.both(src, status::FIN);
            } else if dst.status & status::FIN_ACK != 0 {
                self.again(src);
            }
        }
        let acknowledges = dst.status & status::FIN != 0 && dst.sequence == src.acknowledged;
        if flags & ACK != 0 && segment.header.payload == 0 && acknowledges {
            phase = Phase::FinWait2;
            self.status |= status::FIN_ACK;
            dst.status |= status::FIN_ACK;
        }
        phase
    }

    fn both(&mut self, src: &mut Registers, bit: u32) {
        self.status |= bit;
        src.status |= bit;
    }

    fn again(&mut self, src: &mut Registers) {
        self.status |= status::RETRANSMITTED;
        src.retransmission();
    }
}

/// Sequence processing; true when the segment is an exact duplicate and goes no further.
#[inline(always)]
fn sequence(
    segment: &Segment<'_>,
    compat: bool,
    src: &mut Registers,
    dst: &mut Registers,
    active: &mut bool,
) -> bool {
    let order = Order { compat };
    let header = segment.header;
    let (flags, q, a) = (header.flags.0, header.sequence, header.acknowledgement);
    let n = header.payload as u32;
    let e = q.wrapping_add(n);
    if flags & (FIN | RST) == 0 {
        if header.window == 0 {
            src.status |= status::WINDOW_SHUT;
            *active = false;
        } else {
            src.window = header.window;
        }
    }
    if n != 0 && dst.window != 0 {
        src.octets = src.octets.wrapping_add(n);
        if src.window_octets == 0 {
            *active = false;
        }
        if src.flags & FIN != 0 {
            if order.before(q, src.sequence) {
                src.retransmission();
            } else if flags & FIN == 0 {
                src.status |= status::OUT_OF_ORDER;
            }
        }
        if flags & SYN == 0 {
            src.window_octets = src.window_octets.wrapping_add(n);
        }
    } else {
        *active = false;
    }
    if compat && e < q {
        src.acknowledged_octets = src.acknowledged_octets.wrapping_add(src.sequence).wrapping_sub(src.base);
        src.base = e;
        src.sequence = e;
    } else if src.base == 0 {
        src.base = q;
        src.sequence = e;
    } else if n != 0 {
        if segment.track_duplicates && segment.ip_id != 0 && segment.ip_id == src.ip_id {
            if compat {
                // 3.0.8 notes with the source whose they were.
                let source = if segment.side == 0 { src } else { dst };
                source.status |= if segment.side == 0 { 0x4_0000 } else { 0x8_0000 };
            } else {
                src.status |= status::DUPLICATES;
            }
            return true;
        }
        if dst.window != 0 {
            order_data(segment, compat, src, dst, active);
        }
        src.ip_id = segment.ip_id;
    }
    if a != 0 && flags & ACK != 0 {
        let last = a.wrapping_sub(1);
        if src.acknowledged != 0 && order.before(src.acknowledged, dst.sequence) {
            dst.window_octets = dst.sequence.wrapping_sub(1).wrapping_sub(src.acknowledged);
        }
        if src.acknowledged != last {
            if src.acknowledged == 0 || dst.sequence == a {
                dst.window_octets = 0;
                if dst.sequence == a {
                    dst.windows = dst.windows.wrapping_add(1);
                }
            } else if flags & SYN == 0 {
                let step = last.wrapping_sub(src.acknowledged);
                dst.window_octets -= dst.window_octets.min(step);
                dst.windows = dst.windows.wrapping_add(1);
            }
            src.acknowledged = last;
        }
    }
    false
}

/// Tells data in order from retransmitted and reordered data.
#[inline(always)]
fn order_data(segment: &Segment<'_>, compat: bool, src: &mut Registers, dst: &Registers, active: &mut bool) {
    let order = Order { compat };
    let q = segment.header.sequence;
    let n = segment.header.payload as u32;
    let e = q.wrapping_add(n);
    let mut again = |src: &mut Registers| {
        src.retransmission();
        src.window_octets = src.window_octets.wrapping_sub(n);
        *active = false;
    };
    if order.before(q, dst.acknowledged) {
        if dst.acknowledged.wrapping_sub(q) < src.shifted_window(compat) {
            again(src);
        }
        return;
    }
    let furthest = order.later(e, src.sequence);
    if src.window != 0 {
        let step = if compat {
            // The ids are compared with their octets swapped.
            i32::from(segment.ip_id.swap_bytes()) - i32::from(src.ip_id.swap_bytes())
        } else {
            i32::from(segment.ip_id.wrapping_sub(src.ip_id) as i16)
        };
        if (-4999..0).contains(&step) {
            src.status |= status::OUT_OF_ORDER;
        } else if src.window_octets > furthest.wrapping_sub(1).wrapping_sub(dst.acknowledged) {
            again(src);
        } else if order.before(e, src.sequence) {
            if q == dst.acknowledged.wrapping_add(1) {
                src.retransmission();
                src.window_octets = src.window_octets.wrapping_sub(n);
            } else {
                src.status |= status::OUT_OF_ORDER;
            }
        }
    }
    src.sequence = furthest;
}

/// The time between two stamps in microseconds, whichever came first; 3.0.8 keeps the low 32 bits.
fn micros(a: Time, b: Time, compat: bool) -> u32 {
    let micros = a.since(b).unsigned_abs() / 1000;
    if compat { micros as u32 } else { u32::try_from(micros).unwrap_or(u32::MAX) }
}
