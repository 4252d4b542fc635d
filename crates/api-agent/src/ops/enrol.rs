//! `POST /agent/v1/enrol`: a token and a key become an agent.

use super::form;
use crate::door::AgentDoor;
use crate::fault::Fault;
use baleen_fleet::AgentToken;
use baleen_http::{Request, Response};
use baleen_policy::Origin;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    token: String,
    #[serde(rename = "publicKey")]
    public_key: String,
    signature: String,
    name: String,
}

pub(crate) async fn run(door: &AgentDoor, from: &Origin, request: Request) -> Result<Response, Fault> {
    let body: Body = form::read(door, request).await?;
    let proof = form::proof(&body.public_key, &body.signature)?;
    if let Ok(token) = AgentToken::parse(&body.token) {
        door.admit_token(token.account, from).await?;
    }
    let made = door.fleet.enrol(from.source, &body.token, &proof, &body.name).await?;
    // It was good a moment ago.
    let token = AgentToken::parse(&body.token).map_err(|_| Fault::nobody())?;
    Ok(form::enrolled(token.account, "pcaps:EnrolAgent", &made))
}
