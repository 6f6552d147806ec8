//! Verdicts at a glance, without branches: what records are like follows no pattern that a processor could foresee, and
//! each time it foresees wrongly costs as much as all the rest.
//!
//! Of records whose keys are stored in the same way a filter asks a few words. Each word passes its test or not, the
//! protocol is of one of a few classes to the filter, and from these the verdict is read in a table that the filter's
//! program has filled beforehand. Where a verdict depends on how long a record lasts, and on nothing that the table knows,
//! the program itself is asked.

use field::formula;
use record::{Bits, Count, Counters, Family, Glance, RecordForm, Turn, Value};

use crate::quick::{Asked, Case, Pace, QuickProgram, WordTest};

/// Tests on words of a record, at most; half of them are enough for most filters.
const TESTS: usize = 4;
/// Classes of protocols, at most.
const CLASSES: usize = 8;
/// Places in a table.
const PLACES: usize = CLASSES << TESTS;
/// Tests of the longest program that tables are filled from.
const LONGEST: usize = 64;

/// Judges records at a glance as far as a filter allows it; see [`Filter::judge`](crate::Filter::judge).
#[derive(Debug, Clone)]
pub struct Judge {
    program: QuickProgram,
    /// Whether all match whatever they are.
    always: bool,
    /// Whether readers ask the ports of flows for their direction.
    by_ports: bool,
    classes: Classes,
    /// For each shape.
    rules: Box<[Rule; Glance::SHAPES]>,
    /// Whether any rule has more than half of the tests.
    many: bool,
    /// Whether the program asks what no table tells: for the time that records last.
    by_time: bool,
}

/// What follows for records whose keys are stored in one way.
#[derive(Debug, Clone, Copy)]
struct Rule {
    form: u128,
    /// Whether its table says all; if not, the program is asked.
    is_whole: bool,
    /// The word with the protocol.
    protocol: u8,
    tests: [WordTest; TESTS],
    /// By the class and, in the lower bits, which tests hold. `None`: it must be looked at properly.
    verdicts: [Option<bool>; PLACES],
}

/// Of no form.
const NO_RULE: Rule = Rule {
    form: u128::MAX,
    is_whole: false,
    protocol: 0,
    tests: [WordTest::NEVER; TESTS],
    verdicts: [None; PLACES],
};

impl Rule {
    fn of(judge: &Judge, glance: Glance<'_>) -> Rule {
        let Judge { program, classes, by_ports, .. } = judge;
        let form = glance.form();
        let mut rule = Rule { form: glance.form_code(), protocol: form.protocol(), ..NO_RULE };
        if program.len() > LONGEST || classes.members.len() > CLASSES {
            return rule;
        }
        // Filled for the tests that have been found, until no more are.
        let mut tests = Vec::new();
        while tests.len() <= TESTS {
            let known = tests.len();
            for (class, protocol) in classes.members.iter().enumerate() {
                for held in 0..1_usize << known {
                    let mut imagined = Imagined { tests: &mut tests, held };
                    rule.verdicts[class << TESTS | held] =
                        decide(program, form, (*protocol, *by_ports), &mut imagined);
                }
            }
            if tests.len() == known {
                rule.tests.iter_mut().zip(tests).for_each(|(place, test)| *place = test);
                rule.is_whole = true;
                break;
            }
        }
        rule
    }

    fn has_many_tests(&self) -> bool {
        self.tests[TESTS / 2..].iter().any(|test| *test != WordTest::NEVER)
    }
}

/// A record of which certain tests on words hold. Tests that were not known are added.
struct Imagined<'t> {
    tests: &'t mut Vec<WordTest>,
    /// A bit for each.
    held: usize,
}

impl Asked for Imagined<'_> {
    fn word(&mut self, test: WordTest) -> bool {
        match self.tests.iter().position(|known| *known == test) {
            Some(number) => self.held >> number & 1 != 0,
            None => {
                self.tests.push(test);
                false
            }
        }
    }

    fn lasts(&mut self, _: u64) -> Option<bool> {
        None
    }

    fn goes(&mut self, _: Pace, _: usize, _: f64) -> Option<bool> {
        None
    }
}

/// A record at a glance.
struct Seen<'g> {
    glance: Glance<'g>,
    /// Microseconds that it may last, once they were asked for.
    micros: Option<Option<u64>>,
}

impl Seen<'_> {
    fn micros(&mut self) -> Option<u64> {
        let glance = &self.glance;
        *self.micros.get_or_insert_with(|| glance.plain_micros())
    }

    /// A counter; 0 when there is none. `None` when a glance does not tell.
    fn count(&self, count: Count, side: usize) -> Option<u64> {
        match self.glance.form().counter(count, side) {
            Value::Absent | Value::Zero => Some(0),
            Value::At(bits) => Some(self.glance.number_at(bits).into()),
            Value::Elsewhere => None,
        }
    }
}

