//! The decoder, fed whole and in splinters.

use baleen_signing::sign::{Request, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode};
use proptest::prelude::*;

use super::*;

fn chain() -> ChunkChain {
    let signer = Signer {
        access_key_id: "AKIA",
        secret: "secret",
        session_token: None,
        region: "r",
        service: "s3",
    };
    let request = Request {
        method: "PUT",
        path: "/b/k",
        query: "",
        headers: &[("host", b"h")],
        payload: PayloadMode::Streaming,
        style: PathStyle::S3,
    };
    signer
        .sign(&request, AmzDate::parse(b"20130524T000000Z").unwrap())
        .chunks
}

fn crc32(data: &[u8]) -> String {
    let mut hasher = ChecksumHasher::new(ChecksumAlgorithm::Crc32);
    hasher.update(data);
    hasher.finish_base64()
}

/// How a body is protected in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mode {
    signed: bool,
    trailer: bool,
}

const MODES: [Mode; 4] = [
    Mode {
        signed: true,
        trailer: false,
    },
    Mode {
        signed: true,
        trailer: true,
    },
    Mode {
        signed: false,
        trailer: true,
    },
    Mode {
        signed: false,
        trailer: false,
    },
];

fn decoder(mode: Mode, announced: usize) -> Decoder {
    let checksums = if mode.trailer {
        vec![ChecksumAlgorithm::Crc32]
    } else {
        Vec::new()
    };
    let trailers = Trailers {
        checksums,
        signed: mode.signed && mode.trailer,
    };
    Decoder::new(announced as u64, mode.signed.then(chain), &trailers)
}

