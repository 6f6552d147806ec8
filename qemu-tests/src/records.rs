//! What the box reports, through the programs that a site runs: `ra`, Debian's or ours, and Debian's `radium`.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::ledger::{Counts, FlowKey, Ledger};

/// The columns that a ledger is made from.
const COLUMNS: [&str; 9] =
    ["proto", "saddr", "sport", "daddr", "dport", "spkts", "dpkts", "sbytes", "dbytes"];

/// Debian's `ra`.
pub const DEBIAN_RA: &str = "/usr/bin/ra";
/// Debian's `radium`.
pub const DEBIAN_RADIUM: &str = "/usr/sbin/radium";

/// Our `ra`, built with the image.
pub fn own_ra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/ra")
}

/// An `ra` attached to a radium, storing records in a file.
#[derive(Debug)]
pub struct Collector {
    child: Child,
    file: PathBuf,
    said: PathBuf,
}

impl Collector {
    /// Attaches the `ra` at `program` to the radium at this loopback port; records go to `file`.
    pub fn attach(program: &Path, port: u16, file: &Path) -> Result<Collector> {
        let said = file.with_extension("stderr");
        let log = File::create(&said).map_err(Error::file("making", &said))?;
        let child = Command::new(program)
            .args(["-X", "-S", &format!("127.0.0.1:{port}"), "-w"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(Error::file("starting", program))?;
        Ok(Collector { child, file: file.to_path_buf(), said })
    }

    /// The file with records.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Ends it as a user does, so that it writes out what it holds.
    pub fn stop(mut self) -> Result<PathBuf> {
        interrupt(&mut self.child)?;
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        if self.file.is_file() {
            return Ok(self.file.clone());
        }
        Err(Error::Other(format!("{} was not written; ra said: {}", self.file.display(), said.trim())))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian's radium on a loopback port, fed by another radium.
#[derive(Debug)]
pub struct Relay {
    child: Child,
    /// Where it listens.
    pub port: u16,
}

impl Relay {
    /// Starts it on `port`, attached to the radium at the loopback port `source`; waits until it listens.
    pub fn start(source: u16, port: u16) -> Result<Relay> {
        let child = Command::new(DEBIAN_RADIUM)
            .args(["-X", "-S", &format!("127.0.0.1:{source}"), "-B", "127.0.0.1", "-P", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io(format!("starting {DEBIAN_RADIUM}")))?;
        let relay = Relay { child, port };
        wait_for("a listening Debian radium", Duration::from_secs(10), || {
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(()))
        })?;
        Ok(relay)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The flows in a file of records, read by the `ra` at `program`: the records of a flow summed, management records left
/// out.
pub fn ledger_of(program: &Path, file: &Path) -> Result<Ledger> {
    let output = Command::new(program)
        .args(["-X", "-n", "-c", ",", "-r"])
        .arg(file)
        .arg("-s")
        .args(COLUMNS)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::file("starting", program))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let what = format!("{} -r {}: {}: {}", program.display(), file.display(), output.status, said.trim());
        return Err(Error::Other(what));
    }
    ledger_from(&text)
}

/// The flow records in these files as lines of text, sorted: one record, one line, with everything that tells it from
/// any other. Management records are left out.
pub fn lines_of(program: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for file in files {
        let output = Command::new(program)
            .args(["-X", "-n", "-c", ",", "-u", "-r"])
            .arg(file)
            .arg("-s")
            .args(["srcid", "seq", "stime", "ltime", "flgs", "state"])
            .args(COLUMNS)
            .stdin(Stdio::null())
            .output()
            .map_err(Error::file("starting", program))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Error::Other(format!(
                "ra -r {}: {}: {}",
                file.display(),
                output.status,
                said.trim()
            )));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        lines.extend(
            text.lines()
                .filter(|line| !line.contains(",man,") && !line.starts_with("SrcId"))
                .map(str::to_string),
        );
    }
    lines.sort_unstable();
    Ok(lines)
}

/// A ledger from comma-separated lines of [`COLUMNS`], with or without a line of titles.
fn ledger_from(text: &str) -> Result<Ledger> {
    let mut ledger = Ledger::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let wrong = || Error::Other(format!("ra printed a line that is no record: {line:?}"));
        let [protocol, source, source_port, destination, destination_port, numbers @ ..] = cells.as_slice()
        else {
            return Err(wrong());
        };
        if matches!(*protocol, "man" | "Proto") {
            continue;
        }
        let with_ports = matches!(*protocol, "tcp" | "udp");
        let port = |text: &str| if with_ports { text.parse().map_err(|_| wrong()) } else { Ok(0) };
        let number = |at: usize| numbers.get(at).and_then(|text| text.parse().ok()).ok_or_else(wrong);
        let (Ok(source), Ok(destination)) = (source.parse::<Ipv4Addr>(), destination.parse::<Ipv4Addr>())
        else {
            // IPv6 and Ethernet flows are not the hosts'.
            continue;
        };
        let key = FlowKey {
            protocol: protocol.to_string(),
            source,
            source_port: port(source_port)?,
            destination,
            destination_port: port(destination_port)?,
        };
        let counts = Counts {
            source_packets: number(0)?,
            destination_packets: number(1)?,
            source_octets: number(2)?,
            destination_octets: number(3)?,
        };
        ledger.add(key, &counts);
    }
    Ok(ledger)
}

/// Waits until `ready` gives something.
pub fn wait_for<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = ready()? {
            return Ok(value);
        }
        if Instant::now() > end {
            return Err(Error::Timeout { what: format!("no {what}"), seconds: limit.as_secs() });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// SIGINT, and the time that a program needs to end by it.
fn interrupt(child: &mut Child) -> Result<()> {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    status.map_err(Error::io("starting kill"))?;
    wait_for("end of ra", Duration::from_secs(10), || {
        Ok(child.try_wait().map_err(Error::io("waiting for ra"))?.map(|_| ()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_flow_are_summed() {
        let text = "Proto,SrcAddr,Sport,DstAddr,Dport,SrcPkts,DstPkts,SrcBytes,DstBytes\n\
            man,0,0,0,0,0,0,0,0\n\
            tcp,10.0.0.1,40000,10.0.0.2,80,3,2,200,1600\n\
            tcp,10.0.0.1,40000,10.0.0.2,80,2,2,108,108\n\
            icmp,10.0.0.1,0x0008,10.0.0.2,0x1234,1,1,98,98\n\
            ipv6-icmp,fe80::1,,ff02::2,,1,0,70,0\n";
        let ledger = ledger_from(text).unwrap();
        let sums: Vec<String> = ledger
            .flows()
            .iter()
            .map(|(key, counts)| format!("{key} {} {}", counts.source_packets, counts.destination_octets))
            .collect();
        assert_eq!(sums, ["icmp 10.0.0.1.0 -> 10.0.0.2.0 1 98", "tcp 10.0.0.1.40000 -> 10.0.0.2.80 5 1708"]);
        assert!(ledger_from("nonsense").is_err());
    }
}
