//! Any octets as a stream of records behind an initial one: read to the end, nothing lost uncounted.
#![no_main]

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzz_target;
use stream::{Item, Reader};

fuzz_target!(|input: &[u8]| {
    let mut initial = vec![0; 128];
    initial[..12].copy_from_slice(&[0x83, 0x10, 0, 0x20, 0, 0, 0, 0, 0xe5, 0x71, 0x2d, 0xcb]);
    let stream = Cursor::new(initial).chain(Cursor::new(input.to_vec()));
    let mut reader = Reader::new("input", Box::new(stream)).expect("the initial record is sound");
    let mut last = 0;
    while let Some(item) = reader.next().expect("memory does not fail") {
        let (offset, length) = match item {
            Item::Record { offset, view } => (offset, view.bytes().len() as u64),
            Item::Damage(damage) => (damage.offset, damage.length),
        };
        assert!(offset >= last && length > 0);
        last = offset + length;
    }
    assert!(last <= 128 + input.len() as u64);
});
