//! `RSCreateEncryptionKey`, `RSListEncryptionKeys`, `RSRotateEncryptionKey`, `RSEnableEncryptionKey` and
//! `RSDisableEncryptionKey`, ours: the named keys under which objects of the account are encrypted (SSE-KMS).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_kms::limits::DESCRIPTION_CHARS_MAX;
use baleen_kms::{KeyInfo, KeyName};
use serde_json::{Value, json};

pub(super) async fn create(call: Call) -> Result<Answer, Fault> {
    let description = call
        .params
        .text("Description", &(0..=DESCRIPTION_CHARS_MAX))?
        .unwrap_or_default();
    let (kms, account) = (call.parts.objects.kms(), call.authorized.account());
    let made = kms.create(account, &name(&call)?, description).await?;
    Ok(Answer::Json(shown(&call, &made)))
}

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let keys = call.parts.objects.kms().list(call.authorized.account()).await?;
    Ok(Answer::Json(keys.iter().map(|key| shown(&call, key)).collect()))
}

pub(super) async fn rotate(call: Call) -> Result<Answer, Fault> {
    let (kms, account) = (call.parts.objects.kms(), call.authorized.account());
    let rotated = kms.rotate(account, &name(&call)?).await?;
    Ok(Answer::Json(shown(&call, &rotated)))
}

pub(super) async fn enable(call: Call) -> Result<Answer, Fault> {
    set_enabled(call, true).await
}

pub(super) async fn disable(call: Call) -> Result<Answer, Fault> {
    set_enabled(call, false).await
}

async fn set_enabled(call: Call, is_enabled: bool) -> Result<Answer, Fault> {
    let (kms, account) = (call.parts.objects.kms(), call.authorized.account());
    let changed = kms.set_enabled(account, &name(&call)?, is_enabled).await?;
    Ok(Answer::Json(shown(&call, &changed)))
}

fn name(call: &Call) -> Result<KeyName, Fault> {
    call.params.typed("KeyName", KeyName::parse)
}

fn shown(call: &Call, key: &KeyInfo) -> Value {
    json!({
        "KeyName": key.name.as_str(),
        "Arn": key.name.arn(&call.parts.region, call.authorized.account()),
        "Description": key.description,
        "Enabled": key.is_enabled,
        "Created": key.created.to_rfc3339_secs(),
        "Rotated": key.rotated.to_rfc3339_secs(),
        "Versions": key.versions,
    })
}
