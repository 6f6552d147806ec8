//! Any octets as export datagrams, and as a file of them: what comes out are records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netflow::{Datagrams, Decoder, Exporter};
use record::{RecordView, Stamp};

fuzz_target!(|input: &[u8]| {
    let mut decoder = Decoder::new();
    let mut give = |octets: &[u8]| {
        decoder.decode(Exporter::UNKNOWN, Stamp::from_micros(1_700_000_000_000_000), octets, |export| {
            if let Ok(octets) = export.to_record(None).to_bytes() {
                assert!(RecordView::new(&octets).is_ok());
            }
        });
    };
    give(input);
    let mut datagrams = Datagrams::new(input);
    let mut octets = 0;
    while let Ok(Some(datagram)) = datagrams.next() {
        assert!(!datagram.is_empty());
        octets += datagram.len();
        give(datagram);
    }
    assert!(octets <= input.len());
});
