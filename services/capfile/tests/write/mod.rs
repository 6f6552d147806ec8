//! Writes captures in every format, for tests.
#![allow(dead_code)]

/// A packet to write: nanoseconds since 1970, octets, length on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub nanos: u64,
    pub data: Vec<u8>,
    pub length: u32,
}

impl Sample {
    pub fn new(nanos: u64, data: &[u8]) -> Sample {
        Sample { nanos, data: data.to_vec(), length: data.len() as u32 }
    }

    fn seconds(&self) -> u32 {
        (self.nanos / 1_000_000_000) as u32
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    fn two(self, value: u16) -> [u8; 2] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn four(self, value: u32) -> [u8; 4] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn eight(self, value: u64) -> [u8; 8] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }
}

pub fn pcap(samples: &[Sample], link: u32, order: Order, nanos: bool) -> Vec<u8> {
    let mut file = order.four(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
    file.extend([order.two(2), order.two(4)].concat());
    file.extend([0; 8]);
    file.extend(order.four(262_144));
    file.extend(order.four(link));
    for sample in samples {
        let fraction = (sample.nanos % 1_000_000_000) as u32;
        let fraction = if nanos { fraction } else { fraction / 1000 };
        for word in [sample.seconds(), fraction, sample.data.len() as u32, sample.length] {
            file.extend(order.four(word));
        }
        file.extend(&sample.data);
    }
    file
}

/// An interface of a pcapng file.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    pub link: u16,
    /// if_tsresol, when it is written.
    pub resolution: Option<u8>,
    /// if_tsoffset, when it is written.
    pub offset: Option<i64>,
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let length = 12 + body.len().next_multiple_of(4);
    let mut block = [order.four(kind), order.four(length as u32)].concat();
    block.extend(body);
    block.resize(length - 4, 0);
    block.extend(order.four(length as u32));
    block
}

/// Packets go to the interfaces in turn. `kind` is the type of the packet blocks: 6 enhanced, 2 obsolete, 3 simple.
pub fn pcapng(samples: &[Sample], interfaces: &[Interface], order: Order, kind: u32) -> Vec<u8> {
    let mut body = order.four(0x1a2b_3c4d).to_vec();
    body.extend([order.two(1), order.two(0)].concat());
    body.extend([0xff; 8]);
    // shb_userappl and the end of options.
    body.extend([order.two(4), order.two(3)].concat());
    body.extend(b"us!\0");
    body.extend([0; 4]);
    let mut file = block(order, 0x0a0d_0d0a, &body);
    for interface in interfaces {
        let mut body = [order.two(interface.link), order.two(0)].concat();
        body.extend(order.four(262_144));
        if let Some(resolution) = interface.resolution {
            body.extend([order.two(9), order.two(1)].concat());
            body.extend([resolution, 0, 0, 0]);
        }
        if let Some(offset) = interface.offset {
            body.extend([order.two(14), order.two(8)].concat());
            body.extend(order.eight(offset as u64));
        }
        body.extend([0; 4]);
        file.extend(block(order, 1, &body));
    }
    // A block that nobody needs.
    file.extend(block(order, 0x0bad, &[7; 40]));
    for (number, sample) in samples.iter().enumerate() {
        let at = number % interfaces.len();
        let interface = interfaces[at];
        let seconds = sample.nanos / 1_000_000_000;
        let seconds = seconds.wrapping_add_signed(-interface.offset.unwrap_or(0));
        let fraction = u128::from(sample.nanos % 1_000_000_000);
        let stamp = match interface.resolution.unwrap_or(6) {
            power @ ..0x80 => {
                let units = 10u128.pow(u32::from(power));
                u128::from(seconds) * units + fraction * units / 1_000_000_000
            }
            power => {
                let bits = power & 0x7f;
                (u128::from(seconds) << bits) + (fraction << bits).div_ceil(1_000_000_000)
            }
        } as u64;
        let mut body = match kind {
            6 => order.four(at as u32).to_vec(),
            2 => [order.two(at as u16), order.two(0)].concat(),
            _ => Vec::new(),
        };
        if kind != 3 {
            body.extend(order.four((stamp >> 32) as u32));
            body.extend(order.four(stamp as u32));
            body.extend(order.four(sample.data.len() as u32));
        }
        body.extend(order.four(sample.length));
        body.extend(&sample.data);
        file.extend(block(order, kind, &body));
    }
    file
}

pub fn snoop(samples: &[Sample], version: u32, link: u32) -> Vec<u8> {
    let mut file = b"snoop\0\0\0".to_vec();
    file.extend([version.to_be_bytes(), link.to_be_bytes()].concat());
    for sample in samples {
        let padding = sample.data.len().next_multiple_of(4) - sample.data.len();
        let micros = (sample.nanos % 1_000_000_000 / 1000) as u32;
        let record = 24 + sample.data.len() + padding;
        for word in [sample.length, sample.data.len() as u32, record as u32, 0, sample.seconds(), micros] {
            file.extend(word.to_be_bytes());
        }
        file.extend(&sample.data);
        file.resize(file.len() + padding, 0);
    }
    file
}

/// One record of `kind` with so many extension headers; `before` are the octets between header and frame, `wire` what
/// is added to the length on the wire.
pub fn erf_record(sample: &Sample, kind: u8, extensions: usize, before: &[u8], wire: u32) -> Vec<u8> {
    let mut body = Vec::new();
    for left in (0..extensions).rev() {
        body.extend([if left > 0 { 0x83 } else { 3 }, 0, 0, 0, 0, 0, 0, 1]);
    }
    body.extend(before);
    body.extend(&sample.data);
    body.resize(body.len().next_multiple_of(8), 0);
    // Rounded up, so that cutting to nanoseconds gives the same again.
    let fraction = (u128::from(sample.nanos % 1_000_000_000) << 32).div_ceil(1_000_000_000) as u64;
    let stamp = u64::from(sample.seconds()) << 32 | fraction;
    let mut record = stamp.to_le_bytes().to_vec();
    record.extend([if extensions > 0 { kind | 0x80 } else { kind }, 4]);
    record.extend((16 + body.len() as u16).to_be_bytes());
    record.extend([0, 0]);
    record.extend(((sample.length + wire) as u16).to_be_bytes());
    record.extend(body);
    record
}

/// Ethernet, with the frame check sequence counted on the wire.
pub fn erf(samples: &[Sample]) -> Vec<u8> {
    samples.iter().flat_map(|sample| erf_record(sample, 2, 0, &[0, 0], 4)).collect()
}

/// Samples are IPv4 packets without options.
pub fn tsh(samples: &[Sample]) -> Vec<u8> {
    let mut file = Vec::new();
    for sample in samples {
        file.extend(sample.seconds().to_be_bytes());
        file.push(3);
        file.extend(&((sample.nanos % 1_000_000_000 / 1000) as u32).to_be_bytes()[1..]);
        let mut kept = sample.data.clone();
        kept.resize(36, 0);
        file.extend(kept);
    }
    file
}
