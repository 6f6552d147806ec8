//! Which of several rings takes a frame: a program for the kernel's packet filter machine (packet(7),
//! PACKET_FANOUT_CBPF).
//!
//! The kernel's own hash goes by ports too, where a packet has them: fragments, and the two directions of a tunnel over
//! UDP, whose ports are not those of the other direction, then go elsewhere than the rest of their flow. This program
//! goes by the pair of addresses, and for TCP, which is next to never fragmented, by the ports besides. An ICMP error goes
//! where the packet goes that it is about.

use crate::socket::Instruction;

/// Where the network header begins, for loads of the filter machine (`SKF_NET_OFF`): wherever the frame begins, which is
/// not the same for sent and received ones.
const NET: u32 = 0xfff0_0000;
/// The frame's protocol, behind the tag that the kernel keeps beside it (`SKF_AD_OFF + SKF_AD_PROTOCOL`).
const PROTOCOL: u32 = 0xffff_f000;

// Memory of the machine.
const AT: u32 = 0;
const HASH: u32 = 1;
const SCRATCH: u32 = 2;
const SOURCE: u32 = 3;
const KIND: u32 = 4;

/// Most tags, and most labels, that are looked behind.
const DEEP: usize = 4;

/// A program whose value is the same for all packets between two ends, in both directions. `key` makes it another one: who
/// sends packets cannot tell which ring takes them.
pub fn by_ends(key: u32) -> Vec<Instruction> {
    let mut program = Program { code: Vec::new(), jumps: Vec::new(), labels: Vec::new(), key };
    program.write();
    program.resolved()
}

#[derive(Clone, Copy)]
struct Label(usize);

struct Program {
    code: Vec<Instruction>,
    /// Unconditional jumps and where they go.
    jumps: Vec<(usize, Label)>,
    /// Where labels are, once that is known.
    labels: Vec<usize>,
    key: u32,
}

impl Program {
    fn put(&mut self, code: u16, k: u32) {
        self.code.push(Instruction { code, jt: 0, jf: 0, k });
    }

    // The machine has an accumulator (A) and an index (X). Loads of packets are at X.
    fn word(&mut self, at: u32) {
        self.put(0x40, NET.wrapping_add(at));
    }
    fn half(&mut self, at: u32) {
        self.put(0x48, NET.wrapping_add(at));
    }
    fn octet(&mut self, at: u32) {
        self.put(0x50, NET.wrapping_add(at));
    }
    fn recall(&mut self, cell: u32) {
        self.put(0x60, cell);
    }
    fn recall_x(&mut self, cell: u32) {
        self.put(0x61, cell);
    }
    fn store(&mut self, cell: u32) {
        self.put(0x02, cell);
    }
    fn store_x(&mut self, cell: u32) {
        self.put(0x03, cell);
    }
    fn add_x(&mut self) {
        self.put(0x0c, 0);
    }
    fn xor_x(&mut self) {
        self.put(0xac, 0);
    }
    fn multiply(&mut self, k: u32) {
        self.put(0x24, k);
    }
    fn and(&mut self, k: u32) {
        self.put(0x54, k);
    }
    fn left(&mut self, k: u32) {
        self.put(0x64, k);
    }
    fn right(&mut self, k: u32) {
        self.put(0x74, k);
    }

    /// X goes on by `k`.
    fn forward(&mut self, k: u32) {
        self.put(0x87, 0);
        self.put(0x04, k);
        self.put(0x07, 0);
        self.store_x(AT);
    }

    /// X goes on by A; its old value is in the memory.
    fn forward_by_a(&mut self) {
        self.recall_x(AT);
        self.add_x();
        self.put(0x07, 0);
        self.store_x(AT);
    }

    fn label(&mut self) -> Label {
        self.labels.push(usize::MAX);
        Label(self.labels.len() - 1)
    }

