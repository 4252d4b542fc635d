use super::*;
use crate::limits::OPERATION_OVERHEAD_BYTES;
use baleen_types::{Classify, FaultKind};

#[test]
fn keys_and_values_have_limits() {
    let key = |bytes| vec![b'O'; bytes];
    let value = |bytes| vec![0; bytes];
    let cases = [
        (Request::new().delete(key(1)), None),
        (Request::new().delete(key(0)), Some(FaultKind::Invalid)),
        (Request::new().put(key(KEY_BYTES_MAX), value(0)), None),
        (
            Request::new().put(key(KEY_BYTES_MAX + 1), value(0)),
            Some(FaultKind::TooLarge),
        ),
        (Request::new().absent(key(KEY_BYTES_MAX + 1)), Some(FaultKind::TooLarge)),
        (Request::new().add(key(KEY_BYTES_MAX + 1), 1), Some(FaultKind::TooLarge)),
        (Request::new().put(key(1), value(VALUE_BYTES_MAX)), None),
        (
            Request::new().put(key(1), value(VALUE_BYTES_MAX + 1)),
            Some(FaultKind::TooLarge),
        ),
        (Request::new().feed(value(VALUE_BYTES_MAX)), None),
        (
            Request::new().feed(value(VALUE_BYTES_MAX + 1)),
            Some(FaultKind::TooLarge),
        ),
    ];
    for (at, (request, refusal)) in cases.into_iter().enumerate() {
        assert_eq!(request.check().err().map(|error| error.kind()), refusal, "case {at}");
    }
}

#[test]
fn a_request_has_a_limit() {
    // 31 values with their keys and overhead, and one that fills the rest.
    let full = 1 + VALUE_BYTES_MAX + OPERATION_OVERHEAD_BYTES;
    let rest = REQUEST_BYTES_MAX - 31 * full - 1 - OPERATION_OVERHEAD_BYTES;
    let request = |last: usize| {
        let values = (0..31).fold(Request::new(), |request, at| {
            request.put([at + 1], vec![0; VALUE_BYTES_MAX])
        });
        values.put([99], vec![0; last])
    };
    assert_eq!(request(rest).check().unwrap(), REQUEST_BYTES_MAX);
    assert!(
        matches!(request(rest + 1).check(), Err(Error::RequestTooLarge { bytes }) if bytes == REQUEST_BYTES_MAX + 1)
    );
}
