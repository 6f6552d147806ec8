//! What must hold for every filter and every record: `not` divides the records, `and` and `or` are
//! intersection and union, no text makes the parser panic, evaluation needs no memory.

mod common;
mod texts;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use filter::{Compat, Filter, NoNames, Options};
use proptest::prelude::*;
use record::dsr::network::status::{SAW_SYN, SAW_SYN_SENT};
use record::{FlowKey, Framer, RecordView};

/// Counts what this thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn compat() -> Options<'static> {
    Options { compat: Some(Compat::V3_0_8), ..Options::default() }
}

/// The octets of some records of every sort: those of the case files, or where these are missing one of each
/// type made here.
fn files() -> Vec<Vec<u8>> {
    let Some(folder) = common::folder() else { return vec![texts::handmade_records()] };
    ["mixed", "tcp", "labeled", "agg"]
        .iter()
        .map(|name| std::fs::read(folder.join(name).with_extension("argus")).expect("a case file"))
        .collect()
}

proptest! {
    // PROPTEST_CASES asks for more.
    #[test]
    fn not_divides_and_intersects_or_unites(left in texts::expression(), right in texts::expression(), historic: bool) {
        let options = if historic { compat() } else { Options::default() };
        let parse = |text: String| Filter::parse_with(&text, &options);
        let (Ok(one), Ok(other)) = (parse(left.clone()), parse(right.clone())) else { return Ok(()) };
        let not = parse(format!("not ({left})"));
        let both = parse(format!("({left}) and ({right})"));
        let either = parse(format!("({left}) or ({right})"));
        // Words that 3.0.8.2 makes no test of stand only alone.
        let (Ok(not), Ok(both), Ok(either)) = (not, both, either) else {
            prop_assert!(historic);
            return Ok(());
        };
        for file in files() {
            for view in common::records(&file) {
                let (a, b) = (one.matches(&view), other.matches(&view));
                prop_assert_eq!(not.matches(&view), !a, "not {}", &left);
                // In 3.0.8.2 an absent value on the left spoils a fraction on the right.
                if !historic {
                    prop_assert_eq!(both.matches(&view), a && b, "{} and {}", &left, &right);
                    prop_assert_eq!(either.matches(&view), a || b, "{} or {}", &left, &right);
                }
            }
        }
    }

    #[test]
    fn a_glance_does_not_err(
        text in texts::expression(),
        historic: bool,
        by_ports: bool,
        octets in texts::damaged_record(),
    ) {
        let options = if historic { compat() } else { Options::default() };
        let Ok(filter) = Filter::parse_with(&text, &options) else { return Ok(()) };
        let mut records: Vec<Vec<u8>> = vec![octets];
        for file in files() {
            records.extend(common::records(&file).iter().map(|view| view.bytes().to_vec()));
        }
        let (mut framer, mut judge) = (Framer::new(), filter.judge(by_ports));
        for record in records {
            // Room for a look at what follows.
            let stream = [&record[..], &[0x13, 0x10, 0, 1], &[0; 2000]].concat();
            let Some(glance) = framer.shapes().and_then(|shapes| shapes.glance(&stream)) else { continue };
            let mut view = glance.view();
            view.repair_direction();
            if let Some(verdict) = judge.verdict(&glance) {
                prop_assert_eq!(verdict, filter.matches(&view), "{}", &text);
                // Whatever the ports say.
                let unknown = view.tcp_status().is_some_and(|state| state & (SAW_SYN | SAW_SYN_SENT) == 0);
                if by_ports && unknown && matches!(view.flow().map(|flow| flow.key), Some(FlowKey::Ipv4(_))) {
                    view.turn();
                    prop_assert_eq!(verdict, filter.matches(&view), "{}, turned", &text);
                }
            }
        }
    }

    #[test]
    fn chains_bind_equally_and_to_the_left(
        first in texts::expression(),
        rest in prop::collection::vec((any::<bool>(), texts::expression()), 1..5),
    ) {
        let mut text = format!("({first})");
        let mut nested = text.clone();
        for (and, operand) in &rest {
            let word = if *and { "and" } else { "or" };
            text = format!("{text} {word} ({operand})");
            nested = format!("({nested}) {word} ({operand})");
        }
        if let (Ok(flat), Ok(nested)) = (Filter::parse(&text), Filter::parse(&nested)) {
            for view in common::records(&files()[0]) {
                prop_assert_eq!(flat.matches(&view), nested.matches(&view));
            }
        }
    }

    #[test]
    fn generated_expressions_are_accepted(text in texts::expression()) {
        if let Err(error) = Filter::parse(&text) {
            return Err(TestCaseError::fail(format!("{text}: {error}")));
        }
    }

    #[test]
    fn any_text_is_refused_or_understood(text in texts::hostile()) {
        for options in [Options::default(), compat(), Options { names: &NoNames, ..Options::remote() }] {
            match Filter::parse_with(&text, &options) {
                Ok(filter) => {
                    prop_assert!(!filter.to_string().is_empty());
                    for view in common::records(&texts::handmade_records()) {
                        let _ = filter.matches(&view);
                    }
                }
                Err(error) => {
                    prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len());
                    prop_assert!(!error.to_string().contains(|c: char| c.is_control()), "{:?}", error.to_string());
                    prop_assert_eq!(error.caret(&text).lines().count(), 2);
                    prop_assert!(!error.historic_lines(&text).is_empty());
                }
            }
        }
    }

    #[test]
    fn any_octets_are_evaluated(text in texts::expression(), octets in texts::damaged_record(), historic: bool) {
        let options = if historic { compat() } else { Options::default() };
        let Ok(filter) = Filter::parse_with(&text, &options) else { return Ok(()) };
        if let Ok(mut view) = RecordView::new(&octets) {
            let _ = filter.matches(&view);
            view.repair_direction();
            view.turn();
            let _ = filter.matches(&view);
        }
    }
}

