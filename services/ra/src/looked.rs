//! Ports that 3.0.8 has looked up to print their names. From then on it takes them for known services, named or not,
//! when it asks the ports for the direction of a flow.

use crate::settings::Settings;
use field::style::Names;
use record::RecordView;

const TCP: u8 = 6;

/// Ports of TCP that have been printed.
pub struct LookedUp {
    /// Whether the ports of the source and of the destination are among the columns.
    sides: [bool; 2],
    /// A bit for each.
    ports: Vec<u64>,
}

impl LookedUp {
    /// None so far; `None` where no names are looked up.
    pub fn new(settings: &Settings) -> Option<LookedUp> {
        let shown = |name| settings.columns.list().iter().any(|column| column.field.name == name);
        let sides = [shown("sport"), shown("dport")];
        let looks = settings.style.compat && settings.style.names <= Names::Ports;
        (looks && sides != [false; 2]).then(|| LookedUp { sides, ports: vec![0; 1 << 10] })
    }

    /// Notes the ports of a record that is printed.
    pub fn note(&mut self, view: &RecordView<'_>) {
        if view.proto() != Some(TCP) {
            return;
        }
        let [src, dst] = self.sides;
        let ports = [view.src_port().filter(|_| src), view.dst_port().filter(|_| dst)];
        // Port 0 is printed as a blank.
        for port in ports.into_iter().flatten().filter(|&port| port != 0) {
            if let Some(word) = self.ports.get_mut(usize::from(port >> 6)) {
                *word |= 1 << (port & 63);
            }
        }
    }

    /// Whether a port has been looked up.
    pub fn knows(&self, port: u16) -> bool {
        self.ports.get(usize::from(port >> 6)).is_some_and(|word| word >> (port & 63) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_were_printed_are_known() {
        /// TCP, 192.0.2.1 port 40000 to 192.0.2.2 port 80.
        const KEY: [u8; 24] =
            [0x13, 0x10, 0, 6, 2, 1, 1, 5, 192, 0, 2, 1, 192, 0, 2, 2, 6, 0, 0x9c, 0x40, 0, 80, 0x20, 0x20];
        let view = RecordView::new(&KEY).expect("a record");
        let mut looked = LookedUp { sides: [true, false], ports: vec![0; 1 << 10] };
        assert!(!looked.knows(40_000));
        looked.note(&view);
        assert!(looked.knows(40_000) && !looked.knows(80) && !looked.knows(40_001) && !looked.knows(65_535));
    }
}
