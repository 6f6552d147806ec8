//! `image-build --out build`: see the library.

use std::path::PathBuf;
use std::process::ExitCode;

use image_build::{Options, build};

const USAGE: &str = "usage: image-build [--out FOLDER] [--cache FOLDER] [--programs FOLDER] [--tree FOLDER] [--lab]

Builds panoptes-<version>-x86_64.img into --out (build) from the source tree (--tree, the current folder), its release
binaries (--programs, target/release) and Debian packages, which are kept in --cache (build/cache). With --lab,
panoptes-<version>-x86_64-lab.img: the same with a root shell on a virtio serial port, for tests.";

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("image-build: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match build(&options) {
        Ok(image) => {
            println!("{}", image.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("image-build: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut options = Options {
        tree: PathBuf::from("."),
        out: PathBuf::from("build"),
        cache: PathBuf::from("build/cache"),
        programs: PathBuf::from("target/release"),
        lab: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("out") => options.out = parser.value()?.into(),
            Long("cache") => options.cache = parser.value()?.into(),
            Long("programs") => options.programs = parser.value()?.into(),
            Long("tree") => options.tree = parser.value()?.into(),
            Long("lab") => options.lab = true,
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(options))
}
