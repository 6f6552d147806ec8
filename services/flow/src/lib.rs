//! Turns packets into Argus flow records: keys, directions, timers, metrics, states.
//!
//! A sensor makes an [`Engine`] from a [`Config`], hands captured frames to [`Engine::frames`] (or dissects a frame with
//! the `packet` crate and hands its summary to [`Engine::packet`]), calls [`Engine::tick`] when nothing comes, and [`Engine::flush`] at the
//! end. Complete encoded records go to a [`Sink`]; [`Counters`] tell what happened. Several interfaces can feed one
//! engine, each with a dissector of its own.
//!
//! | file | what |
//! |---|---|
//! | `engine` | the way of a packet; the public face |
//! | `batch` | the way of many packets |
//! | `lifecycle`, `evict` | when records are due, when flows are forgotten |
//! | `update` | what a packet changes in its flow |
//! | `key`, `tuple` | which packets belong together, and their direction |
//! | `table`, `slab`, `index`, `queue` | bounded memory: flows, optional parts, hash index, timer queues |
//! | `hasher` | the keyed hash of that index |
//! | `ceiling` | what several engines keep together |
//! | `tcp`, `rtp`, `esp`, `fragment`, `fragments` | state by protocol |
//! | `jitter`, `sizes`, `outer`, `keystroke`, `user_data` | optional measurements |
//! | `encode` | records from flows |
//!
//! Rules: flow-model chapter. Sizes: a flow takes at most 192 octets, TCP at most 320, with every option 512.

#![forbid(unsafe_code)]

mod batch;
mod ceiling;
mod config;
mod counters;
mod encode;
mod engine;
mod esp;
mod evict;
mod flow;
mod fragment;
mod fragments;
mod hash;
mod hasher;
mod index;
mod jitter;
mod key;
mod keystroke;
mod lifecycle;
mod outer;
mod queue;
mod rtp;
mod section;
mod sizes;
mod slab;
mod table;
mod tcp;
mod time;
mod tuple;
mod udt;
mod update;
mod user_data;

pub use batch::Frame;
pub use ceiling::Ceiling;
pub use config::{Config, ConfigError, ControlPlane, KeyParts, Timeouts};
pub use counters::Counters;
pub use engine::{Engine, Sink};
pub use keystroke::Keystroke;
pub use record::Cause;
pub use time::Time;
