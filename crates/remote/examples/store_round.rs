//! Takes a real S3-compatible store through everything that the client can do, and says what did not hold.
//!
//! `STORE_ACCESS_KEY_ID=.. STORE_SECRET_ACCESS_KEY=.. store_round http://127.0.0.1:9000 BUCKET`
//!
//! The bucket must be there, empty, and is empty again at the end. Part of the tests with real clients, where it runs
//! against another maker's store and against our own.
#![allow(clippy::print_stdout, reason = "a program's answer belongs to standard output")]

use std::process::ExitCode;

use baleen_remote::{
    Addressing, Connections, Credentials, Endpoint, Error, ListRequest, ObjectHeaders, PartChecksum, Parts, S3,
    Settings,
};
use baleen_runtime::{SystemClock, SystemEntropy};
use baleen_types::{BucketName, ByteRange, Classify, FaultKind, ObjectKey, ObjectPath, PartNumber, RegionName, Secret};
use bytes::Bytes;

/// Keys which other clients normalise, lose or mistake.
const KEYS: &[&str] = &[
    "plain",
    "a",
    "a/b",
    "a/../b",
    "..",
    "../up",
    "./here",
    "//two",
    "end/",
    "end//",
    "%2e",
    "100%",
    "a b",
    "a+b",
    "ü/日本.pcap",
    "q?x=1&y",
    "#hash",
    "back\\slash",
    "~-_.",
    "*'()!",
];

const PART_BYTES: usize = 5 << 20;

