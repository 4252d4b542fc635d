//! `POST /agent/v1/renew`: another certificate for the same agent.

use super::form;
use crate::door::AgentDoor;
use crate::fault::Fault;
use baleen_fleet::Known;
use baleen_http::{Request, Response};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(rename = "publicKey")]
    public_key: String,
    signature: String,
}

pub(crate) async fn run(door: &AgentDoor, known: Known, request: Request) -> Result<Response, Fault> {
    let body: Body = form::read(door, request).await?;
    let proof = form::proof(&body.public_key, &body.signature)?;
    let made = door.fleet.renew(&known, &proof).await?;
    Ok(form::enrolled(known.account, "pcaps:RenewAgent", &made))
}