impl Asked for Seen<'_> {
    fn word(&mut self, test: WordTest) -> bool {
        test.holds(self.glance.word(test.word))
    }

    fn lasts(&mut self, least: u64) -> Option<bool> {
        let lasts = self.micros()? >= least;
        // A record of one packet lasts no time, whatever its stamps.
        let told = !lasts || least == 0 || self.glance.packets()? > 1;
        told.then_some(lasts)
    }

    fn goes(&mut self, pace: Pace, side: usize, least: f64) -> Option<bool> {
        let packets = self.count(Count::Packets, side)?;
        // Of more than one packet this is the time of either side; of fewer it does not matter.
        let span = formula::micros_as_seconds(self.micros()?.cast_signed());
        let value = match pace {
            Pace::Rate => formula::rate(packets, span),
            Pace::Load => {
                let bytes = self.count(Count::Octets, side)?;
                formula::load(Counters { packets, bytes, ..Counters::default() }, span)
            }
        };
        Some(f64::from(value) >= least)
    }
}

/// The verdict on a record of this protocol. One that a reader may turn round is judged both ways.
fn decide(
    program: &QuickProgram,
    form: &RecordForm,
    (protocol, by_ports): (u8, bool),
    record: &mut impl Asked,
) -> Option<bool> {
    let protocol = (form.family() != Some(Family::Arp)).then_some(protocol);
    let mut run = |turned| program.run(&Case { form, protocol, turned }, record);
    let (straight, turn) = (run(false), form.turn(protocol, by_ports));
    if turn == Turn::Never || straight == run(true) {
        return straight;
    }
    match turn {
        Turn::When(Bits { word, mask }, least) if !record.word(WordTest { word, mask, least, span: 0 }) => {
            straight
        }
        _ => None,
    }
}

/// Protocols by what a filter makes of them.
#[derive(Debug, Clone)]
struct Classes {
    /// For each protocol its class, in its place among the bits of a place in a table.
    places: [u8; 256],
    of: [u8; 256],
    /// One protocol of each.
    members: Vec<u8>,
}

impl Classes {
    /// Those between which the program makes a difference, or a form of keys.
    fn of(program: &QuickProgram) -> Classes {
        let mut classes = Classes { places: [0; 256], of: [0; 256], members: vec![0] };
        for (low, high) in program.protocols() {
            classes.divide(|protocol| (low..=high).contains(&protocol.into()));
        }
        for special in RecordForm::SPECIAL {
            classes.divide(|protocol| protocol == special);
        }
        classes.places = classes.of.map(|class| class << TESTS);
        classes
    }

    /// Moves those members of each class that are like this to a class of their own, unless all are.
    fn divide(&mut self, is_so: impl Fn(u8) -> bool) {
        for class in 0..self.members.len() {
            let first = is_so(self.members[class]);
            let mut fresh = None;
            for protocol in 0..=u8::MAX {
                if usize::from(self.of[usize::from(protocol)]) == class && is_so(protocol) != first {
                    let fresh = *fresh.get_or_insert_with(|| {
                        self.members.push(protocol);
                        // Fits: there are no more classes than protocols.
                        (self.members.len() - 1) as u8
                    });
                    self.of[usize::from(protocol)] = fresh;
                }
            }
        }
    }
}

impl Judge {
    pub(crate) fn of(program: &QuickProgram, always: bool, by_ports: bool) -> Judge {
        Judge {
            program: program.clone(),
            always,
            by_ports,
            classes: Classes::of(program),
            rules: Box::new([NO_RULE; Glance::SHAPES]),
            many: false,
            by_time: program.asks_for_time(),
        }
    }

    /// The verdict on a record whose direction is put right, as far as a glance at it tells; `None`: ask
    /// [`Filter::matches`](crate::Filter::matches).
    #[inline(always)]
    pub fn verdict(&mut self, glance: &Glance<'_>) -> Option<bool> {
        if self.always {
            return Some(true);
        }
        let number = glance.number() % Glance::SHAPES;
        if self.rules[number].form != glance.form_code() {
            self.learn(*glance);
        }
        let rule = &self.rules[number];
        let protocol = usize::from(glance.octet(rule.protocol));
        if !rule.is_whole {
            return self.ask(*glance, protocol as u8);
        }
        let holds = |number: usize| {
            let test = &rule.tests[number];
            usize::from(test.holds(glance.word(test.word))) << number
        };
        let mut place = usize::from(self.classes.places[protocol]) | holds(0) | holds(1);
        if self.many {
            place |= holds(2) | holds(3);
        }
        match rule.verdicts[place % PLACES] {
            None if self.by_time => self.ask(*glance, protocol as u8),
            verdict => verdict,
        }
    }

    /// What the program says itself.
    #[inline(never)]
    fn ask(&self, glance: Glance<'_>, protocol: u8) -> Option<bool> {
        decide(&self.program, glance.form(), (protocol, self.by_ports), &mut Seen { glance, micros: None })
    }

    /// Makes the rule for a record's shape.
    #[cold]
    fn learn(&mut self, glance: Glance<'_>) {
        let same = |rule: &&Rule| rule.form == glance.form_code();
        let rule = match self.rules.iter().find(same) {
            Some(rule) => *rule,
            None => Rule::of(self, glance),
        };
        self.many |= rule.has_many_tests();
        self.rules[glance.number()] = rule;
    }
}
