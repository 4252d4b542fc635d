//! How far names are read, and which of them spell an address.

use super::{LABELS_MAX, STEPS_MAX, name, read};

/// `labels` as a name that ends.
fn written(labels: &str) -> Vec<u8> {
    let mut name = Vec::new();
    for label in labels.split('.').filter(|label| !label.is_empty()) {
        name.push(u8::try_from(label.len()).unwrap());
        name.extend(label.bytes());
    }
    name.push(0);
    name
}

#[test]
fn hostile_names_take_no_longer() {
    let pointer = |to: usize| (0xC000 | u16::try_from(to).unwrap()).to_be_bytes();
    // Pointers to pointers, each to the one in front of it.
    let mut pointers = [&[0; 12][..], &[0]].concat();
    pointers.extend(pointer(12));
    for _ in 0..2000 {
        let before = pointers.len() - 2;
        pointers.extend(pointer(before));
    }
    // Labels of one byte, each with a pointer to the label in front of it.
    let mut labels = [&[0; 12][..], &[1, b'a', 0]].concat();
    let mut before = 12;
    for _ in 0..2000 {
        let at = labels.len();
        labels.extend([1, b'a']);
        labels.extend(pointer(before));
        before = at;
    }
    // Long labels without an end.
    let long = [&[0; 12][..], &[&[63][..], &[b'a'; 63]].concat().repeat(200)].concat();
    for (what, bytes, at, most) in [
        ("pointers", &pointers, pointers.len() - 2, STEPS_MAX),
        ("labels and pointers", &labels, before, STEPS_MAX),
        ("long labels", &long, 12, 4),
    ] {
        let mut steps = 0;
        assert!(read(bytes, at, &mut steps).is_none(), "{what}");
        assert!(steps <= most, "{what}: {steps}");
    }
}

#[test]
fn the_longest_name() {
    let longest = [&[0; 12][..], &written(&"a.".repeat(LABELS_MAX))].concat();
    assert_eq!(longest.len(), 12 + 255);
    let read_whole = read(&longest, 12, &mut 0).unwrap();
    assert_eq!((read_whole.count, read_whole.behind), (LABELS_MAX, 267));
    let longer = [&[0; 12][..], &written(&"ab.".repeat(85))].concat();
    assert!(longer.len() > 12 + 255 && read(&longer, 12, &mut 0).is_none());
}

#[test]
fn what_becomes_of_names() {
    for (raw, wanted) in [
        // Names.
        ("s3.eu-west-1.example", "s3.eu-west-1.example"),
        ("www.example.de", "www.example.de"),
        ("_workstation._tcp.local", "_workstation._tcp.local"),
        ("node12-rack3.dc1.example", "node12-rack3.dc1.example"),
        ("abc-de-fa.example", "abc-de-fa.example"),
        ("abcdef1.example", "abcdef1.example"),
        ("a.b.cd.example", "a.b.cd.example"),
        // Addresses.
        (
            "host [a4:c3:f0:aa:bb:cc]._tcp.local",
            "host [00:00:00:00:00:00]._tcp.local",
        ),
        ("ab@home.example", "00@hom0.example"),
        ("198-51-100-77.example.de", "000-00-000-00.example.de"),
        ("2001-db8--1.example", "0000-000--0.example"),
        ("host-192168001010.example", "host-000000000000.example"),
        ("x3232235786", "x0000000000"),
        ("hostC0A8010A.nip.io", "host00000000.nip.io"),
        ("1.0.f.e.d.zen.example", "0.0.0.0.0.zen.example"),
        ("a4c3.f0aa.bbcc.example", "0000.0000.0000.example"),
        ("77.100.51.198.zen4.example", "00.000.00.000.zen0.example"),
        ("é 10 0 1.example", "é 00 0 0.example"),
        ("4.3.ip6.ARPA", "0.0.ip6.ARPA"),
    ] {
        let mut bytes = [&[0; 12][..], &written(raw)].concat();
        let end = bytes.len();
        for time in ["once", "again"] {
            assert_eq!(name(&mut bytes, 12, end), Some(end), "{raw}");
            assert_eq!(
                String::from_utf8_lossy(&bytes[12..]),
                String::from_utf8_lossy(&written(wanted)),
                "{raw}, {time}"
            );
        }
    }
}
