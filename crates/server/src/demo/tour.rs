//! The steps of the demonstration.

use super::api::{Api, Http};
use super::traffic;
use crate::capture::progress::{Progress, counts};
use crate::capture::report::Caught;
use crate::config::Config;
use crate::doctor::find_program;
use crate::failure::Failure;
use crate::output;
use crate::wire::{Addresses, System};
use baleen_iam::RootCredentials;
use baleen_remote::{Addressing, Connections, Credentials, Endpoint, S3};
use baleen_runtime::{SystemClock, SystemEntropy};
use baleen_types::{BucketName, ObjectKey, ObjectPath, Secret};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The bucket of the demonstration, and the folder in it.
const BUCKET: &str = "baleen-demo";
const FOLDER: &str = "catch";

/// What is captured at most, since the file is looked at in memory; a busy machine has a lot of other traffic.
const CAPTURE_BYTES_MAX: u64 = 32_000_000;

/// How often the capture is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long after its time a capture may still be on its way into the bucket.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(60);

/// How long the presigned link works.
const LINK_LASTS: Duration = Duration::from_hours(1);

/// The longest challenge file: one line of text.
const CHALLENGE_BYTES_MAX: usize = 4096;

/// How long tshark may look.
const TSHARK_PATIENCE: Duration = Duration::from_secs(20);

/// Everything the steps need.
pub(super) struct Tour {
    addresses: Addresses,
    credentials_file: String,
    data: String,
    site: String,
    interfaces: String,
    region: String,
    time: Duration,
    store: S3,
    api: Api,
    bucket: BucketName,
}

impl Tour {
    pub(super) fn new(config: &Config, system: &System, time: Duration) -> Result<Self, Failure> {
        let file = &system.root.0;
        let failed = |error: &dyn std::error::Error| {
            Failure::because(
                format!("the root user's credentials in {} cannot be read", file.display()),
                error,
            )
        };
        let text = std::fs::read(file).map_err(|error| failed(&error))?;
        let root: RootCredentials = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        let Some(token) = root.api_token else {
            return Err(Failure::new(format!("{} has no API token any more", file.display()))
                .advise("set a new one with BALEEN_ROOT_API_TOKEN (32 hex digits)"));
        };
        let addresses = system.addresses;
        let endpoint = Endpoint {
            url: format!("http://{}", addresses.s3),
            region: config.region.clone(),
            addressing: Addressing::Path,
            auth: Credentials {
                access_key_id: root.access_key_id,
                secret: Secret::new(root.secret_access_key),
                session_token: None,
            }
            .into(),
        };
        let parts = baleen_remote::Parts {
            clock: SystemClock::new(),
            entropy: SystemEntropy::new(),
            connections: Connections::new(),
        };
        let store = S3::new(endpoint, baleen_remote::Settings::default(), parts);
        Ok(Self {
            addresses,
            credentials_file: file.display().to_string(),
            data: system.folder.path().display().to_string(),
            site: config.capture.site.to_string(),
            interfaces: config.capture.interfaces.join(" and "),
            region: config.region.to_string(),
            time,
            store: store.map_err(|error| Failure::new(error.to_string()))?,
            api: Api {
                http: Http::new(),
                base: format!("http://{}/client/v4/accounts/{}/pcaps", addresses.api, root.project_id),
                token: Secret::new(token),
            },
            bucket: BucketName::parse(BUCKET).map_err(|error| Failure::new(error.to_string()))?,
        })
    }

    /// Goes through all steps.
    pub(super) async fn show(&self, progress: &Progress, json: bool) -> Result<(), Failure> {
        let say = |text: &str| {
            if !json {
                output::note(text);
            }
        };
        say(&format!(
            "1. serving: S3 on http://{}, the capture API on http://{}; credentials in {}",
            self.addresses.s3, self.addresses.api, self.credentials_file
        ));
        self.store
            .create_bucket(&self.bucket)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        say(&format!("2. a bucket: s3://{BUCKET}"));
        let destination = format!("s3://{BUCKET}/{FOLDER}?region={}", self.region);
        let challenge = self.prove(&destination).await?;
        say(&format!(
            "3. proven ours: the challenge was read from s3://{BUCKET}/{challenge} and sent back"
        ));
        say(&format!(
            "4. a full capture on {} for {} s; the HTTP and DNS traffic is made by the demo itself, on lo",
            self.interfaces,
            self.time.as_secs()
        ));
        let urls = [
            format!("http://{}/healthz", self.addresses.ops),
            format!("http://{}/", self.addresses.s3),
        ];
        let capture = tokio::select! {
            capture = self.capture(&destination, progress) => capture?,
            ended = traffic::flow(&self.api.http, &urls) => {
                return ended.and(Err(Failure::new("the traffic ended before the capture")));
            }
        };
        progress.clear();
        self.tell(&capture, json).await
    }

    /// What is said when the server serves on.
    pub(super) fn goodbye(&self) -> String {
        format!(
            "baleen serves on: S3 http://{}, capture API http://{}/client/v4, credentials {}; Ctrl-C ends it",
            self.addresses.s3, self.addresses.api, self.credentials_file
        )
    }