#[test]
fn a_glance_decides_what_is_asked_for_most() {
    let texts = [
        "tcp and port 443",
        "udp",
        "not arp",
        "host 192.168.0.1 or src net 10",
        "dst port gt 1024",
        "proto 17 or ip",
        "ttl gt 60",
        "syn or fin",
        "dur gt 0.5 or src load gt 1000",
        "vlan or frag or trans gt 1",
    ];
    let filters: Vec<Filter> = texts.iter().map(|text| text.parse().expect("a filter")).collect();
    let mut judges: Vec<filter::Judge> = filters.iter().map(|filter| filter.judge(true)).collect();
    let (mut decided, mut asked) = (0, 0);
    for file in files() {
        for view in common::records(&file).iter().filter(|view| view.kind().has_dsrs()) {
            let stream = [view.bytes(), &[0x13, 0x10, 0, 1], &[0; 2000]].concat();
            let mut framer = Framer::new();
            for judge in &mut judges {
                let glance = framer.shapes().and_then(|shapes| shapes.glance(&stream));
                let verdict = glance.and_then(|glance| judge.verdict(&glance));
                decided += u32::from(verdict.is_some());
                asked += 1;
            }
        }
    }
    assert!(decided * 2 > asked, "only {decided} of {asked} verdicts");
}

#[test]
fn evaluation_allocates_nothing() {
    let filters: Vec<Filter> = texts::LEAVES.iter().filter_map(|text| Filter::parse(text).ok()).collect();
    assert_eq!(filters.len(), texts::LEAVES.len());
    let files = files();
    for file in &files {
        let views = common::records(file);
        let before = ALLOCATIONS.with(Cell::get);
        let mut matched = 0;
        for filter in &filters {
            matched += views.iter().filter(|view| filter.matches(view)).count();
        }
        assert_eq!(
            ALLOCATIONS.with(Cell::get),
            before,
            "memory was allocated while matching {matched} times"
        );
    }
}

#[test]
fn ceilings_hold() {
    let nested = |depth: usize| format!("{}tcp{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(128)).is_ok());
    assert!(Filter::parse(&nested(129)).is_err());
    assert!(Filter::parse(&nested(30_000)).is_err());
    assert!(Filter::parse(&format!("{}tcp", "not ".repeat(10_000))).is_err());
    assert!(Filter::parse(&format!("port {}80", "(".repeat(30_000))).is_err());
    assert!(Filter::parse(&format!("pkts gt {}80", "(".repeat(30_000))).is_err());
    // Long chains nest nothing.
    let chain = format!("port 80{}", " or 443".repeat(9_000));
    assert!(chain.len() < filter::MAX_LENGTH);
    assert!(Filter::parse(&chain).is_ok());
    assert!(Filter::parse_with(&chain, &Options::remote()).is_err());
    assert!(Filter::parse(&" ".repeat(filter::MAX_LENGTH + 1)).is_err());
}
