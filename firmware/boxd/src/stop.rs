//! `boxd stop`: ends the services in the order in which records flow, then the box.
//!
//! All at once would lose the last records: a sensor reports its open flows as it ends, and radium and
//! the archiver must still be there to take them.

use std::io;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::stage1::SERVICE;
use crate::{files, halt, supervise};

/// Kinds of services that stop together, first to last; what is not named stops at the end.
const ORDER: [&[&str]; 3] = [&["argus", "web-admin"], &["radium"], &["archived"]];

/// How long one group may take.
const LIMIT: Duration = Duration::from_secs(12);

/// How long records may be under way from one group to the next.
const SETTLE: Duration = Duration::from_millis(300);

/// Ends the box as `how` says: `reboot` or `poweroff`.
pub fn run(how: &str) -> io::Result<()> {
    files::replace(Path::new(halt::REQUEST), format!("{how}\n").as_bytes())?;
    let present = supervise::present().unwrap_or_default();
    for group in groups(&present) {
        supervise::stop(&group, LIMIT);
        sleep(SETTLE);
    }
    supervise::run(Command::new("s6-svscanctl").args(["-t", SERVICE]))
}

fn groups(present: &[String]) -> Vec<Vec<String>> {
    let of_kinds = |kinds: &&[&str]| -> Vec<String> {
        present.iter().filter(|name| kinds.contains(&supervise::template(name))).cloned().collect()
    };
    ORDER.iter().map(of_kinds).filter(|group| !group.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_flow_to_the_end() {
        let present: Vec<String> =
            ["archived", "argus.em1", "argus.em2", "dhcp.em0", "radium"].map(String::from).into();
        assert_eq!(groups(&present), [&["argus.em1", "argus.em2"][..], &["radium"], &["archived"]]);
    }
}
