//! The questions to the S3 door and to the PCAPs door.

use super::calls::{call, element};
use super::people::{Asker, Facts};
use super::questions::{Made, Question, Setup};
use super::world::{Ask, Dump, SITE, World};
use baleen_api_s3::{EXTRA_OPERATIONS, Extent, OPERATIONS, Query, Row};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A bucket with an object and an upload, and one without anything.
pub(super) const FULL: &str = "acme-full";
pub(super) const EMPTY: &str = "acme-empty";
pub(super) const KEY: &str = "case-17";
/// Where captures go.
pub(super) const DESTINATION: &str = "s3://acme-full/captures?region=us-east-1";

pub(super) fn s3() -> Vec<Question> {
    let mut questions = Vec::new();
    for row in OPERATIONS.iter().chain(&EXTRA_OPERATIONS) {
        let targets: &[(&str, &str, &str)] = match row.extent {
            Extent::Account => &[("account", "", "")],
            Extent::Resellers => &[("reseller", "", "")],
            Extent::NewBucket => &[("new", "acme-new", ""), ("taken", FULL, "")],
            Extent::Bucket => &[("bucket", EMPTY, ""), ("no bucket", "acme-absent", "")],
            Extent::Keys => &[("keys", FULL, KEY), ("no bucket", "acme-absent", KEY)],
            Extent::Object => &[
                ("object", FULL, KEY),
                ("no key", FULL, "absent"),
                ("no bucket", "acme-absent", KEY),
            ],
        };
        for (target, bucket, key) in targets {
            let resource = match (row.extent, *key) {
                (Extent::Account | Extent::Resellers, _) => "*".to_owned(),
                (_, "") => format!("arn:aws:s3:::{bucket}"),
                (_, key) => format!("arn:aws:s3:::{bucket}/{key}"),
            };
            questions.push(Question {
                door: "s3",
                operation: row.name,
                action: row.action.name(),
                extent: format!("{:?}", row.extent),
                target,
                effect: match row.query {
                    _ if row.name == "RSPresignLink" => "secret",
                    Query::Any => "read",
                    Query::Only(_) => "write",
                },
                setup: Setup::Buckets,
                before: if matches!(*target, "bucket" | "object") {
                    s3_before(row, bucket, key)
                } else {
                    Vec::new()
                },
                ask: Box::new(|_, made| s3_ask(row, bucket, key, made)),
                resource: Box::new(move |_| resource.clone()),
            });
        }
    }
    questions.extend(under_named_key());
    // What AWS has and we have not, and what nobody has.
    for (name, method, target) in [
        ("(GetObjectTorrent)", Method::GET, "/acme-full/case-17?torrent"),
        ("(PutBucketWebsite)", Method::PUT, "/acme-full?website"),
        ("(PATCH)", Method::PATCH, "/acme-full/case-17"),
    ] {
        questions.push(Question {
            door: "s3",
            operation: name,
            action: "-",
            extent: "-".to_owned(),
            target: "-",
            effect: "write",
            setup: Setup::Buckets,
            before: Vec::new(),
            ask: Box::new(move |_, _| Ask {
                service: "s3",
                method: method.clone(),
                target: target.to_owned(),
                headers: Vec::new(),
                body: String::new(),
            }),
            resource: Box::new(|_| "*".to_owned()),
        });
    }
    questions
}

