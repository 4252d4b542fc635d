use super::*;

fn sealer(key: u8) -> Sealer {
    Sealer::new(&Zeroizing::new([key; MASTER_KEY_BYTES]))
}

const HERE: Context<'_> = Context {
    purpose: "access-key",
    id: "AKIA1",
};

#[test]
fn a_secret_opens_only_where_it_was_sealed() {
    let secret = Secret::new("wJalrXUtnFEMI/K7MDENG");
    let sealed = sealer(1).seal(HERE, &secret, [7; NONCE_BYTES]);
    assert_eq!(sealer(1).open(HERE, &sealed).unwrap().expose(), secret.expose());
    assert!(
        !sealed.windows(5).any(|w| w == b"wJalr"),
        "the bytes at rest do not show the secret"
    );
    for (key, context) in [
        (2, HERE),
        (
            1,
            Context {
                purpose: "destination",
                ..HERE
            },
        ),
        (1, Context { id: "AKIA2", ..HERE }),
    ] {
        assert_eq!(sealer(key).open(context, &sealed).unwrap_err(), DoesNotOpen);
    }
}

#[test]
fn every_damage_is_noticed() {
    let sealed = sealer(1).seal(HERE, &Secret::new("secret"), [7; NONCE_BYTES]);
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert!(sealer(1).open(HERE, &damaged).is_err(), "byte {at}");
        assert!(sealer(1).open(HERE, &sealed[..at]).is_err(), "cut at {at}");
    }
}

fn ring(first: u16, keys: &[u8]) -> Ring {
    Ring::parse(&rows(u32::from(first), keys.iter().copied())).unwrap()
}

fn rows(first: u32, keys: impl IntoIterator<Item = u8>) -> String {
    let rows = keys.into_iter().zip(first..);
    let rows: Vec<_> = rows.map(|(key, n)| format!("{n} {}\n", line(key))).collect();
    rows.concat()
}

fn line(key: u8) -> String {
    hex::encode([key; MASTER_KEY_BYTES])
}

#[test]
fn the_newest_key_seals_and_every_key_opens() {
    let secret = Secret::new("secret");
    let sealer = sealer(1);
    let before = sealer.seal(HERE, &secret, [7; NONCE_BYTES]);
    sealer.take(&ring(1, &[1, 2]));
    let after = sealer.seal(HERE, &secret, [8; NONCE_BYTES]);
    assert_eq!(
        [&before, &after].map(|sealed| sealed_under(sealed).unwrap().get()),
        [1, 2]
    );
    // What each ring opens of what was sealed under key 1 and under key 2.
    for (held, opens) in [
        (ring(1, &[1, 2]), [true, true]),
        (ring(1, &[1, 2, 3]), [true, true]),
        (ring(1, &[1]), [true, false]),
        (ring(2, &[2]), [false, true]),
        // The right keys under wrong numbers are wrong keys.
        (ring(1, &[2, 1]), [false, false]),
        (ring(2, &[1, 2]), [false, false]),
        (ring(65_535, &[1]), [false, false]),
    ] {
        let opened = [&before, &after].map(|sealed| Sealer::of(&held).open(HERE, sealed).is_ok());
        assert_eq!(opened, opens, "{held:?}");
    }
}

#[test]
fn what_an_older_key_sealed_is_sealed_anew_once() {
    let secret = Secret::new("secret");
    let sealer = sealer(1);
    let mut sealed = sealer.seal(HERE, &secret, [7; NONCE_BYTES]);
    assert_eq!(sealer.reseal(HERE, &mut sealed, [8; NONCE_BYTES]), Ok(false));
    sealer.take(&ring(1, &[1, 2]));
    let elsewhere = Context { id: "AKIA2", ..HERE };
    let untouched = sealed.clone();
    assert_eq!(
        sealer.reseal(elsewhere, &mut sealed, [8; NONCE_BYTES]),
        Err(DoesNotOpen)
    );
    assert_eq!(sealed, untouched);
    assert_eq!(sealer.reseal(HERE, &mut sealed, [8; NONCE_BYTES]), Ok(true));
    assert_eq!(sealer.reseal(HERE, &mut sealed, [9; NONCE_BYTES]), Ok(false));
    sealer.take(&ring(2, &[2]));
    assert_eq!(sealer.open(HERE, &sealed).unwrap().expose(), "secret");
}

#[test]
fn what_the_first_releases_sealed_opens_under_key_1() {
    // Made by another implementation of the cipher: "secret", nonce of sevens, for HERE.
    let mut sealed = hex::decode("01070707070707070707070707fe9689d66ada00d666eb2857c2c03d4aa753d2051484").unwrap();
    assert_eq!(sealed_under(&sealed), Some(KeyNumber::FIRST));
    let both = Sealer::of(&ring(1, &[1, 2]));
    assert_eq!(both.open(HERE, &sealed).unwrap().expose(), "secret");
    assert_eq!(both.reseal(HERE, &mut sealed, [8; NONCE_BYTES]), Ok(true));
    assert_eq!(sealed_under(&sealed).unwrap().get(), 2);
}

