//! The loop of a live sensor: waits for packets and signals, hands packets to the engines, keeps time.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flow::{Engine, Time};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::engines;
use crate::live::{LOOK, Ports, Present};
use crate::observer::tag_of;
use crate::report::Totals;
use crate::run::Sensor;
use crate::settings::Settings;

/// The longest that the loop sleeps.
const SLEEP: Duration = Duration::from_millis(250);
/// How far behind the clock the engines are kept: packets reach us up to this much after their time.
const LAG: Duration = Duration::from_millis(250);

/// Captures until a signal asks to stop.
///
/// # Errors
/// One line: an output failed, or no engine could be made.
pub fn run(settings: &Settings, mut sensor: Sensor, mut ports: Ports) -> Result<(), String> {
    let scan = Duration::from_secs(settings.scan);
    let mut look_at = Instant::now() + LOOK;
    add_engines(settings, &mut sensor, &ports)?;
    while sensor.signals.stop().is_none() {
        wait(&sensor, &ports, look_at);
        sensor.signals.drain();
        take_packets(&mut sensor, &mut ports);
        let now = a_little_ago();
        for engine in &mut sensor.engines {
            engine.tick(now, &mut sensor.outlet);
        }
        sensor.take_events();
        sensor.outlet.pass()?;
        if Instant::now() >= look_at {
            look_at = Instant::now() + LOOK;
            let present = Present::now();
            ports.add_new(&present);
            add_engines(settings, &mut sensor, &ports)?;
            let (opening, log) = (ports.opening.clone(), sensor.log.clone());
            for port in &mut ports.list {
                port.follow(&present, &opening, scan, &log)?;
            }
        }
        sensor.status_when_due(|totals| complete(totals, &mut ports))?;
    }
    sensor.finish(|totals| complete(totals, &mut ports))
}

/// The wall clock less [`LAG`].
fn a_little_ago() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(LAG);
    Time::from_nanos(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), i64::from(since.subsec_nanos()))
}

/// Sleeps until packets or a signal come, or something is due.
fn wait(sensor: &Sensor, ports: &Ports, look_at: Instant) {
    let due = look_at.min(sensor.next_status()).saturating_duration_since(Instant::now()).min(SLEEP);
    let mut descriptors = vec![PollFd::new(sensor.signals.as_fd(), PollFlags::POLLIN)];
    descriptors.extend(
        ports
            .list
            .iter()
            .filter_map(|port| port.descriptor())
            .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)),
    );
    // An interruption is a signal, which the loop looks for anyway.
    let _ = poll(&mut descriptors, PollTimeout::try_from(due).unwrap_or(PollTimeout::ZERO));
}

/// Takes the packets that are there from every interface in turn.
fn take_packets(sensor: &mut Sensor, ports: &mut Ports) {
    for port in &mut ports.list {
        let Some(engine) = sensor.engines.get_mut(port.group) else { continue };
        let (outlet, dump) = (&mut sensor.outlet, &mut sensor.dump);
        let taken = port.read(|time, dissector, packet| {
            let summary = dissector.dissect(packet.data, packet.header.len);
            if let Some(dump) = dump {
                dump.packet(dissector.link_type().0, time, packet.data, packet.header.len, &summary);
            }
            engine.packet(time, &summary, outlet);
            // A live outlet never fails: its errors are told by the thread that writes.
            let _ = outlet.pass_if_full();
        });
        if let Err(error) = taken {
            sensor.log.warning(format_args!("interface {}: {error}", port.interface.name));
        }
    }
}

/// One engine for each observation point.
fn add_engines(settings: &Settings, sensor: &mut Sensor, ports: &Ports) -> Result<(), String> {
    for (number, observer) in ports.groups.iter().enumerate().skip(sensor.engines.len()) {
        let first = ports.list.iter().find(|port| port.group == number);
        let name = first.map_or("", |port| port.interface.name.as_str());
        let tag =
            tag_of(name, |tag| sensor.engines.iter().any(|engine| engine.config().interface == Some(tag)));
        let config = engines::config(settings, *observer, Some(tag));
        let engine = Engine::new(config).map_err(|error| error.to_string())?;
        sensor.engines.push(engine);
    }
    Ok(())
}

/// What the interfaces add to a management record.
fn complete(totals: &mut Totals, ports: &mut Ports) {
    totals.dropped = ports.list.iter_mut().map(|port| port.dropped()).sum();
    totals.interfaces = u32::try_from(ports.list.len()).unwrap_or(u32::MAX);
    if let Some(first) = ports.list.first() {
        totals.link = first.link;
        totals.up = first.up && first.is_open();
    }
}