/// Reading and writing what is under a named key: who may do the one of the two that is asked and not the other may not.
fn under_named_key() -> impl Iterator<Item = Question> {
    let object = format!("arn:aws:s3:::{FULL}/{KEY}");
    let key = "arn:aws:kms:*:*:key/evidence".to_owned();
    let rows = [
        ("GetObject", Method::GET, "s3:GetObject", "sealed", object.clone()),
        ("GetObject", Method::GET, "kms:Decrypt", "its key", key.clone()),
        ("PutObject", Method::PUT, "s3:PutObject", "sealed", object),
        ("PutObject", Method::PUT, "kms:GenerateDataKey", "its key", key),
    ];
    rows.into_iter().map(|(operation, method, action, target, resource)| {
        let is_read = method == Method::GET;
        let at = format!("/{FULL}/{KEY}");
        let default = s3_plain(Method::PUT, format!("/{FULL}?encryption"), ENCRYPTION_NAMED);
        Question {
            door: "s3",
            operation,
            action,
            extent: format!("{:?}", Extent::Object),
            target,
            effect: if is_read { "read" } else { "write" },
            setup: Setup::Buckets,
            before: vec![
                call("RSCreateEncryptionKey", &[("KeyName", "evidence")]),
                default,
                s3_plain(Method::PUT, at.clone(), "bytes"),
            ],
            ask: Box::new(move |_, _| s3_plain(method.clone(), at.clone(), if is_read { "" } else { "bytes" })),
            resource: Box::new(move |_| resource.clone()),
        }
    })
}

/// What root does first, so that there is something to give.
fn s3_before(row: &Row, bucket: &str, key: &str) -> Vec<Ask> {
    let put = |key: &str, query: &str, body: &str| Ask {
        service: "s3",
        method: Method::PUT,
        target: format!("/{bucket}{key}?{query}"),
        headers: Vec::new(),
        body: body.to_owned(),
    };
    let versions = || put("", "versioning", VERSIONS);
    let locking = || vec![versions(), put("", "object-lock", OBJECT_LOCK)];
    let locked = |query: &str, body: &str| [locking(), vec![put(&format!("/{key}"), query, body)]].concat();
    match row.name {
        "GetBucketEncryption" => vec![put("", "encryption", ENCRYPTION)],
        "GetBucketCors" => vec![put("", "cors", CORS)],
        "GetBucketLifecycleConfiguration" => vec![put("", "lifecycle", LIFECYCLE)],
        "GetBucketPolicy" | "GetBucketPolicyStatus" => vec![put("", "policy", &bucket_policy(bucket))],
        "GetPublicAccessBlock" => vec![put("", "publicAccessBlock", PUBLIC_ACCESS_BLOCK)],
        "PutObjectLockConfiguration" => vec![versions()],
        "GetObjectLockConfiguration" | "PutObjectRetention" | "PutObjectLegalHold" => locking(),
        "GetObjectRetention" => locked("retention", RETENTION),
        "GetObjectLegalHold" => locked("legal-hold", LEGAL_HOLD),
        _ => Vec::new(),
    }
}

const VERSIONS: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

const OBJECT_LOCK: &str =
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>";

const RETENTION: &str =
    "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2100-01-01T00:00:00Z</RetainUntilDate></Retention>";

const LEGAL_HOLD: &str = "<LegalHold><Status>ON</Status></LegalHold>";

const PUBLIC_ACCESS_BLOCK: &str = "<PublicAccessBlockConfiguration/>";

/// Ten minutes after the world's time.
const LINK: &str = "ExpirationDate=2027-01-15T08%3A10%3A00Z";

const ENCRYPTION: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
    <SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";

const ENCRYPTION_NAMED: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
    <SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>evidence</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule>\
    </ServerSideEncryptionConfiguration>";

const CORS: &str = "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>\
    </CORSRule></CORSConfiguration>";

const LIFECYCLE: &str = "<LifecycleConfiguration><Rule><Filter/><Status>Disabled</Status><Expiration><Days>1</Days>\
    </Expiration></Rule></LifecycleConfiguration>";

