//! Sends calls to the identity door and reads its answers.

use super::answer::{Refusal, read, read_refusal};
use super::call::Call;
use crate::access::{Access, AccessArguments};
use crate::cli::Place;
use crate::failure::Failure;
use crate::folder;
use crate::output;
use crate::trust;
use baleen_capture::Endpoint;
use baleen_remote::Credentials;
use baleen_runtime::{Clock, SystemClock};
use baleen_signing::AmzDate;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// The longest answer that is read; a page of a thousand entries has less than one.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pages that one list is read to the end of.
const PAGES_MAX: usize = 10_000;

/// The variables that name the door, as the AWS clients read them.
const VARIABLES: [&str; 3] = ["AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"];

/// The identity door of one server, and who asks there.
pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// `http://127.0.0.1:9000`, without a path.
    origin: String,
    host: String,
    region: String,
    access: Access,
}

impl Client {
    /// Finds the server.
    pub(super) fn find(arguments: &AccessArguments, place: &Place) -> Result<Self, Failure> {
        let access = Access::read(arguments, place)?;
        let url = access.endpoint(&VARIABLES).ok_or_else(|| nowhere(access.data()))?;
        let endpoint = Endpoint::parse(&url).map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        let origin = endpoint.as_str().trim_end_matches('/').to_owned();
        let uri: http::Uri = origin.parse().map_err(|_| Failure::usage(format!("{url} is no URL")))?;
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        if uri.scheme_str() == Some("http") && !is_loopback(uri.host().unwrap_or_default()) {
            output::note(&format!(
                "{origin} is not encrypted: who listens on the way reads new keys and passwords"
            ));
        }
        let connector = trust::connector(access.certificate_at(&url))?;
        Ok(Self {
            pool: Pool::builder(TokioExecutor::new()).build(connector),
            origin,
            host,
            region: access.region()?.to_string(),
            access,
        })
    }

    /// Makes one call.
    pub(super) async fn send(&self, call: &Call) -> Result<Value, Failure> {
        self.ask(call).await?.map_err(|refusal| refused(&refusal, call))
    }

    /// Makes one call; a refusal is an answer too.
    pub(super) async fn ask(&self, call: &Call) -> Result<Result<Value, Refusal>, Failure> {
        let answer = match self.open(call).await? {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let body = self.read_whole(answer).await?;
        let value = read(&body).map_err(|why| {
            Failure::new(format!("the answer of {} cannot be read: {why}", self.origin))
                .advise("is that the S3 door of a baleen?")
        })?;
        Ok(Ok(value))
    }

    /// Makes one call whose answer is a text of its own.
    pub(super) async fn send_for_text(&self, call: &Call) -> Result<Value, Failure> {
        let answer = self.open(call).await?.map_err(|refusal| refused(&refusal, call))?;
        let body = self.read_whole(answer).await?;
        Ok(Value::String(String::from_utf8_lossy(&body).into_owned()))
    }

    /// Where this server is, for a profile.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The region that is signed for.
    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Makes one call whose answer may be long, and gives it on piece by piece.
    pub(super) async fn send_through(
        &self,
        call: &Call,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut answer = self.open(call).await?.map_err(|refusal| refused(&refusal, call))?;
        while let Some(frame) = self.in_time(answer.frame()).await? {
            let frame = frame.map_err(|error| broken_off(&error))?;
            take(frame.data_ref().map_or(&[][..], |data| data))?;
        }
        Ok(())
    }

    /// Reads the pages of a list until there are no more, or `entries_max` entries; the answer is these.
    pub(super) async fn send_all(&self, call: &Call, list: &str, entries_max: usize) -> Result<Value, Failure> {
        let mut whole = self.send(call).await?;
        let mut marker = next_page(&whole);
        let mut entries = entries(&mut whole, list);
        for _ in 0..PAGES_MAX {
            let Some(next) = marker.take().filter(|_| entries.len() < entries_max) else {
                break;
            };
            let mut page = self.send(&call.clone().with("Marker", next)).await?;
            marker = next_page(&page);
            entries.append(&mut self::entries(&mut page, list));
        }
        entries.truncate(entries_max);
        Ok(Value::Array(entries))
    }

    /// Makes one call; the body of a good answer is still to come.
    async fn open(&self, call: &Call) -> Result<Result<Incoming, Refusal>, Failure> {
        let credentials = if call.is_signed {
            Some(self.access.credentials()?)
        } else {
            None
        };
        let answer = self
            .in_time(self.pool.request(self.request(call, credentials.as_ref())?))
            .await?;
        let answer = answer.map_err(|error| self.does_not_answer(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Ok(answer.into_body()));
        }
        let body = self.read_whole(answer.into_body()).await?;
        let refusal = read_refusal(&body).ok_or_else(|| {
            Failure::new(format!("{} answered {status}, and not as a baleen does", self.origin))
                .advise("is that the S3 door of a baleen?")
        })?;
        Ok(Err(refusal))
    }

    fn request(&self, call: &Call, credentials: Option<&Credentials>) -> Result<Request<Full<Bytes>>, Failure> {
        let now = AmzDate::from_timestamp(SystemClock::new().now());
        let wire = call.wire(&self.host, &self.region, credentials, now);
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.origin, wire.target));
        for (name, value) in wire.headers {
            request = request.header(name, value);
        }
        request
            .body(Full::from(wire.body))
            .map_err(|error| Failure::because("the request cannot be made", &error))
    }

    async fn read_whole(&self, body: Incoming) -> Result<Bytes, Failure> {
        let body = self.in_time(Limited::new(body, ANSWER_BYTES_MAX).collect()).await?;
        let body = body.map_err(|error| Failure::new(format!("the answer broke off: {error}")))?;
        Ok(body.to_bytes())
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.map_err(|error| self.does_not_answer(&error))
    }

    fn does_not_answer(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        Failure::because(format!("{} does not answer", self.origin), error).advise(
            trust::advice(error)
                .unwrap_or("is the server running? baleen serve tells its address, and --data DIR finds it"),
        )
    }
}

