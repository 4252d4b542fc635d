//! DeleteObjects: up to 1,000 keys, each with its own result.

use baleen_objects::limits::DELETE_KEYS_MAX;
use baleen_objects::{DeleteObject, Deleted, ObjectVersion};
use baleen_policy::Action;
use baleen_types::{ObjectKey, ObjectPath};
use s3s::dto::{DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error, ObjectIdentifier};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::{delete_condition, version, version_id};
use crate::fault::Fault;
use crate::locking::governance;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<DeleteObjectsInput>,
) -> Answer<DeleteObjectsOutput> {
    let (delete, bypass) = (request.input.delete, request.input.bypass_governance_retention);
    if delete.objects.is_empty() || delete.objects.len() > DELETE_KEYS_MAX {
        return Err(Fault::malformed_xml("A delete request must name 1 to 1000 objects."));
    }
    let judged: Vec<_> = delete
        .objects
        .into_iter()
        .map(|object| {
            let accepted = accept(&call, &object, bypass);
            (object.key, object.version_id, accepted)
        })
        .collect();
    // Who may delete none of them learns no more than that: nobody as of every other request, and who has signed it as AWS has it, line
    // by line.
    if judged
        .iter()
        .all(|(_, _, accepted)| accepted.as_ref().is_err_and(Fault::is_denial))
    {
        let refused = call.refused();
        if call.is_nobody() {
            return Err(refused);
        }
    }
    let accepted = judged
        .iter()
        .filter_map(|(_, _, accepted)| accepted.as_ref().ok().cloned())
        .collect();
    let mut outcomes = services
        .objects
        .delete_many(call.bucket_name()?, accepted)
        .await?
        .into_iter();
    let veil = call.veil();
    let quiet = delete.quiet == Some(true);
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (key, version_id, accepted) in judged {
        // One outcome for each accepted key, in their order.
        let result = accepted.and_then(|_| Ok(outcomes.next().transpose()?.unwrap_or_default()));
        // A condition tells who may not list the bucket nothing of what is there.
        let result: Result<_, Fault> = result.map_err(|fault| veil.over(fault, None));
        match result {
            Ok(_) if quiet => {}
            Ok(done) => deleted.push(deleted_object(key, version_id, &done)),
            Err(fault) => {
                fault.log(call.id);
                errors.push(Error {
                    code: Some(fault.code.to_owned()),
                    key: Some(key),
                    message: Some(fault.message),
                    version_id,
                });
            }
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        request_charged: None,
    }))
}

/// What is told of a line: the version that it named, and the delete marker that was made or removed.
fn deleted_object(key: String, named: Option<String>, done: &Deleted) -> DeletedObject {
    let marker = version_id(done.version.filter(|_| done.is_marker));
    DeletedObject {
        key: Some(key),
        version_id: named,
        delete_marker: done.is_marker.then_some(true),
        delete_marker_version_id: marker,
    }
}

/// The deletion of a line that asks for nothing else than that it be gone, and may be.
fn accept(call: &Call, object: &ObjectIdentifier, bypass: Option<bool>) -> Result<DeleteObject, Fault> {
    let key = ObjectKey::parse(&*object.key);
    let action = match object.version_id.as_deref() {
        None | Some("") => Action::S3DeleteObject,
        Some(_) => Action::S3DeleteObjectVersion,
    };
    let tag = object.e_tag.as_ref();
    match &key {
        Ok(key) => call.decide_line(action, key, tag)?,
        // A key that cannot be is told to who may do this in the bucket itself.
        Err(_) if !call.is_decided() => return Err(Fault::access_denied()),
        Err(_) => {}
    }
    if object.size.is_some() || object.last_modified_time.is_some() {
        return Err(Fault::not_implemented(
            "A deletion can be conditional on the entity tag only.",
        ));
    }
    let condition = delete_condition(tag)?;
    let at = ObjectPath {
        bucket: call.bucket_name()?.clone(),
        key: key?,
    };
    let version = version(object.version_id.as_deref())?;
    let governance = governance(call, bypass, &at.key);
    Ok(DeleteObject {
        governance,
        condition,
        ..ObjectVersion { at, version }.into()
    })
}
