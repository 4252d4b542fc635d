use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use proptest::prelude::*;

use super::*;
use crate::limits::{FORM_FIELDS_BYTES_MAX, FORM_FIELDS_MAX, FORM_HEAD_BYTES_MAX, FORM_TAIL_BYTES_MAX};
use crate::{BodyFault, RequestBody};

const FIELD: &str = "--XX\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\nvalue\r\n";
const FILE: &str =
    "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: a/b\r\n\r\n";

/// A body that comes in pieces of a size.
fn body(text: &[u8], piece: usize) -> RequestBody {
    let pieces: Vec<_> = text.chunks(piece).map(Bytes::copy_from_slice).collect();
    let frames = futures::stream::iter(pieces).map(|piece| Ok::<_, BodyFault>(Frame::data(piece)));
    RequestBody::boxed(StreamBody::new(frames))
}

/// Fields, the file's name, and the file.
type Whole = (Vec<(String, String)>, String, Vec<u8>);

/// Fields and file of a form, or its fault.
async fn outcome(text: &[u8], piece: usize) -> Result<Whole, BodyFault> {
    let (form, file) = read(&mut body(text, piece), "XX").await?;
    let bytes = RequestBody::file(file).collect().await?.to_bytes();
    let fields = form.fields.into_iter().map(|field| (field.name, field.value)).collect();
    Ok((fields, form.file_name, bytes.to_vec()))
}

fn check(text: &[u8], piece: usize) -> Result<Whole, BodyFault> {
    outcome(text, piece).now_or_never().unwrap()
}

#[test]
fn a_form_is_read_in_pieces_of_any_size() {
    let files: [&[u8]; 9] = [
        b"",
        b"data",
        b"\r\n",
        b"\r\n--X",
        b"\r\n--",
        b"--XX--",
        b"\r\r\n\r\n--\r\n--X\r\n--XY",
        b"\r\n\r\n--Xx--\r\n",
        &[0, 255, 13, 10, 45, 45],
    ];
    for file in files {
        for tail in [
            "--",
            "--\r\n",
            "\r\n--",
            "--\r\nepilogue",
            "\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nGo\r\n--XX--",
        ] {
            if tail == "\r\n--" {
                continue;
            }
            let text = [FIELD.as_bytes(), FILE.as_bytes(), file, b"\r\n--XX", tail.as_bytes()].concat();
            for piece in (1..20).chain([text.len()]) {
                let (fields, name, bytes) = check(&text, piece).unwrap();
                assert_eq!(fields, [("key".to_owned(), "value".to_owned())]);
                assert_eq!((&*name, &*bytes), ("a.txt", file), "{tail:?} {piece}");
            }
        }
    }
}

/// F33: of a form that is cut anywhere nothing is whole.
#[test]
fn a_cut_form_ends_with_a_fault() {
    let text = [FIELD, FILE, "data\r\n--XX--"].concat();
    for end in 0..text.len() {
        for piece in [1, 7, text.len()] {
            let cut = check(&text.as_bytes()[..end], piece);
            assert!(cut.is_err(), "{end} {piece}: {cut:?}");
        }
    }
}

#[test]
fn what_is_no_form_is_refused() {
    let disposition = |text: &str| format!("--XX\r\nContent-Disposition: {text}\r\n\r\nvalue\r\n{FILE}data\r\n--XX--");
    let form = |why| BodyFault::Form(why);
    for (text, fault) in [
        (String::new(), form("it is cut")),
        ("data".to_owned(), form("it is cut")),
        (format!("{FIELD}--XX--"), BodyFault::NoFile),
        ("--XX--".to_owned(), BodyFault::NoFile),
        (format!("--XXX{FIELD}"), form("a delimiter is not alone in its line")),
        (format!("{FIELD}{FIELD}{FILE}\r\n--XX--"), form("a field stands twice")),
        (
            format!("{FIELD}{}{FILE}\r\n--XX--", FIELD.replace("Key", "kEY")),
            form("a field stands twice"),
        ),
        (
            format!("--XX\r\n\r\n\r\n{FILE}\r\n--XX--"),
            form("the head of a part is not made of headers"),
        ),
        (
            format!("--XX\r\nContent-Type: a/b\r\n\r\n{FILE}\r\n--XX--"),
            form("a part has no Content-Disposition header"),
        ),
        (disposition("attachment; name=\"a\""), form("a part is not form-data")),
        (disposition("form-data"), form("a part has no name")),
        (disposition("form-data; name=\"\""), form("a part has no name")),
        (disposition("form-data; name=a; name=b"), form("a part has two names")),
        (
            disposition("form-data; name=a\r\nContent-Disposition: form-data; name=b"),
            form("a part has two Content-Disposition headers"),
        ),
        (
            disposition("form-data; name=a\r\nContent-Transfer-Encoding: base64"),
            form("a part has a Content-Transfer-Encoding"),
        ),
        (
            format!("{FILE}data\r\n--XX--{}", "x".repeat(FORM_TAIL_BYTES_MAX)),
            form("too much follows the file"),
        ),
        (
            FIELD.replace("value", &"v".repeat(FORM_FIELDS_BYTES_MAX)) + FILE,
            BodyFault::FormFields,
        ),
        ("x".repeat(FORM_HEAD_BYTES_MAX + 9), BodyFault::FormFields),
        (
            (0..=FORM_FIELDS_MAX)
                .map(|n| FIELD.replace("Key", &n.to_string()))
                .collect::<String>()
                + FILE,
            BodyFault::FormFields,
        ),
    ] {
        for piece in [1000, 1 << 20] {
            let shown: String = text.chars().take(200).collect();
            assert_eq!(check(text.as_bytes(), piece), Err(fault.clone()), "{shown}");
        }
    }
    let text = [
        &b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n"[..],
        FILE.as_bytes(),
    ]
    .concat();
    assert_eq!(check(&text, 9), Err(form("a field is not UTF-8")));
    let text = [
        &b"--XX\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n\r\n"[..],
        FILE.as_bytes(),
    ]
    .concat();
    assert_eq!(check(&text, 9), Err(form("the head of a part is not UTF-8")));
}

