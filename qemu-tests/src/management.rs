//! The management NIC's Ethernet: a switch between the box, QEMU's user network, and hosts of a test.
//!
//! The user network gives the box an address by DHCP and forwards loopback ports to it. It answers for addresses that it
//! does not own when it hears frames that are not for it, so it cannot share a hub with other hosts: this switch hands it
//! only what is sent to it or to everybody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::error::Result;
use crate::port::{MAX_FRAME, Port};

/// A guest of the switch: frames to its hardware address, or to everybody, go into its channel.
type Guests = Arc<Mutex<Vec<([u8; 6], Sender<Vec<u8>>)>>>;

/// The switch, working until it is dropped.
#[derive(Debug)]
pub struct Management {
    nic: Port,
    guests: Guests,
    end: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Management {
    /// A switch between the box's NIC and the user network.
    pub(crate) fn start(nic: Port, user: Port) -> Result<Management> {
        let guests: Guests = Arc::default();
        let end = Arc::new(AtomicBool::new(false));
        let to_user = carry(nic.share()?, user.share()?, end.clone(), Some(guests.clone()));
        let to_nic = carry(user, nic.share()?, end.clone(), None);
        Ok(Management { nic, guests, end, workers: vec![to_user, to_nic] })
    }

    /// Plugs in a host with this hardware address: what the box sends to it comes out of the channel.
    pub fn plug_in(&self, hardware: [u8; 6]) -> Receiver<Vec<u8>> {
        let (sender, receiver) = channel();
        self.guests.lock().unwrap_or_else(PoisonError::into_inner).push((hardware, sender));
        receiver
    }

    /// Sends a frame to the box.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        self.nic.send(frame)
    }
}

impl Drop for Management {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

fn carry(from: Port, to: Port, end: Arc<AtomicBool>, guests: Option<Guests>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = Box::new([0; MAX_FRAME]);
        while !end.load(Ordering::Relaxed) {
            // A QEMU that has ended shows in what its owner does; here there is nobody to tell.
            let Ok(Some(length)) = from.receive(&mut buffer) else { continue };
            let frame = &buffer[..length];
            if let (Some(guests), Some(destination)) = (&guests, frame.get(..6)) {
                let mut for_guest = false;
                let guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
                for (hardware, channel) in guests.iter() {
                    if destination == hardware || destination[0] & 1 == 1 {
                        for_guest |= destination == hardware;
                        let _ = channel.send(frame.to_vec());
                    }
                }
                if for_guest {
                    continue;
                }
            }
            let _ = to.send(frame);
        }
    })
}