fn s3_ask(row: &Row, bucket: &str, key: &str, made: &Made) -> Ask {
    let upload = format!("uploadId={}", made["upload"]);
    let in_upload = |part: &str| format!("?partNumber={part}&{upload}");
    let upload = format!("?{upload}");
    let source = vec![("x-amz-copy-source", format!("/{FULL}/{KEY}"))];
    let delete = format!("<Delete><Object><Key>{key}</Key></Object></Delete>");
    let complete = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        made["etag"]
    );
    let (method, query, headers, body) = match row.name {
        "ListBuckets" | "ListObjects" | "GetObject" => (Method::GET, String::new(), Vec::new(), String::new()),
        "HeadBucket" | "HeadObject" => (Method::HEAD, String::new(), Vec::new(), String::new()),
        "CreateBucket" => (Method::PUT, String::new(), Vec::new(), String::new()),
        "DeleteBucket" | "DeleteObject" => (Method::DELETE, String::new(), Vec::new(), String::new()),
        "GetBucketLocation" => (Method::GET, "?location".to_owned(), Vec::new(), String::new()),
        "GetBucketVersioning" => (Method::GET, "?versioning".to_owned(), Vec::new(), String::new()),
        "PutBucketVersioning" => (Method::PUT, "?versioning".to_owned(), Vec::new(), VERSIONS.to_owned()),
        "GetBucketCors" => (Method::GET, "?cors".to_owned(), Vec::new(), String::new()),
        "DeleteBucketCors" => (Method::DELETE, "?cors".to_owned(), Vec::new(), String::new()),
        "PutBucketCors" => (Method::PUT, "?cors".to_owned(), Vec::new(), CORS.to_owned()),
        "GetBucketLifecycleConfiguration" => (Method::GET, "?lifecycle".to_owned(), Vec::new(), String::new()),
        "DeleteBucketLifecycle" => (Method::DELETE, "?lifecycle".to_owned(), Vec::new(), String::new()),
        "PutBucketLifecycleConfiguration" => (Method::PUT, "?lifecycle".to_owned(), Vec::new(), LIFECYCLE.to_owned()),
        "GetBucketLogging" => (Method::GET, "?logging".to_owned(), Vec::new(), String::new()),
        "PutBucketLogging" => (
            Method::PUT,
            "?logging".to_owned(),
            Vec::new(),
            "<BucketLoggingStatus/>".to_owned(),
        ),
        "GetBucketPolicy" => (Method::GET, "?policy".to_owned(), Vec::new(), String::new()),
        "PutBucketPolicy" => (Method::PUT, "?policy".to_owned(), Vec::new(), bucket_policy(bucket)),
        "DeleteBucketPolicy" => (Method::DELETE, "?policy".to_owned(), Vec::new(), String::new()),
        "GetBucketPolicyStatus" => (Method::GET, "?policyStatus".to_owned(), Vec::new(), String::new()),
        "GetPublicAccessBlock" => (Method::GET, "?publicAccessBlock".to_owned(), Vec::new(), String::new()),
        "PutPublicAccessBlock" => (
            Method::PUT,
            "?publicAccessBlock".to_owned(),
            Vec::new(),
            PUBLIC_ACCESS_BLOCK.to_owned(),
        ),
        "DeletePublicAccessBlock" => (
            Method::DELETE,
            "?publicAccessBlock".to_owned(),
            Vec::new(),
            String::new(),
        ),
        "GetBucketOwnershipControls" => (Method::GET, "?ownershipControls".to_owned(), Vec::new(), String::new()),
        "PutBucketOwnershipControls" => (
            Method::PUT,
            "?ownershipControls".to_owned(),
            Vec::new(),
            "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"
                .to_owned(),
        ),
        "DeleteBucketOwnershipControls" => (
            Method::DELETE,
            "?ownershipControls".to_owned(),
            Vec::new(),
            String::new(),
        ),
        "PutBucketEncryption" => (Method::PUT, "?encryption".to_owned(), Vec::new(), ENCRYPTION.to_owned()),
        "DeleteBucketEncryption" => (Method::DELETE, "?encryption".to_owned(), Vec::new(), String::new()),
        "GetBucketEncryption" => (Method::GET, "?encryption".to_owned(), Vec::new(), String::new()),
        "GetBucketNotificationConfiguration" => (Method::GET, "?notification".to_owned(), Vec::new(), String::new()),
        "GetBucketRequestPayment" => (Method::GET, "?requestPayment".to_owned(), Vec::new(), String::new()),
        "GetBucketAccelerateConfiguration" => (Method::GET, "?accelerate".to_owned(), Vec::new(), String::new()),
        "GetBucketWebsite" => (Method::GET, "?website".to_owned(), Vec::new(), String::new()),
        "GetBucketReplication" => (Method::GET, "?replication".to_owned(), Vec::new(), String::new()),
        "DeleteBucketWebsite" => (Method::DELETE, "?website".to_owned(), Vec::new(), String::new()),
        "DeleteBucketReplication" => (Method::DELETE, "?replication".to_owned(), Vec::new(), String::new()),
        "GetBucketAnalyticsConfiguration" => (Method::GET, "?analytics&id=a".to_owned(), Vec::new(), String::new()),
        "ListBucketAnalyticsConfigurations" => (Method::GET, "?analytics".to_owned(), Vec::new(), String::new()),
        "GetBucketIntelligentTieringConfiguration" => (
            Method::GET,
            "?intelligent-tiering&id=a".to_owned(),
            Vec::new(),
            String::new(),
        ),
        "ListBucketIntelligentTieringConfigurations" => (
            Method::GET,
            "?intelligent-tiering".to_owned(),
            Vec::new(),
            String::new(),
        ),
        "GetBucketInventoryConfiguration" => (Method::GET, "?inventory&id=a".to_owned(), Vec::new(), String::new()),
        "ListBucketInventoryConfigurations" => (Method::GET, "?inventory".to_owned(), Vec::new(), String::new()),
        "GetBucketMetricsConfiguration" => (Method::GET, "?metrics&id=a".to_owned(), Vec::new(), String::new()),
        "ListBucketMetricsConfigurations" => (Method::GET, "?metrics".to_owned(), Vec::new(), String::new()),
        "GetBucketAcl" | "GetObjectAcl" => (Method::GET, "?acl".to_owned(), Vec::new(), String::new()),
        "PutBucketAcl" | "PutObjectAcl" => (
            Method::PUT,
            "?acl".to_owned(),
            vec![("x-amz-acl", "private".to_owned())],
            String::new(),
        ),
        "ListObjectVersions" => (Method::GET, "?versions".to_owned(), Vec::new(), String::new()),
        "ListObjectsV2" => (Method::GET, "?list-type=2".to_owned(), Vec::new(), String::new()),
        "GetObjectTagging" | "GetBucketTagging" => (Method::GET, "?tagging".to_owned(), Vec::new(), String::new()),
        "PutObjectTagging" | "PutBucketTagging" => (Method::PUT, "?tagging".to_owned(), Vec::new(), tagging("new")),
        "DeleteObjectTagging" | "DeleteBucketTagging" => {
            (Method::DELETE, "?tagging".to_owned(), Vec::new(), String::new())
        }
        "GetObjectAttributes" => {
            let asked = vec![("x-amz-object-attributes", "ETag".to_owned())];
            (Method::GET, "?attributes".to_owned(), asked, String::new())
        }
        "PutObjectLockConfiguration" => (
            Method::PUT,
            "?object-lock".to_owned(),
            Vec::new(),
            OBJECT_LOCK.to_owned(),
        ),
        "GetObjectLockConfiguration" => (Method::GET, "?object-lock".to_owned(), Vec::new(), String::new()),
        "PutObjectRetention" => (Method::PUT, "?retention".to_owned(), Vec::new(), RETENTION.to_owned()),
        "GetObjectRetention" => (Method::GET, "?retention".to_owned(), Vec::new(), String::new()),
        "PutObjectLegalHold" => (Method::PUT, "?legal-hold".to_owned(), Vec::new(), LEGAL_HOLD.to_owned()),
        "GetObjectLegalHold" => (Method::GET, "?legal-hold".to_owned(), Vec::new(), String::new()),
        "PutObject" => (Method::PUT, String::new(), Vec::new(), "bytes".to_owned()),
        "CopyObject" => (Method::PUT, String::new(), with_directive(source), String::new()),
        "DeleteObjects" => (Method::POST, "?delete".to_owned(), Vec::new(), delete),
        "CreateMultipartUpload" => (Method::POST, "?uploads".to_owned(), Vec::new(), String::new()),
        "UploadPart" => (Method::PUT, in_upload("2"), Vec::new(), "bytes".to_owned()),
        "UploadPartCopy" => (Method::PUT, in_upload("2"), source, String::new()),
        "CompleteMultipartUpload" => (Method::POST, upload, Vec::new(), complete),
        "AbortMultipartUpload" => (Method::DELETE, upload, Vec::new(), String::new()),
        "ListParts" => (Method::GET, upload, Vec::new(), String::new()),
        "ListMultipartUploads" => (Method::GET, "?uploads".to_owned(), Vec::new(), String::new()),
        "RSGetBucketInfo" => (Method::GET, "?rs-info=".to_owned(), Vec::new(), String::new()),
        "RSGetBucketStats" => (Method::GET, "?rs-bucket-stats".to_owned(), Vec::new(), String::new()),
        "RSPresignLink" => (Method::POST, "?rs-presign=".to_owned(), Vec::new(), LINK.to_owned()),
        "RenameObject" => (
            Method::PUT,
            "?renameObject".to_owned(),
            vec![("x-amz-rename-source", format!("/{bucket}/{KEY}"))],
            String::new(),
        ),
        "RSSpeedTestDownload" => return s3_plain(Method::GET, "/speedtest/download".to_owned(), ""),
        "RSSpeedTestUpload" => return s3_plain(Method::PUT, "/speedtest/upload".to_owned(), "bytes"),
        "GetAccountPublicAccessBlock" => return account_block(Method::GET, made),
        "PutAccountPublicAccessBlock" => return account_block(Method::PUT, made),
        "DeleteAccountPublicAccessBlock" => return account_block(Method::DELETE, made),
        new => panic!("say here how {new} is asked for"),
    };
    let key = if row.extent == Extent::Object {
        format!("/{key}")
    } else {
        String::new()
    };
    Ask {
        service: "s3",
        method,
        target: format!("/{bucket}{key}{query}"),
        headers,
        body,
    }
}

