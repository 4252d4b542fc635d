use super::*;

#[test]
fn sizes() {
    for (text, bytes) in [
        ("0", 0),
        ("1048576", 1 << 20),
        ("64MiB", 64 << 20),
        ("64 mib", 64 << 20),
        ("2G", 2 << 30),
        ("10MB", 10_000_000),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    for wrong in ["", "MiB", "1.5MiB", "-1", "1 parsec", "99999999999T"] {
        assert!(size(wrong).is_err(), "{wrong}");
    }
    assert!(size_within(10, 20)("10").is_ok() && size_within(10, 20)("20").is_ok());
    assert!(size_within(10, 20)("9").is_err() && size_within(10, 20)("21").is_err());
}

#[test]
fn sizes_and_times_of_files() {
    let by = |bytes, seconds: Option<u64>| {
        Ok(Rotation {
            bytes,
            every: seconds.map(Duration::from_secs),
        })
    };
    assert_eq!(rotation("100MiB"), by(Some(100 << 20), None));
    assert_eq!(rotation("1 gb"), by(Some(1_000_000_000), None));
    assert_eq!(rotation("60s"), by(None, Some(60)));
    assert_eq!(rotation("5m"), by(None, Some(300)));
    for wrong in ["", "100", "100M", "5M", "63KiB", "500ms", "0s", "b", "60 s 60"] {
        assert!(rotation(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn lengths_of_time() {
    for (text, millis) in [
        ("30", 30_000),
        ("30s", 30_000),
        ("500ms", 500),
        ("5m", 300_000),
        ("2h", 7_200_000),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    for wrong in [
        "",
        "s",
        "1.5s",
        "-1s",
        "5 fortnights",
        "99999999999999999999s",
        "9999999999999999999d",
    ] {
        assert!(duration(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn addresses_and_names() {
    assert!(address("127.0.0.1:0").is_ok() && address("[::1]:9000").is_ok());
    assert!(address("localhost").is_err() && address("9000").is_err());
    assert_eq!(domain("S3.Example.net"), Ok("s3.example.net".to_owned()));
    assert!(domain("-a.net").is_err() && domain("a..b").is_err() && domain("").is_err());
    assert!(interface("eth0.100").is_ok() && interface("any").is_ok());
    for wrong in ["", "..", "a/b", "a b", "sixteen-letters-"] {
        assert!(interface(wrong).is_err(), "{wrong}");
    }
    assert!(number(1u16, 9)("9").is_ok() && number(1u16, 9)("10").is_err() && number(1u16, 9)("x").is_err());
}

#[test]
fn regions_have_folders() {
    let west = region_folder(" west = /mnt/west=1/copies").expect("a region");
    assert_eq!((west.name.as_str(), west.folder), ("west", "/mnt/west=1/copies".into()));
    for wrong in ["", "west", "west=", "west=copies", "=/copies", "a b=/copies"] {
        assert!(region_folder(wrong).is_err(), "{wrong}");
    }
}

/// A word that is no level is taken for a module by who filters, and silences all the rest.
#[test]
fn levels_of_the_log() {
    for (text, read) in [
        ("info", "info"),
        ("WARN", "warn"),
        ("warning", "warn"),
        ("off", "off"),
        ("info, baleen_meta=debug", "info,baleen_meta=debug"),
        ("baleen_server::wire=warning", "baleen_server::wire=warn"),
    ] {
        assert_eq!(log_level(text), Ok(read.to_owned()), "{text}");
    }
    for wrong in [
        "",
        "loud",
        "verbose",
        "info,",
        "info,loud",
        "fjall",
        "baleen_meta=loud",
        "=info",
        "a b=info",
        "3",
    ] {
        assert!(log_level(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn all_of_a_packet_is_zero() {
    assert_eq!((snaplen("0"), snaplen("96")), (Ok(baleen_ring::SNAPLEN_MAX), Ok(96)));
    assert!(snaplen("-1").is_err() && snaplen("x").is_err());
}