type Outcome = Result<(), String>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match round().await {
        Ok(checks) => {
            println!("{checks} checks passed");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("store_round: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn round() -> Result<usize, String> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(bucket)) = (arguments.next(), arguments.next()) else {
        return Err("usage: store_round URL BUCKET".to_owned());
    };
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let endpoint = Endpoint {
        url,
        region: RegionName::parse("us-east-1").map_err(|error| error.to_string())?,
        addressing: Addressing::Path,
        auth: Credentials {
            access_key_id: variable("STORE_ACCESS_KEY_ID")?,
            secret: Secret::new(variable("STORE_SECRET_ACCESS_KEY")?),
            session_token: None,
        }
        .into(),
    };
    let parts = Parts {
        clock: SystemClock::new(),
        entropy: SystemEntropy::new(),
        connections: Connections::new(),
    };
    let store = Store {
        s3: S3::new(endpoint, Settings::default(), parts).map_err(|error| error.to_string())?,
        bucket: BucketName::parse(&bucket).map_err(|error| error.to_string())?,
    };
    store.missing_things().await?;
    store.keys().await?;
    store.pages().await?;
    store.multipart(PartChecksum::None).await?;
    store.multipart(PartChecksum::Crc32c).await?;
    store.aborted().await?;
    store.emptied().await?;
    Ok(KEYS.len() + 6)
}

struct Store {
    s3: S3,
    bucket: BucketName,
}

impl Store {
    fn at(&self, key: &str) -> ObjectPath {
        ObjectPath {
            bucket: self.bucket.clone(),
            key: ObjectKey::parse(key).expect("the keys of this program are keys"),
        }
    }

    fn page(&self, prefix: &str, max_keys: u16, token: Option<String>) -> ListRequest {
        ListRequest {
            bucket: self.bucket.clone(),
            prefix: prefix.to_owned(),
            delimiter: None,
            token,
            max_keys,
        }
    }

    async fn missing_things(&self) -> Outcome {
        let missing = self.at("not there");
        let answers = [
            self.s3.get(&missing, None).await.map(drop),
            self.s3.head(&missing).await.map(drop),
        ];
        for answer in answers {
            require(
                matches!(&answer, Err(error) if error.kind() == FaultKind::NotFound),
                || format!("missing: {answer:?}"),
            )?;
        }
        self.s3
            .delete(&missing)
            .await
            .map_err(during("delete what is not there"))
    }

    async fn keys(&self) -> Outcome {
        let headers = ObjectHeaders {
            content_type: Some("application/vnd.tcpdump.pcap".to_owned()),
            metadata: vec![("case".to_owned(), "17".to_owned())],
            ..ObjectHeaders::default()
        };
        for key in KEYS {
            let body = Bytes::from(format!("the bytes of {key}"));
            self.s3.put(&self.at(key), &headers, body).await.map_err(during(key))?;
        }
        for key in KEYS {
            let body = format!("the bytes of {key}");
            let head = self.s3.head(&self.at(key)).await.map_err(during(key))?;
            require(head.length == Some(body.len() as u64), || format!("{key}: {head:?}"))?;
            require(head.content_type == headers.content_type, || format!("{key}: {head:?}"))?;
            require(head.metadata == headers.metadata, || format!("{key}: {head:?}"))?;
            let got = self.s3.get(&self.at(key), None).await.map_err(during(key))?;
            let whole = got.body.collect(1 << 20).await.map_err(during(key))?;
            require(whole == body, || format!("{key}: the bytes differ"))?;
            let range = Some(ByteRange::Between { first: 4, last: 8 });
            let got = self.s3.get(&self.at(key), range).await.map_err(during(key))?;
            let cut = got.body.collect(1 << 20).await.map_err(during(key))?;
            require(cut == "bytes", || format!("{key}: the range differs"))?;
        }
        Ok(())
    }

    /// Pages of a few keys give all of them, once and as they are.
    async fn pages(&self) -> Outcome {
        let mut seen = Vec::new();
        let mut token = None;
        for _ in 0..KEYS.len() {
            let page = self.s3.list(&self.page("", 3, token)).await.map_err(during("list"))?;
            seen.extend(page.objects.into_iter().map(|object| object.key.as_str().to_owned()));
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = KEYS.iter().map(|key| (*key).to_owned()).collect();
        expected.sort();
        require(seen == expected, || format!("listed {seen:?} instead of {expected:?}"))
    }

    async fn multipart(&self, checksum: PartChecksum) -> Outcome {
        let at = self.at("parts//of/../one");
        let upload = self
            .s3
            .create_upload(&at, &ObjectHeaders::default(), checksum)
            .await
            .map_err(during("create"))?;
        let mut parts = Vec::new();
        // The last one first: the order of the numbers counts, not that of arrival.
        for (number, byte, length) in [(3, b'c', 7), (1, b'a', PART_BYTES), (2, b'b', PART_BYTES)] {
            let number = PartNumber::new(number).expect("a part number");
            let body = Bytes::from(vec![byte; length]);
            parts.push(self.s3.put_part(&upload, number, body).await.map_err(during("part"))?);
        }
        let early = self.s3.head(&at).await;
        require(early.is_err(), || {
            "the object is there before it is complete".to_owned()
        })?;
        self.s3
            .complete_upload(&upload, &parts)
            .await
            .map_err(during("complete"))?;
        let got = self.s3.get(&at, None).await.map_err(during("get"))?;
        let whole = got.body.collect(PART_BYTES * 3).await.map_err(during("get"))?;
        let expected = [vec![b'a'; PART_BYTES], vec![b'b'; PART_BYTES], vec![b'c'; 7]].concat();
        require(whole == expected, || "the parts are not in order".to_owned())?;
        self.s3.delete(&at).await.map_err(during("delete"))
    }

    async fn aborted(&self) -> Outcome {
        let at = self.at("given up");
        let upload = self
            .s3
            .create_upload(&at, &ObjectHeaders::default(), PartChecksum::None)
            .await
            .map_err(during("create"))?;
        let number = PartNumber::new(1).expect("a part number");
        let part = self
            .s3
            .put_part(&upload, number, Bytes::from_static(b"x"))
            .await
            .map_err(during("part"))?;
        self.s3.abort_upload(&upload).await.map_err(during("abort"))?;
        let late = self.s3.complete_upload(&upload, &[part]).await;
        // S3 says NotFound; moto fails inside. Neither makes an object of it.
        require(late.is_err(), || "completed after the abort".to_owned())?;
        self.s3.abort_upload(&upload).await.map_err(during("abort again"))
    }

    async fn emptied(&self) -> Outcome {
        for key in KEYS {
            self.s3.delete(&self.at(key)).await.map_err(during(key))?;
        }
        let left = self.s3.list(&self.page("", 1000, None)).await.map_err(during("list"))?;
        require(left.objects.is_empty(), || format!("left behind: {:?}", left.objects))
    }
}

fn require(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(why()) }
}

fn during(what: &str) -> impl FnOnce(Error) -> String + '_ {
    move |error| format!("{what}: {error} ({error:?})")
}
