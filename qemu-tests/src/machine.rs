//! The image in QEMU: one management NIC, tap NICs, a serial console in a file, a control socket.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::console::Console;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::management::Management;
use crate::port::Port;
use crate::qmp::Qmp;
use crate::shell::{PORT_NAME, Shell};

/// Address that QEMU's user network gives the box.
pub const BOX_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// Hardware address of the management NIC.
pub const MANAGEMENT_MAC: [u8; 6] = [0x52, 0x54, 0, 0x10, 0, 0];
/// PCI slots: disk, management NIC, and from here on the tap NICs, so that the box's names follow the taps' order.
const DISK_SLOT: usize = 3;
const MANAGEMENT_SLOT: usize = 4;
const FIRST_TAP_SLOT: usize = 5;
/// PCI slot of the lab shell's port, behind all NICs.
const SHELL_SLOT: usize = 0x1e;

/// What starts the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF.
    Uefi,
}

/// What machine there is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The image; it is copied, never written.
    pub image: PathBuf,
    /// What starts it.
    pub firmware: Firmware,
    /// How many tap NICs it has at its start.
    pub taps: usize,
    /// `box.toml` for the first boot.
    pub seed: Option<String>,
    /// The file for the serial console; in the machine's own folder when there is none given.
    pub console: Option<PathBuf>,
}

/// A machine that runs. It ends when it is dropped.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    qmp: Qmp,
    console: Console,
    taps: Vec<Option<Port>>,
    management: Management,
    began: Instant,
    folder: PathBuf,
    stopped: Option<Stopped>,
}

/// A machine that does not run: a disk and what goes with it.
#[derive(Debug)]
pub struct Stopped {
    folder: TempDir,
    disk: Disk,
    options: Options,
    web: u16,
    radium: u16,
    boots: u32,
}

impl Machine {
    /// Copies the image and boots it for the first time.
    pub fn boot(options: Options) -> Result<Machine> {
        let folder = tempfile::Builder::new()
            .prefix("panoptes-")
            .tempdir()
            .map_err(Error::io("making a folder for the machine"))?;
        let disk = Disk::copy(&options.image, folder.path())?;
        if let Some(seed) = &options.seed {
            disk.seed(seed)?;
        }
        Stopped { folder, disk, options, web: free_port()?, radium: free_port()?, boots: 0 }.boot()
    }

    /// Loopback port that leads to the web admin.
    pub fn web(&self) -> u16 {
        self.stopped().web
    }

    /// Loopback port that leads to radium.
    pub fn radium(&self) -> u16 {
        self.stopped().radium
    }

    /// The serial console.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// The management NIC's Ethernet.
    pub fn management(&self) -> &Management {
        &self.management
    }

    /// Our end of the tap NIC `number`, from 0; each is given away once in a boot.
    pub fn tap(&mut self, number: usize) -> Result<Port> {
        let tap = self.taps.get_mut(number).and_then(Option::take);
        tap.ok_or_else(|| Error::Other(format!("tap {number} is taken or not there")))
    }

    /// Plugs in one more tap NIC; its other end is what comes back.
    pub fn plug_in(&mut self) -> Result<Port> {
        let number = self.taps.len();
        let port = Port::new(&self.folder, &format!("tap{number}"))?;
        let (far, near) = port.paths();
        let unix = |path: &Path| json!({ "type": "unix", "path": path.display().to_string() });
        let id = format!("tap{number}");
        self.qmp.execute(
            "netdev_add",
            json!({ "type": "dgram", "id": id, "local": unix(far), "remote": unix(near) }),
        )?;
        self.qmp.execute(
            "device_add",
            json!({ "driver": "virtio-net-pci", "id": format!("nic{id}"), "netdev": id, "mac": tap_mac(number),
                "addr": format!("{:#x}", FIRST_TAP_SLOT + number), "romfile": "" }),
        )?;
        self.taps.push(None);
        Ok(port)
    }

