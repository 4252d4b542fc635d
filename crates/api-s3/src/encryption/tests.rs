use super::*;
use http::HeaderValue;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// 32 letters `k`, and their MD5.
const KEY: &str = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
const KEY_MD5: &str = "mT2HRsMGJ5IX5C+0rreZ8Q==";

const SSE: &str = "x-amz-server-side-encryption";
const ALG: &str = OWN.algorithm;

#[test]
fn what_a_write_asks_for() {
    let good = [(OWN.algorithm, "AES256"), (OWN.key, KEY), (OWN.md5, KEY_MD5)];
    let kms = "x-amz-server-side-encryption-aws-kms-key-id";
    for (lines, expected) in [
        (&[][..], "AsBucket"),
        (&[(SSE, "AES256")], "Managed"),
        (&[(SSE, "")], "AsBucket"),
        (&[(SSE, "AES128")], "InvalidArgument"),
        (&[(SSE, "aes256")], "InvalidArgument"),
        (&[(SSE, "aws:kms:dsse")], "NotImplemented"),
        (&[(SSE, "aws:kms"), (OF_KMS[2], "yes")], "InvalidArgument"),
        (&[(SSE, "aws:kms"), (OF_KMS[1], "!")], "InvalidArgument"),
        (&[(SSE, "aws:kms"), (OF_KMS[1], "WzFd")], "InvalidArgument"),
        (&[(SSE, "aws:kms"), (OF_KMS[1], "eyJhIjoxfQ==")], "InvalidArgument"),
        (&[(SSE, "aws:kms"), (kms, "k"), (kms, "l")], "InvalidArgument"),
        (&[(SSE, "AES256"), (SSE, "aws:kms")], "InvalidArgument"),
        (&[(SSE, "AES256"), (kms, "k")], "InvalidArgument"),
        (&[(kms, "k")], "InvalidArgument"),
        (&good, "Customer(CustomerKey(hidden))"),
        (&[good[0], good[1], good[2], (SSE, "AES256")], "InvalidArgument"),
        (&[good[0], good[1], good[2], (kms, "k")], "InvalidArgument"),
        (&good[..2], "InvalidArgument"),
        (&[good[0], good[2]], "InvalidArgument"),
        (&good[1..], "InvalidArgument"),
        (&good[..1], "InvalidArgument"),
        (&[(ALG, "aws:kms"), good[1], good[2]], "InvalidEncryptionAlgorithmError"),
        (&[good[0], (OWN.key, "a2s="), good[2]], "InvalidArgument"),
        (&[good[0], (OWN.key, "!"), good[2]], "InvalidArgument"),
        (
            &[good[0], good[1], (OWN.md5, "AAAAAAAAAAAAAAAAAAAAAA==")],
            "InvalidArgument",
        ),
        (&[good[0], good[1], good[1], good[2]], "InvalidArgument"),
    ] {
        let told = match asked(&headers(lines)) {
            Ok((encrypt, sent)) => {
                assert_eq!(sent.is_some(), matches!(encrypt, Encrypt::Customer(_)));
                format!("{encrypt:?}")
            }
            Err(fault) => {
                assert!(!fault.message.contains(KEY) && !fault.message.contains(KEY_MD5));
                fault.code.to_owned()
            }
        };
        assert_eq!(told, expected, "{lines:?}");
    }
}

#[test]
fn a_named_key_with_all_that_belongs_to_it() {
    let lines = [
        (SSE, "aws:kms"),
        (OF_KMS[0], "alias/k"),
        (OF_KMS[1], "eyJhIjoiYiJ9"),
        (OF_KMS[2], "TRUE"),
    ];
    for most in 1..=lines.len() {
        let Ok((Encrypt::Kms(asked), None)) = asked(&headers(&lines[..most])) else {
            panic!("{most}")
        };
        assert_eq!(asked.key.is_some(), most > 1);
        assert_eq!(
            asked.context.pairs().collect::<Vec<_>>(),
            [("a", "b")][..usize::from(most > 2)]
        );
        assert_eq!(asked.bucket_key, (most > 3).then_some(true));
    }
}

#[test]
fn a_choice_is_refused_where_nothing_is_chosen() {
    assert!(refuse_choice(&headers(&[(ALG, "AES256")])).is_ok());
    for name in [SSE].into_iter().chain(OF_KMS) {
        assert_eq!(
            refuse_choice(&headers(&[(name, "x")])).unwrap_err().code,
            "InvalidArgument"
        );
    }
}
