//! In which regions the objects of a new bucket are to be: the `replication-policy` of CreateBucket, in the query or in a form.
//!
//! What is accepted is kept. A region that the store has not is refused by its name, not forgotten
//! (`docs/decisions/0019-regions-and-replication.md`).

use std::sync::{Arc, Mutex, PoisonError};

use baleen_http::{AccountRegions, RequestBody};
use baleen_objects::{Bucket, ObjectHead, ObjectVersion, ReplicationPolicy};
use baleen_types::{Classify as _, FaultKind, RegionName};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;

use crate::fault::Fault;
use crate::limits::REPLICATION_FORM_BYTES_MAX;
use crate::ops::row;
use crate::query::parameter;
use crate::services::Services;

/// The parameter.
pub(crate) const POLICY: &str = "replication-policy";

/// Asks where an object is, and tells it (seed 004, Get Object and Head Object).
pub(crate) static STATUS: HeaderName = HeaderName::from_static("x-lyve-replication-status");

/// The form of a CreateBucket, set aside: the codec takes every body for XML. An extension of the request, and read once the
/// request is authorized.
#[derive(Clone, Default)]
pub(crate) struct PolicyForm(Arc<Mutex<Option<RequestBody>>>);

impl PolicyForm {
    /// Sets a form aside, if a request to make a bucket has one.
    pub(crate) fn set_aside(head: &mut Parts, body: RequestBody) -> RequestBody {
        let is_form = head.headers.get(CONTENT_TYPE).is_some_and(|value| {
            let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            essence
                .trim_ascii()
                .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        });
        let path = head.uri.path().strip_prefix('/').unwrap_or_default();
        let is_bucket = path.split_once('/').is_none_or(|(_, key)| key.is_empty());
        // A client that names no type for its document names this one: curl does.
        let query = head.uri.query().unwrap_or_default();
        let makes_bucket = row("CreateBucket").is_some_and(|row| row.query.stranger(query).is_none());
        if !is_form || !is_bucket || !makes_bucket || head.method != Method::PUT || body.is_empty() {
            return body;
        }
        head.headers.remove(CONTENT_TYPE);
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        head.extensions.insert(Self(Arc::new(Mutex::new(Some(body)))));
        RequestBody::empty()
    }

    /// Reads it.
    pub(crate) async fn read(&self) -> Result<String, Fault> {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut form = Vec::new();
        let Some(mut body) = body else { return Ok(String::new()) };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|fault| Fault::from(&fault))?;
            form.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
            if form.len() > REPLICATION_FORM_BYTES_MAX {
                let message = format!("The form of a bucket has at most {REPLICATION_FORM_BYTES_MAX} bytes.");
                return Err(Fault::new("MaxMessageLengthExceeded", StatusCode::BAD_REQUEST, message));
            }
        }
        String::from_utf8(form).map_err(|_| Fault::invalid_argument("The form of a bucket is in UTF-8."))
    }
}

/// The policy that a query and a form ask for; `None` if they do not, or leave it empty.
pub(crate) fn asked(query: &str, form: &str) -> Result<Option<Vec<RegionName>>, Fault> {
    let names = |text: &str| text.split('&').filter(|pair| !pair.is_empty()).count();
    if names(form) > usize::from(parameter(form, POLICY).is_some()) {
        return Err(Fault::invalid_argument(format!(
            "The form of a bucket has {POLICY}, once, and nothing else."
        )));
    }
    let list = match (parameter(query, POLICY), parameter(form, POLICY)) {
        (Some(_), Some(_)) => {
            let message = format!("{POLICY} stands in the query or in the form, not in both.");
            return Err(Fault::invalid_argument(message));
        }
        (list, None) | (None, list) => list.unwrap_or_default(),
    };
    if list.trim().is_empty() {
        return Ok(None);
    }
    let regions = list.split(',').map(|name| RegionName::parse(name.trim()));
    Ok(Some(regions.collect::<Result<_, _>>()?))
}

/// Checks a policy: the store has the regions, of which the first is home, and the owner may use them, or has to use them all.
/// Without one it is all of them, those to come as well, unless the owner may not use some.
pub(crate) fn check(
    policy: Option<Vec<RegionName>>,
    store: &[RegionName],
    owner: &AccountRegions,
) -> Result<Option<ReplicationPolicy>, Fault> {
    let Some(policy) = policy else {
        let (own, other): (Vec<_>, Vec<_>) = store.iter().cloned().partition(|region| owner.allow(region));
        return Ok((!other.is_empty()).then(|| ReplicationPolicy::of(&own)));
    };
    if let Some(unknown) = policy.iter().find(|region| !store.contains(region)) {
        let known: Vec<_> = store.iter().map(ToString::to_string).collect();
        let known = known.join(", ");
        let message =
            format!("{POLICY}: there is no region {unknown} here, and nothing is replicated to it; there is {known}.");
        return Err(Fault::invalid_argument(message));
    }
    if let Some(other) = policy.iter().find(|region| !owner.allow(region)) {
        return Err(withheld(other));
    }
    if let Some(home) = store.first().filter(|home| !policy.contains(home)) {
        let message = format!("{POLICY}: every object is in {home} first, so that a policy names it.");
        return Err(Fault::invalid_argument(message));
    }
    let policy = ReplicationPolicy::of(&policy);
    if let AccountRegions::These {
        regions,
        is_enforced: true,
    } = owner
        && policy != ReplicationPolicy::of(regions)
    {
        let message = "Your account makes buckets with its own replication policy alone; its reseller says so.";
        return Err(Fault::new("AccessDenied", StatusCode::FORBIDDEN, message));
    }
    Ok(Some(policy))
}