fn tagging(value: &str) -> String {
    format!("<Tagging><TagSet><Tag><Key>k</Key><Value>{value}</Value></Tag></TagSet></Tagging>")
}

/// A policy that takes nothing from anybody who is asked here.
fn bucket_policy(bucket: &str) -> String {
    format!(
        r#"{{"Statement": {{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{bucket}/none"}}}}"#
    )
}

/// A copy onto itself has to change something.
fn with_directive(mut headers: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    headers.push(("x-amz-metadata-directive", "REPLACE".to_owned()));
    headers
}

pub(super) fn pcaps(facts: &Arc<Facts>) -> Vec<Question> {
    let mut questions = Vec::new();
    for row in baleen_api_capture::pcaps::ops::ROWS {
        let facts = Arc::clone(facts);
        questions.push(Question {
            door: "pcaps",
            operation: row.name,
            action: row.action.name(),
            extent: "Project".to_owned(),
            target: "customer",
            effect: if row.method == Method::GET { "read" } else { "write" },
            setup: match row.name {
                "CreateOwnership" => Setup::Buckets,
                "ValidateOwnership" => Setup::Challenge,
                "CreateCapture" | "ListOwnerships" | "DeleteOwnership" | "CreateSchedule" => Setup::Ownership,
                _ => Setup::Capture,
            },
            before: Vec::new(),
            ask: Box::new(move |_, made| {
                let id = if row.path.contains("ownership") {
                    "ownership"
                } else if row.path.contains("schedules") {
                    "schedule"
                } else {
                    "capture"
                };
                let id = made.get(id).map(String::as_str).unwrap_or_default();
                let mut ask = pcaps_ask(&row.method, &facts.project, &row.path.replace("{id}", id));
                if row.name == "CreateAgentToken" {
                    ask.body = json!({ "site": "far" }).to_string();
                } else if row.method == Method::POST {
                    ask.body = pcaps_body(made.get("challenge"));
                }
                ask
            }),
            resource: Box::new(|_| "arn:aws:pcaps:::*".to_owned()),
        });
    }
    let facts = Arc::clone(facts);
    questions.push(Question {
        door: "pcaps",
        operation: "(unknown route)",
        action: "-",
        extent: "-".to_owned(),
        target: "-",
        effect: "read",
        setup: Setup::Nothing,
        before: Vec::new(),
        ask: Box::new(move |_, _| pcaps_ask(&Method::GET, &facts.project, "/nonsense")),
        resource: Box::new(|_| "*".to_owned()),
    });
    questions
}

