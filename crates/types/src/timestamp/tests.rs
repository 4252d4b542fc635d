use super::*;

#[test]
fn formats_round_trip() {
    let at = Timestamp::parse_rfc3339("2022-04-22T18:54:13.397413Z").unwrap();
    assert_eq!(at.to_rfc3339_micros(), "2022-04-22T18:54:13.397413Z");
    assert_eq!(at.to_rfc3339_millis(), "2022-04-22T18:54:13.397Z");
    assert_eq!(at.to_basic(), "20220422T185413Z");
    assert_eq!(
        Timestamp::parse_basic("20220422T185413Z").unwrap().as_secs(),
        at.as_secs()
    );
    for wrong in [
        "",
        "20220422",
        "2022-04-22T18:54:13Z",
        "20221322T185413Z",
        "20220422T185413",
        "20220422T185413+0100",
    ] {
        assert!(Timestamp::parse_basic(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn arithmetic_saturates() {
    let last = Timestamp::from_nanos(i64::MAX);
    assert_eq!(last.plus(Duration::from_secs(1)), last);
    assert_eq!(Timestamp::EPOCH.since(last), Duration::ZERO);
    assert_eq!(
        Timestamp::from_secs(3).since(Timestamp::from_secs(1)),
        Duration::from_secs(2)
    );
    assert_eq!(Timestamp::from_nanos(i64::MIN).to_rfc3339_micros().len(), 27);
    assert_eq!(Timestamp::from_nanos(-1).as_secs(), -1);
}
