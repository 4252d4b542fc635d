use super::*;
use proptest::prelude::*;
use serde::Deserialize;

/// The shapes before, as they would stay in a `v1` and a `v2` module of their crate.
mod old {
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub(super) struct V1 {
        pub(super) name: String,
    }

    first_version!(V1, "catch");

    #[derive(Serialize, Deserialize)]
    pub(super) struct V2 {
        pub(super) name: String,
        pub(super) bytes: u64,
    }

    impl Record for V2 {
        const NAME: &'static str = "catch";
        const VERSION: u8 = 2;
        type Before = V1;
        fn migrate(before: V1) -> Self {
            Self {
                name: before.name,
                bytes: 0,
            }
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Catch {
    name: String,
    bytes: Option<u64>,
    tags: Vec<String>,
}

impl Record for Catch {
    const NAME: &'static str = "catch";
    const VERSION: u8 = 3;
    type Before = old::V2;
    fn migrate(before: old::V2) -> Self {
        Self {
            name: before.name,
            bytes: (before.bytes > 0).then_some(before.bytes),
            tags: Vec::new(),
        }
    }
}

#[test]
fn old_bytes_are_read() {
    let catch = |bytes| Catch {
        name: "krill".into(),
        bytes,
        tags: Vec::new(),
    };
    assert_eq!(decode::<Catch>(b"\x01\x05krill").unwrap(), catch(None));
    assert_eq!(decode::<Catch>(b"\x02\x05krill\x80\x02").unwrap(), catch(Some(256)));
    assert_eq!(
        decode::<Catch>(b"\x03\x05krill\x01\x80\x02\x00").unwrap(),
        catch(Some(256))
    );
}

#[test]
fn the_newest_shape_is_written() {
    let catch = Catch {
        name: "krill".into(),
        bytes: Some(256),
        tags: vec!["a".into()],
    };
    assert_eq!(
        encode(&catch).unwrap(),
        b"\x03\x05krill\x01\x80\x02\x01\x01a".as_slice()
    );
}

#[test]
fn other_bytes_are_refused() {
    let kind = |bytes: &[u8]| decode::<Catch>(bytes).unwrap_err();
    assert_eq!(kind(b""), RecordError::Empty { name: "catch" });
    for version in [0, 4, 255] {
        assert_eq!(
            kind(&[version, 0]),
            RecordError::UnknownVersion {
                name: "catch",
                version,
                newest: 3
            }
        );
    }
    for bytes in [
        b"\x01\x05kril".as_slice(),
        b"\x01\x05krill!",
        b"\x03\x05krill\x02\x00",
        b"\x01\x02\xff\xff",
    ] {
        assert!(matches!(kind(bytes), RecordError::Malformed { .. }), "{bytes:?}");
        assert_eq!(kind(bytes).kind(), FaultKind::Corrupt);
    }
}

#[test]
fn a_front_is_read_without_the_rest() {
    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    struct Front<'b> {
        name: &'b str,
        bytes: Option<u64>,
    }
    let catch = Catch {
        name: "krill".to_owned(),
        bytes: Some(300),
        tags: vec!["a".to_owned()],
    };
    let stored = encode(&catch).unwrap();
    let read = |bytes| decode_front::<Catch, Front<'_>>(bytes, 3);
    let front = Front {
        name: "krill",
        bytes: Some(300),
    };
    assert_eq!(read(&stored).unwrap(), Some(front));
    // What is older, or of no version that is known, is for who decodes it whole.
    for bytes in [&b""[..], b"\x00", b"\x02\x05krill\x00", b"\x04\x05krill\x00"] {
        assert_eq!(read(bytes).unwrap(), None, "{bytes:?}");
    }
    for bytes in [&b"\x03"[..], b"\x03\x05kril", b"\x03\x01\xff\x00", b"\x03\x01a\x02"] {
        let error = read(bytes).unwrap_err();
        assert!(matches!(error, RecordError::Malformed { version: 3, .. }), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn records_come_back(name: String, bytes: Option<u64>, tags: Vec<String>) {
        let catch = Catch { name, bytes, tags };
        prop_assert_eq!(decode::<Catch>(&encode(&catch).unwrap()).unwrap(), catch);
    }

    #[test]
    fn reading_any_bytes_does_not_panic(bytes: Vec<u8>) {
        let _ = decode::<Catch>(&bytes);
    }
}
