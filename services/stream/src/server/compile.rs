//! Compiles clients' filters beside the server thread: names in them are looked up, which can take long.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use filter::Filter;

use super::Shared;

/// Compilations at a time; clients beyond it get `ER`. Bounds what clients with slow names can occupy.
const AT_ONCE: usize = 32;

/// A finished compilation, for the client with this number.
pub(super) struct Compiled {
    pub(super) client: u64,
    pub(super) text: String,
    /// The filter, or what is wrong with it.
    pub(super) result: Result<Filter, String>,
}

/// The compilations under way.
pub(super) struct Compiler {
    sender: Sender<Compiled>,
    receiver: Receiver<Compiled>,
    running: usize,
}

impl Compiler {
    pub(super) fn new() -> Compiler {
        let (sender, receiver) = channel();
        Compiler { sender, receiver, running: 0 }
    }

    /// Begins to compile `text` for `client`. False when too many compilations are under way.
    pub(super) fn begin(&mut self, client: u64, text: &str, shared: &Arc<Shared>) -> bool {
        if self.running >= AT_ONCE {
            return false;
        }
        let (text, sender, shared) = (text.to_string(), self.sender.clone(), Arc::clone(shared));
        let begun = std::thread::Builder::new().name("filter".into()).spawn(move || {
            let result = Filter::parse(&text).map_err(|e| e.to_string());
            let _ = sender.send(Compiled { client, text, result });
            shared.wake();
        });
        self.running += usize::from(begun.is_ok());
        begun.is_ok()
    }

    /// The next compilation that has finished.
    pub(super) fn finished(&mut self) -> Option<Compiled> {
        let compiled = self.receiver.try_recv().ok()?;
        self.running = self.running.saturating_sub(1);
        Some(compiled)
    }
}
