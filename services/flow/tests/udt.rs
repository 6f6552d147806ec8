//! UDT over UDP: what a flow's record tells of it, right and as argus 3.0.8.2 does.

mod common;

use common::{A, B, frame, ipv4, records, section, udp};
use flow::Config;
use record::Index;

fn packet(from: [u8; 4], words: &[u32]) -> Vec<u8> {
    let payload: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let (to, ports) = if from == A { (B, (700, 9000)) } else { (A, (9000, 700)) };
    frame(from, &ipv4(from, to, 17, (1, 0), &udp(ports, &payload)))
}

const HANDSHAKE: [u32; 7] = [4, 1, 100, 1500, 8192, 1, 77];

fn handshake(from: [u8; 4]) -> Vec<u8> {
    packet(from, &[&[1 << 31, 0, 0, 0][..], &HANDSHAKE].concat())
}

/// A whole message of four octets, stamped with ten times its number.
fn data(number: u32) -> Vec<u8> {
    packet(A, &[number, 0b11 << 30, number.wrapping_mul(10), 77, 5])
}

/// The words of the section of UDT behind its header; none when there is no such section.
fn told(compat: bool, frames: &[Vec<u8>]) -> Vec<u32> {
    let got = records(Config { compat, ..Config::default() }, frames);
    assert_eq!(got.len(), 1);
    let section = section(&got[0], Index::Network);
    // Of other flows it is shorter.
    if section.len() != 4 * 44 {
        return Vec::new();
    }
    section.as_chunks().0.iter().skip(1).map(|word| u32::from_be_bytes(*word)).collect()
}

#[test]
fn losses_and_retransmissions_are_told() {
    // 102 and 103 are missing when 104 comes; 103 comes late, 102 is asked for.
    let missing = packet(B, &[1 << 31 | 3 << 16, 0, 0, 77, 102]);
    let frames = [handshake(A), handshake(B), data(100), data(101), data(104), data(103), missing];

    let right = told(false, &frames);
    assert_eq!(right[1], 0x110, "drops and retransmissions of the source");
    assert_eq!(right[2..9], HANDSHAKE);
    // Whole messages, those that begin, continue, end one; dropped, again, asked for.
    assert_eq!(right[9..26], [1_600_000_000, 300_000, 104, 1010, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 1, 1]);
    assert_eq!(right[26..], [0; 17]);

    // The order of its machine, the bits of both sides, and a number that it counts instead of one packet.
    let before = told(true, &frames);
    assert_eq!(before[1], 0x330u32.swap_bytes());
    assert_eq!(before[2..9], HANDSHAKE);
    let swapped: Vec<u32> = before[9..26].iter().map(|word| word.swap_bytes()).collect();
    assert_eq!(swapped, [1_600_000_000, 300_000, 104, 1010, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 1, 103]);
}

#[test]
fn numbers_begin_anew_after_31_bits() {
    let last = (1 << 31) - 1;
    let frames = [handshake(A), data(last - 1), data(last), data(0), data(1)];
    let right = told(false, &frames);
    assert_eq!((right[1], right[11], right[23], right[24]), (0, 1, 0, 0));
    let before = told(true, &frames);
    assert_eq!(before[1], 0x300u32.swap_bytes());
}

#[test]
fn a_port_alone_makes_no_udt() {
    let frames = [data(100), data(101)];
    assert_eq!(told(false, &frames), []);
    assert_ne!(told(true, &frames), []);
    // Cut off, of another version, on another port.
    assert_eq!(told(false, &[packet(A, &[1 << 31, 0, 0, 0])]), []);
    assert_eq!(told(false, &[packet(A, &[1 << 31, 0, 0, 0, 5, 1, 100])]), []);
}
