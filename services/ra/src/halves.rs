//! `-M uni`: a flow as two, one from each end (chapter ra-output, section 3).

use record::dsr::flow::DIRECTION;
use record::dsr::metric::{Counters, Metric};
use record::dsr::network::{Body, Tcp, status};
use record::dsr::time::{SideTime, Time};
use record::{Dsr, Form, Record, RecordView};

/// The record as the view shows it: in true direction and repaired.
pub fn shown(view: &RecordView<'_>) -> Record {
    let mut record = Record::from(view).normalised();
    if !view.is_turned() {
        return record;
    }
    record = record.reversed();
    if let Some(flow) = record.flow_mut() {
        // Tells the next reader that this has been done.
        flow.qualifier |= DIRECTION;
    }
    if let Some(network) = record.network_mut()
        && let Body::Tcp(tcp) = &mut network.body
        && view.tcp_status().is_some_and(|word| word & status::NORMAL_CLOSE != 0)
    {
        match tcp {
            Tcp::Init(tcp) => tcp.status |= status::NORMAL_CLOSE,
            Tcp::Status(tcp) => tcp.status |= status::NORMAL_CLOSE,
            Tcp::Perf(tcp) => tcp.status |= status::NORMAL_CLOSE,
        }
    }
    record
}

/// What one end has sent, as records of one direction: that of the source, that of the destination. An end that has
/// sent nothing has no record. `historic`: as 3.0.8, which leaves encapsulations and keystrokes where they are.
pub fn halves(view: &RecordView<'_>, historic: bool) -> [Option<Record>; 2] {
    let record = shown(view);
    let mut halves = [half(record.clone()), half(record.reversed())];
    if historic {
        let stored = Record::from(view);
        let encaps = stored.encaps().cloned().map(Dsr::Encaps);
        let behavior = stored.behavior().copied().map(Dsr::Behavior);
        for half in halves.iter_mut().flatten() {
            encaps.iter().chain(&behavior).for_each(|dsr| half.set(dsr.clone()));
        }
    }
    halves
}

fn half(mut record: Record) -> Option<Record> {
    let metric = *record.metric()?;
    if metric.src.packets == 0 {
        return None;
    }
    if let Some((start, end)) = record.times().src {
        let qualifier = record.time().map_or(record::dsr::time::ABSOLUTE_USEC, |time| time.qualifier);
        let time = Time::sides(Some(SideTime { start, end: Some(end) }), None);
        record.set(Dsr::Time(Time { qualifier, ..time }));
    }
    record.set(Dsr::Metric(Metric { dst: Counters::default(), ..metric }));
    Some(record)
}

/// Encodes a record into a buffer, which is emptied first.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), record::EncodeError> {
    out.clear();
    record.encode(Form::Sensor, record.header().version(), out).map(drop)
}
