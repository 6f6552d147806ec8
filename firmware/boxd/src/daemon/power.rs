//! The power button, through the kernel's input devices.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// `struct input_event` of linux/input.h on 64-bit machines: two words of time, type, code, value.
const EVENT: usize = 24;
/// `EV_KEY`, `KEY_POWER` of linux/input-event-codes.h.
const KEY: u16 = 1;
const POWER: u16 = 116;

/// All power buttons of the machine.
pub struct Buttons(Vec<File>);

impl Buttons {
    /// Opens those there are; none is usual in a virtual machine without ACPI.
    pub fn open() -> Self {
        let inputs = fs::read_dir("/sys/class/input").into_iter().flatten().flatten();
        let buttons = inputs.filter_map(|input| {
            let name = fs::read_to_string(input.path().join("device/name")).ok()?;
            let event = input.file_name().into_string().ok().filter(|name| name.starts_with("event"))?;
            if name.trim() != "Power Button" {
                return None;
            }
            let flags = OFlag::O_NONBLOCK.bits();
            OpenOptions::new().read(true).custom_flags(flags).open(Path::new("/dev/input").join(event)).ok()
        });
        Buttons(buttons.collect())
    }

    /// What to wait for.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(AsFd::as_fd)
    }

    /// Whether one has been pressed. A button that is gone is forgotten.
    pub fn pressed(&mut self) -> bool {
        let mut pressed = false;
        self.0.retain_mut(|button| {
            let mut events = [0; EVENT * 16];
            loop {
                match button.read(&mut events) {
                    Ok(0) => return false,
                    Ok(length) => pressed |= events.get(..length).is_some_and(is_press),
                    Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
                }
            }
        });
        pressed
    }
}

fn is_press(events: &[u8]) -> bool {
    events.chunks_exact(EVENT).any(|event| {
        let word = |at: usize| event.get(at..at + 2).map_or(0, |two| u16::from_ne_bytes([two[0], two[1]]));
        word(16) == KEY && word(18) == POWER && event.get(20..24) == Some(&1i32.to_ne_bytes()[..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_is_not_a_release() {
        let event = |kind: u16, code: u16, value: i32| {
            let mut event = vec![0; 16];
            event.extend(kind.to_ne_bytes());
            event.extend(code.to_ne_bytes());
            event.extend(value.to_ne_bytes());
            event
        };
        assert!(is_press(&[event(0, 0, 0), event(1, 116, 1)].concat()));
        assert!(!is_press(&event(1, 116, 0)));
        assert!(!is_press(&event(1, 30, 1)));
        assert!(!is_press(&event(1, 116, 1)[..20]));
    }
}