#[test]
fn names_of_fields_and_files() {
    for (disposition, name, file_name) in [
        ("form-data; name=file; filename=a", "file", "a"),
        ("form-data; filename=\"a;b=c\"; name=\"file\"", "file", "a;b=c"),
        (
            "form-data;name=\"file\";filename=\"say \\\"a\\\".txt\"",
            "file",
            "say \"a\".txt",
        ),
        (
            "FORM-DATA; NAME=\"FILE\"; FILENAME=\"C:\\dir\\a.txt\"",
            "file",
            "C:\\dir\\a.txt",
        ),
        ("form-data; name=\"file\"; filename=\"ü \\\\\"", "file", "ü \\"),
        ("form-data; name=\"file\"; filename=\"open", "file", "open"),
        ("form-data; name=\"file\"", "file", ""),
    ] {
        let text = format!("--XX\r\nContent-Disposition: {disposition}\r\n\r\ndata\r\n--XX--");
        let (fields, found, _) = check(text.as_bytes(), 9).unwrap();
        assert_eq!((fields.len(), &*found), (0, file_name), "{disposition} {name}");
    }
}

#[test]
fn boundaries() {
    let head = |content_type: &str| {
        let request = http::Request::post("/b").header(CONTENT_TYPE, content_type);
        request.body(()).unwrap().into_parts().0
    };
    for (content_type, found) in [
        ("multipart/form-data; boundary=XX", Some("XX")),
        ("multipart/form-data; charset=utf-8; boundary=\"a b\"", Some("a b")),
        (
            "Multipart/Form-Data;Boundary=----WebKitFormBoundaryAbC",
            Some("----WebKitFormBoundaryAbC"),
        ),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"a \"", None),
        ("multipart/form-data; boundary=\"a\\\"b\"", None),
        ("multipart/form-data; boundary=a%", None),
    ] {
        assert!(is_form(&head(content_type)), "{content_type}");
        assert_eq!(boundary(&head(content_type)).as_deref(), found, "{content_type}");
    }
    let longest = "x".repeat(FORM_BOUNDARY_BYTES_MAX);
    assert!(boundary(&head(&format!("multipart/form-data; boundary={longest}"))).is_some());
    assert!(boundary(&head(&format!("multipart/form-data; boundary={longest}x"))).is_none());
    assert!(!is_form(&head("application/xml")));
    let mut signed = head("multipart/form-data; boundary=XX");
    signed
        .headers
        .insert(AUTHORIZATION, http::HeaderValue::from_static("AWS a:b"));
    assert!(!is_form(&signed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes, in whatever pieces, is a form or a fault, and the same one.
    #[test]
    fn any_bytes_are_judged(
        parts in proptest::collection::vec(prop_oneof![
            Just(FIELD.as_bytes().to_vec()), Just(FILE.as_bytes().to_vec()), Just(b"\r\n--XX".to_vec()),
            Just(b"--XX--\r\n".to_vec()), Just(b"\r\n".to_vec()), proptest::collection::vec(any::<u8>(), 0..20),
        ], 0..8),
        piece in 1_usize..40,
    ) {
        let text = parts.concat();
        prop_assert_eq!(check(&text, piece), check(&text, text.len().max(1)));
    }

    /// A file comes out as it went in, when its bytes are not the delimiter.
    #[test]
    fn files_are_not_changed(
        file in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'X'), any::<u8>()], 0..300),
        piece in 1_usize..40,
    ) {
        prop_assume!(memchr::memmem::find(&file, b"\r\n--XX").is_none());
        let text = [FILE.as_bytes(), &file, b"\r\n--XX--\r\n"].concat();
        prop_assert_eq!(check(&text, piece).unwrap().2, file);
    }
}
