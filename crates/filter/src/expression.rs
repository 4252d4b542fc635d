//! tcpdump expressions, compiled by libpcap.
//!
//! # VLAN tags
//! The kernel takes the outer tag out of a received frame and keeps it beside the packet. libpcap knows that: on a live
//! Ethernet handle it compiles the first `vlan` of an expression to "a tag is beside the packet, or else in it", and what
//! follows that word is looked for behind the tag, wherever it was (`gen_vlan_bpf_extensions` in its `gencode.c`). On the
//! handle without a device which we use, since it needs no privilege and no interface, the same word looks into the frame
//! alone, where a live tag never is. So the expression is compiled twice:
//!
//! * as it is, for packets without a tag beside them;
//! * with its first `vlan` replaced by a test of the tag beside the packet, for the others: nothing in the frame has to be
//!   skipped then. libpcap's language can express that test as a load at the kernel's special offsets, `ether[0xfffff030]`.
//!
//! A jump on whether there is a tag joins both, which is what libpcap's live program does in one piece. (With more than one
//! `vlan` in alternatives, libpcap 1.10 optimises that piece wrongly; our two have only constant offsets, and judge as
//! `tcpdump -O` does.) `any` has no
//! `vlan` in libpcap 1.10 at all; there the second form alone gives the word its meaning.

use crate::error::Error;
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_WORDS_MAX};
use crate::locate;
use crate::opcode::{
    ASIDE, ASIDE_HARDWARE, ASIDE_INTERFACE, ASIDE_PACKET_TYPE, ASIDE_PROTOCOL, LD_B_ABS, LD_B_IND, LD_H_ABS, LD_H_IND,
    LD_W_ABS, LD_W_IND, LDX_B_MSH,
};
use crate::program::Program;
use baleen_types::{BpfInstruction, LinkType};
use std::ops::Range;

const REJECTS_ALL: &str = "expression rejects all packets";
const SLL2_BYTES: u32 = 20;
const VLAN_MAX: u32 = 4095;

/// An expression that libpcap understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    text: String,
    /// Made while checking, since compiling may take long.
    ethernet: Program,
}

impl Expression {
    /// Checks an expression by compiling it, for Ethernet.
    ///
    /// # Errors
    /// `Invalid` with libpcap's message and, where it can be known, the position.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > EXPRESSION_BYTES_MAX || locate::words(text).len() > EXPRESSION_WORDS_MAX {
            return Err(Error::ExpressionTooLong);
        }
        if let Some(position) = text.find(|c: char| c.is_control() && !c.is_ascii_whitespace()) {
            return Err(Error::Expression {
                message: "a filter expression has no control characters".to_owned(),
                position: Some(position),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            ethernet: on_ethernet(text)?,
        })
    }

    /// The expression as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Compiles for packets as the kernel shows them; see [`Filter::compile`](crate::Filter::compile).
    pub fn compile(&self, link: LinkType) -> Result<Program, Error> {
        if link == LinkType::ETHERNET {
            return Ok(self.ethernet.clone());
        }
        if link != LinkType::LINUX_SLL2 {
            return compile(&self.text, link);
        }
        on_any(&self.text)
    }

    /// Compiles for the same packets behind one tag and behind two, as far as there are such on a link of this type.
    pub(crate) fn compile_tagged(&self, link: LinkType) -> Result<Vec<Program>, Error> {
        let mut programs = Vec::new();
        for tags in ["vlan", "vlan and vlan"] {
            let text = format!("{tags} and ({})", self.text);
            match link {
                LinkType::ETHERNET => programs.push(on_ethernet(&text)),
                // The kernel keeps the outer tag beside the packet there, and libpcap knows of no other.
                LinkType::LINUX_SLL2 => programs.extend(on_any(&text).ok().map(Ok)),
                _ => {}
            }
        }
        // Of what cannot be behind a tag there is nothing to leave out.
        programs.retain(|program| !program.as_ref().is_err_and(|error| is_rejection(&error.to_string())));
        programs.into_iter().collect()
    }

    /// Compiles for packets as they stand in a file, which is what `tcpdump -r` does: on frames with tags the verdict may
    /// differ from that of a live capture, in tcpdump as here.
    pub fn compile_for_file(&self, link: LinkType) -> Result<Program, Error> {
        compile(&self.text, link)
    }
}