/// The refusal of a region that an account may not use.
pub(crate) fn withheld(region: &RegionName) -> Fault {
    let message = format!("Your account may have no buckets in the region {region}; its reseller says in which.");
    Fault::new("IllegalLocationConstraintException", StatusCode::BAD_REQUEST, message)
}

/// The regions in which the objects of a bucket have to be, sorted.
pub(crate) async fn policy_of(services: &Services, bucket: &Bucket) -> Result<Vec<String>, Fault> {
    let stored: Option<ReplicationPolicy> = services.policies.setting(bucket).await?;
    if let Some(policy) = stored {
        return Ok(policy.regions()?.iter().map(ToString::to_string).collect());
    }
    let mut all = vec![bucket.region.to_string()];
    all.extend(services.objects.regions().map(ToString::to_string));
    all.sort();
    Ok(all)
}

/// In which regions an object is now, which are fewer than those of its bucket until it is copied, and when one is lost. Empty if it
/// was removed since.
pub(crate) async fn status(services: &Services, head: &ObjectHead) -> Result<HeaderValue, Fault> {
    let of = ObjectVersion {
        at: head.at.clone(),
        version: head.version,
    };
    let regions = match services.objects.regions_with(of).await {
        Ok(regions) => regions,
        Err(error) if error.kind() == FaultKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let names: Vec<_> = regions.iter().map(RegionName::as_str).collect();
    Ok(HeaderValue::try_from(names.join(",")).unwrap_or(HeaderValue::from_static("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(names: &[&str]) -> Vec<RegionName> {
        names.iter().map(|name| RegionName::parse(name).unwrap()).collect()
    }

    #[test]
    fn policies_are_asked_for_once() {
        for (query, form, wanted) in [
            ("", "", Ok(None)),
            ("replication-policy=", "replication-policy=", Err("InvalidArgument")),
            ("replication-policy=", "", Ok(None)),
            ("replication-policy=DCA02", "", Ok(Some(vec!["DCA02"]))),
            (
                "x-id=CreateBucket",
                "replication-policy=DCA02%2CDEN02,+SJC03",
                Ok(Some(vec!["DCA02", "DEN02", "SJC03"])),
            ),
            ("", "replication-policy=a&replication-policy=b", Err("InvalidArgument")),
            ("", "replication-policy=a&acl=public", Err("InvalidArgument")),
            ("", "acl=public", Err("InvalidArgument")),
            ("replication-policy=a", "replication-policy=a", Err("InvalidArgument")),
            ("replication-policy=a,,b", "", Err("InvalidArgument")),
            ("replication-policy=a/b", "", Err("InvalidArgument")),
        ] {
            let found = asked(query, form).map_err(|fault| fault.code);
            let wanted = wanted.map(|names| names.map(|names| regions(&names)));
            assert_eq!(found, wanted, "{query} {form}");
        }
    }

    #[test]
    fn what_is_accepted_is_kept() {
        let these = |names: &[&str], is_enforced| AccountRegions::These {
            regions: regions(names),
            is_enforced,
        };
        let any = AccountRegions::Any;
        for (policy, owner, wanted) in [
            (&["a"][..], &any, Ok(&["a"][..])),
            (&["b", "a", "b"], &any, Ok(&["a", "b"])),
            (&["a", "d"], &any, Err("InvalidArgument")),
            (&["a"], &these(&["a", "b"], false), Ok(&["a"])),
            (
                &["c"],
                &these(&["a", "b"], false),
                Err("IllegalLocationConstraintException"),
            ),
            (&["a"], &these(&["a", "b"], true), Err("AccessDenied")),
            (&["b", "a"], &these(&["a", "b"], true), Ok(&["a", "b"])),
            (
                &["a", "b", "c"],
                &these(&["a", "b"], true),
                Err("IllegalLocationConstraintException"),
            ),
            (&["a"], &these(&["a"], true), Ok(&["a"])),
            (&["b", "c"], &any, Err("InvalidArgument")),
        ] {
            let found = check(Some(regions(policy)), &regions(&["a", "b", "c"]), owner);
            let found = found.map_err(|fault| fault.code);
            let wanted = wanted.map(|names| Some(ReplicationPolicy::of(&regions(names))));
            assert_eq!(found, wanted, "{policy:?} {owner:?}");
        }
        for (store, owner, wanted) in [
            (&["a"][..], &these(&["a", "b"], true), None),
            (&["a", "b"], &any, None),
            (&["a", "c", "b"], &these(&["a", "b"], false), Some(&["a", "b"])),
        ] {
            let wanted = wanted.map(|names| ReplicationPolicy::of(&regions(names)));
            assert_eq!(check(None, &regions(store), owner).ok(), Some(wanted), "{store:?}");
        }
    }
}
