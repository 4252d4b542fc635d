//! `POST /agent/v1/views/{capture}/{generation}/{view}`: what a capture catches, as it comes, for somebody who watches.
//!
//! The body is a capture file, for as long as it is watched; 204 when that is over. Nothing of it is kept: it is read as fast as the watcher
//! takes it, over a connection that has nothing else on it.

use super::Place;
use crate::door::AgentDoor;
use crate::fault::Fault;
use baleen_fleet::Known;
use baleen_http::{Request, Response};
use http_body_util::BodyExt as _;

pub(crate) async fn run(door: &AgentDoor, known: Known, place: Place, request: Request) -> Result<Response, Fault> {
    let (order, view) = place.view.ok_or_else(Fault::not_found)?;
    let sink = door.agents.view(known.id, order, view);
    let sink = sink.ok_or_else(|| Fault::not_ordered("nobody waits for this view"))?;
    let mut body = request.into_body();
    // Where nothing goes by there is nothing to send.
    body.may_be_silent();
    let handing_on = async {
        loop {
            match body.frame().await {
                None => {
                    sink.end().await;
                    return Ok(());
                }
                Some(Err(fault)) => return Err(Fault::of_body(&fault)),
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    if !data.is_empty() && !sink.push(data).await {
                        return Ok(());
                    }
                }
            }
        }
    };
    tokio::select! {
        handed_on = handing_on => handed_on?,
        // Or who has gone would be noticed by the next packet alone, which may never come.
        () = sink.closed() => {}
        () = door.shutdown.stopping() => {}
    }
    Ok(super::no_content())
}
