//! One end of a cable to QEMU: a pair of Unix datagram sockets, one Ethernet frame a datagram.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};

/// The largest frame that goes through, in octets.
pub const MAX_FRAME: usize = 65_536;
/// The smallest frame on an Ethernet, in octets without frame check sequence (IEEE 802.3); shorter ones are padded.
pub const MIN_FRAME: usize = 60;

/// Our end of a cable; QEMU has the other.
#[derive(Debug)]
pub struct Port {
    socket: UnixDatagram,
    far: PathBuf,
    near: PathBuf,
}

impl Port {
    /// A cable called `name`, its sockets in `folder`.
    pub fn new(folder: &Path, name: &str) -> Result<Port> {
        let near = folder.join(format!("{name}.here"));
        let far = folder.join(format!("{name}.qemu"));
        let socket = UnixDatagram::bind(&near).map_err(Error::file("making", &near))?;
        // A guest that takes no frames (not up yet, stopped) makes the cable full; nobody waits for it for ever.
        socket.set_write_timeout(Some(Duration::from_secs(20))).map_err(Error::file("setting up", &near))?;
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .map_err(Error::file("setting up", &near))?;
        Ok(Port { socket, far, near })
    }

    /// What QEMU's `-netdev` and `netdev_add` want after the id.
    pub fn netdev(&self) -> String {
        format!(
            "local.type=unix,local.path={},remote.type=unix,remote.path={}",
            self.far.display(),
            self.near.display()
        )
    }

    /// Path of QEMU's end, and of ours.
    pub fn paths(&self) -> (&Path, &Path) {
        (&self.far, &self.near)
    }

    /// Puts one frame on the cable; waits while QEMU does not take it.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        match self.socket.send_to(frame, &self.far) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::io(format!("sending a frame to {}", self.far.display()))(error)),
        }
    }

    /// The next frame from QEMU; `None` when there was none for 100 ms.
    pub fn receive(&self, buffer: &mut [u8; MAX_FRAME]) -> Result<Option<usize>> {
        match self.socket.recv(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(Error::io(format!("reading {}", self.near.display()))(error)),
        }
    }

    /// A second handle on the same cable.
    pub fn share(&self) -> Result<Port> {
        let socket = self.socket.try_clone().map_err(Error::file("sharing", &self.near))?;
        Ok(Port { socket, far: self.far.clone(), near: self.near.clone() })
    }

    /// A handle that does not wait for frames.
    pub fn set_nonblocking(&self) -> Result<()> {
        self.socket.set_nonblocking(true).map_err(Error::file("setting up", &self.near))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_whole() {
        let folder = tempfile::tempdir().unwrap();
        let port = Port::new(folder.path(), "em1").unwrap();
        let (far, near) = port.paths();
        let qemu = UnixDatagram::bind(far).unwrap();
        port.send(&[1; 1500]).unwrap();
        qemu.send_to(&[2; 60], near).unwrap();
        let mut buffer = [0; MAX_FRAME];
        assert_eq!(qemu.recv(&mut buffer).unwrap(), 1500);
        assert_eq!(port.receive(&mut buffer).unwrap(), Some(60));
        assert_eq!(port.receive(&mut buffer).unwrap(), None);
    }
}
