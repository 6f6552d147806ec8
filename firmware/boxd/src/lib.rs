//! The one root daemon of the box, and stage 1 of its boot.
//!
//! One program with several faces, chosen by name or first word: `init` is process 1 of the initramfs,
//! `halt` the last program of the box, and without a word it is the daemon that owns everything
//! privileged in between (appliance chapter, sections 2 to 5).

#![forbid(unsafe_code)]

pub mod backoff;
pub mod claim;
pub mod clock;
pub mod console;
pub mod daemon;
pub mod dhcp;
mod disks;
mod files;
mod gpt;
pub mod halt;
mod hardware;
pub mod log;
pub mod machine;
pub mod plan;
pub mod render;
pub mod settings;
pub mod stage1;
pub mod stop;
pub mod supervise;
pub mod users;
