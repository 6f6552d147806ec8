//! The loop of a live sensor: waits for packets and signals, hands packets to the engines, keeps time.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flow::{Ceiling, Engine, Time};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::engines;
use crate::lanes::{LINGER, Lanes};
use crate::live::{LOOK, Port, Ports, Present};
use crate::observer::tag_of;
use crate::report::Totals;
use crate::run::Sensor;
use crate::settings::Settings;
use crate::source::{GATHER_SHARED, Taker, in_order};

/// The longest that the loop sleeps.
pub const SLEEP: Duration = Duration::from_millis(250);
/// How far behind the clock the engines are kept: packets reach us up to this much after their time.
const LAG: Duration = Duration::from_millis(250);

/// Captures until a signal asks to stop.
///
/// # Errors
/// One line: an output failed, or no engine or thread could be made.
pub fn run(settings: &Settings, mut sensor: Sensor, mut ports: Ports) -> Result<(), String> {
    let scan = Duration::from_secs(settings.scan);
    let mut look_at = Instant::now() + LOOK;
    let mut lanes = Lanes::start(ports.opening.threads - 1)?;
    add_engines(settings, &mut sensor, &ports, &lanes)?;
    ports.hand_over(&lanes);
    while sensor.signals.stop().is_none() {
        wait(&sensor, &ports, &lanes, look_at);
        sensor.signals.drain();
        take_packets(&mut sensor, &mut ports, false);
        lanes.pass(&mut sensor.outlet);
        let now = a_little_ago();
        for engine in &mut sensor.engines {
            engine.tick(now, &mut sensor.outlet);
        }
        sensor.take_events();
        sensor.outlet.pass()?;
        if Instant::now() >= look_at {
            look_at = Instant::now() + LOOK;
            let present = Present::now();
            for group in ports.add_new(&present, &sensor.log) {
                take_over(settings, &mut sensor, &ports, group);
            }
            add_engines(settings, &mut sensor, &ports, &lanes)?;
            for port in &mut ports.list {
                port.follow(&present, &ports.opening, scan, &sensor.log)?;
            }
            ports.hand_over(&lanes);
        }
        sensor.status_when_due(|totals| complete(totals, &mut ports, &lanes))?;
    }
    ports.shut();
    sensor.outlet.end();
    lanes.stop(&mut sensor.outlet);
    let end = Instant::now() + LINGER;
    while !ports.are_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
        take_packets(&mut sensor, &mut ports, false);
    }
    take_packets(&mut sensor, &mut ports, true);
    sensor.finish(|totals| complete(totals, &mut ports, &lanes))
}

/// The wall clock less [`LAG`].
pub fn a_little_ago() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(LAG);
    Time::from_nanos(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), i64::from(since.subsec_nanos()))
}

/// Sleeps until packets or a signal come, or something is due.
fn wait(sensor: &Sensor, ports: &Ports, lanes: &Lanes, look_at: Instant) {
    let mut due = look_at.min(sensor.next_status()).saturating_duration_since(Instant::now()).min(SLEEP);
    if ports.wait_for_each_other() {
        due = due.min(Duration::from_millis(u64::from(GATHER_SHARED)));
    }
    let mut descriptors = vec![
        PollFd::new(sensor.signals.as_fd(), PollFlags::POLLIN),
        PollFd::new(lanes.descriptor(), PollFlags::POLLIN),
    ];
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

/// Takes the packets that are there from every interface in turn; `all`: none waits for those of another interface.
fn take_packets(sensor: &mut Sensor, ports: &mut Ports, all: bool) {
    let now = Instant::now();
    for port in &mut ports.list {
        let Some(engine) = sensor.engines.get_mut(port.group) else { continue };
        let mut taker = Taker { engine, sink: &mut sensor.outlet, dump: sensor.dump.as_mut() };
        let taken = port.read(now, &mut taker);
        // A live outlet never fails: its errors are told by the thread that writes.
        let _ = sensor.outlet.pass_if_full();
        if let Err(error) = taken {
            sensor.log.warning(format_args!("interface {}: {error}", port.interface.name));
        }
    }
    // The interfaces of a group are neighbours.
    for ports in ports.list.chunk_by_mut(|one, next| one.together && one.group == next.group) {
        let [first, ..] = &*ports else { continue };
        let Some(engine) = sensor.engines.get_mut(first.group).filter(|_| first.together) else { continue };
        let mut taker = Taker { engine, sink: &mut sensor.outlet, dump: sensor.dump.as_mut() };
        in_order(ports.iter_mut().flat_map(Port::sources).collect(), now, all, &mut taker);
        let _ = sensor.outlet.pass_if_full();
    }
}

/// Reports the flows of an interface that is gone, whose engine another interface has from now on.
fn take_over(settings: &Settings, sensor: &mut Sensor, ports: &Ports, group: usize) {
    let tag = tag_of_group(sensor, ports, group);
    if let Some(engine) = sensor.engines.get_mut(group) {
        engine.flush(&mut sensor.outlet);
        if settings.tag.is_none() {
            engine.set_interface(Some(tag));
        }
    }
}

/// The interface tag of an observation point's records, which no other one has.
fn tag_of_group(sensor: &Sensor, ports: &Ports, group: usize) -> [u8; 4] {
    let first = ports.list.iter().find(|port| port.group == group);
    let name = first.map_or("", |port| port.interface.name.as_str());
    let others = || sensor.engines.iter().enumerate().filter(|(number, _)| *number != group);
    tag_of(name, |tag| others().any(|(_, engine)| engine.config().interface == Some(tag)))
}

/// One engine for each observation point, in each lane; together they keep within the ceilings.
fn add_engines(settings: &Settings, sensor: &mut Sensor, ports: &Ports, lanes: &Lanes) -> Result<(), String> {
    for (number, observer) in ports.groups.iter().enumerate().skip(sensor.engines.len()) {
        let tag = tag_of_group(sensor, ports, number);
        let mut config = engines::config(settings, *observer, Some(tag));
        let share = lanes.count() + 1;
        let others = sensor.engines.first().and_then(|engine| engine.config().ceiling.clone());
        config.ceiling = Some(others.unwrap_or_else(|| Ceiling::new(&config)));
        let mut engine = |lane: usize| {
            config.lane = (u32::try_from(lane).unwrap_or(0), u32::try_from(share).unwrap_or(1));
            Engine::new(config.clone()).map_err(|error| error.to_string())
        };
        for lane in 0..lanes.count() {
            lanes.engine(lane, engine(lane + 1)?);
        }
        sensor.engines.push(engine(0)?);
    }
    Ok(())
}

/// What the interfaces and the other lanes add to a management record.
fn complete(totals: &mut Totals, ports: &mut Ports, lanes: &Lanes) {
    totals.dropped = ports.list.iter_mut().map(|port| port.dropped()).sum();
    totals.interfaces = u32::try_from(ports.list.len()).unwrap_or(u32::MAX);
    lanes.add_to(totals);
    if let Some(first) = ports.list.first() {
        totals.link = first.link;
        totals.up = first.up && first.is_open();
    }
}
