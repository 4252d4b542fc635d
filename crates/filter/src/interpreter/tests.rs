use super::*;
use crate::Program;
use crate::program::plain;
use baleen_types::LinkType;
use proptest::prelude::*;

fn result(program: &[BpfInstruction], bytes: &[u8]) -> u32 {
    let program = Program::new(LinkType::ETHERNET, program.to_vec()).unwrap();
    program.run(&View::plain(bytes))
}

#[test]
fn arithmetic_as_in_the_kernel() {
    for (code, a, k, expected) in [
        (ADD, u32::MAX, 2, 1),
        (SUB, 1, 2, u32::MAX),
        (MUL, 0x1_0001, 0x1_0000, 0x1_0000),
        (DIV, 7, 2, 3),
        (MOD, 7, 4, 3),
        (AND, 0xff, 0x0f, 0x0f),
        (OR, 0xf0, 0x0f, 0xff),
        (XOR, 0xff, 0x0f, 0xf0),
        (LSH, 1, 31, 1 << 31),
        (RSH, 1 << 31, 31, 1),
    ] {
        assert_eq!(
            result(&[plain(LD_IMM, a), plain(code, k), plain(RET_A, 0)], b""),
            expected,
            "{code:#x}"
        );
        let indexed = [plain(LD_IMM, a), plain(LDX_IMM, k), plain(code | X, 0), plain(RET_A, 0)];
        assert_eq!(result(&indexed, b""), expected, "{code:#x} with x");
    }
    assert_eq!(
        result(&[plain(LD_IMM, 5), plain(NEG, 0), plain(RET_A, 0)], b""),
        5u32.wrapping_neg()
    );
    // A zero that was computed rejects the packet.
    assert_eq!(
        result(
            &[plain(LD_IMM, 5), plain(LDX_IMM, 0), plain(DIV | X, 0), plain(RET_K, 9)],
            b""
        ),
        0
    );
}

#[test]
fn loads_outside_reject() {
    for code in [LD_W_ABS, LD_H_ABS, LD_B_ABS, LDX_B_MSH] {
        assert_eq!(result(&[plain(code, 3), plain(RET_K, 9)], &[1, 2, 3]), 0, "{code:#x}");
    }
    let indirect = |x| result(&[plain(LDX_IMM, x), plain(LD_B_IND, 1), plain(RET_K, 9)], &[1, 2, 3]);
    assert_eq!((indirect(1), indirect(2), indirect(u32::MAX)), (9, 0, 9));
    assert_eq!(
        result(&[plain(LDX_B_MSH, 0), plain(TXA, 0), plain(RET_A, 0)], &[0x47]),
        28
    );
}

/// Instructions that are often valid, so that a good part of random programs passes the check.
fn instruction() -> impl Strategy<Value = BpfInstruction> {
    let codes = prop_oneof![
        Just(LD_W_ABS),
        Just(LD_H_ABS),
        Just(LD_B_ABS),
        Just(LD_W_IND),
        Just(LD_B_IND),
        Just(LD_IMM),
        Just(LD_MEM),
        Just(LD_LEN),
        Just(LDX_IMM),
        Just(LDX_MEM),
        Just(LDX_B_MSH),
        Just(ST),
        Just(STX),
        Just(ADD),
        Just(SUB | X),
        Just(DIV | X),
        Just(MOD),
        Just(LSH),
        Just(RSH | X),
        Just(NEG),
        Just(JA),
        Just(JEQ),
        Just(JGT | X),
        Just(JSET),
        Just(TAX),
        Just(TXA),
        Just(RET_K),
        Just(RET_A),
        any::<u16>(),
    ];
    (codes, 0u8..6, 0u8..6, prop_oneof![0u32..20, any::<u32>()]).prop_map(|(code, jump_true, jump_false, value)| {
        BpfInstruction {
            code,
            jump_true,
            jump_false,
            value,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_program_is_refused_or_ends(
        mut code in proptest::collection::vec(instruction(), 1..12),
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        code.push(plain(RET_K, 1));
        if let Ok(program) = Program::new(LinkType::ETHERNET, code.clone()) {
            for link in [LinkType::ETHERNET, LinkType::LINUX_SLL2] {
                program.run(&View::of_frame(link, &bytes));
            }
        }
        // Unchecked ones end as well.
        run(&code, &View::plain(&bytes));
    }
}
