//! Checked reads from and writes to byte slices; every multi-octet field of the format goes through here.

/// `N` octets at `at`, or `None` when the slice ends before.
#[inline]
pub(crate) fn array<const N: usize>(b: &[u8], at: usize) -> Option<[u8; N]> {
    b.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[inline]
pub(crate) fn byte(b: &[u8], at: usize) -> Option<u8> {
    b.get(at).copied()
}

#[inline]
pub(crate) fn be16(b: &[u8], at: usize) -> Option<u16> {
    array(b, at).map(u16::from_be_bytes)
}

#[inline]
pub(crate) fn be32(b: &[u8], at: usize) -> Option<u32> {
    array(b, at).map(u32::from_be_bytes)
}

#[inline]
pub(crate) fn be64(b: &[u8], at: usize) -> Option<u64> {
    array(b, at).map(u64::from_be_bytes)
}

#[inline]
pub(crate) fn le16(b: &[u8], at: usize) -> Option<u16> {
    array(b, at).map(u16::from_le_bytes)
}

#[inline]
pub(crate) fn le32(b: &[u8], at: usize) -> Option<u32> {
    array(b, at).map(u32::from_le_bytes)
}

#[inline]
pub(crate) fn bef32(b: &[u8], at: usize) -> Option<f32> {
    be32(b, at).map(f32::from_bits)
}

#[inline]
pub(crate) fn lef32(b: &[u8], at: usize) -> Option<f32> {
    le32(b, at).map(f32::from_bits)
}

/// Appending fields; implemented for `Vec<u8>` so that DSRs are written one after another into one buffer.
pub(crate) trait Put {
    fn u8(&mut self, v: u8);
    fn bytes(&mut self, v: &[u8]);
    fn be16(&mut self, v: u16) {
        self.bytes(&v.to_be_bytes());
    }
    fn be32(&mut self, v: u32) {
        self.bytes(&v.to_be_bytes());
    }
    fn be64(&mut self, v: u64) {
        self.bytes(&v.to_be_bytes());
    }
    /// Several words at once: room is looked for only once.
    fn be32s<const N: usize>(&mut self, words: [u32; N]) {
        self.bytes(words.map(u32::to_be_bytes).as_flattened());
    }
    fn le16(&mut self, v: u16) {
        self.bytes(&v.to_le_bytes());
    }
    fn le32(&mut self, v: u32) {
        self.bytes(&v.to_le_bytes());
    }
    fn zeros(&mut self, n: usize) {
        for _ in 0..n {
            self.u8(0);
        }
    }
}

impl Put for Vec<u8> {
    fn u8(&mut self, v: u8) {
        self.push(v);
    }
    fn bytes(&mut self, v: &[u8]) {
        self.extend_from_slice(v);
    }
}
