//! Authorization, between routing and the body.
//!
//! s3s calls [`Access::check`] with the operation it routed to, before it reads a byte of the body; what goes round it calls
//! [`Access::call`], which is the same. The operation's row
//! names the action, the policy crate decides, and the [`Call`] with the proof is put where the operation finds it.

mod call;
mod encryption_keys;
mod source;

pub(crate) use call::{Call, HiddenSource, PinnedSource, SourceKept, UnreadableTags};
pub(crate) use encryption_keys::may_use;
pub(crate) use source::Source;

use std::sync::Arc;

use async_trait::async_trait;
use baleen_http::{Barred, Signed, Weight};
use baleen_objects::{Bucket, ObjectError, ObjectVersion, SettingKind};
use baleen_policy::{Action, BucketFacts, Context, Denied, Origin, Principal, Resource};
use baleen_types::{BucketName, ObjectKey, ObjectPath, RequestId};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{CopyObjectInput, UploadPartCopyInput};
use s3s::path::S3Path;
use s3s::{S3Request, S3Result};

use crate::asker::Asker;
use crate::besides::besides;
use crate::circumstances::{circumstances, signature};
use crate::fault::Fault;
use crate::ops::tagging::given_tags;
use crate::ops::{self, Extent, Query, Row};
use crate::query::parameter;
use crate::routed::RoutedTo;
use crate::rules::Rules;
use crate::services::Services;
use crate::unsupported;

static EXPECTED_OWNER: HeaderName = HeaderName::from_static("x-amz-expected-bucket-owner");

/// Only a codec that routes otherwise than our table says gets here.
fn misrouted() -> Fault {
    Fault::invalid_request("The address does not fit the operation.")
}

/// Who asks, from where, and where what is found of the request is left.
pub(crate) struct Who {
    principal: Principal,
    origin: Option<Origin>,
    signed: Option<Signed>,
    pub(crate) id: Option<RequestId>,
    pub(crate) routed: RoutedTo,
}

impl Who {
    pub(crate) fn new(extensions: &http::Extensions, routed: &RoutedTo) -> Self {
        Self {
            principal: extensions.get().cloned().unwrap_or(Principal::Nobody),
            origin: extensions.get().copied(),
            signed: extensions.get().copied(),
            id: extensions.get().copied(),
            routed: routed.clone(),
        }
    }

    /// Whether it is somebody.
    pub(crate) fn is_known(&self) -> bool {
        self.principal.user().is_some()
    }

    /// Nobody learns less than anybody: not what exists, not what is implemented.
    fn not_implemented(&self, message: String) -> Fault {
        if self.is_known() {
            Fault::not_implemented(message)
        } else {
            Fault::access_denied()
        }
    }
}

/// What is asked, as far as it is decided by.
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a S3Path,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
}

/// Where a request goes: a bucket, if there is one of that name, and its rules, if it has a policy.
struct Place {
    name: Option<BucketName>,
    bucket: Option<Bucket>,
    rules: Option<Arc<Rules>>,
}

/// Leads nobody to a bucket whose policy may let nobody in. All other places look alike: nobody is told whether they are.
fn open_to_nobody(place: Result<Place, Fault>, routed: &RoutedTo) -> Result<Place, Fault> {
    let place = place.map_err(|fault| {
        if fault.status.is_server_error() {
            fault
        } else {
            Fault::access_denied()
        }
    })?;
    let (Some(bucket), Some(rules)) = (&place.bucket, &place.rules) else {
        return Err(Fault::access_denied());
    };
    routed.belongs_to(bucket.owner);
    if !rules.may_admit_nobody() {
        return Err(Fault::access_denied());
    }
    Ok(place)
}

/// The hook.
pub(crate) struct Access {
    services: Services,
}

impl Access {
    pub(crate) fn new(services: Services) -> Self {
        Self { services }
    }

