//! The filter cases beside the specification, and the records that they count.

#![allow(dead_code)] // Each test uses a part.

use std::path::PathBuf;

use filter::{Names, SystemFiles};
use record::dsr::network::{Tcp, status};
use record::{Frame, Framer, RecordView};

/// The folder of the cases, or `None` (said loudly) where the specification is not at hand.
pub fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("spec/filter-cases");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no filter cases at {}", folder.display());
    None
}

/// All records of a file, read as the chapter's settings say: direction rules of the readers, then
/// RA_PORT_DIRECTION="services,wellknown".
pub fn records(file: &[u8]) -> Vec<RecordView<'_>> {
    let mut framer = Framer::new();
    let mut views = Vec::new();
    let mut at = 0;
    loop {
        let (used, frame) = framer.next(&file[at..], true);
        at += used;
        match frame {
            Frame::Record(mut view) => {
                view.repair_direction();
                port_direction(&mut view);
                views.push(view);
            }
            Frame::End { cut: 0, .. } => return views,
            other => panic!("{other:?}"),
        }
    }
}

/// RA_PORT_DIRECTION="services,wellknown" (ra chapter, section 10.2).
fn port_direction(view: &mut RecordView<'_>) {
    let v4_tcp = view.proto() == Some(6) && matches!(view.src_addr(), Some(record::Addr::V4(_)));
    let unknown =
        view.tcp().is_some_and(|tcp| tcp_status(&tcp) & (status::SAW_SYN | status::SAW_SYN_SENT) == 0);
    if !v4_tcp || !unknown {
        return;
    }
    let (Some(src), Some(dst)) = (view.src_port(), view.dst_port()) else { return };
    let known = |port: u16| service_ports().contains(&port);
    let services = match (known(src), known(dst)) {
        (true, false) => true,
        (true, true) => src < dst,
        _ => false,
    };
    if services {
        view.turn();
    }
    let (Some(src), Some(dst)) = (view.src_port(), view.dst_port()) else { return };
    if src != 0 && dst != 0 && (src < 1024 || dst < 1024) && src < dst {
        view.turn();
    }
}

fn tcp_status(tcp: &Tcp) -> u32 {
    tcp.status()
}

/// TCP ports that the services database names.
fn service_ports() -> &'static [u16] {
    static PORTS: std::sync::OnceLock<Vec<u16>> = std::sync::OnceLock::new();
    PORTS.get_or_init(|| {
        let text = std::fs::read_to_string("/etc/services").unwrap_or_default();
        let names = text.lines().filter_map(|line| line.split_whitespace().next());
        names
            .filter(|name| !name.starts_with('#'))
            .flat_map(|name| SystemFiles::etc().service(name))
            .filter_map(|(protocol, port)| (protocol == 6).then_some(port))
            .collect()
    })
}
