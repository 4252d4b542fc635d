//! Signatures in headers and queries: no text makes a claim that panics, and none is believed.
#![no_main]

use baleen_signing::{AmzDate, Claim, PayloadMode, PolicyClaim, sdk, v2};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str)| {
    let (one, two, three) = input;
    let _ = PayloadMode::parse(one);
    let _ = v2::parse_date(one.as_bytes());
    let _ = PolicyClaim::new((one, two), three, one);
    let _ = Claim::from_query("GET", one);
    if let Ok(date) = AmzDate::parse(one.as_bytes()) {
        let _ = Claim::from_authorization(two, date);
        if let Ok(claim) = sdk::Claim::from_authorization(two, date) {
            let request = sdk::Request {
                method: "GET",
                path: three,
                query: three,
                headers: &[("host", one.as_bytes())],
                body: [0; 32],
            };
            assert!(
                claim
                    .verify(&request, &baleen_types::Secret::new("a secret that is in no input"))
                    .is_err()
            );
        }
    }
    let query = v2::Claim::from_query(one).ok().flatten();
    let header = v2::Claim::from_authorization(two).ok().flatten();
    let headers = [("x-amz-meta-a", three.as_bytes()), ("content-type", two.as_bytes())];
    let request = v2::Request {
        method: "GET",
        host_bucket: Some(three),
        path: two,
        query: one,
        headers: &headers,
    };
    let _ = request.stranger();
    for claim in [query, header].into_iter().flatten() {
        assert!(
            claim
                .verify(&request, &baleen_types::Secret::new("a secret that is in no input"))
                .is_err()
        );
    }
});
