//! A flood against the engine alone: `flood [-mAJZ] [--udp] [--flows N] [--ceiling N] [--octets N] [--rounds N]`.
//!
//! Opens `--flows` distinct flows, then sends `--rounds` more packets of each in turn. Prints what a packet costs, what
//! a flow takes of the resident set, and whether the packets of the records add up. Time and memory come from the
//! kernel's account of this process.

use flow::{Config, Engine, Time};
use packet::{Dissector, LinkType};
use record::RecordView;
use std::process::ExitCode;

/// A SYN (54 octets) or a datagram (46 octets) of flow `number`.
fn frame(number: u32, udp: bool, frame: &mut Vec<u8>) {
    frame.clear();
    frame.extend_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0]);
    frame.extend_from_slice(&[if udp { 32 } else { 40 }, 0, 1, 0x40, 0, 64, if udp { 17 } else { 6 }, 0, 0]);
    frame.extend_from_slice(&(0x0a00_0000 | number >> 8).to_be_bytes());
    frame.extend_from_slice(&[192, 0, 2, 1]);
    frame.extend_from_slice(&(1024 + (number & 0xff) as u16).to_be_bytes());
    if udp {
        frame.extend_from_slice(&[0x27, 0x0f, 0, 12, 0, 0, b'd', b'a', b't', b'a']);
    } else {
        frame.extend_from_slice(&[0, 80, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0, 0, 0, 0]);
    }
}

/// A line of `/proc/self/status`, in octets.
fn resident(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// CPU seconds of this process, user and system.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // Linux counts in hundredths of a second for every program.
    (ticks(11) + ticks(12)) / 100.0
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("flood: packets were lost");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("flood: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let mut config = Config::default();
    let (mut flows, mut rounds, mut udp) = (1_000_000u32, 1u32, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        match word.as_str() {
            "--flows" => flows = value()?.parse()?,
            "--ceiling" => config.max_flows = value()?.parse()?,
            "--octets" => config.max_octets = value()?.parse()?,
            "--rounds" => rounds = value()?.parse()?,
            "--udp" => udp = true,
            "-U" => config.user_data = value()?.parse()?,
            flags if flags.starts_with('-') => {
                for flag in flags.chars().skip(1) {
                    match flag {
                        'A' => config.application_octets = true,
                        'J' => config.jitter = true,
                        'Z' => config.packet_size = true,
                        'm' => config.mac = true,
                        'R' => {}
                        other => return Err(format!("unknown option {other}").into()),
                    }
                }
            }
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config)?;
    let mut in_records = 0u64;
    let mut sink = |record: &[u8]| {
        in_records += RecordView::new(record).ok().and_then(|view| view.metric()).map_or(0, |m| m.packets());
    };
    let mut octets = Vec::with_capacity(64);
    let before = resident("VmRSS");
    let mut nanos = 0i64;
    for round in 0..=rounds {
        let began = cpu();
        for number in 0..flows {
            frame(number, udp, &mut octets);
            // A million packets in a second, so that no record is due between the first and the second round.
            nanos += 1000;
            let summary = dissector.dissect(&octets, octets.len() as u32);
            engine.packet(Time::from_nanos(1_600_000_000, nanos), &summary, &mut sink);
        }
        let spent = cpu() - began;
        let resident = resident("VmRSS").saturating_sub(before);
        println!(
            "round {round}: {:.0} ns a packet, {} flows open, {} octets resident for each ({} counted)",
            spent * 1e9 / f64::from(flows),
            engine.flows(),
            resident / engine.flows().max(1) as u64,
            engine.octets() / engine.flows().max(1) as u64,
        );
    }
    engine.flush(&mut sink);
    let counters = engine.counters();
    println!(
        "{} packets in, {in_records} in {} records, {} evictions, peak {} KiB",
        counters.packets,
        counters.records,
        counters.evictions,
        resident("VmHWM") / 1024
    );
    Ok(in_records == counters.packets)
}
