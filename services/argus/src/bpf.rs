//! Compiled packet filters: their instructions, and how `-b` shows them, one a line, in the usual disassembly.

use std::fmt::Write as _;

use packetring::Instruction;

/// The instructions of what libpcap compiled.
///
/// # Errors
/// When libpcap's wrapper, which tells them as text only, does so in another way than expected.
pub fn instructions(program: &pcap::BpfProgram) -> Result<Vec<Instruction>, pcap::Error> {
    let read = |instruction: &pcap::BpfInstruction| parse(&instruction.to_string());
    let all: Option<Vec<_>> = program.get_instructions().iter().map(read).collect();
    all.ok_or_else(|| pcap::Error::PcapError("cannot read the compiled filter".to_owned()))
}

/// From the four numbers that the wrapper prints.
fn parse(text: &str) -> Option<Instruction> {
    let mut numbers = text.split_whitespace();
    Some(Instruction {
        code: numbers.next()?.parse().ok()?,
        jt: numbers.next()?.parse().ok()?,
        jf: numbers.next()?.parse().ok()?,
        k: numbers.next()?.parse().ok()?,
    })
}

/// Operation and operand.
fn words(instruction: Instruction) -> (&'static str, String) {
    let Instruction { code, k, .. } = instruction;
    let memory = || format!("M[{k}]");
    let constant = || format!("#0x{k:x}");
    // Source of an arithmetic operation or a jump: bit 3 says the index register.
    let operand = || if code & 8 != 0 { "x".to_owned() } else { constant() };
    let alu = |name| (name, operand());
    match (code & 7, code) {
        (0, 0x00) => ("ld", constant()),
        (0, 0x20) => ("ld", format!("[{k}]")),
        (0, 0x28) => ("ldh", format!("[{k}]")),
        (0, 0x30) => ("ldb", format!("[{k}]")),
        (0, 0x40) => ("ld", format!("[x + {k}]")),
        (0, 0x48) => ("ldh", format!("[x + {k}]")),
        (0, 0x50) => ("ldb", format!("[x + {k}]")),
        (0, 0x60) => ("ld", memory()),
        (0, 0x80) => ("ld", "#pktlen".to_owned()),
        (1, 0x01) => ("ldx", constant()),
        (1, 0x61) => ("ldx", memory()),
        (1, 0x81) => ("ldx", "#pktlen".to_owned()),
        (1, 0xb1) => ("ldxb", format!("4*([{k}]&0xf)")),
        (2, _) => ("st", memory()),
        (3, _) => ("stx", memory()),
        (4, code) => match code & 0xf0 {
            0x00 => alu("add"),
            0x10 => alu("sub"),
            0x20 => alu("mul"),
            0x30 => alu("div"),
            0x40 => alu("or"),
            0x50 => alu("and"),
            0x60 => alu("lsh"),
            0x70 => alu("rsh"),
            0x80 => ("neg", String::new()),
            0x90 => alu("mod"),
            0xa0 => alu("xor"),
            _ => ("unimp", format!("0x{code:x}")),
        },
        (5, code) => match code & 0xf0 {
            0x00 => ("ja", String::new()),
            0x10 => alu("jeq"),
            0x20 => alu("jgt"),
            0x30 => alu("jge"),
            0x40 => alu("jset"),
            _ => ("unimp", format!("0x{code:x}")),
        },
        (6, 0x06) => ("ret", format!("#{k}")),
        (6, 0x16) => ("ret", String::new()),
        (7, 0x07) => ("tax", String::new()),
        (7, 0x87) => ("txa", String::new()),
        (_, code) => ("unimp", format!("0x{code:x}")),
    }
}

/// The whole program.
pub fn listing(program: &[Instruction]) -> String {
    let mut text = String::new();
    for (at, instruction) in program.iter().enumerate() {
        let (name, operand) = words(*instruction);
        let _ = match (instruction.code & 7 == 5, name) {
            (true, "ja") => {
                write!(text, "({at:03}) {name:<8} {}", at as u64 + 1 + u64::from(instruction.k))
            }
            (true, _) => write!(
                text,
                "({at:03}) {name:<8} {operand:<16} jt {}\tjf {}",
                at + 1 + usize::from(instruction.jt),
                at + 1 + usize::from(instruction.jf)
            ),
            (false, _) => write!(text, "({at:03}) {name:<8} {operand}"),
        };
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `tcpdump -d -y EN10MB udp port 53` prints its first and last lines.
    #[test]
    fn looks_like_tcpdump() {
        let i = |code, jt, jf, k| Instruction { code, jt, jf, k };
        let program = [
            i(0x28, 0, 0, 12),
            i(0x15, 0, 1, 0x86dd),
            i(0xb1, 0, 0, 14),
            i(0x48, 0, 0, 16),
            i(6, 0, 0, 262144),
        ];
        assert_eq!(
            listing(&program),
            "(000) ldh      [12]\n\
             (001) jeq      #0x86dd          jt 2\tjf 3\n\
             (002) ldxb     4*([14]&0xf)\n\
             (003) ldh      [x + 16]\n\
             (004) ret      #262144\n"
        );
        assert_eq!(parse("21 0 1 34525"), Some(i(0x15, 0, 1, 0x86dd)));
        assert_eq!(parse("21 0"), None);
    }
}
