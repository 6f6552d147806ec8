//! Checked reads of big-endian integers; every protocol file uses these and nothing else to look at bytes.

/// The octet at `at`.
#[inline(always)]
pub fn u8_at(data: &[u8], at: usize) -> Option<u8> {
    data.get(at).copied()
}

/// The 16-bit big-endian integer at `at`.
#[inline(always)]
pub fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(array_at(data, at)?))
}

/// The 32-bit big-endian integer at `at`.
#[inline(always)]
pub fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(array_at(data, at)?))
}

/// `N` octets at `at`.
#[inline(always)]
pub fn array_at<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

/// What follows the first `at` octets; empty when there are fewer.
#[inline(always)]
pub fn rest(data: &[u8], at: usize) -> &[u8] {
    data.get(at..).unwrap_or(&[])
}

/// The first `count` octets; all when there are fewer, none when it is negative. There is no branch: whether a capture
/// holds the whole of a packet cannot be foretold.
#[inline(always)]
pub fn first(data: &[u8], count: i32) -> &[u8] {
    let (first, _) = data.split_at(data.len().min(count.max(0) as usize));
    first
}
