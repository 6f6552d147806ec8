//! What happens at an access to a part of a map that is not to be had.
//!
//! The handler looks whether the address lies in one of the guarded maps. If so it puts zero pages there, from the page of
//! the address to the map's end, notes it, and the access is made again; if not, things go on as if there were no
//! handler. It does nothing but load and store atoms and call the system, which a handler may (signal-safety(7)).

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use libc::{c_int, c_void, sigaction, siginfo_t};

/// Maps that can be guarded at a time: more than a process has files open for reading, in one thread each.
const MOST: usize = 256;

/// Where a guarded map is.
struct Region {
    taken: AtomicBool,
    /// Its first octet; 0 while there is none.
    start: AtomicUsize,
    /// Behind its last octet.
    end: AtomicUsize,
    met: AtomicBool,
}

static REGIONS: [Region; MOST] = [const {
    Region {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        met: AtomicBool::new(false),
    }
}; MOST];

/// Octets of a page; what was done at such a signal before there was this handler.
static BEFORE: OnceLock<(usize, sigaction)> = OnceLock::new();

/// Guards a map for as long as it lives.
pub(crate) struct Guard {
    region: &'static Region,
}

impl Guard {
    /// # Errors
    ///
    /// `ResourceBusy` when there are [`MOST`] already.
    pub(crate) fn new(octets: &[u8]) -> io::Result<Guard> {
        if BEFORE.get().is_none() {
            install()?;
        }
        let free = |region: &&Region| !region.taken.swap(true, Ordering::Acquire);
        let region = REGIONS.iter().find(free).ok_or(io::ErrorKind::ResourceBusy)?;
        let start = octets.as_ptr().addr();
        region.met.store(false, Ordering::Relaxed);
        region.end.store(start + octets.len(), Ordering::Relaxed);
        region.start.store(start, Ordering::Release);
        Ok(Guard { region })
    }

    #[inline]
    pub(crate) fn has_met_a_fault(&self) -> bool {
        self.region.met.load(Ordering::Relaxed)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.region.start.store(0, Ordering::Relaxed);
        self.region.end.store(0, Ordering::Relaxed);
        self.region.taken.store(false, Ordering::Release);
    }
}

fn install() -> io::Result<()> {
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page = usize::try_from(page).ok().filter(|page| page.is_power_of_two()).unwrap_or(4096);
    let mut before = MaybeUninit::<sigaction>::zeroed();
    // SAFETY: asks what is done now, which the system writes into room for it.
    if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), before.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: of a structure of integers and pointers zeros are a value, and the system has filled it.
    let before = unsafe { before.assume_init() };
    // The handler must find it. Of two threads one comes first, and both have read the same.
    if BEFORE.set((page, before)).is_err() {
        return Ok(());
    }
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_fault;
    // SAFETY: as above; the handler keeps to what handlers may do.
    let done = unsafe {
        let mut action: sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    let Some((page, before)) = BEFORE.get() else { return };
    // SAFETY: the system gives a handler of this kind what it knows of the signal.
    let (address, of_an_access) = unsafe { ((*info).si_addr().addr(), (*info).si_code > 0) };
    if of_an_access && replace(address, *page) {
        return;
    }
    // Somebody else's: the access is made again, or the signal comes again, without this handler.
    // SAFETY: sets what was set before; raising a signal is something that a handler may do.
    unsafe {
        libc::sigaction(signal, before, ptr::null_mut());
        if !of_an_access {
            libc::raise(signal);
        }
    }
}

/// Puts zeros into the map that has this address, from there to its end. False when there is none.
fn replace(address: usize, page: usize) -> bool {
    for region in &REGIONS {
        let (start, end) = (region.start.load(Ordering::Acquire), region.end.load(Ordering::Relaxed));
        // The map's last page is its own to the end.
        let (start, end) = (start & !(page - 1), (end + page - 1) & !(page - 1));
        if start == 0 || !(start..end).contains(&address) {
            continue;
        }
        let from = address & !(page - 1);
        // SAFETY: these pages are a part of the map, which lives as long as its guard. What is put in their place is
        // private, readable, and zero.
        let put = unsafe {
            libc::mmap(
                ptr::with_exposed_provenance_mut(from),
                end - from,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        if put == libc::MAP_FAILED {
            return false;
        }
        region.met.store(true, Ordering::Relaxed);
        return true;
    }
    false
}
