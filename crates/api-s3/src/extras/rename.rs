//! RenameObject (AWS, for directory buckets): `PUT /{bucket}/{key}?renameObject` with `x-amz-rename-source`.
//!
//! As there, in buckets that keep no versions: nothing is copied, and one commit takes the object from one key to the other. To
//! rename is to read at the old key and to delete there, and to write at the new one, and needs the permissions for all of it.

use baleen_http::Response;
use baleen_objects::{ObjectError, ObjectHead, ObjectVersion, RenameObject, RenameToken, Selection, WriteCondition};
use baleen_policy::Action;
use baleen_signing::sha256;
use baleen_types::{AccountId, ObjectKey, ObjectPath};
use http::HeaderMap;
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

use super::Extras;
use crate::access::{Call, HiddenSource, Source};
use crate::conditions::{Condition, Conditions, On, Verdict};
use crate::convert::header_condition;
use crate::fault::Fault;

const SOURCE: &str = "x-amz-rename-source";
const TOKEN: &str = "x-amz-client-token";

/// What follows `x-amz-` in the headers that a renaming may have: obeyed, or harmless. All that is said of a new object would be
/// ignored, since it is no new one.
const HEADERS: [&str; 14] = [
    "cf-id",
    "client-token",
    "expected-bucket-owner",
    "rename-source",
    "rename-source-if-match",
    "rename-source-if-modified-since",
    "rename-source-if-none-match",
    "rename-source-if-unmodified-since",
    "request-payer",
    "sdk-checksum-algorithm",
    "source-expected-bucket-owner",
    "te",
    "trace-id",
    "user-agent",
];

/// Renames; what fails because of the source is veiled as `hidden` says.
pub(super) async fn run(
    extras: &Extras,
    call: &Call,
    headers: HeaderMap,
    hidden: &mut Option<HiddenSource>,
) -> Result<Response, Fault> {
    let to = call.path()?;
    let unknown = |name: &&str| !HEADERS.contains(name);
    let mut names = headers.keys().filter_map(|name| name.as_str().strip_prefix("x-amz-"));
    if let Some(name) = names.find(unknown) {
        return Err(Fault::invalid_request(format!(
            "The header x-amz-{name} is none of RenameObject."
        )));
    }
    let of = ObjectVersion::from(&source(&headers, &to)?);
    let found = extras.access.source(call, &of, &headers).await?;
    *hidden = found.hidden;
    call.decide_key(Action::S3DeleteObject, &of.at.key)?;
    let token = token(call.account()?, &headers, &to)?;
    if is_done(extras, token.as_ref()).await? {
        return Ok(Response::default());
    }
    let done = rename(extras, call, headers, (&found, of, to), token).await;
    // Or the same was done meanwhile, and so there is no source any more.
    if done.is_err() && is_done(extras, token.as_ref()).await? {
        return Ok(Response::default());
    }
    done.map(|()| Response::default())
}

async fn is_done(extras: &Extras, token: Option<&RenameToken>) -> Result<bool, Fault> {
    match token {
        Some(token) => Ok(extras.services.objects.is_renamed(token).await?),
        None => Ok(false),
    }
}

async fn rename(
    extras: &Extras,
    call: &Call,
    mut headers: HeaderMap,
    (found, of, to): (&Source, ObjectVersion, ObjectPath),
    token: Option<RenameToken>,
) -> Result<(), Fault> {
    // One under a customer's key is not renamed: who has not the key learns nothing of it, and this takes none.
    let (head, _) = extras.services.objects.head_with(&of, Selection::Whole, None).await?;
    found.confirm(&head)?;
    keep_tags(call, &head, found.may_read_tags)?;
    judge(&Conditions::take_of_source(&mut headers), &head, On::RenameSource)?;
    let condition = destination(extras, call, &mut headers, &to).await?;
    let request = RenameObject {
        from: of.at,
        to: to.key,
        meant: Some(Box::new(head)),
        condition,
        token,
    };
    Ok(extras.services.objects.rename(request).await?)
}

