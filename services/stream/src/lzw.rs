//! Decompresses what `compress` wrote (`.Z`): Lempel-Ziv-Welch with codes of 9 to 16 bits, the lowest bit first.

use std::io::{self, BufReader, Read};

/// Octets that tell the format.
const MAGIC: usize = 2;
/// The first width of codes, bits.
const NARROW: u32 = 9;
/// The last width there can be.
const WIDE: u32 = 16;
/// In the octet behind the magic: the code 256 forgets everything.
const CLEARS: u8 = 0x80;
const WIDTH: u8 = 0x1f;
const CLEAR: u16 = 256;
/// Codes come in groups of so many; where the width changes the rest of a group has no meaning.
const GROUP: u32 = 8;

/// Reads the text of a compressed input, in constant memory.
pub(crate) struct Decoder<R> {
    input: BufReader<R>,
    begun: bool,
    ended: bool,
    widest: u32,
    clears: bool,
    width: u32,
    /// Codes read since the width changed.
    codes: u32,
    bits: u32,
    held: u32,
    /// The next code to be given a meaning.
    free: u32,
    /// What a code stands for: another code, and an octet behind it.
    prefix: Vec<u16>,
    suffix: Vec<u8>,
    last: Option<(u16, u8)>,
    /// Octets still to be given, the next one last.
    text: Vec<u8>,
}

fn corrupt(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("compressed data (.Z): {what}"))
}