    async fn decide(&self, cx: &mut S3AccessContext<'_>) -> Result<(), Fault> {
        let routed = cx.extensions_mut().get::<RoutedTo>().cloned().unwrap_or_default();
        let who = Who::new(cx.extensions_mut(), &routed);
        let Some(row) = ops::row(cx.s3_op().name()) else {
            routed.is_unbuilt();
            return Err(who.not_implemented(format!("The operation {} is not implemented.", cx.s3_op().name())));
        };
        let asked = Asked {
            path: cx.s3_path(),
            query: cx.uri().query().unwrap_or_default(),
            headers: cx.headers(),
        };
        let call = self.known_call(row, &asked, &who).await?;
        cx.extensions_mut().insert(call);
        Ok(())
    }

    /// Decides about a request of an object that goes round the codec (decision 0023), and notes how.
    pub(crate) async fn round_the_codec(
        &self,
        (row, path): (&'static Row, &S3Path),
        head: &Parts,
        routed: &RoutedTo,
    ) -> Result<Call, Fault> {
        let who = Who::new(&head.extensions, routed);
        if who.is_known() {
            // No resource of a policy has such a key. Nobody is told even that.
            path.get_object_key().map(parse_key).transpose()?;
        }
        let asked = Asked {
            path,
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
        };
        let decided = self.known_call(row, &asked, &who).await;
        routed.judge(&decided);
        decided
    }

    /// Decides about a request, of which a change has no header that nobody knows.
    async fn known_call(&self, row: &'static Row, asked: &Asked<'_>, who: &Who) -> Result<Call, Fault> {
        let call = self.call(row, asked, who).await?;
        if row.query != Query::Any {
            unsupported::refuse_unknown(asked.headers)?;
        }
        Ok(call)
    }

    /// Decides about a request of an operation, and tells what the audit log is to know of it.
    pub(crate) async fn call(&self, row: &'static Row, asked: &Asked<'_>, who: &Who) -> Result<Call, Fault> {
        who.routed.is(row, asked.path);
        if let Some(name) = row.query.stranger(asked.query) {
            return Err(who.not_implemented(format!("The sub-resource {name} is not implemented.")));
        }
        let context = Context::new(self.services.clock.now()).origin(who.origin);
        let mut context = circumstances(context, row, (asked.query, asked.headers), &self.services.region);
        if let Some(signed) = &who.signed {
            signature(&mut context, signed);
        }
        let mut asker = Asker::new(who.principal.clone(), who.origin, context);
        let given = given_tags(row, asked.headers);
        if !given.is_empty() {
            asker = asker.giving(&given);
        }
        self.authorize(row, &Arc::new(asker), asked, (who.id, &who.routed))
            .await
    }

    async fn authorize(
        &self,
        row: &Row,
        asker: &Arc<Asker>,
        asked: &Asked<'_>,
        (id, routed): (Option<RequestId>, &RoutedTo),
    ) -> Result<Call, Fault> {
        let place = self.place(row, asked.path).await;
        if let Ok(Place {
            bucket: Some(bucket), ..
        }) = &place
            && bucket.settings.has(SettingKind::Logging)
        {
            routed.is_logged(bucket);
        }
        let Place { name, bucket, rules } = if asker.is_nobody() {
            open_to_nobody(place, routed)?
        } else {
            place?
        };
        if let Some(bucket) = &bucket {
            self.pass_gate(bucket, asker).await?;
        }
        let in_bucket = name.as_ref().map(|name| match &bucket {
            Some(bucket) => asker.facts(bucket, rules.as_deref()),
            None => BucketFacts::absent(name),
        });
        let key = match (row.extent, asked.path.get_object_key()) {
            (Extent::Object, Some(key)) => Some(parse_key(key)),
            _ => None,
        };
        let action = versioned(row.action, asked.query);
        let resource = match (row.extent, in_bucket, &key) {
            (Extent::Account, ..) => Resource::OwnAccount,
            (Extent::Resellers, ..) => Resource::Customers,
            // Its maker is its owner, whoever has a bucket of that name.
            (Extent::NewBucket, Some(facts), _) => {
                let owner = asker.principal.user().map(|user| user.account);
                Resource::Bucket(BucketFacts { owner, ..facts })
            }
            (Extent::Object, Some(facts), Some(Ok(key))) => Resource::Object(facts, key),
            // A key that cannot be is told to who may do this in the bucket itself.
            (Extent::Object, Some(facts), Some(Err(_))) | (Extent::Bucket | Extent::Keys, Some(facts), _) => {
                Resource::Bucket(facts)
            }
            (Extent::NewBucket | Extent::Bucket | Extent::Keys | Extent::Object, ..) => return Err(misrouted()),
        };
        let query = || parameter(asked.query, "versionId");
        let of = || {
            let (bucket, key) = (name.clone()?, key.as_ref()?.as_ref().ok()?.clone());
            let version = crate::convert::version(query().as_deref()).ok()?;
            let at = ObjectPath { bucket, key };
            Some(ObjectVersion { at, version })
        };
        let judged = match &bucket {
            Some(bucket) => {
                let known = (bucket, rules.as_deref());
                asker
                    .judged_by_object(action, resource, &self.services.objects, known, &of)
                    .await?
            }
            None => None,
        };
        let asker = &judged.map_or_else(|| Arc::clone(asker), Arc::new);
        let resource = asker.as_seen(resource);
        // Its document has what policies look at, which is not known before it is read.
        let is_open = bucket.is_some()
            && (row.is_told_by_document()
                || row.gives_tags_by_document() && asker.depends_on_given_tags(action, resource));
        let decided = asker.ask(action, resource);
        // Not of what is allowed all the time: it would be paid by each read and write.
        if !is_open && (decided.is_err() || row.weight() != Weight::Data) {
            routed.decided_by(asker.deciding(action, resource));
        }
        if decided.is_ok() {
            for more in besides(row, asked.headers) {
                let more = versioned(more, asked.query);
                let reads = matches!(more, Action::S3GetObject | Action::S3GetObjectVersion);
                let judged = match &bucket {
                    Some(bucket) if reads => {
                        let known = (bucket, rules.as_deref());
                        asker
                            .judged_by_object(more, resource, &self.services.objects, known, &of)
                            .await?
                    }
                    _ => None,
                };
                let asker = judged.as_ref().unwrap_or(asker);
                asker.ask(more, asker.as_seen(resource))?;
            }
        }
        let authorized = match (row.extent, decided) {
            // Decided bucket by bucket, key by key; that a bucket is not there is told to who may act in any.
            (Extent::Account, Err(Denied::NotAllowed))
                if action == Action::S3ListAllMyBuckets && !asker.is_forbidden(action, Resource::OwnAccount) =>
            {
                None
            }
            (Extent::Keys, Err(_)) if bucket.is_some() => None,
            (Extent::Object, _) if is_open => None,
            (_, decided) => Some(decided?),
        };
        if let Some(bucket) = &bucket {
            check_expected_owner(asked.headers, &EXPECTED_OWNER, bucket)?;
        } else if let (Extent::Bucket | Extent::Keys | Extent::Object, Some(name)) = (row.extent, &name) {
            return Err(ObjectError::NoSuchBucket(name.clone()).into());
        }
        let key = key.transpose()?;
        if authorized.is_some() {
            routed.admit();
        }
        Ok(Call {
            asker: Arc::clone(asker),
            action,
            authorized,
            bucket,
            rules,
            name,
            key,
            routed: routed.clone(),
            id,
        })
    }

    async fn place(&self, row: &Row, path: &S3Path) -> Result<Place, Fault> {
        let name = path.get_bucket_name().map(BucketName::parse).transpose()?;
        let (bucket, rules) = match (row.extent, &name) {
            (Extent::Account | Extent::Resellers | Extent::NewBucket, _) => (None, None),
            (Extent::Bucket | Extent::Keys | Extent::Object, Some(name)) => self.find(name).await?,
            (Extent::Bucket | Extent::Keys | Extent::Object, None) => return Err(misrouted()),
        };
        Ok(Place { name, bucket, rules })
    }

    /// Holds nobody and the users of other accounts to what holds for the owner of a bucket: its networks, and whether it is
    /// served at all (identity contract, section 5). The edge has asked for the own users of the owner.
    async fn pass_gate(&self, bucket: &Bucket, asker: &Asker) -> Result<(), Fault> {
        if asker.is_of(bucket.owner) {
            return Ok(());
        }
        let origin = asker.origin.ok_or_else(Fault::access_denied)?;
        let admitted = self.services.gate.admit_to("s3", bucket.owner, &origin).await;
        admitted.map_err(|barred| match barred {
            Barred::NotListed | Barred::Withheld => Fault::access_denied(),
            Barred::Unavailable => Fault::unavailable(),
        })
    }

    /// A bucket and its rules.
    async fn find(&self, name: &BucketName) -> Result<(Option<Bucket>, Option<Arc<Rules>>), Fault> {
        match self.services.objects.head_bucket(name).await {
            Ok(bucket) => {
                let rules = self.services.policies.of(&bucket).await?;
                Ok((Some(bucket), rules))
            }
            Err(ObjectError::NoSuchBucket(_)) => Ok((None, None)),
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let id = cx.extensions_mut().get::<RequestId>().copied();
        let routed = cx.extensions_mut().get::<RoutedTo>().cloned().unwrap_or_default();
        let decided = self.decide(cx).await;
        routed.judge(&decided);
        decided.map_err(|fault| fault.into_s3(id))
    }

    async fn copy_object(&self, request: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        let source = request.input.copy_source.clone();
        self.decide_source(&source, request).await
    }

    async fn upload_part_copy(&self, request: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        let source = request.input.copy_source.clone();
        self.decide_source(&source, request).await
    }
}

/// The permission which an operation needs when the request names a version.
fn versioned(action: Action, query: &str) -> Action {
    if parameter(query, "versionId").is_none_or(|version| version.is_empty()) {
        return action;
    }
    match action {
        Action::S3GetObject => Action::S3GetObjectVersion,
        Action::S3GetObjectAttributes => Action::S3GetObjectVersionAttributes,
        Action::S3GetObjectTagging => Action::S3GetObjectVersionTagging,
        Action::S3GetObjectAcl => Action::S3GetObjectVersionAcl,
        Action::S3PutObjectAcl => Action::S3PutObjectVersionAcl,
        Action::S3PutObjectTagging => Action::S3PutObjectVersionTagging,
        Action::S3DeleteObjectTagging => Action::S3DeleteObjectVersionTagging,
        Action::S3DeleteObject => Action::S3DeleteObjectVersion,
        other => other,
    }
}

pub(crate) fn parse_key(key: &str) -> Result<ObjectKey, Fault> {
    ObjectKey::parse(key).map_err(|invalid| {
        let message = format!("Your key is too long: {}.", invalid.why);
        Fault::new("KeyTooLongError", http::StatusCode::BAD_REQUEST, message)
    })
}

fn check_expected_owner(headers: &HeaderMap, header: &HeaderName, bucket: &Bucket) -> Result<(), Fault> {
    match headers.get(header) {
        Some(expected) if expected.as_bytes() != bucket.owner.to_string().as_bytes() => Err(Fault::access_denied()),
        _ => Ok(()),
    }
}

/// The key provider of a codec that must never see a signature: refuses all of them.
pub(crate) struct NoKeys;

#[async_trait]
impl S3Auth for NoKeys {
    async fn get_secret_key(&self, _access_key: &str) -> S3Result<SecretKey> {
        Err(Fault::access_denied().into_s3(None))
    }
}
