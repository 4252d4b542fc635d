//! `Debug` of what holds a secret does not show it: what is logged by accident is logged for good.
//!
//! Records at rest are not here: what is secret in them is sealed or hashed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use baleen_capture::{AccessKeys, Destination, S3Credentials};
use baleen_iam::login::{LogIn, NewPassword};
use baleen_iam::{FederatedAnswer, FederatedStart, OpenedSession, PreparedFactor, RootOverrides, SessionLength};
use baleen_signing::sign::{Request, Signer};
use baleen_signing::{AmzDate, Claim, KeyCache, PathStyle, PayloadMode, Scope, SigningKey};
use baleen_types::{AccessKeyId, AccountId, Secret, Timestamp};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const CANARY: &str = "Canary0Canary1Canary2Canary3Canary4Canary5";

fn secret() -> Secret {
    Secret::new(CANARY)
}

fn shown(name: &'static str, value: &dyn Debug) -> (&'static str, String) {
    (name, format!("{value:?} {value:#?}"))
}

#[test]
fn debug_hides_what_must_not_be_seen() {
    let id = AccessKeyId::parse("AKIDEXAMPLE000000000").unwrap();
    let signer = Signer {
        access_key_id: id.as_str(),
        secret: CANARY,
        session_token: Some(CANARY),
        region: "us-east-1",
        service: "s3",
    };
    let date = AmzDate::from_timestamp(Timestamp::from_secs(1_700_000_000));
    let request = Request {
        method: "GET",
        path: "/bucket",
        query: "",
        headers: &[("host", b"localhost")],
        payload: PayloadMode::Unsigned,
        style: PathStyle::S3,
    };
    let headers = signer.sign(&request, date);
    let authorization = headers.headers.last().unwrap().1.clone();
    let (query, chunks) = signer
        .presign_with_chain(&request, date, Duration::from_secs(60))
        .unwrap();
    let signature = query.rsplit('=').next().unwrap().to_owned();
    let scope = Scope {
        day: "20231114",
        region: "us-east-1",
        service: "s3",
    };
    let uri = format!("s3://bucket?endpoint=https://s3.example&access-key-id=AKID&secret-access-key={CANARY}");
    let credentials = baleen_remote::Credentials {
        access_key_id: "AKID".to_owned(),
        secret: secret(),
        session_token: Some(secret()),
    };
    let rows = [
        shown("Secret", &secret()),
        shown("Signer", &signer),
        shown("SignedHeaders", &headers),
        shown("ChunkChain", &chunks),
        shown("SigningKey", &SigningKey::derive(CANARY, scope)),
        shown("KeyCache", &KeyCache::default()),
        shown(
            "Claim of a header",
            &Claim::from_authorization(&authorization, date).unwrap(),
        ),
        shown("Claim of a query", &Claim::from_query("GET", &query).unwrap().unwrap()),
        shown("remote::Credentials", &credentials),
        shown("Destination", &Destination::parse(&uri).unwrap()),
        shown(
            "AccessKeys",
            &AccessKeys {
                id: "AKID".to_owned(),
                secret: secret(),
            },
        ),
        shown(
            "S3Credentials",
            &S3Credentials {
                access_key_id: "AKID".to_owned(),
                secret: secret(),
            },
        ),
        shown("NewPassword", &NewPassword::parse(&secret()).unwrap()),
        shown(
            "LogIn",
            &LogIn {
                customer: "newcorp",
                account: Some(AccountId::from_entropy(1)),
                user: "ann@example.com",
                password: &secret(),
                code: Some(&secret()),
                length: SessionLength::login(None).unwrap(),
                source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            },
        ),
        shown(
            "OpenedSession",
            &OpenedSession {
                id: id.clone(),
                secret: secret(),
                token: Some(secret()),
                expires: Timestamp::EPOCH,
                packed_percent: 0,
            },
        ),
        shown(
            "PreparedFactor",
            &PreparedFactor {
                secret_base32: secret(),
                qr_code_url: secret(),
                otpauth_url: secret(),
            },
        ),
        shown(
            "RootOverrides",
            &RootOverrides {
                access_key: Some((id, secret())),
                api_token: Some(secret()),
            },
        ),
        shown(
            "FederatedStart",
            &FederatedStart {
                redirect_url: "https://idp.example".to_owned(),
                cookie: secret(),
            },
        ),
        shown(
            "FederatedAnswer",
            &FederatedAnswer {
                cookie: Some(CANARY),
                relay_state: CANARY,
                response: CANARY,
            },
        ),
    ];
    let bytes = |hex: &str| {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect::<Vec<_>>()
    };
    let in_header = authorization.rsplit('=').next().unwrap();
    for (name, text) in rows {
        for hidden in [CANARY, &signature, in_header] {
            assert!(!text.contains(hidden), "{name}: {text}");
        }
        for signature in [&*signature, in_header] {
            // How a derived `Debug` shows bytes.
            let listed = format!("{:?}", &bytes(signature)[..4]);
            assert!(!text.contains(listed.trim_end_matches(']')), "{name}: {text}");
        }
    }
}
