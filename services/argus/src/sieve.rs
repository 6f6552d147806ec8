//! Runs a compiled packet filter on packets that did not come through libpcap.
//!
//! libpcap compiles the expression; its wrapper can run the result too, but takes what was captured for the whole packet, so
//! that `greater 100` would be wrong for packets cut short. The machine is that of the BSD packet filter paper (McCanne,
//! Jacobson 1993), without the extensions of the Linux kernel, which libpcap does not use for files.

use packetring::Instruction;

use crate::bpf;

/// Cells of scratch memory.
const MEMORY: usize = 16;
/// Jumps after which a packet is given up: `protochain` walks through headers in a loop. Nothing but a jump goes back.
const JUMPS: usize = 1 << 12;

/// A compiled filter.
#[derive(Clone, Debug)]
pub struct Sieve {
    instructions: Vec<Instruction>,
    steps: Vec<Step>,
}

/// An instruction, made out once and not for every packet. What filters are made of most has steps of its own.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The accumulator becomes one, two or four octets of the packet.
    Octet(u32),
    Half(u32),
    Word(u32),
    Load {
        index: bool,
        from: From,
    },
    Store {
        index: bool,
        cell: u32,
    },
    /// Goes on at the first step when the accumulator is that number, else at the second.
    IfEqual(u32, Way),
    /// The same when they have a bit in common.
    IfCommon(u32, Way),
    If {
        code: u16,
        k: u32,
        way: Way,
    },
    Jump(u32),
    Compute {
        code: u16,
        k: u32,
    },
    /// The index register becomes the accumulator, or the other way round.
    ToIndex,
    FromIndex,
    Return(u32),
    ReturnAccumulator,
    /// No instruction.
    None,
}

/// Where to go on.
#[derive(Clone, Copy, Debug)]
struct Way {
    holds: u32,
    fails: u32,
}

impl Way {
    #[inline(always)]
    fn when(self, holds: bool) -> usize {
        (if holds { self.holds } else { self.fails }) as usize
    }
}

/// What is loaded.
#[derive(Clone, Copy, Debug)]
enum From {
    Number(u32),
    Packet {
        place: u32,
        octets: u8,
    },
    /// The same, so far behind the index register.
    Indexed {
        place: u32,
        octets: u8,
    },
    Memory(u32),
    Length,
    /// The length of an IPv4 header that begins there.
    HeaderLength(u32),
}

impl Sieve {
    /// Compiles an expression for frames of a link type, libpcap's number.
    ///
    /// # Errors
    /// libpcap's, about the expression.
    pub fn compile(expression: &str, optimize: bool, link: i32) -> Result<Sieve, pcap::Error> {
        let program = pcap::Capture::dead(pcap::Linktype(link))?.compile(expression, optimize)?;
        bpf::instructions(&program).map(Sieve::new)
    }

    fn new(instructions: Vec<Instruction>) -> Sieve {
        let steps =
            instructions.iter().zip(1..).map(|(instruction, next)| step(*instruction, next)).collect();
        Sieve { instructions, steps }
    }

