//! What the columns of a management record hold: its counters, under titles made for flows (ra-output 11.3).

use crate::formula::seconds;
use crate::row::{Row, source_text};
use crate::value::Value;
use record::{Cause, Mar};

/// Time of emission.
pub fn now(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Time(mar.now_stamp())
}

/// What stands under the start: the time of emission, in 5.0.3 the start.
pub fn first(mar: &Mar, row: &Row<'_>) -> Value<'static> {
    if row.style.later { start(mar, row) } else { now(mar, row) }
}

/// What stands under the end.
pub fn last(mar: &Mar, row: &Row<'_>) -> Value<'static> {
    if row.style.later { now(mar, row) } else { start(mar, row) }
}

/// Start of the sensor, or time of the previous management record.
pub fn start(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Time(mar.start_stamp())
}

/// Seconds between the two.
pub fn duration(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Float(f64::from(seconds(mar.start_stamp(), mar.now_stamp())))
}

/// The name of the record's kind.
pub fn proto(_: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Name("man")
}

/// Nine blanks.
pub fn flags(_: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Name("         ")
}

/// Flows in the status queue.
pub fn queue(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.queue.into())
}

/// Outstanding allocations.
pub fn buffers(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.bufs.into())
}

/// Allocated octets.
pub fn buffer_octets(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.alloc.into())
}

/// Packets dropped by the kernel.
pub fn dropped(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.dropped.into())
}

/// Connected writers.
pub fn clients(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.clients.into())
}

/// Packets received.
pub fn packets(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.packets)
}

/// Octets received.
pub fn octets(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.bytes)
}

/// Records written.
pub fn records(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.records.into())
}

/// Number of the next transaction.
pub fn sequence(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Uint(mar.next_seq.into())
}

/// Who wrote the record.
pub fn srcid(mar: &Mar, row: &Row<'_>) -> Value<'static> {
    source_text(row, mar.source_id())
}

/// Why it was written.
pub fn cause(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    super::other::cause_name(mar.header.cause)
}

/// The same in three letters.
pub fn state(mar: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Name(match mar.header.cause {
        Cause::Start => "STA",
        Cause::Status => "CON",
        Cause::Stop => "STP",
        Cause::Shutdown => "SHT",
        Cause::Error if mar.header.options & record::OPTION_ACCESS_DENIED != 0 => "ADN",
        Cause::Error if mar.header.options & record::OPTION_MAX_LISTEN != 0 => "MAX",
        Cause::Error => "ERR",
        _ => "",
    })
}

/// Place in the input.
pub fn offset(_: &Mar, row: &Row<'_>) -> Value<'static> {
    Value::Uint(row.offset)
}

/// Ordinal in the output; blank before the first flow.
pub fn rank(_: &Mar, row: &Row<'_>) -> Value<'static> {
    if row.rank == 0 { Value::Absent } else { Value::Uint(row.rank) }
}
