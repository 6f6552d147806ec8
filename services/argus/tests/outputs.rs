//! Outputs that run full, and what version 5 makes of the chapter's capture (1.7; record-format 12.8).
#![allow(clippy::unwrap_used)]

mod common;

use std::process::{Command, Stdio};

use common::{BEGIN, Folder, Seen, flows, installed, many_flows, read, records, run, told};
use record::{Index, RecordView};

#[test]
fn a_disk_that_runs_full_ends_with_a_whole_record_and_only_its_output() {
    let folder = Folder::new();
    let possible = installed("unshare")
        && Command::new("unshare")
            .args(["-rm", "mount", "-t", "tmpfs", "tmpfs"])
            .arg(folder.path(""))
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    if !possible {
        eprintln!("skipped: a small file system needs mount namespaces (root)");
        return;
    }
    folder.write("many.pcap", &many_flows(2000));
    std::fs::create_dir(folder.path("small")).unwrap();
    // 2000 records are about 150 kB. What is in the small file system is seen in the namespace only: it is copied.
    let script = "cd \"$1\" && mount -t tmpfs -o size=64k tmpfs small || exit 9\n\
        \"$2\" -X -r many.pcap -w small/out -w whole; code=$?\n\
        cp small/out cut && exit $code";
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(folder.path(""))
        .arg(env!("CARGO_BIN_EXE_argus"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let told = told(&output);
    assert!(told.contains("small/out: No space left on device"), "{told}");
    assert!(told.contains(": nothing more is written to it"), "{told}");
    assert!(told.lines().last().unwrap().starts_with("argus: small/out: No space left on device"), "{told}");
    assert_eq!(flows(&read(&folder.path("whole"))), 2000);
    // `read` wants whole records to the last octet.
    let cut = flows(&read(&folder.path("cut")));
    assert!((1..2000).contains(&cut), "{cut}");
    // Every record that is not there is told of, the last management record among them.
    let lost: usize = told
        .lines()
        .filter_map(|line| line.strip_suffix(" records lost on the way to slow clients and outputs"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
        .sum();
    assert_eq!(lost, 2000 - cut + 1, "{told}");
}

/// The TCP capture of the record-format chapter's appendix A.
fn appendix() -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1u32] {
        file.extend(word.to_le_bytes());
    }
    let syn_options = [2, 4, 5, 0xb4, 1, 3, 3, 7];
    let (request, answer) = (&b"GET / HTTP/1.0\r\n\r\n"[..], &b"HTTP/1.0 200 OK\r\n\r\nhello"[..]);
    // Time, from the server, IP id, sequence, acknowledgement, flags, window, options, payload.
    type Segment<'a> = (u32, bool, u16, u32, u32, u8, u16, &'a [u8], &'a [u8]);
    let segments: [Segment<'_>; 8] = [
        (0, false, 0x1001, 1000, 0, 2, 64_240, &syn_options, &[]),
        (10_000, true, 0x2001, 5000, 1001, 0x12, 65_160, &syn_options, &[]),
        (20_000, false, 0x1002, 1001, 5001, 0x10, 502, &[], &[]),
        (30_000, false, 0x1003, 1001, 5001, 0x18, 502, &[], request),
        (50_000, true, 0x2002, 5001, 1019, 0x18, 509, &[], answer),
        (60_000, false, 0x1004, 1019, 5025, 0x11, 502, &[], &[]),
        (70_000, true, 0x2003, 5025, 1020, 0x11, 509, &[], &[]),
        (80_000, false, 0x1005, 1020, 5026, 0x10, 502, &[], &[]),
    ];
    for (micros, reply, id, sequence, acknowledged, flags, window, options, payload) in segments {
        let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (from, to, source, target) =
            if reply { (server, client, 80u16, 40_000u16) } else { (client, server, 40_000, 80) };
        let mut frame = vec![2, 0, 0, 0, 0, to[3], 2, 0, 0, 0, 0, from[3], 8, 0, 0x45, 0];
        frame.extend((40 + options.len() as u16 + payload.len() as u16).to_be_bytes());
        frame.extend(id.to_be_bytes());
        frame.extend([0, 0, if reply { 63 } else { 64 }, 6, 0, 0]);
        frame.extend([from, to].concat());
        frame.extend([source.to_be_bytes(), target.to_be_bytes()].concat());
        frame.extend([sequence.to_be_bytes(), acknowledged.to_be_bytes()].concat());
        frame.extend([((5 + options.len() / 4) as u8) << 4, flags]);
        frame.extend(window.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(options);
        frame.extend(payload);
        for word in [BEGIN, micros, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// Record-format chapter 12.8: what argus 5.0.3 makes of that capture with the same options.
const TCP_OF_ARGUS_5: &str = "\
    1510005c01031104c00002017463617000000001020101050a0000010a00000206009c4000500000030219056553f100\
    000000006553f10004c4b40010040204000501280012000300c20018300502200000001f000000090030000000002710\
    000027106553f10004c4b4000000001d000003e8000003fb000013a10000000200000012000000000000000000000000\
    01f61b0705b400006553f100042c1d800000001a00001388000013a1000003fb00000002000000180000000000000000\
    0000000001fd1b0705b4000046000a0f000000044b1896804b9896804ad7cab84be4e1c0000000000000000000000002\
    4b9896804be4e1c04b18967f4c189680000000000000000048000303400005103f00032012030203003600480036004e\
    5090000600100010474554202f20485454502f312e300d0a50a0000600100010485454502f312e3020323030204f4b0d\
    4200000502000000000202000000000100080000200000030000000200000002";

#[test]
fn version_5_is_what_argus_5_writes() {
    let folder = Folder::new();
    folder.write("tcp.pcap", &appendix());
    let options = ["--format", "5", "-e", "192.0.2.1", "-A", "-J", "-R", "-Z", "-m", "-U", "16"];
    let output = run(&[&options[..], &["-r", &folder.text("tcp.pcap"), "-w", "-"]].concat());
    assert!(output.status.success(), "{}", told(&output));
    let expected: Vec<u8> = (0..TCP_OF_ARGUS_5.len() / 2)
        .map(|at| u8::from_str_radix(&TCP_OF_ARGUS_5[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let seen = records(&output.stdout);
    let Some(Seen::Flow(ours)) = seen.iter().find(|record| matches!(record, Seen::Flow(_))) else {
        panic!("{seen:?}");
    };
    let (ours, theirs) = (RecordView::new(ours).unwrap(), RecordView::new(&expected).unwrap());
    assert_eq!(ours.bytes().len(), theirs.bytes().len());
    for (ours, theirs) in ours.dsrs().zip(theirs.dsrs()) {
        if ours.header.index() == Some(Index::Jitter) {
            // The last bit of a standard deviation depends on the order of its sums.
            for (ours, theirs) in ours.bytes.chunks(4).zip(theirs.bytes.chunks(4)) {
                let [ours, theirs] = [ours, theirs].map(|word| u32::from_be_bytes(word.try_into().unwrap()));
                assert!(ours.abs_diff(theirs) <= 1, "{ours:#x} {theirs:#x}");
            }
        } else {
            assert_eq!(ours.bytes, theirs.bytes, "{:?}", ours.header.index());
        }
    }
}
