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

#[test]
fn debug_hides_the_key() {
    assert_eq!(format!("{:?}", sealer(1)), "Sealer(hidden)");
}
