//! What a tap NIC gets besides: hooks at the device itself, below IP.

/// A table of the tap `nic` alone: nothing leaves through it, whatever protocol it speaks, and nothing
/// that arrives goes any further than to the sensor, which takes its copy before the hook.
///
/// It is loaded after the NIC appeared and before it comes up, and goes away with it. Not part of the
/// big table, since a rule that names a device which vanishes meanwhile would keep that from loading.
pub fn tap(nic: &str) -> String {
    let table = format!("table netdev panoptes-{nic}");
    let hook = |name: &str| {
        format!(
            "\tchain {name} {{\n\t\ttype filter hook {name} device \"{nic}\" priority filter; policy drop;\n\
             \t\tcounter comment \"dropped\"\n\t}}\n"
        )
    };
    format!("{table}\ndelete {table}\n{table} {{\n{}{}}}\n", hook("ingress"), hook("egress"))
}
