//! Frames made by hand, and what an engine makes of them.
#![allow(dead_code, reason = "no test needs all of it")]

use flow::{Config, Engine, Frame, Time};
use packet::{Dissector, LinkType};
use record::{Index, RecordView};

pub const A: [u8; 4] = [10, 0, 0, 1];
pub const B: [u8; 4] = [10, 0, 0, 2];

/// An Ethernet frame between the stations that have addresses `A` and `B`.
pub fn frame(from: [u8; 4], packet: &[u8]) -> Vec<u8> {
    let (a, b) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let (source, destination) = if from == A { (a, b) } else { (b, a) };
    [&destination[..], &source, &[8, 0], packet].concat()
}

/// A frame with an 802.1Q tag put in.
pub fn tagged(frame: &[u8], tag: u16) -> Vec<u8> {
    [&frame[..12], &[0x81, 0], &tag.to_be_bytes(), &frame[12..]].concat()
}

/// An IPv4 packet; `offset` is the flags and fragment offset word.
pub fn ipv4(from: [u8; 4], to: [u8; 4], protocol: u8, (id, offset): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len() as u16).to_be_bytes();
    let words = [length, id.to_be_bytes(), offset.to_be_bytes()].concat();
    [&[0x45, 0], &words[..], &[64, protocol, 0, 0], &from, &to, payload].concat()
}

pub fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let words = [ports.0, ports.1, 8 + payload.len() as u16, 0].map(u16::to_be_bytes).concat();
    [&words[..], payload].concat()
}

pub fn tcp(flags: u8, sequence: u32, acknowledgement: u32, payload: &[u8]) -> Vec<u8> {
    let numbers = [sequence, acknowledgement].map(u32::to_be_bytes).concat();
    [&[0, 1, 0, 80], &numbers[..], &[0x50, flags, 1, 0, 0, 0, 0, 0], payload].concat()
}

pub fn icmp(kind: u8, code: u8, word: u32, payload: &[u8]) -> Vec<u8> {
    [&[kind, code, 0, 0], &word.to_be_bytes()[..], payload].concat()
}

/// The records of frames that come a tenth of a second apart.
pub fn records(config: Config, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let timed: Vec<(f64, Vec<u8>)> =
        frames.iter().enumerate().map(|(at, frame)| (at as f64 / 10.0, frame.clone())).collect();
    timed_records(config, &timed)
}

/// The records of frames that come at these seconds. Every packet must be in one of them.
pub fn timed_records(config: Config, frames: &[(f64, Vec<u8>)]) -> Vec<Vec<u8>> {
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let mut records = Vec::new();
    let mut sink = |record: &[u8]| records.push(record.to_vec());
    for (at, octets) in frames {
        let time = Time::from_micros(1_600_000_000, (at * 1e6).round() as i64);
        engine.packet(time, &dissector.dissect(octets, octets.len() as u32), &mut sink);
    }
    engine.flush(&mut sink);
    let told: u64 = records.iter().map(|record| packets(record).iter().sum::<u64>()).sum();
    assert_eq!(told, frames.len() as u64, "packets of the records");
    records
}

/// A datagram of the flow of this number.
fn numbered(number: u32) -> [u8; 46] {
    let mut octets = [0; 46];
    octets[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
    octets[14..26].copy_from_slice(&[0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0]);
    octets[26..30].copy_from_slice(&(0x0a00_0000 | number).to_be_bytes());
    octets[30..42].copy_from_slice(&[192, 0, 2, 1, 0x10, 0, 0x20, 0, 0, 12, 0, 0]);
    octets
}

/// Gives an engine new flows, at a time in milliseconds. Returns the packets in the records that came of them.
pub fn give(engine: &mut Engine, numbers: std::ops::Range<u32>, millis: i64) -> u64 {
    let dissector = Dissector::new(LinkType::ETHERNET, engine.config().rules());
    let mut reported = 0;
    let frames: Vec<[u8; 46]> = numbers.map(numbered).collect();
    let frames = frames.iter().map(|octets| Frame {
        time: Time::from_micros(1_600_000_000, millis * 1000),
        octets,
        length: octets.len() as u32,
    });
    engine.frames(&dissector, frames, &mut |record: &[u8]| reported += packets(record).iter().sum::<u64>());
    reported
}

/// Packets of source and destination.
pub fn packets(record: &[u8]) -> [u64; 2] {
    let metric = RecordView::new(record).expect("a record").metric().expect("counts");
    [metric.src.packets, metric.dst.packets]
}

/// Application octets of source and destination.
pub fn application(record: &[u8]) -> [u64; 2] {
    let metric = RecordView::new(record).expect("a record").metric().expect("counts");
    [metric.src.app_bytes, metric.dst.app_bytes]
}

/// A section of a record, header included; empty when it is not there.
pub fn section(record: &[u8], index: Index) -> Vec<u8> {
    RecordView::new(record).expect("a record").dsr(index).unwrap_or_default().to_vec()
}