/// A well-formed body of chunks of at most `chunk` bytes.
fn encode(mode: Mode, data: &[u8], chunk: usize) -> Vec<u8> {
    let mut chain = chain();
    let mut out = Vec::new();
    let pieces = data.chunks(chunk).chain([&[][..]]);
    for piece in pieces {
        out.extend_from_slice(format!("{:x}", piece.len()).as_bytes());
        if mode.signed {
            let signature = chain.sign_chunk(&baleen_signing::sha256(piece));
            out.extend_from_slice(format!(";chunk-signature={}", hex::encode(signature)).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if !piece.is_empty() {
            out.extend_from_slice(piece);
            out.extend_from_slice(b"\r\n");
        }
    }
    if mode.trailer {
        let value = crc32(data);
        out.extend_from_slice(format!("x-amz-checksum-crc32:{value}\r\n").as_bytes());
        if mode.signed {
            let lines = format!("x-amz-checksum-crc32:{value}\n");
            let signature = chain.sign_trailer(&baleen_signing::sha256(lines.as_bytes()));
            out.extend_from_slice(format!("x-amz-trailer-signature:{}\r\n", hex::encode(signature)).as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The one caller of the decoder: feeds it the splits, and gives what came out, or the fault.
fn run(mut decoder: Decoder, body: &[u8], splits: &[usize]) -> Result<Vec<u8>, BodyFault> {
    let mut out = Vec::new();
    let mut at = 0;
    let ends = splits.iter().map(|split| split % (body.len() + 1)).chain([body.len()]);
    let mut ends: Vec<_> = ends.collect();
    ends.sort_unstable();
    for end in ends {
        let mut input = Bytes::copy_from_slice(&body[at..end]);
        at = end;
        while let Some(piece) = decoder.decode(&mut input)? {
            out.extend_from_slice(&piece);
        }
        assert!(input.is_empty(), "the decoder takes all it is given");
    }
    if decoder.is_complete() {
        Ok(out)
    } else {
        Err(BodyFault::BrokenOff)
    }
}

#[test]
fn every_mode_decodes() {
    for mode in MODES {
        for data in [&b""[..], b"a", b"hello world", &[7; 1000]] {
            let body = encode(mode, data, 64);
            assert_eq!(
                run(decoder(mode, data.len()), &body, &[]).as_deref(),
                Ok(data),
                "{mode:?}"
            );
        }
    }
}

/// The published example's own layout: line feed alone, and an empty line before the trailer's signature.
#[test]
fn the_trailer_layout_of_the_documentation_is_accepted() {
    let mode = Mode {
        signed: true,
        trailer: true,
    };
    let body = String::from_utf8(encode(mode, b"data", 64)).unwrap();
    let body = body.replace("==\r\nx-amz-trailer", "==\n\r\n\r\nx-amz-trailer");
    assert!(body.contains("\n\r\n\r\nx-amz-trailer-signature"));
    assert_eq!(run(decoder(mode, 4), body.as_bytes(), &[]).as_deref(), Ok(&b"data"[..]));
}

#[test]
fn wrong_bodies_are_refused() {
    let signed = Mode {
        signed: true,
        trailer: false,
    };
    let trailing = Mode {
        signed: false,
        trailer: true,
    };
    let both = Mode {
        signed: true,
        trailer: true,
    };
    let good = |mode| String::from_utf8(encode(mode, b"hello world", 5)).unwrap();
    let check = |mode, announced, body: String, wanted: fn(&BodyFault) -> bool| {
        let fault = run(decoder(mode, announced), body.as_bytes(), &[]).expect_err(&body);
        assert!(wanted(&fault), "{fault:?} for {body}");
    };
    let signature = |fault: &BodyFault| *fault == BodyFault::Signature;
    let framing = |fault: &BodyFault| matches!(fault, BodyFault::Framing(_));
    let length = |fault: &BodyFault| matches!(fault, BodyFault::DecodedLength { .. });
    let trailer = |fault: &BodyFault| matches!(fault, BodyFault::Trailer(_));
    let broken = |fault: &BodyFault| *fault == BodyFault::BrokenOff;

    // Signatures: of data, of the last chunk, missing, cut.
    check(signed, 11, good(signed).replace("hello", "jello"), signature);
    check(signed, 11, flip_last_digit(&good(signed)), signature);
    check(signed, 11, good(trailing), signature);
    check(
        signed,
        11,
        good(signed).replace("chunk-signature=", "chunk-signature=0"),
        signature,
    );
    check(
        signed,
        11,
        good(signed).replacen("chunk-signature=", "x=", 1),
        signature,
    );
    check(trailing, 11, good(signed), framing);

    // The announced length, both ways.
    check(signed, 10, good(signed), length);
    check(signed, 12, good(signed), length);
    check(trailing, 0, good(trailing), length);

    // Framing.
    check(trailing, 11, good(trailing).replacen("5\r\n", "5\n", 1), framing);
    check(trailing, 11, good(trailing).replacen("5\r\n", " 5\r\n", 1), framing);
    check(trailing, 11, good(trailing).replacen("5\r\n", "+5\r\n", 1), framing);
    check(trailing, 11, good(trailing).replacen("5\r\n", "0x5\r\n", 1), framing);
    check(trailing, 11, good(trailing).replacen("5\r\n", "\r\n", 1), framing);
    check(
        trailing,
        11,
        good(trailing).replacen("5\r\n", "00000000000000005\r\n", 1),
        framing,
    );
    check(
        trailing,
        11,
        good(trailing).replacen("hello\r\n", "hello!\r\n", 1),
        framing,
    );
    check(trailing, 11, format!("{}x", good(trailing)), framing);
    check(trailing, 11, format!("{}\r\n", good(trailing)), framing);
    check(trailing, 11, "f".repeat(CHUNK_LINE_BYTES_MAX + 1), framing);
    check(trailing, 11, "ffffffffffffffff\r\n".to_owned(), |fault| {
        *fault == BodyFault::ChunkTooLarge
    });

    // The end: no last chunk, no empty line, nothing at all.
    let body = good(signed);
    let last = body.rfind("0;chunk").unwrap();
    check(signed, 11, body[..last].to_owned(), broken);
    check(signed, 11, body[..body.len() - 2].to_owned(), broken);
    check(trailing, 0, String::new(), broken);

    // Trailers: missing, wrong, not announced, twice, unsigned, after the signature.
    let line = format!("x-amz-checksum-crc32:{}\r\n", crc32(b"hello world"));
    check(trailing, 11, good(trailing).replace(&line, ""), trailer);
    check(
        trailing,
        11,
        good(trailing).replace(&line, "x-amz-checksum-crc32:AAAAAA==\r\n"),
        |fault| *fault == BodyFault::Checksum("x-amz-checksum-crc32"),
    );
    check(
        trailing,
        11,
        good(trailing).replace(&line, &format!("{line}x-amz-meta-a:b\r\n")),
        trailer,
    );
    check(
        trailing,
        11,
        good(trailing).replace(&line, &format!("{line}{line}")),
        trailer,
    );
    check(trailing, 11, good(trailing).replace(&line, "no colon\r\n"), trailer);
    check(signed, 11, good(both), trailer);
    // White space that is not a line end is no empty line.
    check(signed, 11, good(signed).trim_end().to_owned() + "\r\n\u{c}\n", trailer);
    check(both, 11, flip_last_digit(&good(both)), signature);
    let at = good(both).find("x-amz-trailer-signature").unwrap();
    check(both, 11, format!("{}\r\n", &good(both)[..at]), broken);
    check(
        both,
        11,
        good(both).trim_end().to_owned() + "\r\nx-amz-meta-a:b\r\n\r\n",
        trailer,
    );
}

/// Changes the last hexadecimal digit of a body.
fn flip_last_digit(body: &str) -> String {
    let end = body.trim_end().len();
    let changed = if body.as_bytes()[end - 1] == b'0' { "1" } else { "0" };
    format!("{}{changed}{}", &body[..end - 1], &body[end..])
}

proptest! {
    /// Where the network cuts a body changes nothing.
    #[test]
    fn splits_do_not_matter(
        data in proptest::collection::vec(any::<u8>(), 0..600),
        chunk in 1_usize..200,
        splits in proptest::collection::vec(any::<usize>(), 0..30),
        mode in 0..MODES.len(),
    ) {
        let mode = MODES[mode];
        let body = encode(mode, &data, chunk);
        prop_assert_eq!(run(decoder(mode, data.len()), &body, &splits), Ok(data));
    }

    /// One changed byte of a signed body is always noticed, wherever the network cuts it.
    #[test]
    fn a_changed_byte_is_noticed(
        data in proptest::collection::vec(any::<u8>(), 1..200),
        at in any::<usize>(),
        splits in proptest::collection::vec(any::<usize>(), 0..5),
        trailer in any::<bool>(),
    ) {
        let mode = Mode { signed: true, trailer };
        let mut body = encode(mode, &data, 64);
        let at = at % body.len();
        body[at] ^= 1;
        match run(decoder(mode, data.len()), &body, &splits) {
            Err(_) => {}
            // Digits of sizes and signatures, and the names of trailers, mean the same in either case.
            Ok(decoded) => {
                prop_assert_eq!(decoded, data);
                prop_assert!(false, "byte {} was changed unnoticed", at);
            }
        }
    }

    /// Noise never panics and never grows.
    #[test]
    fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..400), mode in 0..MODES.len()) {
        let _ = run(decoder(MODES[mode], 100), &noise, &[3, 50]);
    }
}
