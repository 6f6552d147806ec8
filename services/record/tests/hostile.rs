//! Octets that nobody meant as records: no accessor, model or framer panics, hangs, or loses octets.

mod common;

use common::*;
use proptest::prelude::*;
use record::*;

/// Calls everything a reader calls.
fn use_everything(input: &[u8]) {
    let (mut framer, mut at, mut steps) = (Framer::new(), 0, 0);
    loop {
        let (used, frame) = framer.next(&input[at..], true);
        at += used;
        assert!(at <= input.len());
        steps += 1;
        assert!(steps <= input.len() / 4 + 2, "no progress");
        match frame {
            Frame::Record(view) => use_view(view),
            Frame::Unreadable { len, .. } => assert!(len > 0),
            Frame::More { .. } => panic!("asked for more after the end"),
            Frame::End { .. } => break,
        }
    }
    assert_eq!(at, input.len());
}

fn use_view(mut view: RecordView<'_>) {
    for _ in 0..2 {
        let _ =
            (view.flow(), view.src_addr(), view.dst_addr(), view.src_port(), view.dst_port(), view.proto());
        let _ = (view.times(), view.start(), view.end(), view.source_id().to_string(), view.seq());
        let _ =
            (view.metric(), view.network(), view.tcp_flags(), view.tcp_status(), view.jitter(), view.psize());
        let _ = (view.ipattr(), view.vlan(), view.mpls(), view.mac(), view.encaps(), view.icmp_error());
        let _ = (
            view.src_data(),
            view.dst_data(),
            view.label(),
            view.agr(),
            view.asn(),
            view.geo(),
            view.local(),
        );
        let _ =
            (view.cocode(), view.behavior(), view.correlations(), view.gre(), view.geneve(), view.vxlan());
        let _ = (view.hash(), view.score(), view.icmp_mapped(), view.transport(), view.mar());
        if let Some(f) = view.flow() {
            let _ = (f.src_mask(), f.dst_mask(), f.key.exchanged());
        }
        if !view.repair_direction() {
            view.turn();
        }
    }
    let record = Record::from(view);
    assert_eq!(record.to_bytes().expect("no longer than it was"), view.bytes());
    let again = record.clone().reversed().reversed();
    let _ = again.to_bytes();
    for form in [Form::Sensor, Form::Client] {
        for version in [Version::V3, Version::V5] {
            let mut out = vec![1, 2, 3];
            if record.encode(form, version, &mut out).is_ok() {
                assert_eq!(out[..3], [1, 2, 3]);
                RecordView::new(&out[3..]).map(|_| ()).unwrap_or_else(|e| match e {
                    // A record kept with a part of length zero at its end can lose its TIME, never its frame.
                    RecordError::ZeroDsr { .. } => {}
                    other => panic!("{other}"),
                });
            } else {
                assert_eq!(out, [1, 2, 3]);
            }
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = ALL.iter().map(|s| hex(s)).collect();
    for dsr in DSRS {
        let mut record =
            hex("13100000 01030103 c0000201 00000001 03021805 6553f100 00000000 6553f100 00013880");
        record.extend(hex(dsr));
        record[3] = (record.len() / 4) as u8;
        seeds.push(record);
    }
    seeds
}

#[test]
fn sound_records() {
    let seeds = seeds();
    seeds.iter().for_each(|s| use_everything(s));
    use_everything(&seeds.concat());
}

#[test]
fn every_octet_replaced() {
    for seed in seeds() {
        for at in 0..seed.len() {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff, seed[at] ^ 0x40] {
                let mut bytes = seed.clone();
                bytes[at] = value;
                use_everything(&bytes);
            }
        }
    }
}

/// A small generator, so that a failure can be repeated from its seed.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }
}

#[test]
fn random_mutations() {
    let all = seeds();
    for seed in 1..=3000u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = Vec::new();
        for _ in 0..1 + random.next(4) {
            bytes.extend_from_slice(&all[random.next(all.len())]);
        }
        for _ in 0..random.next(12) {
            let at = random.next(bytes.len());
            match random.next(5) {
                0 => bytes[at] = random.next(256) as u8,
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, random.next(256) as u8),
                3 => {
                    let end = (at + random.next(64)).min(bytes.len());
                    bytes.drain(at..end);
                    if bytes.is_empty() {
                        bytes.push(0x13);
                    }
                }
                _ => bytes[at] ^= 1 << random.next(8),
            }
        }
        use_everything(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_octets(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        use_everything(&bytes);
    }

    #[test]
    fn random_body(body in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut bytes = vec![0x13, 0x10, 0, 0];
        bytes.extend(body.chunks_exact(4).flatten());
        bytes[3] = (bytes.len() / 4) as u8;
        use_everything(&bytes);
    }

    #[test]
    fn random_dsr(typ in any::<u8>(), st in any::<u8>(), q in any::<u8>(), body in proptest::collection::vec(any::<u32>(), 0..60)) {
        let mut bytes = vec![0x15, 0x10, 0, 2 + body.len() as u8, typ & 0x7f, st & 0x7f, q, 1 + body.len() as u8];
        bytes.extend(body.iter().flat_map(|w| w.to_be_bytes()));
        use_everything(&bytes);
    }
}

/// Octets in which every other word begins a long record, so that looking for the next sound one must not walk to the
/// end of each: without a bound a mebibyte takes half a minute.
#[test]
fn records_within_records() {
    for words in [0x0402u16, 0x4002, 0x4003, 0xff02, 0xff03] {
        let [high, low] = words.to_be_bytes();
        let mut bytes = vec![0xff; 8];
        while bytes.len() < 1 << 20 {
            bytes.extend([0x13, 0x10, high, low, 0x01, 0x00, 0x00, 0x01]);
        }
        let began = std::time::Instant::now();
        for skip in [0, 8] {
            let (mut framer, mut at) = (Framer::new(), skip);
            loop {
                let (used, frame) = framer.next(&bytes[at..], true);
                at += used;
                if matches!(frame, Frame::End { .. }) {
                    break;
                }
                assert!(began.elapsed().as_secs() < 10, "{words:#06x}: at {at} after {:?}", began.elapsed());
            }
        }
    }
}
