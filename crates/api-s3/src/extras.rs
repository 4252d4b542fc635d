//! What the codec has no operation for: the vendor's calls (seed 004), RenameObject, and the public access block of accounts. They are told from S3 before it is
//! routed, or a question for the size of a bucket would be answered with a list of its keys. They are authorized by the same
//! hook, by rows as any operation has.

mod account;
mod info;
mod link;
mod rename;
mod speed;
mod stats;

use std::sync::Arc;

use baleen_http::{Credentials, RequestBody, Response, ResponseBody, SignaturePlace, SignatureVersion, Signed};
use baleen_policy::{Action, Origin};
use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderValue, Method, Uri};
use s3s::path::S3Path;
use serde::Serialize;

use crate::access::{Access, Asked, Who};
use crate::address::path_of;
use crate::fault::Fault;
use crate::header;
use crate::ops::{Extent, Query, Row};
use crate::prepare::prepare;
use crate::routed::RoutedTo;
use crate::services::Services;
use speed::SpeedTests;

const fn row(name: &'static str, action: Action, extent: Extent, query: Query) -> Row {
    Row {
        name,
        action,
        extent,
        query,
    }
}

/// Their rows, beside [`crate::OPERATIONS`].
pub static EXTRA_OPERATIONS: [Row; 9] = [
    row("RSGetBucketInfo", Action::S3ListBucket, Extent::Bucket, Query::Any),
    row(
        "RSGetBucketStats",
        Action::S3ListAllMyBuckets,
        Extent::Account,
        Query::Any,
    ),
    row(
        "RSPresignLink",
        Action::S3GetObject,
        Extent::Object,
        Query::Only(&["versionId"]),
    ),
    row(
        "RSSpeedTestDownload",
        Action::IamRsSpeedTest,
        Extent::Resellers,
        Query::Any,
    ),
    row(
        "RSSpeedTestUpload",
        Action::IamRsSpeedTest,
        Extent::Resellers,
        Query::Any,
    ),
    row("RenameObject", Action::S3PutObject, Extent::Object, Query::Only(&[])),
    row(
        "GetAccountPublicAccessBlock",
        Action::S3GetAccountPublicAccessBlock,
        Extent::Account,
        Query::Any,
    ),
    row(
        "PutAccountPublicAccessBlock",
        Action::S3PutAccountPublicAccessBlock,
        Extent::Account,
        Query::Only(&[]),
    ),
    row(
        "DeleteAccountPublicAccessBlock",
        Action::S3PutAccountPublicAccessBlock,
        Extent::Account,
        Query::Only(&[]),
    ),
];

/// The path below which the speed tests are, in the place of a bucket: no bucket is given this name.
pub(crate) const SPEED_TEST: &str = "speedtest";

/// The calls, in the order of their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extra {
    Info,
    Stats,
    Link,
    Download,
    Upload,
    Rename,
    GetBlock,
    PutBlock,
    DeleteBlock,
}

/// A call as it came, before anything of it was taken off.
#[derive(Debug)]
pub(crate) struct Given {
    call: Extra,
    /// The address as it was signed.
    uri: Uri,
    host: Option<HeaderValue>,
    session_token: Option<HeaderValue>,
    is_secure: bool,
    /// By a signature in a header that covers its body and its host.
    is_covered: bool,
}

impl Given {
    /// Tells one from a request of the codec's, and takes off the parameter that made it one. `uri` is the address as it
    /// came, before it was settled: a speed test is none of a bucket's keys.
    pub(crate) fn take(uri: &Uri, head: &mut Parts) -> Option<Self> {
        let settled = head.uri.path();
        let test = |method: Method, path: &str| head.method == method && uri.path() == path && settled == path;
        let by_path = [
            // Below [`SPEED_TEST`].
            (Extra::Download, Method::GET, "/speedtest/download"),
            (Extra::Upload, Method::PUT, "/speedtest/upload"),
        ];
        let found = by_path.into_iter().find(|(_, method, path)| test(method.clone(), path));
        let call = match found {
            Some((call, ..)) => call,
            None => match account::told(uri.path(), head) {
                Some(call) => call,
                None => take_parameter(head)?,
            },
        };
        Some(Self {
            call,
            uri: uri.clone(),
            host: head.headers.get(HOST).cloned(),
            session_token: header::value(&head.headers, "x-amz-security-token").cloned(),
            is_secure: head.extensions.get::<Origin>().is_some_and(|origin| origin.is_secure),
            is_covered: head
                .extensions
                .get::<Signed>()
                .is_some_and(|signed| signed.place == SignaturePlace::Header && signed.version == SignatureVersion::V4),
        })
    }
}

