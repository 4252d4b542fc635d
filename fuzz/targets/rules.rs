//! The Rules language: any text is refused at a place in it or compiles for every link, and its program judges any packet.
#![no_main]

use baleen_filter::{Filter, Program};
use baleen_types::LinkType;
use libfuzzer_sys::fuzz_target;

const LINKS: [LinkType; 3] = [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW];

fuzz_target!(|input: (&str, &[u8])| {
    let (text, frame) = input;
    let rules = match Filter::rules(text) {
        Ok(rules) => rules,
        Err(error) => {
            assert!(error.position().is_none_or(|at| at <= text.len() && text.is_char_boundary(at)));
            return;
        }
    };
    let turned = Filter::rules(&format!("not ({text})"));
    for link in LINKS {
        // What is too long for the kernel is refused, and nothing else.
        let Ok(program) = rules.compile(link) else {
            continue;
        };
        let verdict = program.matches(frame);
        // Whatever the packet is, the contrary of a verdict is that of the contrary.
        if let Some(contrary) = turned.as_ref().ok().and_then(|rules| rules.compile(link).ok())
            && rules != Filter::All
        {
            assert_ne!(verdict, Program::matches(&contrary, frame), "{text}");
        }
    }
});