/// Where the capture tasks of the customer are, with every member that a query of the door may need.
fn tasks_target(project: &str, path: &str, task: Option<&String>) -> String {
    let task = task.map(String::as_str).unwrap_or_default();
    format!("/v1/{project}/capture-task{path}?fw_instance_id={SITE}&limit=10&offset=0&task_id={task}")
}

/// Members of every request of the door.
fn tasks_body(name: &str, task: Option<&String>) -> String {
    let any = json!({ "address": "0.0.0.0/0", "address_type": 0, "type": 0 });
    json!({
        "name": name, "duration": 1, "max_packets": 10, "source": any, "destination": any,
        "service": { "protocol": -1 }, "task_id": task, "task_ids": [task],
    })
    .to_string()
}

fn tasks_ask(method: &Method, target: String, body: String) -> Ask {
    Ask {
        service: "cfw",
        method: method.clone(),
        target,
        headers: Vec::new(),
        body: if *method == Method::POST { body } else { String::new() },
    }
}

pub(super) fn tasks(facts: &Arc<Facts>) -> Vec<Question> {
    let mut questions = Vec::new();
    for row in baleen_api_capture::tasks::ops::ROWS {
        let facts = Arc::clone(facts);
        questions.push(Question {
            door: "tasks",
            operation: row.name,
            action: row.action.name(),
            extent: "Project".to_owned(),
            target: "customer",
            effect: if row.method == Method::GET { "read" } else { "write" },
            setup: match row.name {
                "CreateCaptureTask" => Setup::Nothing,
                _ => Setup::Task,
            },
            before: Vec::new(),
            ask: Box::new(move |_, made| {
                let task = made.get("task");
                let target = tasks_target(&facts.project, row.path, task);
                tasks_ask(&row.method, target, tasks_body("asked", task))
            }),
            resource: Box::new(|_| "arn:aws:cfw:::*".to_owned()),
        });
    }
    for (operation, path) in [
        (baleen_api_capture::tasks::ops::FILE, "/file/none"),
        ("(unknown route)", "/nonsense"),
    ] {
        let facts = Arc::clone(facts);
        questions.push(Question {
            door: "tasks",
            operation,
            action: "-",
            extent: "-".to_owned(),
            target: "-",
            effect: "read",
            setup: Setup::Nothing,
            before: Vec::new(),
            ask: Box::new(move |_, _| tasks_ask(&Method::GET, tasks_target(&facts.project, path, None), String::new())),
            resource: Box::new(|_| "*".to_owned()),
        });
    }
    questions
}

