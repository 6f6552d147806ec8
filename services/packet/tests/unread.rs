//! Frames that nothing names are flows of their link: no packet is without a flow.

use packet::{Dissector, FrameKey, LinkType, Network, Rules};

fn key(link: i32, frame: &[u8], compat: bool) -> Option<FrameKey> {
    let rules = Rules { compat, ..Rules::default() };
    match Dissector::new(LinkType(link), rules).dissect(frame, frame.len() as u32).network {
        Network::Link(key) => Some(key),
        _ => None,
    }
}

#[test]
fn a_link_type_that_is_not_followed_gives_one_flow() {
    // DLT_USER2: what it holds is nobody's business.
    for compat in [false, true] {
        let key = key(149, &[1, 2, 3], compat).expect("a frame flow");
        assert_eq!(key, FrameKey { ethertype: 0xffff, dsap: 149, ssap: 149, ..FrameKey::default() });
    }
    // The number's low octet is what has room in the key: DLT 258.
    assert_eq!(key(258, &[], false).expect("a frame flow").dsap, 2);
}

#[test]
fn a_frame_too_short_for_its_link_is_counted_by_the_link() {
    for compat in [false, true] {
        let short = key(1, &[0xff; 6], compat).expect("a flow of the link");
        assert_eq!(short, FrameKey { ethertype: 0xffff, dsap: 1, ssap: 1, ..FrameKey::default() });
    }
}