    fn here(&mut self, label: Label) {
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = self.code.len();
        }
    }

    fn jump(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.put(0x05, 0);
    }

    /// Jumps when A is `k`.
    fn equal(&mut self, k: u32, label: Label) {
        self.code.push(Instruction { code: 0x15, jt: 0, jf: 1, k });
        self.jump(label);
    }

    /// Jumps when A has one of the bits of `k`.
    fn any_bit(&mut self, k: u32, label: Label) {
        self.code.push(Instruction { code: 0x45, jt: 0, jf: 1, k });
        self.jump(label);
    }

    fn resolved(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            let to = self.labels.get(label.0).copied().unwrap_or_default();
            if let Some(instruction) = self.code.get_mut(at) {
                instruction.k = u32::try_from(to.saturating_sub(at + 1)).unwrap_or(0);
            }
        }
        self.code
    }

    /// One of some odd numbers that only the key tells.
    fn odd(&self, number: u32) -> u32 {
        (self.key ^ number.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b) | 1
    }

    fn write(&mut self) {
        let (four, six, other, done) = (self.label(), self.label(), self.label(), self.label());
        let (session, labels) = (self.label(), self.label());
        self.put(0x00, 0);
        for cell in [AT, HASH, SCRATCH, SOURCE, KIND] {
            self.store(cell);
        }
        self.put(0x01, 0);
        self.put(0x20, PROTOCOL);
        for _ in 0..DEEP {
            let (tag, next) = (self.label(), self.label());
            for kind in [0x8100, 0x88a8, 0x9100] {
                self.equal(kind, tag);
            }
            self.jump(next);
            self.here(tag);
            self.half(2);
            self.store(KIND);
            self.forward(4);
            self.recall(KIND);
            self.here(next);
        }
        self.store(KIND);
        self.equal(0x0800, four);
        self.equal(0x86dd, six);
        self.equal(0x8864, session);
        self.equal(0x8847, labels);
        self.equal(0x8848, labels);
        self.jump(other);

        self.here(session);
        self.half(6);
        self.store(SCRATCH);
        self.forward(8);
        self.recall(SCRATCH);
        self.equal(0x0021, four);
        self.equal(0x0057, six);
        self.jump(other);

        self.here(labels);
        let bottom = self.label();
        for _ in 0..DEEP {
            self.octet(2);
            self.any_bit(1, bottom);
            self.forward(4);
        }
        self.jump(other);
        self.here(bottom);
        self.forward(4);
        self.octet(0);
        self.right(4);
        self.equal(4, four);
        self.equal(6, six);

        // What is not IP goes by what it is.
        self.here(other);
        self.put(0x20, PROTOCOL);
        self.multiply(self.odd(1));
        self.store(HASH);
        self.jump(done);

        self.here(four);
        self.ipv4(done, true);
        self.here(six);
        self.ipv6(done, true);
        self.here(done);
        self.recall(HASH);
        self.right(13);
        self.put(0x16, 0);
    }

    /// Mixes what stands for the two ends, in A and SOURCE: the same whichever is first.
    fn pair(&mut self) {
        self.store(SCRATCH);
        self.recall_x(SOURCE);
        self.add_x();
        self.multiply(self.odd(2));
        self.store(HASH);
        self.recall(SCRATCH);
        self.xor_x();
        self.multiply(self.odd(3));
        self.recall_x(HASH);
        self.xor_x();
        self.store(HASH);
        self.recall_x(AT);
    }

    /// The ports of a TCP header.
    fn ports(&mut self, done: Label) {
        self.half(0);
        self.store(SCRATCH);
        self.half(2);
        self.recall_x(SCRATCH);
        self.add_x();
        self.multiply(self.odd(4));
        self.recall_x(HASH);
        self.xor_x();
        self.store(HASH);
        self.jump(done);
    }

    /// What an ICMP message at X quotes, if it is of one of these `kinds`: goes on to an IP header of this `version`.
    fn quoted(&mut self, done: Label, kinds: impl IntoIterator<Item = u32>, version: u32) {
        let (quotes, inner) = (self.label(), self.label());
        self.octet(0);
        for kind in kinds {
            self.equal(kind, quotes);
        }
        self.jump(done);
        self.here(quotes);
        self.forward(8);
        self.octet(0);
        self.right(4);
        self.equal(version, inner);
        self.jump(done);
        self.here(inner);
    }

    /// An IPv4 header at X. `whole`: of a packet, otherwise of what an ICMP error quotes.
    fn ipv4(&mut self, done: Label, whole: bool) {
        self.word(12);
        self.store(SOURCE);
        self.word(16);
        self.pair();
        self.half(6);
        self.any_bit(0x3fff, done);
        let (tcp, error) = (self.label(), self.label());
        let upper = |program: &mut Program| {
            program.octet(0);
            program.and(15);
            program.left(2);
            program.forward_by_a();
        };
        self.octet(9);
        self.equal(6, tcp);
        if whole {
            self.equal(1, error);
        }
        self.jump(done);
        self.here(tcp);
        upper(self);
        self.ports(done);
        if !whole {
            return;
        }
        self.here(error);
        upper(self);
        self.quoted(done, [3, 4, 5, 11, 12], 4);
        self.ipv4(done, false);
    }

    /// An IPv6 header at X.
    fn ipv6(&mut self, done: Label, whole: bool) {
        for (begin, cell) in [(8, SOURCE), (24, KIND)] {
            self.word(begin);
            for at in [4, 8, 12] {
                self.multiply(self.odd(5));
                self.store(SCRATCH);
                self.word(begin + at);
                self.recall_x(SCRATCH);
                self.add_x();
                self.recall_x(AT);
            }
            self.store(cell);
        }
        self.pair();
        let (tcp, error, options, upper) = (self.label(), self.label(), self.label(), self.label());
        self.octet(6);
        self.store(KIND);
        self.forward(40);
        self.recall(KIND);
        self.equal(0, options);
        self.jump(upper);
        // Super-packets of more than 64 KiB have a hop-by-hop header that the rest of their flow has not.
        self.here(options);
        self.octet(0);
        self.store(KIND);
        self.octet(1);
        self.left(3);
        self.put(0x04, 8);
        self.forward_by_a();
        self.here(upper);
        self.recall(KIND);
        self.equal(6, tcp);
        if whole {
            self.equal(58, error);
        }
        self.jump(done);
        self.here(tcp);
        self.ports(done);
        if !whole {
            return;
        }
        self.here(error);
        self.quoted(done, 1..=4, 6);
        self.ipv6(done, false);
    }
}
