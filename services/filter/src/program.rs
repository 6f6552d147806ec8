//! The compiled form: a flat graph of elementary tests with two forward jumps each.
//!
//! Jumps only lead forward, so evaluation ends after at most as many steps as there are
//! instructions, and it allocates nothing.

use std::fmt;

use crate::test::Test;

/// Most instructions that a program may have.
pub(crate) const MAX_INSTRUCTIONS: usize = 1 << 18;

/// Where to go after a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jump(u32);

impl Jump {
    pub(crate) const ACCEPT: Jump = Jump(u32::MAX);
    pub(crate) const REJECT: Jump = Jump(u32::MAX - 1);

    /// The instruction that it leads to; a verdict leads to none.
    pub(crate) fn place(self) -> usize {
        self.0 as usize
    }
}

/// A test and where to go when it holds and when it does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Instruction {
    pub(crate) test: Test,
    pub(crate) then: Jump,
    pub(crate) otherwise: Jump,
}

/// A compiled filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    instructions: Vec<Instruction>,
    entry: Jump,
}

/// Builds a program from its end to its beginning, so that every jump's target exists before the jump.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    backwards: Vec<Instruction>,
}

/// The program would be larger than [`MAX_INSTRUCTIONS`].
#[derive(Debug)]
pub(crate) struct TooLarge;

impl Builder {
    /// Puts a test before everything built so far; the result leads to it.
    pub(crate) fn push(&mut self, test: Test, then: Jump, otherwise: Jump) -> Result<Jump, TooLarge> {
        if then == otherwise {
            return Ok(then);
        }
        if self.backwards.len() >= MAX_INSTRUCTIONS {
            return Err(TooLarge);
        }
        self.backwards.push(Instruction { test, then, otherwise });
        Ok(Jump(self.backwards.len() as u32 - 1))
    }

    /// Turns the program round. `entry` is where it begins.
    pub(crate) fn finish(self, entry: Jump) -> Program {
        let mut instructions = self.backwards;
        // What was put before the entry is never reached.
        let kept = if entry.0 < instructions.len() as u32 { entry.0 as usize + 1 } else { 0 };
        instructions.truncate(kept);
        let count = instructions.len() as u32;
        let turn = |jump: Jump| if jump.0 < count { Jump(count - 1 - jump.0) } else { jump };
        for instruction in &mut instructions {
            instruction.then = turn(instruction.then);
            instruction.otherwise = turn(instruction.otherwise);
        }
        instructions.reverse();
        Program { instructions, entry: turn(entry) }
    }
}

impl Program {
    /// Follows the graph, deciding each test with `holds`.
    #[inline]
    pub(crate) fn run(&self, mut holds: impl FnMut(&Test) -> bool) -> bool {
        let mut at = self.entry;
        while let Some(instruction) = self.instructions.get(at.0 as usize) {
            at = if holds(&instruction.test) { instruction.then } else { instruction.otherwise };
        }
        at == Jump::ACCEPT
    }

    pub(crate) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    pub(crate) fn entry(&self) -> Jump {
        self.entry
    }

    /// Whether it accepts without looking.
    pub(crate) fn accepts_everything(&self) -> bool {
        self.entry == Jump::ACCEPT
    }
}

/// One line per instruction, as `ra -b` prints it.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.instructions.len();
        let place = |jump: Jump| match jump {
            Jump::ACCEPT => count,
            Jump::REJECT => count + 1,
            Jump(at) => at as usize,
        };
        for (at, instruction) in self.instructions.iter().enumerate() {
            let Instruction { test, then, otherwise } = instruction;
            writeln!(f, "({at:03}) {:<44} jt {}\tjf {}", test.to_string(), place(*then), place(*otherwise))?;
        }
        // A program that is a single verdict has only that line.
        match (self.entry, count) {
            (Jump::ACCEPT, 0) => writeln!(f, "(000) accept"),
            (Jump::REJECT, 0) => writeln!(f, "(000) reject"),
            _ => {
                writeln!(f, "({count:03}) accept")?;
                writeln!(f, "({:03}) reject", count + 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_lead_forward_and_the_dump_names_them() {
        // type & 0x80 or (protocol == 6 and protocol == 7)
        let mut builder = Builder::default();
        let seven = builder.push(Test::Protocol(7), Jump::ACCEPT, Jump::REJECT).unwrap();
        let six = builder.push(Test::Protocol(6), seven, Jump::REJECT).unwrap();
        let entry = builder.push(Test::Type(0x80), Jump::ACCEPT, six).unwrap();
        let program = builder.finish(entry);
        for (at, instruction) in program.instructions.iter().enumerate() {
            assert!(instruction.then.0 as usize > at && instruction.otherwise.0 as usize > at);
        }
        assert!(program.run(|test| *test == Test::Type(0x80)));
        assert!(!program.run(|test| *test == Test::Protocol(6)));
        assert!(program.run(|test| matches!(test, Test::Protocol(_))));
        let dump = program.to_string();
        assert_eq!(dump.lines().count(), 5);
        assert!(dump.starts_with("(000) type & 0x80"), "{dump}");
        assert!(dump.lines().next().is_some_and(|line| line.ends_with("jt 3\tjf 1")), "{dump}");
    }

    #[test]
    fn a_test_that_decides_nothing_is_left_out() {
        let mut builder = Builder::default();
        let entry = builder.push(Test::Protocol(7), Jump::ACCEPT, Jump::ACCEPT).unwrap();
        let program = builder.finish(entry);
        assert!(program.accepts_everything());
        assert_eq!(program.to_string(), "(000) accept\n");
    }
}
