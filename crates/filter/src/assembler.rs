//! A small assembler: instructions with labels, for programs made by hand.

use crate::error::Error;
use crate::opcode::JA;
use crate::program::plain;
use baleen_types::BpfInstruction;

/// A place in the program, to which jumps lead; all lead forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

#[derive(Clone, Copy, Debug)]
enum Item {
    Plain(BpfInstruction),
    /// A condition with two ways to go on.
    Branch {
        code: u16,
        value: u32,
        yes: Label,
        no: Label,
    },
    Goto(Label),
    Here(Label),
}

/// A program in the making.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    items: Vec<Item>,
    labels: usize,
}

impl Assembler {
    pub(crate) fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    /// Places a label at the next instruction.
    pub(crate) fn here(&mut self, label: Label) {
        self.items.push(Item::Here(label));
    }

    pub(crate) fn emit(&mut self, code: u16, value: u32) {
        self.items.push(Item::Plain(plain(code, value)));
    }

    pub(crate) fn branch(&mut self, code: u16, value: u32, yes: Label, no: Label) {
        self.items.push(Item::Branch { code, value, yes, no });
    }

    /// Goes to `yes` when the condition holds, else to the next instruction.
    pub(crate) fn branch_if(&mut self, code: u16, value: u32, yes: Label) {
        let next = self.label();
        self.branch(code, value, yes, next);
        self.here(next);
    }

    /// Goes to the next instruction when the condition holds, else to `no`.
    pub(crate) fn require(&mut self, code: u16, value: u32, no: Label) {
        let next = self.label();
        self.branch(code, value, next, no);
        self.here(next);
    }

    pub(crate) fn goto(&mut self, label: Label) {
        self.items.push(Item::Goto(label));
    }

    /// Resolves the labels. A branch reaches 255 instructions; one that has to reach further gets two long jumps.
    pub(crate) fn finish(self) -> Result<Vec<BpfInstruction>, Error> {
        let mut is_long = vec![false; self.items.len()];
        // Each round makes at least one more branch long, or is the last.
        let (starts, labels, total) = loop {
            let (starts, labels, total) = self.layout(&is_long);
            let mut changed = false;
            for (n, item) in self.items.iter().enumerate() {
                if let Item::Branch { yes, no, .. } = item
                    && !is_long[n]
                    && labels[yes.0].max(labels[no.0]) - (starts[n] + 1) > usize::from(u8::MAX)
                {
                    is_long[n] = true;
                    changed = true;
                }
            }
            if !changed {
                break (starts, labels, total);
            }
        };
        let too_complex = |_| Error::TooComplex { instructions: total };
        let mut program = Vec::with_capacity(total);
        for (n, item) in self.items.iter().enumerate() {
            let far = |label: &Label, from: usize| {
                u32::try_from(labels[label.0] - from)
                    .map(|d| plain(JA, d))
                    .map_err(too_complex)
            };
            let near = |label: &Label| u8::try_from(labels[label.0] - (starts[n] + 1)).map_err(too_complex);
            match item {
                Item::Plain(instruction) => program.push(*instruction),
                Item::Goto(label) => program.push(far(label, starts[n] + 1)?),
                Item::Here(_) => {}
                Item::Branch { code, value, yes, no } if is_long[n] => {
                    program.push(BpfInstruction {
                        code: *code,
                        jump_true: 0,
                        jump_false: 1,
                        value: *value,
                    });
                    program.push(far(yes, starts[n] + 2)?);
                    program.push(far(no, starts[n] + 3)?);
                }
                Item::Branch { code, value, yes, no } => program.push(BpfInstruction {
                    code: *code,
                    jump_true: near(yes)?,
                    jump_false: near(no)?,
                    value: *value,
                }),
            }
        }
        Ok(program)
    }

    /// Where each item starts, where each label is, and the length of the whole.
    fn layout(&self, is_long: &[bool]) -> (Vec<usize>, Vec<usize>, usize) {
        let mut starts = Vec::with_capacity(self.items.len());
        let mut labels = vec![0; self.labels];
        let mut at = 0;
        for (item, long) in self.items.iter().zip(is_long) {
            starts.push(at);
            match item {
                Item::Here(label) => labels[label.0] = at,
                Item::Branch { .. } if *long => at += 3,
                Item::Plain(_) | Item::Goto(_) | Item::Branch { .. } => at += 1,
            }
        }
        (starts, labels, at)
    }
}