    /// Pulls out the tap NIC `number`.
    pub fn pull_out(&mut self, number: usize) -> Result<()> {
        self.qmp.execute("device_del", json!({ "id": format!("nictap{number}") })).map(|_| ())
    }

    /// A root shell, in a lab image.
    pub fn shell(&self) -> Result<Shell> {
        Shell::connect(&self.folder.join("shell"))
    }

    /// QEMU's control socket.
    pub fn qmp(&mut self) -> &mut Qmp {
        &mut self.qmp
    }

    /// How long it has been running.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether QEMU still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills QEMU between two instructions, as a power cut does.
    pub fn kill(mut self) -> Result<Stopped> {
        self.child.kill().map_err(Error::io("killing QEMU"))?;
        self.child.wait().map_err(Error::io("waiting for QEMU"))?;
        self.stopped.take().ok_or_else(|| Error::Other("the machine has ended before".into()))
    }

    /// Waits until the box has switched itself off.
    pub fn wait_for_end(mut self, limit: Duration) -> Result<Stopped> {
        let end = Instant::now() + limit;
        let status: ExitStatus = loop {
            match self.child.try_wait().map_err(Error::io("waiting for QEMU"))? {
                Some(status) => break status,
                None if Instant::now() > end => {
                    let what = "no power-off of the box".to_string();
                    return Err(Error::Timeout { what, seconds: limit.as_secs() });
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        if !status.success() {
            return Err(Error::Other(format!("QEMU: {status}")));
        }
        self.stopped.take().ok_or_else(|| Error::Other("the machine has ended before".into()))
    }

    fn stopped(&self) -> &Stopped {
        // Taken only by the functions that consume the machine.
        self.stopped.as_ref().unwrap_or_else(|| unreachable!("a machine that runs has its disk"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stopped {
    /// Its disk.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Boots it again, with the same disk and loopback ports, and the NICs of its options.
    pub fn boot(mut self) -> Result<Machine> {
        self.boots += 1;
        let folder = self.folder.path().join(format!("boot{}", self.boots));
        fs::create_dir(&folder).map_err(Error::file("making", &folder))?;
        let console = Console::new(&self.options.console.clone().unwrap_or_else(|| folder.join("console")));
        // QEMU writes over the file from its start; an older and longer one must not shine through.
        File::create(console.path()).map_err(Error::file("making", console.path()))?;
        let mut command = qemu(&folder, &self.options, self.disk.path(), console.path())?;

        let nic = Port::new(&folder, "management")?;
        let user = Port::new(&folder, "user")?;
        command
            .arg("-netdev")
            .arg(format!(
                "user,id=user,hostfwd=tcp:127.0.0.1:{}-:443,hostfwd=tcp:127.0.0.1:{}-:561",
                self.web, self.radium
            ))
            .args(["-netdev", &format!("dgram,id=switch,{}", user.netdev())])
            .args(["-netdev", "hubport,id=hub-user,hubid=0,netdev=user"])
            .args(["-netdev", "hubport,id=hub-switch,hubid=0,netdev=switch"])
            .args(["-netdev", &format!("dgram,id=management,{}", nic.netdev())])
            .args(["-device", &nic_device("management", &mac_text(MANAGEMENT_MAC), MANAGEMENT_SLOT)]);
        let mut taps = Vec::new();
        for number in 0..self.options.taps {
            let port = Port::new(&folder, &format!("tap{number}"))?;
            command.args(["-netdev", &format!("dgram,id=tap{number},{}", port.netdev())]).args([
                "-device",
                &nic_device(&format!("tap{number}"), &tap_mac(number), FIRST_TAP_SLOT + number),
            ]);
            taps.push(Some(port));
        }
        let said = folder.join("qemu.log");
        let log = File::create(&said).map_err(Error::file("making", &said))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(Error::io("starting qemu-system-x86_64"))?;
        let began = Instant::now();
        let connected = Qmp::connect(&folder.join("qmp"), Duration::from_secs(20))
            .and_then(|qmp| Ok((qmp, Management::start(nic, user)?)));
        match connected {
            Ok((qmp, management)) => {
                Ok(Machine { child, qmp, console, taps, management, began, folder, stopped: Some(self) })
            }
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                let said = fs::read_to_string(&said).unwrap_or_default();
                Err(Error::Other(format!("QEMU did not start: {error}; it said: {}", said.trim())))
            }
        }
    }
}

/// QEMU with everything but NICs.
fn qemu(folder: &Path, options: &Options, disk: &Path, console: &Path) -> Result<Command> {
    // Whatever becomes of this process, QEMU does not outlive it.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    command.args(["-name", "panoptes", "-nodefaults", "-no-user-config", "-display", "none", "-vga", "std"]);
    command.args(["-smp", "2", "-m", "512", "-rtc", "base=utc", "-no-reboot"]);
    if kvm_works() {
        command.args(["-accel", "kvm", "-cpu", "host"]);
    } else {
        command.args(["-accel", "tcg,thread=multi"]);
    }
    if options.firmware == Firmware::Uefi {
        let variables = folder.join("variables.fd");
        fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables)
            .map_err(Error::io("copying OVMF's variables"))?;
        command
            .args(["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"])
            .args(["-drive", &format!("if=pflash,format=raw,file={}", variables.display())]);
    }
    command
        .args(["-drive", &format!("if=none,id=disk,format=raw,file={}", disk.display())])
        .args(["-device", &format!("virtio-blk-pci,drive=disk,addr={DISK_SLOT:#x},bootindex=0")])
        .args(["-serial", &format!("file:{}", console.display())])
        .args(["-qmp", &format!("unix:{},server=on,wait=off", folder.join("qmp").display())])
        .args([
            "-chardev",
            &format!("socket,id=shell,path={},server=on,wait=off", folder.join("shell").display()),
        ])
        .args(["-device", &format!("virtio-serial-pci,addr={SHELL_SLOT:#x}")])
        .args(["-device", &format!("virtserialport,chardev=shell,name={PORT_NAME}")]);
    Ok(command)
}

fn nic_device(netdev: &str, mac: &str, slot: usize) -> String {
    // Without its option ROM: the firmware is not to boot from the network.
    format!("virtio-net-pci,id=nic{netdev},netdev={netdev},mac={mac},addr={slot:#x},romfile=")
}

fn tap_mac(number: usize) -> String {
    mac_text([0x52, 0x54, 0, 0x20, 0, number as u8 + 1])
}

fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// A loopback port that nobody listens on.
pub fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::io("looking for a free port"))?;
    Ok(listener.local_addr().map_err(Error::io("looking for a free port"))?.port())
}

/// Whether KVM runs guests here: where the CPU says so and a probe gets through the firmware. `/dev/kvm` alone says
/// nothing; on some machines it opens and guests spin for ever.
fn kvm_works() -> bool {
    static WORKS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *WORKS.get_or_init(|| {
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let virtual_machines = flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm");
        virtual_machines && File::options().read(true).write(true).open("/dev/kvm").is_ok() && probe_kvm()
    })
}

/// Lets SeaBIOS start under KVM and say its name on the debug port.
fn probe_kvm() -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let said = folder.path().join("said");
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "qemu-system-x86_64"])
        .args(["-accel", "kvm", "-nodefaults", "-display", "none", "-m", "64"])
        .args(["-chardev", &format!("file,id=said,path={}", said.display())])
        .args(["-device", "isa-debugcon,iobase=0x402,chardev=said"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    let end = Instant::now() + Duration::from_secs(5);
    let mut works = false;
    while !works && Instant::now() < end && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(100));
        works = fs::read_to_string(&said).is_ok_and(|text| text.contains("SeaBIOS"));
    }
    let _ = child.kill();
    let _ = child.wait();
    works
}
