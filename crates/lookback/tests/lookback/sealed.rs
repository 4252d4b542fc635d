//! A ring with a key.

use crate::lab::{Lab, Packet, START, all, ask, frame, key, packets, record, segments_in, small};
use baleen_lookback::Error;
use std::collections::HashSet;
use std::fs;

/// Bytes that pack to nothing smaller.
fn marker(n: u32) -> Vec<u8> {
    (0..8)
        .flat_map(|word: u32| (word * 7 + n).wrapping_mul(0x9E37_79B9).to_be_bytes())
        .collect()
}

fn write(lab: &Lab) {
    let ring = lab.open();
    let mut recorder = record(&ring);
    for n in 0..200 {
        let mut bytes = frame(17, (0x0b16_212c, 0x1f90), (0xc633_6407, 53), 0);
        bytes.extend(marker(n));
        Packet::new(START + u64::from(n), bytes).append(&mut recorder);
        if n % 30 == 0 {
            recorder.flush();
        }
    }
}

fn stored(lab: &Lab) -> Vec<u8> {
    let all = lab
        .segments()
        .into_iter()
        .flat_map(|name| fs::read(lab.dir.path().join(name)).unwrap());
    all.collect()
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn nothing_of_a_packet_is_to_be_read_on_the_disk() {
    let (plain, sealed) = (Lab::new(small()), Lab::sealed(small()));
    for lab in [&plain, &sealed] {
        write(lab);
        assert_eq!(ask(&lab.open(), &all(1000)).packets.len(), 200);
    }
    let (plain, sealed) = (stored(&plain), stored(&sealed));
    assert!(
        has(&plain, &marker(77)[..16]) && has(&plain, b"eth0"),
        "the test looks for what is there"
    );
    for n in 0..200 {
        assert!(!has(&sealed, &marker(n)[..8]));
    }
    // Addresses, names, and what a directory would tell.
    for what in [&[0x0b, 0x16, 0x21, 0x2c][..], b"eth0"] {
        assert!(!has(&sealed, what));
    }
}

#[test]
fn another_key_is_refused_before_anything_is_written() {
    let lab = Lab::sealed(small());
    write(&lab);
    let before = stored(&lab);
    for other in [Some(key(2)), None] {
        let refused = lab.try_open(lab.dir.path(), other).err().unwrap();
        assert!(matches!(refused, Error::WrongKey(_)), "{refused}");
        assert!(refused.to_string().contains("sealed under another key"));
    }
    assert_eq!(stored(&lab), before);
    assert_eq!(ask(&lab.open(), &all(1000)).packets.len(), 200);
}

#[test]
fn what_was_plain_stays_readable_when_a_key_comes() {
    let mut lab = Lab::new(small());
    write(&lab);
    lab.key = Some(key(1));
    write(&lab);
    assert_eq!(lab.segments().len(), 2);
    assert_eq!(ask(&lab.open(), &all(1000)).packets.len(), 400);
    let second = fs::read(lab.dir.path().join(&lab.segments()[1])).unwrap();
    assert!(!has(&second, b"eth0"));
}

#[test]
fn no_salt_comes_twice_over_many_kills() {
    let mut lab = Lab::sealed(small());
    let mut salts = HashSet::new();
    for round in 0..60 {
        let ring = lab.open();
        let mut recorder = record(&ring);
        for packet in &packets(3) {
            packet.append(&mut recorder);
        }
        recorder.flush();
        let left = lab.as_after_a_kill();
        drop((recorder, ring));
        let name = segments_in(left.path()).pop().unwrap();
        assert!(
            salts.insert(fs::read(left.path().join(name)).unwrap()[24..40].to_vec()),
            "{round}"
        );
        lab.dir = left;
    }
}
