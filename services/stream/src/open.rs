//! Opens a file or standard input, through a decompressor when its first octets say so (record chapter 2.2).

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::Error;
use crate::patient::{Keep, Patient};

/// Memory that a decompressor may use: more than any default setting of the compressors needs, little enough that a
/// hostile file cannot exhaust the machine.
const DECOMPRESSOR_MEMORY: u64 = 256 << 20;

/// Length of the longest magic.
const MAGIC: usize = 6;

/// Opens `path`, `-` being standard input, and decompresses by content.
///
/// # Errors
///
/// [`Error::Io`].
pub fn open(path: &Path) -> Result<Box<dyn Read + Send>, Error> {
    open_plainly(path).map(|opened| opened.input)
}

/// Something that was opened.
pub(crate) struct Opened {
    pub(crate) input: Box<dyn Read + Send>,
    /// The same once more, sharing its position, when its octets are those of a regular file.
    pub(crate) plain: Option<File>,
}

impl From<Box<dyn Read + Send>> for Opened {
    fn from(input: Box<dyn Read + Send>) -> Opened {
        Opened { input, plain: None }
    }
}

/// As [`open`].
pub(crate) fn open_plainly(path: &Path) -> Result<Opened, Error> {
    let name = display(path);
    if path.as_os_str() == "-" {
        return decompress(io::stdin(), &name).map(Opened::from);
    }
    regular(file(path)?, &name)
}

/// As [`open`], for a reader that must not be kept waiting for ever: see [`Patient`].
pub(crate) fn open_patiently(path: &Path, keep: Keep, told: Arc<AtomicBool>) -> Result<Opened, Error> {
    let name = display(path);
    let input = if path.as_os_str() == "-" {
        File::from(io::stdin().as_fd().try_clone_to_owned().map_err(|e| Error::io(&name, e))?)
    } else {
        file(path)?
    };
    if input.metadata().is_ok_and(|kind| kind.is_file()) {
        return if path.as_os_str() == "-" {
            decompress(input, &name).map(Opened::from)
        } else {
            regular(input, &name)
        };
    }
    decompress(Patient::new(input, keep, told), &name).map(Opened::from)
}

/// A file that was opened just now.
fn regular(file: File, name: &str) -> Result<Opened, Error> {
    let fail = |e| Error::io(name, e);
    let mut magic = [0; MAGIC];
    let again = file.try_clone().map_err(fail)?;
    let is_plain = file.metadata().is_ok_and(|kind| kind.is_file())
        && file.read_at(&mut magic, 0).is_ok_and(|got| !is_compressed(magic.get(..got).unwrap_or_default()));
    Ok(Opened { input: decompress(file, name)?, plain: is_plain.then_some(again) })
}

fn file(path: &Path) -> Result<File, Error> {
    let name = display(path);
    let file = File::open(path).map_err(|e| Error::io(&name, e))?;
    let kind = file.metadata().map_err(|e| Error::io(&name, e))?;
    if kind.is_dir() {
        return Err(Error::io(&name, io::ErrorKind::IsADirectory.into()));
    }
    Ok(file)
}

/// The name by which messages call an input.
pub(crate) fn display(path: &Path) -> String {
    if path.as_os_str() == "-" { "(stdin)".into() } else { path.display().to_string() }
}

/// Puts a decompressor over `input` when its first octets are a compressor's magic. `name` is for messages.
///
/// # Errors
///
/// As [`open`].
pub fn decompress<R>(mut input: R, name: &str) -> Result<Box<dyn Read + Send>, Error>
where
    R: Read + Send + 'static,
{
    let fail = |e| Error::io(name, e);
    let mut magic = [0; MAGIC];
    let got = read_up_to(&mut input, &mut magic).map_err(fail)?;
    let head = Cursor::new(magic).take(got as u64);
    let whole = head.chain(input);
    let magic = magic.get(..got).unwrap_or_default();
    Ok(if magic.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::read::MultiGzDecoder::new(whole))
    } else if magic.starts_with(&[0x1f, 0x9d]) {
        Box::new(crate::lzw::Decoder::new(whole))
    } else if magic.starts_with(b"BZh") {
        Box::new(bzip2::read::MultiBzDecoder::new(whole))
    } else if magic.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        let stream =
            liblzma::stream::Stream::new_stream_decoder(DECOMPRESSOR_MEMORY, liblzma::stream::CONCATENATED)
                .map_err(|e| fail(e.into()))?;
        Box::new(liblzma::read::XzDecoder::new_stream(whole, stream))
    } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut decoder = zstd::stream::read::Decoder::new(whole).map_err(fail)?;
        decoder.window_log_max(27).map_err(fail)?;
        Box::new(decoder)
    } else {
        Box::new(whole)
    })
}

/// Whether these first octets of a file are a compressor's magic.
pub fn is_compressed(magic: &[u8]) -> bool {
    let known: [&[u8]; 5] =
        [&[0x1f, 0x8b], &[0x1f, 0x9d], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z', 0], &[0x28, 0xb5, 0x2f, 0xfd]];
    known.iter().any(|start| magic.starts_with(start))
}

/// Reads until `buffer` is full or the input ends; returns how much there was.
pub(crate) fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = buffer.get_mut(got..).filter(|r| !r.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}