/// The object that a renaming names: `/key` or, as AWS's model of the call has it, `/bucket/key`, each also without the first
/// slash, percent-encoded. What begins with the bucket's name is the second of them.
fn source(headers: &HeaderMap, to: &ObjectPath) -> Result<ObjectPath, Fault> {
    let value = headers.get(SOURCE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    let decoded = percent_encoding::percent_decode(value).decode_utf8();
    let decoded = decoded.map_err(|_| Fault::invalid_argument(format!("The header {SOURCE} is not in UTF-8.")))?;
    let name = decoded.strip_prefix('/').unwrap_or(&decoded);
    let in_bucket = name
        .strip_prefix(to.bucket.as_str())
        .and_then(|rest| rest.strip_prefix('/'));
    let key = in_bucket.unwrap_or(name);
    if key.is_empty() {
        return Err(Fault::invalid_argument(format!(
            "The header {SOURCE} must name an object."
        )));
    }
    Ok(ObjectPath {
        bucket: to.bucket.clone(),
        key: ObjectKey::parse(key)?,
    })
}

/// The tags go along: to read them there and to write them here, as a copy does.
fn keep_tags(call: &Call, head: &ObjectHead, may_read: bool) -> Result<(), Fault> {
    if head.tags.is_empty() {
        return Ok(());
    }
    if !may_read {
        return Err(Fault::access_denied());
    }
    let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    call.decide_tags(&head.tags.iter().map(pair).collect::<Vec<_>>())
}

fn judge(conditions: &Conditions, head: &ObjectHead, on: On) -> Result<(), Fault> {
    match conditions.judge(head) {
        Verdict::Serve => Ok(()),
        Verdict::Failed(condition) | Verdict::NotModified(condition) => Err(Fault::precondition(condition, on)),
    }
}

/// What has to be true at the new key. Dates are compared here, and what they were compared with has to be there still.
async fn destination(
    extras: &Extras,
    call: &Call,
    headers: &mut HeaderMap,
    to: &ObjectPath,
) -> Result<WriteCondition, Fault> {
    let condition = header_condition(headers)?;
    for name in [IF_MATCH, IF_NONE_MATCH] {
        // They overrule the dates beside them.
        if headers.remove(&name).is_some() {
            return Ok(condition);
        }
    }
    let must_be = headers.contains_key(IF_MODIFIED_SINCE);
    if !must_be && !headers.contains_key(IF_UNMODIFIED_SINCE) {
        return Ok(condition);
    }
    // Who may not read an object does not learn its time by guessing.
    call.decide_key(Action::S3GetObject, &to.key)?;
    match extras
        .services
        .objects
        .head_with(&ObjectVersion::from(to), Selection::Whole, None)
        .await
    {
        Ok((head, _)) => {
            judge(&Conditions::take(headers), &head, On::Target)?;
            Ok(WriteCondition::IfMatch(head.etag))
        }
        Err(ObjectError::NoSuchKey(_)) if must_be => Err(Fault::precondition(Condition::ModifiedSince, On::Target)),
        Err(ObjectError::NoSuchKey(_)) => Ok(WriteCondition::IfAbsent),
        Err(error) => Err(error.into()),
    }
}

/// By what the renaming is known when its client sends it again, since its answer was lost (AWS, RenameObject,
/// `x-amz-client-token`).
fn token(account: AccountId, headers: &HeaderMap, to: &ObjectPath) -> Result<Option<RenameToken>, Fault> {
    let Some(token) = headers.get(TOKEN) else {
        return Ok(None);
    };
    let token = token.as_bytes();
    if token.is_empty() || token.len() > 64 || !token.iter().all(u8::is_ascii_graphic) {
        let message = format!("The header {TOKEN} is 1 to 64 characters of ASCII, without spaces.");
        return Err(Fault::invalid_argument(message));
    }
    let mut asked = format!("{}\0{}", to.bucket, to.key).into_bytes();
    let conditions = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];
    let of_source = headers.keys().filter(|name| name.as_str().starts_with(SOURCE)).cloned();
    let mut names: Vec<_> = conditions.into_iter().chain(of_source).collect();
    names.sort_by(|left, right| left.as_str().cmp(right.as_str()));
    for name in names {
        for value in headers.get_all(&name) {
            asked.push(0);
            asked.extend_from_slice(name.as_str().as_bytes());
            asked.push(0);
            asked.extend_from_slice(value.as_bytes());
        }
    }
    Ok(Some(RenameToken {
        account,
        token: sha256(token),
        asked: sha256(&asked),
    }))
}