fn broken_off(error: &dyn std::error::Error) -> Failure {
    Failure::because("the answer broke off", error)
}

/// The entries of a list in an answer; the empty list is an empty element.
fn entries(answer: &mut Value, list: &str) -> Vec<Value> {
    let found = if list.is_empty() {
        Some(answer)
    } else {
        answer.get_mut(list)
    };
    match found.map(Value::take) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    }
}

fn next_page(answer: &Value) -> Option<String> {
    let is_cut = answer
        .get("IsTruncated")
        .is_some_and(|cut| cut.as_str() == Some("true") || *cut == Value::Bool(true));
    answer.get("Marker").filter(|_| is_cut)?.as_str().map(str::to_owned)
}

/// No place names a server.
fn nowhere(data: Option<&Path>) -> Failure {
    if let Some(barred) = data.and_then(folder::barred) {
        return barred;
    }
    match data {
        Some(data) => Failure::new(format!("no baleen runs in the data folder {}", data.display()))
            .advise("start it with baleen serve, or name the S3 door of another with --endpoint-url URL"),
        None => Failure::usage("no server is named").advise(
            "name the data folder of a running baleen with --data DIR or BALEEN_DATA, or its S3 door with --endpoint-url URL",
        ),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A refusal with what to do about it, by its code (identity contract, "Error codes and status").
pub(super) fn refused(refusal: &Refusal, call: &Call) -> Failure {
    let Refusal { code, message } = refusal;
    // The door speaks of the member, who is here types a flag.
    let message = message.replace("send force: true", "give --force");
    let failure = Failure::new(format!("{} ({code})", message.trim_end_matches('.')));
    if let Some(advice) = call.if_denied.filter(|_| code == "AccessDenied") {
        return failure.advise(advice);
    }
    match code.as_str() {
        // A whitelist that bars says no more than that, so that a thief learns nothing; who is meant to be let in is told here.
        "AccessDenied" => failure
            .advise("these credentials may not do that: use those of root or of an admin; baleen admin whoami tells whose they are")
            .advise("is even that denied? The account is disabled, or its whitelist does not hold your address: its reseller can tell and change both"),
        "InvalidClientTokenId" | "InvalidAccessKeyId" => {
            failure.advise("the access key is unknown or inactive on this server: check AWS_ACCESS_KEY_ID, --credentials or --profile")
        }
        "SignatureDoesNotMatch" => failure.advise("check the secret access key, and that no proxy changes the host name"),
        "ExpiredToken" => failure.advise("the session is over: take new credentials, with baleen admin login if they were such"),
        "RequestExpired" | "RequestTimeTooSkewed" => failure.advise("set the clock of this machine: it is off by more than 15 minutes"),
        "InvalidAction" | "NotImplemented" | "MethodNotAllowed" => {
            failure.advise("does this server have another version? --endpoint-url must name the S3 door of a baleen")
        }
        "NoSuchEntity" => failure.advise("the list commands of baleen admin tell what there is"),
        "DeleteConflict" => failure.advise("take away first what hangs from it: keys, attachments, versions"),
        "LimitExceeded" => failure.advise("delete one that is no longer needed"),
        "Throttling" | "ServiceUnavailable" => failure.advise("try again in a moment"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn loopback_is_this_machine() {
        for (host, expected) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("10.0.0.1", false),
            ("localhost.example.com", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn pages_end_when_they_say_so() {
        for (answer, expected) in [
            (json!({ "IsTruncated": "true", "Marker": "m" }), Some("m")),
            (json!({ "IsTruncated": true, "Marker": "m" }), Some("m")),
            (json!({ "IsTruncated": "false", "Marker": "m" }), None),
            (json!({ "IsTruncated": "true" }), None),
            (Value::Null, None),
        ] {
            assert_eq!(next_page(&answer).as_deref(), expected, "{answer}");
        }
        assert_eq!(entries(&mut json!({ "Users": "" }), "Users"), Vec::<Value>::new());
        assert_eq!(entries(&mut json!([1]), ""), [json!(1)]);
    }

    #[test]
    fn a_member_is_told_as_the_flag() {
        let told = refused(
            &Refusal {
                code: "InvalidInput".to_owned(),
                message: "Approve one that holds it first, or send force: true.".to_owned(),
            },
            &Call::iam("ListUsers"),
        );
        let told = told.to_string();
        assert!(told.contains("or give --force (InvalidInput)"), "{told}");
    }

    #[test]
    fn a_refusal_has_code_and_advice() {
        let denied = Refusal {
            code: "AccessDenied".to_owned(),
            message: "Access denied.".to_owned(),
        };
        // Where it is about what was typed, nobody is sent to look for other credentials.
        let call = Call::sts("RSLogin").if_denied("check the password");
        let told = refused(&denied, &call).to_string();
        assert!(told.contains("check the password") && !told.contains("root"), "{told}");
        let told = refused(&denied, &Call::iam("ListUsers"));
        let told = told.to_string();
        assert!(
            ["Access denied (AccessDenied)", "whoami", "whitelist"]
                .iter()
                .all(|part| told.contains(part)),
            "{told}"
        );
    }
}