fn compile(text: &str, link: LinkType) -> Result<Program, Error> {
    Program::new(link, run_libpcap(text, link).map_err(|e| located(text, e))?)
}

/// See the head of this file.
fn on_ethernet(text: &str) -> Result<Program, Error> {
    let link = LinkType::ETHERNET;
    let Some(vlan) = Vlan::find(text) else {
        return compile(text, link);
    };
    let without = run_libpcap(text, link);
    let with_tag = run_libpcap(&vlan.beside_packet(text)?, link);
    // Half of the whole may match nothing, as `ip and vlan` does on packets without a tag.
    if let (Err(one), Err(other)) = (&without, &with_tag)
        && is_rejection(one)
        && is_rejection(other)
    {
        return Err(located(text, one.clone()));
    }
    let without = or_nothing(without, link, |e| located(text, e))?;
    let with_tag = or_nothing(with_tag, link, |e| named(text, e))?;
    Program::by_tag(&with_tag, &without)
}

/// The same for the interface `any`.
fn on_any(text: &str) -> Result<Program, Error> {
    let link = LinkType::LINUX_SLL2;
    let program = match Vlan::find(text) {
        Some(vlan) => run_libpcap(&vlan.beside_packet(text)?, link).map_err(|e| named(text, e))?,
        None => run_libpcap(text, link).map_err(|e| located(text, e))?,
    };
    Program::new(link, cooked(program)?)
}

fn or_nothing(
    program: Result<Vec<BpfInstruction>, String>,
    link: LinkType,
    error: impl FnOnce(String) -> Error,
) -> Result<Program, Error> {
    match program {
        Ok(instructions) => Program::new(link, instructions),
        Err(message) if is_rejection(&message) => Program::reject_all(link),
        Err(message) => Err(error(message)),
    }
}

fn is_rejection(message: &str) -> bool {
    message.contains(REJECTS_ALL)
}

/// An error of a rewritten text, in which a position would mislead.
fn named(text: &str, message: String) -> Error {
    Error::Expression {
        position: locate::named_word(text, &message),
        message,
    }
}

fn located(text: &str, message: String) -> Error {
    Error::Expression {
        position: locate::locate(text, &message, is_understood),
        message,
    }
}

fn is_understood(text: &str) -> bool {
    pcap::Capture::dead(pcap::Linktype::ETHERNET).is_ok_and(|handle| handle.compile(text, false).is_ok())
}

/// The number by which libpcap itself calls a link type: for most, that of the file.
fn libpcap_link(link: LinkType) -> i32 {
    const DLT_RAW: i32 = 12;
    match link {
        LinkType::RAW => DLT_RAW,
        other => i32::from(other.number()),
    }
}

fn run_libpcap(text: &str, link: LinkType) -> Result<Vec<BpfInstruction>, String> {
    let message = |error: pcap::Error| match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    };
    let handle = pcap::Capture::dead(pcap::Linktype(libpcap_link(link))).map_err(message)?;
    let program = handle.compile(text, true).map_err(message)?;
    program
        .get_instructions()
        .iter()
        .map(|instruction| {
            parse_instruction(&instruction.to_string()).ok_or_else(|| "libpcap's program is unreadable".to_owned())
        })
        .collect()
}

/// The crate shows an instruction as text only: "code jt jf k".
fn parse_instruction(text: &str) -> Option<BpfInstruction> {
    let mut words = text.split(' ');
    Some(BpfInstruction {
        code: words.next()?.parse().ok()?,
        jump_true: words.next()?.parse().ok()?,
        jump_false: words.next()?.parse().ok()?,
        value: words.next()?.parse().ok()?,
    })
}

