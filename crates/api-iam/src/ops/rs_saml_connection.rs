//! `RSCreateSAMLConnection`, `RSGetSAMLConnection`, `RSUpdateSAMLConnection`, `RSDeleteSAMLConnection` (seed 004, the
//! sections of these names): one connection per account, four calls with one answer.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::limits::METADATA_XML;
use crate::saml::public_url;
use baleen_iam::{SamlConnection, SamlProvider};
use baleen_types::AccountId;
use serde_json::{Value, json};

pub(super) async fn create(call: Call) -> Result<Answer, Fault> {
    let metadata = call.params.required("MetadataXML", &METADATA_XML)?;
    let provider = provider(&call, call.asking()?.account).await?;
    let at = public_url(&call.parts)?;
    let made = call
        .parts
        .iam
        .create_saml_connection(&call.authorized, &provider, metadata.as_bytes(), at)
        .await?;
    Ok(Answer::Json(successful(&made)))
}

pub(super) async fn get(call: Call) -> Result<Answer, Fault> {
    let found = call
        .parts
        .iam
        .saml_connection(&call.authorized, public_url(&call.parts)?)
        .await?;
    Ok(Answer::Json(shown(&found)))
}

pub(super) async fn update(call: Call) -> Result<Answer, Fault> {
    let metadata = call.params.required("MetadataXML", &METADATA_XML)?;
    let at = public_url(&call.parts)?;
    let changed = call
        .parts
        .iam
        .update_saml_connection(&call.authorized, metadata.as_bytes(), at)
        .await?;
    Ok(Answer::Json(successful(&changed)))
}

pub(super) async fn delete(call: Call) -> Result<Answer, Fault> {
    call.parts.iam.delete_saml_connection(&call.authorized).await?;
    Ok(Answer::Json(json!({ "Success": "true" })))
}

fn shown(connection: &SamlConnection) -> Value {
    json!({
        "ProviderUrl": connection.provider_url,
        "EntityId": connection.entity_id,
        "Expiry": connection.expiry_day(),
        "Provider": connection.provider,
    })
}

/// `Success` is a text in the document.
fn successful(connection: &SamlConnection) -> Value {
    let mut value = shown(connection);
    value["Success"] = "true".into();
    value
}

/// The name that a connection of the account gets: after its reseller.
async fn provider(call: &Call, account: AccountId) -> Result<SamlProvider, Fault> {
    let tenancy = &call.parts.tenancy;
    let unknown = || Fault::internal("an account without a customer");
    let customer = tenancy.customer(account).await?.ok_or_else(unknown)?;
    let reseller = tenancy.customer(customer.reseller).await?.ok_or_else(unknown)?;
    Ok(SamlProvider::new(reseller.name.as_str(), account))
}
