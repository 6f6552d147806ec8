//! The one root daemon of the box, and stage 1 of its boot.

use std::process::ExitCode;

const USAGE: &str = "usage: boxd [init | halt [reboot|poweroff]]";

fn main() -> ExitCode {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let name = words.next().unwrap_or_default();
    let words: Vec<String> = words.collect();
    // The kernel starts the initramfs's program as "/init" with whatever words it did not understand
    // itself on its command line; none of them is for us.
    if name.rsplit('/').next() == Some("init") {
        boxd::stage1::run();
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["init"] => boxd::stage1::run(),
        ["halt"] => boxd::halt::run(boxd::halt::requested()),
        ["halt", "reboot"] => boxd::halt::run(boxd::halt::End::Reboot),
        ["halt", "poweroff"] => boxd::halt::run(boxd::halt::End::PowerOff),
        _ => {
            eprintln!("boxd: {USAGE}");
            ExitCode::from(2)
        }
    }
}
