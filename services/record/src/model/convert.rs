//! Turning a record round, and into the layouts of clients and of the other version (section 9).

use super::{Body, Dsr, Record, Slot};
use crate::dsr::Index;
use crate::dsr::agr::Agr;
use crate::dsr::encaps::Encaps;
use crate::dsr::flow::{FlowKey, HwAddr, Ipv4Detail, Ipv4Key, Ipv6Detail, Ipv6Key, MASKS};
use crate::dsr::jitter;
use crate::dsr::network::{Body as State, Tcp, TcpSide};
use crate::dsr::psize::Psize;
use crate::dsr::time::{ABSOLUTE_NSEC, ABSOLUTE_USEC, SideTime, Stamps, Time};
use crate::header::Version;
use crate::stamp::Stamp;

impl Record {
    /// The record seen from the other side: every DSR is exchanged; a flow key keeps its REVERSE bit.
    pub fn reversed(mut self) -> Record {
        self.state_sides();
        if let Body::Dsrs { slots, .. } = &mut self.body {
            for slot in slots.iter_mut() {
                change(slot, Dsr::reversed);
            }
            // User data of the two sides change places.
            slots.sort_by_key(|s| match s.dsr.index() {
                Some(i @ (Index::SrcData | Index::DstData)) => (1, Some(i)),
                _ => (0, None),
            });
            restore_order(slots);
        }
        self
    }

    /// Form A times name no sides; where the sides cannot be told from the counters after they are exchanged (no
    /// packets, one each way), the times are stated by side first.
    fn state_sides(&mut self) {
        let packets = self.metric().map_or((0, 0), |m| (m.src.packets, m.dst.packets));
        let times = self.times();
        if matches!(packets, (0, 0) | (1, 1))
            && let Some(Time { stamps: Stamps::One(_) | Stamps::Range(..), .. }) = self.time()
            && let Some(time) = self.time_mut()
        {
            let side = |t: Option<(Stamp, Stamp)>| {
                t.map(|(start, end)| SideTime { start, end: (end != start).then_some(end) })
            };
            time.stamps = Stamps::Sides(side(times.src), side(times.dst));
        }
    }

    /// The record in true direction: as a view shows it without repair. REVERSE is cleared (section 7.2.1).
    pub fn normalised(self) -> Record {
        let Some(flow) = self.flow().copied().filter(|f| f.reversed) else { return self };
        let mut record = if flow.key.is_arp() { self.reversed() } else { self };
        if let Some(f) = record.flow_mut() {
            *f = flow.normalised();
        }
        record
    }

    /// The layout that 3.x clients write, without their losses: key in true direction, mask lengths where the key has
    /// room for them, form C times, packet size histogram, aggregation statistics, no empty NETWORK.
    pub fn into_client(self) -> Record {
        if !self.header.kind.has_dsrs() {
            return self;
        }
        let mut record = self.normalised();
        if let Some(flow) = record.flow().copied() {
            let mut flow = flow;
            client_key(&mut flow.key, &mut flow.qualifier);
            if let Some(f) = record.flow_mut()
                && *f != flow
            {
                *f = flow;
            }
        }
        let times = record.times();
        let nsec = record.time().is_some_and(Time::is_nsec);
        if nsec && let Some(j) = record.jitter().copied() {
            record.set(Dsr::Jitter(j.nanos_to_micros()));
        }
        if record.time().is_some() {
            record.set(Dsr::Time(Time::client(&times)));
        }
        if matches!(record.network().map(|n| n.body), Some(State::Empty)) {
            record.remove(Index::Network);
        }
        if let Some(psize) = record.psize_mut() {
            *psize = psize.client();
        }
        if record.agr().is_none() && record.metric().is_some_and(|m| m.packets() > 0) {
            let seconds = times.end().micros().saturating_sub(times.start().micros()) as f64 / 1e6;
            record.set(Dsr::Agr(Agr::single(seconds as f32)));
        }
        record
    }

    /// The record as another version has it. To version 3: one-word source id, no interface name, microseconds,
    /// five-word inter-packet times, TCP state without maximum segment sizes, no VXLAN among the encapsulations (it would
    /// read as ERSPAN); other DSRs stay. To version 5: nanoseconds, seven-word inter-packet times, TCP state with a place
    /// for maximum segment sizes, a short ARP answer, the subtype of packet sizes, no ERSPAN among the encapsulations,
    /// and the place of a management record's id.
    pub fn into_version(mut self, version: Version) -> Record {
        if version == self.header.version() {
            return self;
        }
        self.header.nibble = version.nibble();
        match &mut self.body {
            Body::Mar(mar) => {
                let (id, initial) = (mar.source_id(), mar.is_initial());
                mar.header.nibble = version.nibble();
                mar.major = version.nibble();
                if initial || version == Version::V5 {
                    mar.argusid = version.cookie();
                }
                if version == Version::V3 {
                    mar.drift = 0;
                }
                mar.set_source_id(id);
            }
            Body::Dsrs { slots, .. } if version == Version::V3 => {
                let nsec = slots.iter().any(|s| matches!(s.dsr, Dsr::Time(t) if t.is_nsec()));
                slots.iter_mut().for_each(|s| to_v3(s, nsec));
            }
            Body::Dsrs { slots, .. } => {
                let usec = !slots.iter().any(|s| matches!(s.dsr, Dsr::Time(t) if t.is_nsec()));
                slots.iter_mut().for_each(|s| to_v5(s, usec));
            }
            _ => {}
        }
        self
    }
}