fn take_parameter(head: &mut Parts) -> Option<Extra> {
    let path = head.uri.path().strip_prefix('/')?;
    let depth = match path.split_once('/') {
        _ if path.is_empty() => 0,
        None | Some((_, "")) => 1,
        Some(_) => 2,
    };
    let (call, wanted) = match (head.method.as_str(), depth) {
        ("GET", 0) => (Extra::Stats, "rs-bucket-stats"),
        ("GET", 1) => (Extra::Info, "rs-info"),
        ("POST", 2) => (Extra::Link, "rs-presign"),
        ("PUT", 2) => (Extra::Rename, "renameObject"),
        _ => return None,
    };
    let is_wanted = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        // Compared decoded, as the codec would have it.
        percent_encoding::percent_decode_str(name).decode_utf8_lossy() == wanted
    };
    let query = head.uri.query()?;
    if !query.split('&').any(|parameter| is_wanted(&parameter)) {
        return None;
    }
    let rest: Vec<_> = query.split('&').filter(|parameter| !is_wanted(parameter)).collect();
    let target = format!("{}?{}", head.uri.path(), rest.join("&"));
    // Less of a valid address is one.
    head.uri = Uri::try_from(target).ok()?;
    Some(call)
}

/// Answers them.
pub(crate) struct Extras {
    services: Services,
    access: Access,
    credentials: Arc<dyn Credentials>,
    tests: SpeedTests,
}

impl Extras {
    /// `seed` begins what speed tests send.
    pub(crate) fn new(services: Services, credentials: Arc<dyn Credentials>, seed: u64) -> Self {
        Self {
            tests: SpeedTests::new(Arc::clone(&services.clock), seed),
            access: Access::new(services.clone()),
            services,
            credentials,
        }
    }

    pub(crate) async fn answer(
        &self,
        given: Given,
        mut head: Parts,
        body: RequestBody,
        routed: &RoutedTo,
    ) -> Result<Response, Fault> {
        prepare(&mut head)?;
        let who = Who::new(&head.extensions, routed);
        let path = subject_of(&given, &head.uri)?;
        let query = match given.call {
            Extra::Link | Extra::Rename | Extra::GetBlock | Extra::PutBlock | Extra::DeleteBlock => {
                head.uri.query().unwrap_or_default()
            }
            // They have no parameters: who may list what begins so and so is not judged as if it were asked for.
            Extra::Info | Extra::Stats | Extra::Download | Extra::Upload => "",
        };
        let asked = Asked {
            path: &path,
            query,
            headers: &head.headers,
        };
        let row = &EXTRA_OPERATIONS[given.call as usize];
        let decided = self.access.call(row, &asked, &who).await;
        routed.judge(&decided);
        let call = decided?;
        match given.call {
            Extra::Info => info::run(&self.services, &call).await,
            Extra::Stats => stats::run(&self.services, &call).await,
            Extra::Link => {
                let veil = call.veil();
                let version = crate::query::parameter(asked.query, "versionId");
                let made = link::run(self, &call, (&given, version), body).await;
                made.map_err(|fault| veil.over(fault, None))
            }
            Extra::Rename => {
                let veil = call.veil();
                let mut hidden = None;
                let done = rename::run(self, &call, head.headers, &mut hidden).await;
                routed.judge(&done);
                done.map_err(|fault| veil.over(fault, hidden))
            }
            Extra::GetBlock => account::get(&self.services, &call, &head.headers).await,
            Extra::PutBlock => {
                let put = account::put(&self.services, &call, &head.headers, body).await;
                routed.judge(&put);
                put
            }
            Extra::DeleteBlock => {
                let deleted = account::delete(&self.services, &call, &head.headers).await;
                routed.judge(&deleted);
                deleted
            }
            Extra::Download => self.tests.download(),
            Extra::Upload => self.tests.upload(body).await,
        }
    }
}

/// What a call is about.
fn subject_of(given: &Given, uri: &Uri) -> Result<S3Path, Fault> {
    match given.call {
        Extra::Stats | Extra::Download | Extra::Upload | Extra::GetBlock | Extra::PutBlock | Extra::DeleteBlock => {
            Ok(S3Path::root())
        }
        Extra::Info | Extra::Link | Extra::Rename => path_of(uri),
    }
}

/// An answer in JSON, as the source document has those of its calls.
fn json(document: &impl Serialize) -> Result<Response, Fault> {
    // Names and numbers always have a form in JSON.
    let text = serde_json::to_vec(document).map_err(|_| Fault::unavailable())?;
    let mut response = Response::new(ResponseBody::full(text));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
