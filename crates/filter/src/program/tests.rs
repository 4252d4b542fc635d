use super::*;

fn refused(program: &[BpfInstruction]) -> Option<&'static str> {
    match Program::new(LinkType::ETHERNET, program.to_vec()) {
        Ok(_) => None,
        Err(Error::Program { why, .. }) => Some(why),
        Err(_) => Some("length"),
    }
}

fn jump(code: u16, jump_true: u8, jump_false: u8) -> BpfInstruction {
    BpfInstruction {
        code,
        jump_true,
        jump_false,
        value: 0,
    }
}

#[test]
fn programs_that_the_kernel_refuses() {
    let end = plain(RET_K, 0);
    assert_eq!(refused(&[end]), None);
    for wrong in [
        vec![],
        vec![plain(LD_IMM, 0)],
        vec![plain(0xffff, 0), end],
        vec![plain(JA, 1), end],
        vec![plain(JA, u32::MAX), end],
        vec![jump(JEQ, 1, 0), end],
        vec![jump(JEQ, 0, 1), end],
        vec![plain(DIV, 0), end],
        vec![plain(MOD, 0), end],
        vec![plain(LSH, 32), end],
        vec![plain(ST, 16), end],
        vec![plain(LD_MEM, 0), end],
        vec![plain(LD_W_ABS, 0xffff_f038), end],
        vec![plain(LD_W_ABS, 0xfff0_0000), end],
        vec![end; INSTRUCTIONS_MAX + 1],
    ] {
        assert!(refused(&wrong).is_some(), "{wrong:?}");
    }
    assert_eq!(refused(&vec![end; INSTRUCTIONS_MAX]), None);
}

#[test]
fn scratch_words_are_written_on_every_path() {
    let end = plain(RET_K, 0);
    // Written on one side of a branch only.
    assert!(refused(&[jump(JEQ, 0, 1), plain(ST, 3), plain(LD_MEM, 3), end]).is_some());
    assert_eq!(
        refused(&[plain(ST, 3), jump(JEQ, 0, 1), plain(LD_IMM, 3), plain(LD_MEM, 3), end]),
        None
    );
    // What nothing leads to is not judged.
    assert_eq!(refused(&[end, plain(LD_MEM, 1), end]), None);
}

#[test]
fn the_snap_length_replaces_what_accepts() {
    let program = Program::accept_all(LinkType::ETHERNET).unwrap().with_snaplen(96);
    assert_eq!(program.run(&View::plain(b"")), 96);
    let program = Program::reject_all(LinkType::ETHERNET).unwrap().with_snaplen(96);
    assert_eq!(program.run(&View::plain(b"")), 0);
}

#[test]
fn combinations_keep_within_the_limit() {
    let long = Program::new(LinkType::ETHERNET, vec![plain(RET_K, 0); INSTRUCTIONS_MAX / 2]).unwrap();
    assert!(long.clone().excluding(std::slice::from_ref(&long)).is_ok());
    assert!(matches!(
        long.clone().excluding(&[long.clone(), long.clone()]),
        Err(Error::TooComplex { instructions: 6135 })
    ));
}
