//! Keystrokes (ARGUS_KEYSTROKE): made conversations, counted by ours and by Debian's sensor.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{Folder, argus, installed, ra};

const CONVERSATIONS: u16 = 400;
const PUSH: u8 = 0x18;
const ACK: u8 = 0x10;
const SYN: u8 = 2;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// One connection as it is written: packets with their time in microseconds.
struct Talk {
    port: u16,
    now: u32,
    /// Next sequence numbers of client and server.
    next: [u32; 2],
    packets: Vec<(u32, Vec<u8>)>,
}

impl Talk {
    fn new(port: u16) -> Talk {
        let mut talk = Talk { port, now: 0, next: [1000, 5000], packets: Vec::new() };
        talk.send(0, 0, SYN, 0, None);
        talk.send(1, 0, SYN | ACK, 10_000, None);
        for _ in 0..23 {
            talk.send(0, 0, ACK, 1000, None);
        }
        talk
    }

    fn send(&mut self, side: usize, octets: u16, flags: u8, after: u32, acknowledged: Option<u32>) {
        self.now += after;
        let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (from, to, ports) = if side == 0 { (a, b, [self.port, 22]) } else { (b, a, [22, self.port]) };
        let mut frame = vec![2, 0, 0, 0, 0, to[3], 2, 0, 0, 0, 0, from[3], 8, 0, 0x45, 0];
        frame.extend((40 + octets).to_be_bytes());
        frame.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
        frame.extend(from);
        frame.extend(to);
        frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        frame.extend(self.next[side].to_be_bytes());
        let acknowledged = acknowledged.unwrap_or(self.next[1 - side]);
        frame.extend(if flags & ACK == 0 { 0 } else { acknowledged }.to_be_bytes());
        frame.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        frame.resize(54 + usize::from(octets), b'k');
        self.packets.push((self.now, frame));
        self.next[side] += u32::from(octets) + u32::from(flags & SYN != 0);
    }

    /// Some typing: clean, uneven, or mixed with what is none.
    fn type_some(&mut self, random: &mut Random) {
        let style = random.below(4);
        for _ in 0..2 + random.below(12) {
            match style {
                0 => {
                    self.send(
                        0,
                        random.of(&[48, 48, 48, 10, 200]),
                        PUSH,
                        random.of(&[100_000, 200_000, 200_000]),
                        None,
                    );
                    self.send(1, random.of(&[48, 48, 48, 10, 300]), PUSH, 10_000, None);
                }
                1 => {
                    self.send(0, 48, PUSH, 150_000 + random.below(100_000) as u32, None);
                    self.send(1, 48, PUSH, 1000 + random.below(29_000) as u32, None);
                }
                _ => {
                    match random.below(20) {
                        0..=6 => {
                            let (octets, after) =
                                (random.of(&[48, 60, 128, 20, 200]), random.of(&[10_000, 60_000, 200_000]));
                            self.send(0, octets, PUSH, after, None);
                        }
                        7..=13 => {
                            let (octets, after) =
                                (random.of(&[48, 60, 24, 10, 400]), random.of(&[10_000, 100_000, 200_000]));
                            let back = random.of(&[0, 0, 0, 48, 20]);
                            self.send(1, octets, PUSH, after, Some(self.next[0] - back));
                        }
                        14..=16 => self.send(0, 0, ACK, 1000, None),
                        _ => self.send(1, 0, ACK, 1000, None),
                    }
                    if style == 3 && random.below(10) < 7 {
                        self.send(0, 48, PUSH, 200_000, None);
                        self.send(1, 48, PUSH, 10_000, None);
                    }
                }
            }
            if random.below(2) == 0 {
                self.send(0, 0, ACK, 1000, None);
            }
        }
    }
}

fn capture() -> Vec<u8> {
    let mut random = Random(7);
    let mut packets = Vec::new();
    for port in 0..CONVERSATIONS {
        let mut talk = Talk::new(10_000 + port);
        talk.type_some(&mut random);
        packets.append(&mut talk.packets);
    }
    packets.sort_by_key(|(time, _)| *time);
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (time, frame) in packets {
        let length = frame.len() as u32;
        for word in [1_600_000_000 + time / 1_000_000, time % 1_000_000, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

#[test]
fn counts_as_the_reference_does() {
    if !installed("argus") || !installed("ra") {
        eprintln!("skipped: argus and ra (Debian's argus-server, argus-client) are needed");
        return;
    }
    let folder = Folder::new();
    let path = folder.write("typing.pcap", &capture());
    for (number, settings) in [
        // All in one record, in several, SSH (all payloads of multiples of four), other limits, nothing.
        "ARGUS_KEYSTROKE=\"yes\"\nARGUS_FLOW_STATUS_INTERVAL=1000\n",
        "ARGUS_KEYSTROKE=tcp\nARGUS_FLOW_STATUS_INTERVAL=1\n",
        "ARGUS_KEYSTROKE=\"ssh\"\n",
        "ARGUS_KEYSTROKE=\"yes\"\nARGUS_KEYSTROKE_CONF=\"DC_MIN=10;DC_MAX=60;GS_MAX=4;DS_MIN=30;DS_MAX=500;IC_MIN=20000;\
         GPC_MAX=5;ICR_MIN=0.7;ICR_MAX=1.3\"\n",
        "ARGUS_KEYSTROKE=\"no\"\n",
    ]
    .into_iter()
    .enumerate()
    {
        let conf = folder.write("argus.conf", settings.as_bytes());
        let told = |name: &str, program: &mut Command| {
            let out = folder.text(&format!("{name}{number}.argus"));
            let done = program.args(["-X", "-F", &conf, "-r", &path, "-w", &out]).output().unwrap();
            assert!(done.status.success(), "{name}: {done:?}");
            let fields = ["-s", "stime", "sport", "spkts", "dpkts", "nstroke", "snstroke", "dnstroke"];
            let shown = ra(&["-n", "-r", &out]).args(fields).output().unwrap();
            let text = String::from_utf8_lossy(&shown.stdout).into_owned();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let (ours, theirs) = (told("ours", argus().args(["--compat", "3.0.8"])), told("theirs", &mut Command::new("argus")));
        assert!(theirs.len() > usize::from(CONVERSATIONS), "{settings}: {} lines", theirs.len());
        let differing: Vec<_> = ours.iter().zip(&theirs).filter(|(a, b)| a != b).take(10).collect();
        assert!(ours.len() == theirs.len() && differing.is_empty(), "{settings}: (ours, theirs) {differing:#?}");
        let counting = theirs.iter().filter(|line| !line.ends_with("||")).count();
        assert_eq!(counting > 100, !settings.contains("\"no\""), "{settings}: {counting}");
    }
}