impl<R: Read> Decoder<R> {
    /// The input begins with the magic.
    pub(crate) fn new(input: R) -> Decoder<R> {
        Decoder {
            input: BufReader::new(input),
            begun: false,
            ended: false,
            widest: WIDE,
            clears: true,
            width: NARROW,
            codes: 0,
            bits: 0,
            held: 0,
            free: 257,
            prefix: vec![0; 1 << WIDE],
            suffix: (0..1usize << WIDE).map(|code| code as u8).collect(),
            last: None,
            text: Vec::new(),
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let mut head = [0; MAGIC + 1];
        self.input.read_exact(&mut head)?;
        let [.., flags] = head;
        self.widest = u32::from(flags & WIDTH);
        self.clears = flags & CLEARS != 0;
        if !(NARROW..=WIDE).contains(&self.widest) {
            return Err(corrupt("a width of codes that there is not"));
        }
        self.free = if self.clears { u32::from(CLEAR) + 1 } else { u32::from(CLEAR) };
        Ok(())
    }

    fn octet(&mut self) -> io::Result<Option<u8>> {
        let mut octet = [0];
        loop {
            match self.input.read(&mut octet) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(octet[0])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next code; nothing at the end, where less than a code may be left over.
    fn code(&mut self) -> io::Result<Option<u16>> {
        while self.held < self.width {
            let Some(octet) = self.octet()? else { return Ok(None) };
            self.bits |= u32::from(octet) << self.held;
            self.held += 8;
        }
        let code = self.bits & ((1 << self.width) - 1);
        self.bits >>= self.width;
        self.held -= self.width;
        self.codes += 1;
        // Fits: codes have 16 bits at most.
        Ok(Some(code as u16))
    }

    /// Goes on with codes of another width, at the end of the group.
    fn change(&mut self, width: u32) -> io::Result<()> {
        while !self.codes.is_multiple_of(GROUP) && self.code()?.is_some() {}
        (self.width, self.codes, self.bits, self.held) = (width, 0, 0, 0);
        Ok(())
    }

    /// Reads a code and makes its text ready.
    fn advance(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.begin()?;
        }
        if self.free > (1 << self.width) - 1 && self.width < self.widest {
            self.change(self.width + 1)?;
        }
        let Some(code) = self.code()? else {
            self.ended = true;
            return Ok(());
        };
        if code == CLEAR && self.clears {
            // The first code after it gives this one a meaning, which nobody asks for.
            self.free = u32::from(CLEAR);
            return self.change(NARROW);
        }
        let Some((last, first)) = self.last else {
            let octet = u8::try_from(code).map_err(|_| corrupt("the first code is none of an octet"))?;
            self.last = Some((code, octet));
            self.text.push(octet);
            return Ok(());
        };
        let mut at = code;
        if u32::from(code) >= self.free && code > 255 {
            if u32::from(code) > self.free {
                return Err(corrupt("a code without a meaning"));
            }
            // The text of the last code, and its first octet again.
            self.text.push(first);
            at = last;
        }
        // Every code leads to a smaller one, so this ends.
        while let (256.., Some(&prefix), Some(&suffix)) =
            (at, self.prefix.get(usize::from(at)), self.suffix.get(usize::from(at)))
        {
            self.text.push(suffix);
            if prefix >= at {
                return Err(corrupt("a code that leads nowhere"));
            }
            at = prefix;
        }
        // Fits: it is below 256.
        let first = at as u8;
        self.text.push(first);
        if let (Some(prefix), Some(suffix)) =
            (self.prefix.get_mut(self.free as usize), self.suffix.get_mut(self.free as usize))
            && self.free < 1 << self.widest
        {
            (*prefix, *suffix) = (last, first);
            self.free += 1;
        }
        self.last = Some((code, first));
        Ok(())
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut given = 0;
        while given < buffer.len() {
            if self.text.is_empty() {
                // What is there is not kept waiting.
                if self.ended || (given > 0 && self.input.buffer().is_empty()) {
                    break;
                }
                self.advance()?;
                continue;
            }
            let some = self.text.len().min(buffer.len() - given);
            let from = self.text.drain(self.text.len() - some..).rev();
            for (to, octet) in buffer.iter_mut().skip(given).zip(from) {
                *to = octet;
            }
            given += some;
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// Codes of changing width, in groups.
    struct Codes {
        out: Vec<u8>,
        bits: u64,
        held: u32,
        width: u32,
        count: u32,
    }

    impl Codes {
        fn put(&mut self, code: u32) {
            self.bits |= u64::from(code) << self.held;
            self.held += self.width;
            self.count += 1;
            while self.held >= 8 {
                self.out.push(self.bits as u8);
                self.bits >>= 8;
                self.held -= 8;
            }
        }

        fn change(&mut self, width: u32) {
            while !self.count.is_multiple_of(GROUP) {
                self.put(0);
            }
            (self.width, self.count) = (width, 0);
        }

        fn finish(mut self) -> Vec<u8> {
            if self.held > 0 {
                self.out.push(self.bits as u8);
            }
            self.out
        }
    }

    /// Compresses as `compress -b widest` does, forgetting everything after so many codes.
    fn compressed(text: &[u8], widest: u32, clear_after: Option<usize>) -> Vec<u8> {
        let flags = widest as u8 | if clear_after.is_some() { CLEARS } else { 0 };
        let mut codes = Codes { out: vec![0x1f, 0x9d, flags], bits: 0, held: 0, width: NARROW, count: 0 };
        let first_free = if clear_after.is_some() { 257 } else { 256 };
        let (mut known, mut free) = (HashMap::new(), first_free);
        let mut put = 0;
        let mut texts = text.iter();
        let Some(first) = texts.next() else { return codes.finish() };
        let mut present = u32::from(*first);
        for &octet in texts {
            if let Some(&code) = known.get(&(present, octet)) {
                present = code;
                continue;
            }
            codes.put(present);
            put += 1;
            if free < 1 << widest {
                known.insert((present, octet), free);
                free += 1;
                // The reader is one code behind.
                if free > 1 << codes.width && codes.width < widest {
                    codes.change(codes.width + 1);
                }
            }
            if clear_after.is_some_and(|after| put % after == 0) {
                codes.put(u32::from(CLEAR));
                codes.change(NARROW);
                known.clear();
                free = first_free;
            }
            present = octet.into();
        }
        codes.put(present);
        codes.finish()
    }

    fn decoded(octets: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Decoder::new(octets).read_to_end(&mut text).map(|_| text)
    }

    /// Text with and without repetitions, the same every time.
    fn texts() -> Vec<Vec<u8>> {
        let mut state = 1u32;
        let mut random = |limit: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % limit
        };
        vec![
            Vec::new(),
            b"a".to_vec(),
            b"abababababababab".to_vec(),
            vec![0; 100_000],
            (0..50_000).map(|_| random(3) as u8).collect(),
            (0..300_000).map(|_| random(256) as u8).collect(),
        ]
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for (at, text) in texts().iter().enumerate() {
            for widest in [9, 10, 12, 16] {
                for clear in [None, Some(7), Some(1000), Some(70_000)] {
                    let octets = compressed(text, widest, clear);
                    let got = decoded(&octets).expect("sound");
                    assert!(got == *text, "text {at}, {widest} bits, {clear:?}: {} octets", got.len());
                }
            }
        }
    }

    #[test]
    fn gzip_reads_the_same() {
        // At 9 bits it goes on to 10, unlike the program that the format is of.
        let texts = texts();
        for (widest, clear) in [(16, Some(1000)), (16, None), (12, Some(70_000)), (10, None)] {
            let octets = compressed(&texts[4], widest, clear);
            let gzip = Command::new("gzip")
                .arg("-dc")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut gzip) = gzip else {
                eprintln!("skipped: gzip is not installed");
                return;
            };
            let mut input = gzip.stdin.take().expect("a pipe");
            let writer = std::thread::spawn({
                let octets = octets.clone();
                move || drop(input.write_all(&octets))
            });
            let output = gzip.wait_with_output().expect("an end");
            writer.join().expect("no panic");
            assert!(output.stdout == texts[4], "{widest} bits, {clear:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for octets in [
            &[0x1f, 0x9d][..],
            &[0x1f, 0x9d, 0x88, 1, 2],
            &[0x1f, 0x9d, 0x91, 1, 2],
            &[0x1f, 0x9d, 0x90, 0xff, 0xff, 0xff],
            &[0x1f, 0x9d, 0x90, 0x41, 0xfe, 0xff, 0xff],
        ] {
            assert!(decoded(octets).is_err(), "{octets:x?}");
        }
        // An end anywhere is an end.
        let octets = compressed(&texts()[4], 12, Some(1000));
        for end in 3..200 {
            assert!(decoded(&octets[..end]).is_ok(), "{end}");
        }
    }
}