/// Applies `f`; octets that the model did not represent are dropped when it changes something.
fn change(slot: &mut Slot, f: impl FnOnce(Dsr) -> Dsr) {
    let old = std::mem::replace(&mut slot.dsr, Dsr::Unknown);
    let new = f(old.clone());
    if new != old {
        slot.raw = None;
    }
    slot.dsr = new;
}

/// Moves user data back to their place after their sides were exchanged; everything else keeps its order.
fn restore_order(slots: &mut Vec<Slot>) {
    let is_data = |s: &Slot| matches!(s.dsr.index(), Some(Index::SrcData | Index::DstData));
    let at = slots.iter().position(is_data).unwrap_or(slots.len());
    let data = slots.split_off(at);
    let to = slots.iter().position(|s| s.dsr.index() > Some(Index::DstData)).unwrap_or(slots.len());
    slots.splice(to..to, data);
}

fn client_key(key: &mut FlowKey, qualifier: &mut u8) {
    match key {
        FlowKey::Ipv4(Ipv4Key { proto, detail: Ipv4Detail::Ports { src, dst, tail }, .. })
            if *qualifier & MASKS == 0 =>
        {
            // The DNS transaction id sits where mask lengths would: kept, since readers assume 32/32 without.
            let dns = *proto == 17 && (*src == 53 || *dst == 53) && *tail != [0, 0];
            if !dns {
                *tail = [32, 32];
                *qualifier |= MASKS;
            }
        }
        FlowKey::Ipv6(Ipv6Key { detail, masks, .. })
            if masks.is_none() && !matches!(detail, Ipv6Detail::Fragment { .. }) =>
        {
            *masks = Some((128, 128));
            *qualifier |= MASKS;
        }
        FlowKey::Arp(arp) => {
            let mut field = [0; 32];
            for (to, from) in field.iter_mut().zip(arp.haddr.as_slice()) {
                *to = *from;
            }
            arp.haddr = HwAddr::new(&field);
        }
        _ => {}
    }
}

fn to_v3(slot: &mut Slot, nsec: bool) {
    change(slot, |dsr| match dsr {
        Dsr::Transport(t) => Dsr::Transport(t.to_v3()),
        Dsr::Time(t) if t.qualifier == ABSOLUTE_NSEC => Dsr::Time(Time { qualifier: ABSOLUTE_USEC, ..t }),
        Dsr::Jitter(j) => {
            let j = if nsec { j.nanos_to_micros() } else { j };
            let form = if j.form == jitter::Form::Seven { jitter::Form::Five } else { j.form };
            let clear = |i: Option<jitter::Intervals>| {
                i.map(|i| match form {
                    jitter::Form::Five => jitter::Intervals { histogram: [0, 0], ..i },
                    _ => i,
                })
            };
            Dsr::Jitter(jitter::Jitter {
                form,
                src_active: clear(j.src_active),
                src_idle: clear(j.src_idle),
                dst_active: clear(j.dst_active),
                dst_idle: clear(j.dst_idle),
                ..j
            })
        }
        Dsr::Network(mut n) => {
            let side = |s: &mut TcpSide| {
                s.maxseg = None;
                if nsec {
                    s.last_frac /= 1000;
                }
            };
            match &mut n.body {
                State::Tcp(Tcp::Init(t)) => {
                    t.maxseg = None;
                    n.qualifier = 0;
                }
                State::Tcp(Tcp::Perf(t)) => {
                    side(&mut t.src);
                    side(&mut t.dst);
                    n.qualifier = 0;
                }
                _ => {}
            }
            Dsr::Network(n)
        }
        Dsr::Encaps(e) => Dsr::Encaps(without_reused_bit(e)),
        same => same,
    });
}

/// ERSPAN in version 3, VXLAN in version 5 (section 7.14).
const REUSED: u32 = 0x0400_0000;

fn without_reused_bit(encaps: Encaps) -> Encaps {
    Encaps { src: encaps.src & !REUSED, dst: encaps.dst & !REUSED, ..encaps }
}

fn to_v5(slot: &mut Slot, usec: bool) {
    change(slot, |dsr| match dsr {
        Dsr::Time(t) if t.qualifier == ABSOLUTE_USEC => {
            let (encoding, stamps) = match t.stamps {
                // Offsets are microseconds, whatever the stamps are.
                Stamps::Relative(src, dst) => (2, Stamps::Sides(src, dst)),
                same => (t.encoding, same),
            };
            Dsr::Time(Time { encoding, qualifier: ABSOLUTE_NSEC, stamps })
        }
        Dsr::Jitter(j) => {
            let j = if usec { j.micros_to_nanos() } else { j };
            let form = if j.form == jitter::Form::Five { jitter::Form::Seven } else { j.form };
            Dsr::Jitter(jitter::Jitter { form, ..j })
        }
        Dsr::Network(mut n) => {
            let side = |s: &mut TcpSide| {
                s.maxseg = s.maxseg.or(Some((0, 0)));
                if usec {
                    s.last_frac = s.last_frac.min(999_999) * 1000;
                }
            };
            match &mut n.body {
                State::Tcp(Tcp::Init(t)) => {
                    t.maxseg = t.maxseg.or(Some((0, 0)));
                    n.qualifier = 2;
                }
                State::Tcp(Tcp::Perf(t)) => {
                    side(&mut t.src);
                    side(&mut t.dst);
                    n.qualifier = 2;
                }
                State::Arp(a) => a.tail_words = 0,
                _ => {}
            }
            Dsr::Network(n)
        }
        Dsr::Psize(p) if p.subtype == 0 => {
            Dsr::Psize(Psize { subtype: u8::from(p.src.is_some()) | u8::from(p.dst.is_some()) << 1, ..p })
        }
        Dsr::Encaps(e) => Dsr::Encaps(without_reused_bit(e)),
        same => same,
    });
}