    /// What is said when the server ends with the summary.
    pub(super) fn farewell(&self) -> String {
        format!(
            "the server has ended; `baleen serve --data {} --listen-s3 {}` brings the link back",
            self.data, self.addresses.s3
        )
    }

    /// Proves that the bucket is ours; gives the key of the challenge file.
    async fn prove(&self, destination: &str) -> Result<String, Failure> {
        let asked = json!({ "destination_conf": destination });
        let created = self.api.call(Method::POST, "/ownership", Some(asked)).await?;
        let name = created["filename"].as_str().unwrap_or_default();
        let key = if name.contains('/') {
            name.to_owned()
        } else {
            format!("{FOLDER}/{name}")
        };
        let at = self.object(&key)?;
        let got = self
            .store
            .get(&at, None)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        let challenge = got
            .body
            .collect(CHALLENGE_BYTES_MAX)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        let answer = json!({
            "destination_conf": destination,
            "ownership_challenge": String::from_utf8_lossy(&challenge).trim(),
        });
        let proven = self.api.call(Method::POST, "/ownership/validate", Some(answer)).await?;
        match proven["status"].as_str() {
            Some("success") => Ok(key),
            other => Err(Failure::new(format!(
                "the proof of ownership ended as {}",
                other.unwrap_or("nothing")
            ))),
        }
    }

    /// Requests the capture and watches it to its end.
    async fn capture(&self, destination: &str, progress: &Progress) -> Result<Value, Failure> {
        let asked = json!({
            "system": "magic-transit",
            "type": "full",
            "time_limit": self.time.as_secs(),
            "byte_limit": CAPTURE_BYTES_MAX,
            "colo_name": self.site,
            "destination_conf": destination,
        });
        let mut capture = self.api.call(Method::POST, "", Some(asked)).await?;
        let path = format!("/{}", capture["id"].as_str().unwrap_or_default());
        let watching = async {
            loop {
                let number = |name: &str| capture[name].as_u64().unwrap_or_default();
                let left = capture["seconds_left"].as_f64();
                let line = counts(
                    number("packets_captured"),
                    number("bytes_captured"),
                    number("packets_dropped"),
                    left,
                );
                match capture["status"].as_str() {
                    Some("success") => return Ok(capture),
                    Some("failed") => {
                        let why = capture["error_message"].as_str().unwrap_or("no reason was given");
                        return Err(Failure::new(format!("the capture failed: {why}")));
                    }
                    status => progress.say(&format!("   {}: {line}", status.unwrap_or("unknown"))),
                }
                tokio::time::sleep(LOOK_EVERY).await;
                capture = self.api.call(Method::GET, &path, None).await?;
            }
        };
        let patience = self.time + UPLOAD_PATIENCE;
        let watched = tokio::time::timeout(patience, watching).await;
        watched.unwrap_or_else(|_| Err(Failure::new("the capture does not come to its end")))
    }

    /// Fetches the file by its link and says what is in it.
    async fn tell(&self, capture: &Value, json: bool) -> Result<(), Failure> {
        let key = capture["object_key"].as_str().unwrap_or_default();
        let at = self.object(key)?;
        let link = self
            .store
            .presign_get(&at, LINK_LASTS)
            .map_err(|error| Failure::new(error.to_string()))?;
        let file = self.api.http.get(&link).await?;
        let bytes = file.clone();
        let reading = tokio::task::spawn_blocking(move || Caught::read(&bytes[..])).await;
        let caught = reading.map_err(|_| Failure::new("the capture file cannot be read"))?;
        if json {
            let protocols: Vec<String> = caught
                .summary
                .protocols()
                .iter()
                .map(|row| row.protocol.to_string())
                .collect();
            return output::json(&json!({
                "object": format!("s3://{at}"),
                "link": link,
                "packets": caught.summary.packets(),
                "dropped": capture["packets_dropped"],
                "conversations": caught.summary.conversations(),
                "protocols": protocols,
            }));
        }
        output::note("5. caught:");
        for line in caught.lines() {
            output::note(&format!("   {line}"));
        }
        look(&file).await;
        output::line(&format!("s3://{at}"))?;
        output::line(&link)
    }

    fn object(&self, key: &str) -> Result<ObjectPath, Failure> {
        let key = ObjectKey::parse(key).map_err(|error| Failure::new(error.to_string()))?;
        Ok(ObjectPath {
            bucket: self.bucket.clone(),
            key,
        })
    }
}

/// Shows tshark's own view of the file, where tshark is installed; a last look must not spoil what went well.
async fn look(file: &Bytes) {
    let Some(tshark) = find_program("tshark") else {
        output::note("   (tshark would show more: sudo apt-get install tshark)");
        return;
    };
    let child = Command::new(tshark)
        .args(["-r", "-", "-q", "-z", "io,phs"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = child else { return };
    let Some(mut input) = child.stdin.take() else { return };
    let file = file.clone();
    let feeding = tokio::spawn(async move { input.write_all(&file).await });
    let looked = tokio::time::timeout(TSHARK_PATIENCE, child.wait_with_output()).await;
    feeding.abort();
    let Ok(Ok(seen)) = looked else { return };
    output::note("   what tshark sees:");
    for line in String::from_utf8_lossy(&seen.stdout)
        .lines()
        .filter(|line| line.contains("frames:"))
    {
        output::note(&format!("   {line}"));
    }
}