/// Each form as another implementation made it (Python's `hmac` and `cryptography`), of "secret", under the key of ones, with a
/// nonce of sevens, for HERE. The last is what is written today: under HKDF-SHA-256 of the key, the salt and the purpose.
#[test]
fn each_form_is_what_it_is_said_to_be() {
    let forms = [
        "01070707070707070707070707fe9689d66ada00d666eb2857c2c03d4aa753d2051484",
        "020001070707070707070707070707fe9689d66ada00d666eb2857c2c03d4aa753d2051484",
        "030001070707070707070707070707ebc646f43d1956ed1046923259cba3e295816bfa4723",
    ]
    .map(|form| hex::decode(form).unwrap());
    for form in &forms {
        assert_eq!(sealer(1).open(HERE, form).unwrap().expose(), "secret");
    }
    assert_eq!(sealer(1).seal(HERE, &Secret::new("secret"), [7; NONCE_BYTES]), forms[2]);
    // A form is no other one: what is sealed under the key of a purpose is not taken for sealed under the master key.
    for (one, other) in [(1, 2), (2, 1)] {
        let mut mixed = forms[one].clone();
        mixed[0] = forms[other][0];
        assert_eq!(sealer(1).open(HERE, &mixed).unwrap_err(), DoesNotOpen);
    }
}

/// The same text under the same nonce shows in no two purposes the same stream: their keys differ.
#[test]
fn purposes_share_no_key() {
    let secret = Secret::new("the same secret");
    let sealed = |purpose| {
        let context = Context { purpose, id: "" };
        sealer(1).seal(context, &secret, [7; NONCE_BYTES])
    };
    let all = ["page-marker", "access-key", "access-keyX", ""]
        .map(|purpose| sealed(purpose)[3 + NONCE_BYTES..][..15].to_vec());
    for (n, one) in all.iter().enumerate() {
        assert!(!all[n + 1..].contains(one));
    }
}

#[test]
fn a_ring_is_read_as_it_is_written_and_nothing_else_is_read() {
    let (a, b) = (line(1), line(2));
    for text in [&*ring(1, &[1]).to_text(), &*ring(7, &[1, 2, 3]).to_text()] {
        assert_eq!(&*Ring::parse(text).unwrap().to_text(), text);
    }
    for (text, read) in [
        (format!("{a}\n"), Ok("1 to 1")),
        (a.clone(), Ok("1 to 1")),
        (format!("  {a}\r\n\n"), Ok("1 to 1")),
        (a.to_uppercase(), Ok("1 to 1")),
        (format!("# note\n\n3 {a}\n4 {b}\n"), Ok("3 to 4")),
        (format!("65535 {a}"), Ok("65535 to 65535")),
        (String::new(), Err(BadRing::Empty)),
        ("# only a note\n".into(), Err(BadRing::Empty)),
        ("abc".into(), Err(BadRing::Line(1))),
        ("z".repeat(64), Err(BadRing::Line(1))),
        (format!("{a}00"), Err(BadRing::Line(1))),
        (a[1..].to_owned(), Err(BadRing::Line(1))),
        (format!("{a}\n{b}"), Err(BadRing::Line(2))),
        (format!("1 {a}\n{b}"), Err(BadRing::Line(2))),
        (format!("1 {a} {b}"), Err(BadRing::Line(1))),
        (format!("1  {a}"), Err(BadRing::Line(1))),
        (format!("0 {a}"), Err(BadRing::Line(1))),
        (format!("+1 {a}"), Err(BadRing::Line(1))),
        (format!("01 {a}"), Err(BadRing::Line(1))),
        (format!("-1 {a}"), Err(BadRing::Line(1))),
        (format!("65536 {a}"), Err(BadRing::Line(1))),
        (format!("1 {a}\n1 {b}"), Err(BadRing::Number(2))),
        (format!("1 {a}\n3 {b}"), Err(BadRing::Number(2))),
        (format!("2 {a}\n1 {b}"), Err(BadRing::Number(2))),
        (format!("65535 {a}\n65536 {b}"), Err(BadRing::Line(2))),
        (format!("1 {a}\n2 {a}"), Err(BadRing::Repeated(2))),
        (rows(1, 1..=17), Err(BadRing::Full)),
        (
            format!("{}{a}", "#\n".repeat(RING_TEXT_BYTES_MAX / 2)),
            Err(BadRing::TooLong),
        ),
    ] {
        let ring = Ring::parse(&text);
        let span = ring.map(|ring| format!("{} to {}", ring.first(), ring.newest()));
        assert_eq!(span.as_deref(), read.as_deref(), "{text}");
        if let Err(why) = read {
            assert!(!why.to_string().contains(&a), "a refusal does not show the key");
        }
    }
}

#[test]
fn a_ring_grows_at_the_new_end_and_is_cut_at_the_old_one() {
    let key = |n: u8| Zeroizing::new([n; MASTER_KEY_BYTES]);
    let mut ring = Ring::single(key(1));
    assert_eq!(ring.with(key(1)), Err(BadRing::Repeated(2)));
    for n in 2..=16 {
        ring = ring.with(key(n)).unwrap();
    }
    assert_eq!(ring.with(key(17)), Err(BadRing::Full));
    let ring = ring.newest_only();
    assert_eq!(ring.numbers().map(KeyNumber::get).collect::<Vec<_>>(), [16]);
    assert_eq!(ring.with(key(17)).unwrap().newest().get(), 17);
    let last = self::ring(65_535, &[1]);
    assert_eq!(last.with(key(2)), Err(BadRing::Full), "numbers end");
}

#[test]
fn debug_hides_the_keys() {
    assert_eq!(format!("{:?}", sealer(1)), "Sealer(hidden)");
    assert_eq!(format!("{:?}", ring(3, &[1, 2])), "Ring(3 to 4, hidden)");
}