pub(super) fn pcaps_ask(method: &Method, project: &str, path: &str) -> Ask {
    Ask {
        service: "pcaps",
        method: method.clone(),
        target: format!("/client/v4/accounts/{project}{path}"),
        headers: Vec::new(),
        body: String::new(),
    }
}

/// Members of every request of the door.
pub(super) fn pcaps_body(challenge: Option<&String>) -> String {
    json!({
        "system": "magic-transit", "type": "full", "time_limit": 60, "colo_name": SITE,
        "destination_conf": DESTINATION, "ownership_challenge": challenge,
        "name": "nightly", "cron": "0 3 * * *", "budget": { "runs": 1 },
    })
    .to_string()
}

/// What was made for questions, step by step, and what was stored then.
pub(super) struct SetUp {
    dumps: BTreeMap<Setup, (Dump, Made)>,
}

impl SetUp {
    /// Makes buckets, then a challenge, then proves the ownership, captures, and begins a capture task, as the customer's root.
    pub(super) async fn of(world: &World, root: &Asker, facts: &Facts) -> Self {
        let (key, token) = (root.key.as_ref().unwrap(), root.token.as_deref());
        let mut dumps = BTreeMap::new();
        let mut made = Made::new();
        dumps.insert(Setup::Nothing, (world.dump().await, made.clone()));

        for bucket in [FULL, EMPTY] {
            world.must(key, &s3_plain(Method::PUT, format!("/{bucket}"), "")).await;
        }
        let tagged = format!("/{EMPTY}?tagging");
        world.must(key, &s3_plain(Method::PUT, tagged, &tagging("old"))).await;
        let object = format!("/{FULL}/{KEY}");
        world.must(key, &s3_plain(Method::PUT, object.clone(), "bytes")).await;
        let upload = world
            .must(key, &s3_plain(Method::POST, format!("{object}?uploads"), ""))
            .await;
        let upload = element(&upload.body, "UploadId");
        let part = format!("{object}?partNumber=1&uploadId={upload}");
        let part = world.must(key, &s3_plain(Method::PUT, part, "bytes")).await;
        made.insert("etag", part.etag.unwrap());
        made.insert("upload", upload);
        made.insert("account", facts.acme.clone());
        dumps.insert(Setup::Buckets, (world.dump().await, made.clone()));

        let ownership = post(world, token, facts, "/pcaps/ownership", None).await;
        let text = |name: &str| ownership[name].as_str().unwrap().to_owned();
        made.insert("ownership", text("id"));
        let file = format!("/{FULL}/captures/{}", text("filename"));
        let challenge = world.must(key, &s3_plain(Method::GET, file, "")).await.body;
        made.insert("challenge", challenge.clone());
        dumps.insert(Setup::Challenge, (world.dump().await, made.clone()));

        post(world, token, facts, "/pcaps/ownership/validate", Some(&challenge)).await;
        dumps.insert(Setup::Ownership, (world.dump().await, made.clone()));

        let capture = post(world, token, facts, "/pcaps", None).await;
        made.insert("capture", capture["id"].as_str().unwrap().to_owned());
        let schedule = post(world, token, facts, "/pcaps/schedules", None).await;
        made.insert("schedule", schedule["id"].as_str().unwrap().to_owned());
        dumps.insert(Setup::Capture, (world.dump().await, made.clone()));

        let target = tasks_target(&facts.project, "", None);
        let task = world
            .must(key, &tasks_ask(&Method::POST, target, tasks_body("made", None)))
            .await;
        let task: Value = serde_json::from_str(&task.body).unwrap();
        made.insert("task", task["data"]["id"].as_str().unwrap().to_owned());
        dumps.insert(Setup::Task, (world.dump().await, made));
        Self { dumps }
    }

    pub(super) fn get(&self, setup: Setup) -> &(Dump, Made) {
        &self.dumps[&setup]
    }
}

fn s3_plain(method: Method, target: String, body: &str) -> Ask {
    Ask {
        service: "s3",
        method,
        target,
        headers: Vec::new(),
        body: body.to_owned(),
    }
}

fn account_block(method: Method, made: &Made) -> Ask {
    let target = "/v20180820/configuration/publicAccessBlock".to_owned();
    Ask {
        headers: vec![("x-amz-account-id", made["account"].clone())],
        ..s3_plain(method, target, PUBLIC_ACCESS_BLOCK)
    }
}

async fn post(world: &World, token: Option<&str>, facts: &Facts, path: &str, challenge: Option<&String>) -> Value {
    let ask = Ask {
        body: pcaps_body(challenge),
        ..pcaps_ask(&Method::POST, &facts.project, path)
    };
    let heard = world.send(&ask, None, token).await;
    assert_eq!(heard.status, 200, "{heard:?}");
    serde_json::from_str::<Value>(&heard.body).unwrap()["result"].clone()
}
