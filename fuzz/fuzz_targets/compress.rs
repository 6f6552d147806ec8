//! Any octets as a file of `compress`: an end or an error, never without bound.
#![no_main]

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut octets = vec![0x1f, 0x9d];
    octets.extend_from_slice(input);
    let limit = 1 << 22;
    let Ok(reader) = stream::decompress(Cursor::new(octets), "input") else { return };
    let mut out = Vec::new();
    let _ = reader.take(limit).read_to_end(&mut out);
    // A code of nine bits or more stands for 65 536 octets at most.
    assert!(out.len() <= (input.len() + 1) << 16);
});