    /// The instructions.
    pub fn program(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Whether a packet passes. `length` is its length on the wire.
    pub fn passes(&self, packet: &[u8], length: u32) -> bool {
        self.run(packet, length).is_some_and(|octets| octets > 0)
    }

    /// Octets of the packet to keep; `None` when it is too short for an instruction, or the program is no program.
    fn run(&self, packet: &[u8], length: u32) -> Option<u32> {
        let (mut a, mut x, mut memory) = (0u32, 0u32, [0u32; MEMORY]);
        let (mut at, mut jumps) = (0usize, 0);
        loop {
            let step = self.steps.get(at)?;
            at += 1;
            match *step {
                Step::Octet(place) => a = u32::from(*packet.get(place as usize)?),
                Step::Half(place) => {
                    a = u32::from(u16::from_be_bytes(*packet.get(place as usize..)?.first_chunk()?))
                }
                Step::Word(place) => a = u32::from_be_bytes(*packet.get(place as usize..)?.first_chunk()?),
                Step::Load { index, from } => {
                    let value = load(from, x, packet, length, &memory)?;
                    if index { x = value } else { a = value }
                }
                Step::Store { index, cell } => *memory.get_mut(cell as usize)? = if index { x } else { a },
                Step::IfEqual(k, way) => at = way.when(a == k),
                Step::IfCommon(k, way) => at = way.when(a & k != 0),
                Step::If { code, k, way } => {
                    let operand = if code & 8 == 0 { k } else { x };
                    let holds = match code & 0xf0 {
                        0x10 => a == operand,
                        0x20 => a > operand,
                        0x30 => a >= operand,
                        0x40 => a & operand != 0,
                        _ => return None,
                    };
                    at = way.when(holds);
                }
                Step::Jump(to) => {
                    at = to as usize;
                    jumps += 1;
                    if jumps > JUMPS {
                        return None;
                    }
                }
                Step::Compute { code, k } => a = compute(code, a, if code & 8 == 0 { k } else { x })?,
                Step::ToIndex => x = a,
                Step::FromIndex => a = x,
                Step::Return(octets) => return Some(octets),
                Step::ReturnAccumulator => return Some(a),
                Step::None => return None,
            }
        }
    }
}

/// What an instruction does; `next` is the number of the one behind it.
fn step(instruction: Instruction, next: u32) -> Step {
    let Instruction { code, jt, jf, k } = instruction;
    let way = Way { holds: next + u32::from(jt), fails: next + u32::from(jf) };
    match code & 7 {
        class @ (0 | 1) => match (class == 1, source(code, k)) {
            (_, None) => Step::None,
            (false, Some(From::Packet { place, octets: 1 })) => Step::Octet(place),
            (false, Some(From::Packet { place, octets: 2 })) => Step::Half(place),
            (false, Some(From::Packet { place, octets: 4 })) => Step::Word(place),
            (index, Some(from)) => Step::Load { index, from },
        },
        class @ (2 | 3) => Step::Store { index: class == 3, cell: k },
        4 => Step::Compute { code, k },
        // Backwards too.
        5 if code == 0x05 => next.checked_add_signed(k.cast_signed()).map_or(Step::None, Step::Jump),
        5 => match code & 0xf8 {
            0x10 => Step::IfEqual(k, way),
            0x40 => Step::IfCommon(k, way),
            _ => Step::If { code, k, way },
        },
        6 if code == 0x16 => Step::ReturnAccumulator,
        6 => Step::Return(k),
        _ if code == 0x07 => Step::ToIndex,
        _ if code == 0x87 => Step::FromIndex,
        _ => Step::None,
    }
}

/// What a load instruction loads.
fn source(code: u16, k: u32) -> Option<From> {
    let octets = match code & 0x18 {
        0x00 => 4,
        0x08 => 2,
        0x10 => 1,
        _ => return None,
    };
    match code & 0xe0 {
        0x00 => Some(From::Number(k)),
        0x20 => Some(From::Packet { place: k, octets }),
        0x40 => Some(From::Indexed { place: k, octets }),
        0x60 => Some(From::Memory(k)),
        0x80 => Some(From::Length),
        0xa0 => Some(From::HeaderLength(k)),
        _ => None,
    }
}

fn load(from: From, x: u32, packet: &[u8], length: u32, memory: &[u32; MEMORY]) -> Option<u32> {
    let number = |place: u32, octets: u8| {
        let data = packet.get(place as usize..)?;
        Some(match octets {
            1 => u32::from(*data.first()?),
            2 => u32::from(u16::from_be_bytes(*data.first_chunk()?)),
            _ => u32::from_be_bytes(*data.first_chunk()?),
        })
    };
    match from {
        From::Number(number) => Some(number),
        From::Packet { place, octets } => number(place, octets),
        From::Indexed { place, octets } => number(x.checked_add(place)?, octets),
        From::Memory(cell) => memory.get(cell as usize).copied(),
        From::Length => Some(length),
        From::HeaderLength(place) => packet.get(place as usize).map(|first| u32::from(first & 0xf) * 4),
    }
}

fn compute(code: u16, a: u32, operand: u32) -> Option<u32> {
    Some(match code & 0xf0 {
        0x00 => a.wrapping_add(operand),
        0x10 => a.wrapping_sub(operand),
        0x20 => a.wrapping_mul(operand),
        0x30 => a.checked_div(operand)?,
        0x40 => a | operand,
        0x50 => a & operand,
        0x60 => a.checked_shl(operand).unwrap_or(0),
        0x70 => a.checked_shr(operand).unwrap_or(0),
        0x80 => a.wrapping_neg(),
        0x90 => a.checked_rem(operand)?,
        0xa0 => a ^ operand,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame that filters find something in: VLAN or not, IPv4 with options or IPv6, ports, then anything.
    fn frame() -> impl Strategy<Value = Vec<u8>> {
        let start = prop_oneof![
            Just(vec![8, 0]),
            Just(vec![0x86, 0xdd]),
            Just(vec![0x81, 0, 0, 5, 8, 0]),
            Just(vec![0x88, 0x47, 0, 0, 0x11, 0x40]),
            Just(vec![8, 6]),
        ];
        let first = prop_oneof![Just(0x45u8), Just(0x47), Just(0x60), any::<u8>()];
        let protocol = prop_oneof![Just(6u8), Just(17), Just(1), any::<u8>()];
        (start, first, protocol, prop::collection::vec(any::<u8>(), 0..80)).prop_map(
            |(start, first, protocol, rest)| {
                let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
                frame.extend(start);
                frame.extend([first, 0, 0, 60, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
                frame.extend([0, 53, 0, 80]);
                frame.extend(rest);
                frame
            },
        )
    }

    proptest! {
        #[test]
        fn decides_as_libpcap_does(frames in prop::collection::vec(frame(), 1..20), cut in 0..60usize) {
            for expression in [
                "tcp port 80", "udp and src port 53", "ip6", "vlan 5 and tcp", "mpls", "arp", "host 10.0.0.1",
                "greater 60", "less 70", "ip[0] & 0xf != 5", "icmp[icmptype] = icmp-echo", "tcp[13] & 2 != 0",
                "ether[0] = 2 and len - 14 > 50", "ip[8] * 3 / 2 % 7 = 5", "net 10.0.0.0/8 and not port 80",
                "portrange 50-60", "ip6 protochain 6", "ip proto 17 or ip6 proto 6", "ether[6:4] >> 3 > 5",
                "udp[ip[0]] > 3",
            ] {
                for optimize in [false, true] {
                    let sieve = Sieve::compile(expression, optimize, 1).unwrap();
                    let theirs = pcap::Capture::dead(pcap::Linktype(1)).unwrap().compile(expression, optimize).unwrap();
                    for frame in &frames {
                        let frame = &frame[..frame.len() - cut.min(frame.len())];
                        prop_assert_eq!(
                            sieve.passes(frame, frame.len() as u32), theirs.filter(frame), "{} {:?}", expression, frame
                        );
                    }
                }
            }
        }

        #[test]
        fn any_program_ends(
            program in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), prop_oneof![0..20u32, any::<u32>()]), 0..60),
            packet in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let instructions = program.iter().map(|&(code, jt, jf, k)| Instruction { code: u16::from(code), jt, jf, k });
            let _ = Sieve::new(instructions.collect()).run(&packet, 60);
        }
    }

    #[test]
    fn the_length_is_that_on_the_wire() {
        let sieve = Sieve::compile("greater 1000", true, 1).unwrap();
        assert!(sieve.passes(&[0; 60], 1000) && !sieve.passes(&[0; 60], 999));
    }
}
