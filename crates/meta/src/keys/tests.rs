use super::*;
use proptest::prelude::*;

#[test]
fn tags_are_unique_and_read_back() {
    for table in Table::ALL {
        assert_eq!(Table::from_tag(*table as u8), Some(*table));
    }
    assert_eq!(Table::from_tag(0), None);
}

#[test]
fn malformed_keys_are_errors() {
    let reader = |key: &'static [u8]| KeyReader::new(key, Table::Object).unwrap();
    assert!(KeyReader::new(b"", Table::Object).is_err());
    assert!(KeyReader::new(b"B", Table::Object).is_err());
    assert!(reader(b"O\0\0\0").u32().is_err());
    assert!(reader(b"Oabc").text().is_err());
    assert!(reader(b"Oa\x01").text().is_err());
    assert!(reader(b"Oa\x01\0").text().is_err());
    assert!(reader(b"Oa\x01\x03\0").text().is_err());
    assert!(reader(b"O\xff\0").string().is_err());
    assert!(reader(b"O\xff").tail_str().is_err());
    assert!(reader(b"O1").end().is_err());
}

#[test]
fn prefixes_sort_as_they_are_listed() {
    let key = |text: &str| KeyWriter::new(Table::Upload).text(text).u64(9).finish();
    let mut names = [
        "",
        "a",
        "a\0",
        "a\u{1}",
        "a ",
        "a/",
        "a/b",
        "aa",
        "b",
        "ä",
        "\u{10ffff}",
    ]
    .map(key);
    let sorted = names.clone();
    names.reverse();
    names.sort();
    assert_eq!(names, sorted);
}

proptest! {
    #[test]
    fn texts_keep_their_order_and_come_back(a: Vec<u8>, b: Vec<u8>, x: u64, y: u64) {
        let key = |text: &[u8], id: u64| KeyWriter::new(Table::Version).text(text).u64(id).finish();
        prop_assert_eq!(key(&a, x).cmp(&key(&b, y)), (&a, x).cmp(&(&b, y)));
        let bytes = key(&a, x);
        let mut reader = KeyReader::new(&bytes, Table::Version).unwrap();
        prop_assert_eq!((reader.text().unwrap(), reader.u64().unwrap()), (a, x));
        reader.end().unwrap();
    }

    #[test]
    fn a_prefix_range_has_exactly_its_keys(prefix: Vec<u8>, key: Vec<u8>) {
        use std::ops::RangeBounds;
        let inside = prefix_range(&prefix).contains(&key);
        prop_assert_eq!(inside, key.starts_with(&prefix));
        let extended = [prefix.as_slice(), &key].concat();
        prop_assert!(prefix_range(&prefix).contains(&extended));
    }

    #[test]
    fn reading_any_bytes_does_not_panic(bytes: Vec<u8>) {
        if let Ok(mut reader) = KeyReader::new(&bytes, Table::Bucket) {
            let _ = (reader.clone().text(), reader.clone().u128(), reader.fixed::<3>(), reader.tail());
        }
    }
}
