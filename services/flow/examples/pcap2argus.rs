//! Turns a capture file into a record file: `pcap2argus [-X] [--compat 3.0.8] [-S s] [-AJRZm] [-U n] -r FILE -w FILE`.
//! The engine without the sensor program around it: for tests, measurements and profiles.

use flow::{Config, Engine, Time};
use packet::{Dissector, LinkType};
use record::{Mar, Version};
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pcap2argus: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    let (mut input, mut output) = (None, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} wants a value"));
        match arg.as_str() {
            "-r" => input = Some(value()?),
            "-w" => output = Some(value()?),
            "-S" => config.status_interval = Duration::from_secs_f64(value()?.parse()?),
            "-U" => config.user_data = value()?.parse()?,
            "-F" | "--compat" => config.compat |= value()? == "3.0.8",
            flags if flags.starts_with('-') => {
                for flag in flags.chars().skip(1) {
                    match flag {
                        'A' => config.application_octets = true,
                        'J' => config.jitter = true,
                        'Z' => config.packet_size = true,
                        'm' => config.mac = true,
                        'R' | 'X' => {}
                        other => return Err(format!("unknown option {other}").into()),
                    }
                }
            }
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let input = input.ok_or("-r FILE is missing")?;
    let output = output.ok_or("-w FILE is missing")?;
    let mut capture = pcap::Capture::from_file(&input)?;
    let dissector = Dissector::new(LinkType(capture.get_datalink().0), config.rules());
    let file = OpenOptions::new().create(true).append(true).open(&output)?;
    let mut file = BufWriter::with_capacity(1 << 18, file);
    let mut head = Vec::new();
    let stamp = record::Stamp::from_micros(1_000_000);
    Mar::initial(Version::V3, config.source_id, stamp, stamp).emit(&mut head);
    file.write_all(&head)?;
    let mut engine = Engine::new(config)?;
    let mut failure = None;
    let mut sink = |record: &[u8]| {
        if let Err(error) = file.write_all(record) {
            failure = Some(error);
        }
    };
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                let time = Time::from_pcap(packet.header.ts.tv_sec, packet.header.ts.tv_usec);
                let summary = dissector.dissect(packet.data, packet.header.len);
                engine.packet(time, &summary, &mut sink);
            }
            Err(pcap::Error::NoMorePackets) => break,
            Err(error) => {
                eprintln!("pcap2argus: {input}: {error}");
                break;
            }
        }
    }
    engine.flush(&mut sink);
    if let Some(error) = failure {
        return Err(error.into());
    }
    file.flush()?;
    if std::env::var_os("COUNTERS").is_some() {
        eprintln!("{:?}", engine.counters());
    }
    Ok(())
}
