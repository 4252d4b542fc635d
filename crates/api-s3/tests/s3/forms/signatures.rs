//! F1 with forms: nothing but a good signature stores.

use baleen_signing::sign::Signer;

use crate::harness::{OWNER, Server};

use super::{Form, How, code, form};

/// F1 with forms: nothing but a good signature stores.
#[tokio::test]
async fn only_what_is_signed_is_stored() {
    let server = Server::with_bucket().await;
    let spoil = |name: &'static str, value: &'static str| {
        move |form: Form| form.changed(|known, _| known.eq_ignore_ascii_case(name).then(|| value.to_owned()))
    };
    let drop = |name: &'static str| {
        move |mut form: Form| {
            form.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            form
        }
    };
    let signature = "0000000000000000000000000000000000000000000000000000000000000000";
    type Change = Box<dyn Fn(Form) -> Form>;
    let cases: Vec<(How, Change, &str)> = vec![
        (
            How::V4,
            Box::new(spoil("x-amz-signature", signature)),
            "SignatureDoesNotMatch",
        ),
        (
            How::V4,
            Box::new(spoil("x-amz-signature", "")),
            "AuthorizationHeaderMalformed",
        ),
        (How::V4, Box::new(spoil("policy", "eyJ9")), "SignatureDoesNotMatch"),
        (
            How::V4,
            Box::new(spoil("x-amz-credential", "a/b")),
            "AuthorizationHeaderMalformed",
        ),
        (How::V4, Box::new(drop("x-amz-signature")), "InvalidArgument"),
        (How::V4, Box::new(drop("policy")), "InvalidArgument"),
        (How::V4, Box::new(drop("x-amz-date")), "InvalidArgument"),
        (
            How::V2,
            Box::new(spoil("signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
            "SignatureDoesNotMatch",
        ),
        (
            How::V2,
            Box::new(spoil("signature", "AAAA")),
            "AuthorizationHeaderMalformed",
        ),
        (
            How::V2,
            Box::new(spoil("awsaccesskeyid", "AKIANOBODYNOBODYNOBO")),
            "InvalidAccessKeyId",
        ),
        (How::V2, Box::new(spoil("policy", "eyJ9")), "SignatureDoesNotMatch"),
        (How::V2, Box::new(drop("signature")), "InvalidArgument"),
        (How::V2, Box::new(drop("awsaccesskeyid")), "InvalidArgument"),
        (
            How::V2,
            Box::new(|form| form.stray("LyveAccessKeyId", OWNER.access_key_id)),
            "InvalidArgument",
        ),
        (
            How::V2,
            Box::new(|form| form.stray("x-amz-signature", "0")),
            "InvalidArgument",
        ),
        (How::Not, Box::new(|form| form), "AccessDenied"),
        (
            How::Not,
            Box::new(|form| form.stray("policy", "eyJ9")),
            "InvalidArgument",
        ),
    ];
    for (at, (how, change, wanted)) in cases.into_iter().enumerate() {
        let answer = server.raw(change(Form { how, ..form() }.signed(&server)).ask()).await;
        assert_eq!(code(&answer), wanted, "{at} {how:?}: {answer:?}");
    }
    let wrong = Signer {
        secret: "another",
        ..OWNER
    };
    let other_service = Signer {
        service: "iam",
        ..OWNER
    };
    for how in [How::V4, How::V2, How::Lyve] {
        let answer = Form {
            how,
            signer: wrong,
            ..form()
        }
        .send(&server)
        .await;
        assert_eq!(code(&answer), "SignatureDoesNotMatch", "{how:?}");
    }
    let answer = Form {
        signer: other_service,
        ..form()
    }
    .send(&server)
    .await;
    assert_eq!(code(&answer), "SignatureDoesNotMatch");
    // A header of the head is not signed, whatever it says; and a signature in the head is another mechanism.
    for (name, value) in [
        ("x-amz-acl", "private"),
        ("x-amz-copy-source", "/bucket/k"),
        ("content-encoding", "gzip"),
    ] {
        let answer = server.raw(form().signed(&server).ask().header(name, value)).await;
        assert!(
            ["AccessDenied", "InvalidRequest"].contains(&&*code(&answer)),
            "{name}: {answer:?}"
        );
    }
    let signed = form().signed(&server).ask();
    assert_eq!(code(&server.send(signed).await), "NotImplemented");
    assert!(server.stored_keys().await.is_empty());
}