/// Turns a program for cooked frames, version 2, into one for what the kernel shows the filter of a cooked socket: the
/// packet from the network header on, and the fields of the header beside it (libpcap does the same in `fix_offset`).
fn cooked(mut program: Vec<BpfInstruction>) -> Result<Vec<BpfInstruction>, Error> {
    for instruction in &mut program {
        let is_load = matches!(
            instruction.code,
            LD_W_ABS | LD_H_ABS | LD_B_ABS | LD_W_IND | LD_H_IND | LD_B_IND | LDX_B_MSH
        );
        if !is_load || instruction.value >= ASIDE {
            continue;
        }
        instruction.value = match (instruction.code, instruction.value) {
            (LD_H_ABS, 0) => ASIDE_PROTOCOL,
            (LD_W_ABS, 4) => ASIDE_INTERFACE,
            (LD_H_ABS, 8) => ASIDE_HARDWARE,
            (LD_B_ABS, 10) => ASIDE_PACKET_TYPE,
            (_, offset) if offset >= SLL2_BYTES => offset - SLL2_BYTES,
            (_, offset) => {
                return Err(Error::NotInKernel {
                    what: format!("byte {offset} of the link header of the interface `any`"),
                });
            }
        };
    }
    Ok(program)
}

/// The first word `vlan` of an expression, with its number if it has one.
struct Vlan {
    span: Range<usize>,
    number: Option<u32>,
}

impl Vlan {
    fn find(text: &str) -> Option<Self> {
        let words = locate::words(text);
        for (n, word) in words.iter().enumerate() {
            match &text[word.clone()] {
                // Inside of a tunnel libpcap looks into the frame alone.
                "geneve" | "vxlan" => return None,
                "vlan" => return Some(Self::with_number(text, word.clone(), &words[n + 1..])),
                _ => {}
            }
        }
        None
    }

    /// `vlan 10`, `vlan (10)`; the grammar takes nothing but a number here, maybe in parentheses.
    fn with_number(text: &str, word: Range<usize>, rest: &[Range<usize>]) -> Self {
        let opened = rest.iter().take_while(|w| &text[(*w).clone()] == "(").count();
        let number = rest.get(opened).and_then(|w| parse_number(&text[w.clone()]));
        let closed = rest.get(opened + 1..).map_or(0, |behind| {
            behind
                .iter()
                .take(opened)
                .take_while(|w| &text[(*w).clone()] == ")")
                .count()
        });
        match number {
            Some(_) if opened == closed => Self {
                span: word.start..rest[opened + closed].end,
                number,
            },
            _ => Self {
                span: word,
                number: None,
            },
        }
    }

    /// The expression with this word replaced by a test of the tag beside the packet.
    fn beside_packet(&self, text: &str) -> Result<String, Error> {
        let test = match self.number {
            Some(number) if number > VLAN_MAX => {
                return Err(Error::Expression {
                    message: format!("VLAN tag {number} greater than maximum {VLAN_MAX}"),
                    position: Some(self.span.start),
                });
            }
            Some(number) => format!("(ether[0xfffff030] = 1 and ether[0xfffff02c:2] & 0xfff = {number})"),
            None => "(ether[0xfffff030] = 1)".to_owned(),
        };
        Ok(format!(
            "{} {test} {}",
            &text[..self.span.start],
            &text[self.span.end..]
        ))
    }
}

fn parse_number(word: &str) -> Option<u32> {
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        u32::from_str_radix(hex, 16).ok()
    } else if word.len() > 1 && word.starts_with('0') {
        u32::from_str_radix(&word[1..], 8).ok()
    } else {
        word.parse().ok()
    }
}

#[cfg(test)]
mod tests;
