//! RTP and RTCP over UDP, guessed from a flow's first packet (chapter section 7).

/// What a flow's first packet looked like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Rtp,
    Rtcp,
    /// It was RTP until something spoke against it.
    Dropped,
}

/// Packets that one may come behind and still be of the same sequence (RFC 3550, appendix A.1).
const MISORDER: i32 = 100;

/// A step forward that is no loss but a new beginning.
const DROPOUT: i32 = 3000;

/// State of a flow that may be RTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtp {
    pub form: Form,
    /// Bit 1: silence from the source; bit 2: from the destination.
    pub silence: u8,
    /// Latest RTP header (12 octets) or first RTCP header (8 octets) of each side.
    pub headers: [[u8; 12]; 2],
    pub drops: [u16; 2],
    seen: [bool; 2],
}

impl Rtp {
    /// Looks at the first packet of a UDP flow.
    pub fn first(ports: (u16, u16), payload: &[u8], side: usize) -> Option<Rtp> {
        let header = *payload.first_chunk::<12>()?;
        let unlikely = |port: u16| port < 1024 || (7000..=7010).contains(&port);
        if header[0] >> 6 != 2 || unlikely(ports.0) || unlikely(ports.1) {
            return None;
        }
        let form = if is_rtcp(payload) { Form::Rtcp } else { Form::Rtp };
        let mut rtp = Rtp { form, silence: 0, headers: [[0; 12]; 2], drops: [0; 2], seen: [false; 2] };
        rtp.headers[side & 1] = header;
        rtp.seen[side & 1] = true;
        Some(rtp)
    }

    /// Takes a later packet of the flow. Returns the octets of RTP headers in it.
    pub fn next(&mut self, payload: &[u8], octets: i32, side: usize, compat: bool) -> usize {
        let side = side & 1;
        let Some(&header) = payload.first_chunk::<12>() else {
            return 0;
        };
        if header[0] >> 6 != 2 || self.form != Form::Rtp {
            return 0;
        }
        let source = |h: &[u8; 12]| [h[8], h[9], h[10], h[11]];
        let mut length = 12 + usize::from(header[0] & 15) * 4;
        if header[0] & 0x10 != 0 {
            // 3.0.8 takes the length of every extension for implausible.
            let words = payload
                .get(length + 2..length + 4)
                .filter(|_| !compat)
                .map(|two| usize::from(two[0]) << 8 | usize::from(two[1]));
            match words {
                Some(words) if i32::try_from(length + 4 + words * 4).is_ok_and(|end| end <= octets) => {
                    length += 4 + words * 4;
                }
                _ => {
                    self.form = Form::Dropped;
                    return 0;
                }
            }
        }
        let sequence = |h: &[u8; 12]| u16::from_be_bytes([h[2], h[3]]);
        // 3.0.8 takes a sequence number of 0 for no packet yet.
        let known = self.seen[side] && !(compat && sequence(&self.headers[side]) == 0);
        if source(&header) == [0; 4] || (known && source(&header) != source(&self.headers[side])) {
            self.form = Form::Dropped;
            return 0;
        }
        let mut late = false;
        if known {
            let (before, after) = (sequence(&self.headers[side]), sequence(&header));
            // 3.0.8 compares them as plain numbers.
            let step = if compat {
                i32::from(after) - i32::from(before)
            } else {
                i32::from(after.wrapping_sub(before) as i16)
            };
            if step > 1 && (compat || step < DROPOUT) {
                self.drops[side] = self.drops[side].wrapping_add(step as u16 - 1);
            } else if step < 0 {
                self.drops[side] = self.drops[side].saturating_sub(1);
            }
            // 3.0.8 counts the gap to the packet behind a late one again.
            late = !compat && (-MISORDER..=0).contains(&step);
        }
        if !late {
            self.headers[side] = header;
        }
        self.seen[side] = true;
        let payload_octets = octets.saturating_sub(length as i32);
        let kind = header[1] & 0x7f;
        let silent = match kind {
            0 | 8 | 9 | 15 | 18 => payload_octets <= 0 || payload_octets % 10 != 0,
            4 => matches!(payload_octets, 0 | 4),
            _ => false,
        };
        // 3.0.8 listens only where it knows a packet before.
        if silent && (known || !compat) {
            self.silence |= 1 << side;
        }
        if known { length } else { 0 }
    }

    /// Starts the next record.
    pub fn reset(&mut self) {
        self.drops = [0; 2];
        self.silence = 0;
    }
}

/// Whether a chain of RTCP packets holds a sender or receiver report.
fn is_rtcp(mut payload: &[u8]) -> bool {
    while let &[first, kind, high, low, ..] = payload {
        if first >> 6 != 2 {
            return false;
        }
        if matches!(kind, 200 | 201) {
            return true;
        }
        let octets = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        payload = payload.get(octets..).unwrap_or(&[]);
    }
    false
}
