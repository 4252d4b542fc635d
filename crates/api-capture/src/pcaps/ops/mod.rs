//! The operations: one row each, from which routing, authorization, metrics labels and the sweep in the tests come.

mod create_agent_token;
mod create_capture;
mod create_ownership;
mod create_sample;
mod create_schedule;
mod delete_agent;
mod delete_ownership;
mod delete_schedule;
mod download_capture;
mod filter;
mod follow_capture;
mod get_capture;
mod get_quota;
mod get_schedule;
mod list_agents;
mod list_captures;
mod list_ownerships;
mod list_schedules;
mod list_sites;
mod pause_schedule;
mod privacy;
mod resume_schedule;
mod stop_capture;
mod stream_capture;
mod validate_ownership;

use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::Fault;
use crate::row::{BodyRule, row};
use baleen_capture::Captures;
use baleen_http::Weight;
use baleen_policy::{Action, Authorized};
use baleen_types::{ByteRange, CaptureId, ScheduleId};
use futures::future::BoxFuture;
use http::Method;
use serde_json::{Map, Value};
use std::net::SocketAddr;
use std::sync::Arc;

/// Below which path this door is.
pub const BASE: &str = "/client/v4";

/// One operation.
pub struct Row {
    /// Its name in log and metrics.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path below the account; `{id}` stands for one segment.
    pub path: &'static str,
    /// What the asker must be allowed.
    pub action: Action,
    /// What the asker must be allowed besides.
    pub also: &'static [Action],
    /// How much it matters that the audit log has it.
    pub weight: Weight,
    /// What becomes of the request's body.
    pub(crate) body: BodyRule,
    pub(crate) run: Runner,
}

type Runner = fn(Call) -> BoxFuture<'static, Result<Answer, Fault>>;

/// An authorized request.
pub(crate) struct Call {
    pub(crate) captures: Arc<Captures>,
    pub(crate) authorized: Authorized,
    /// What stands for `{id}` in the path.
    pub(crate) id: String,
    pub(crate) body: Map<String, Value>,
    /// Whether the client says that it sent this before and got no answer.
    pub(crate) is_repeated: bool,
    /// Which bytes of a file are wanted, if not all.
    pub(crate) range: Option<ByteRange>,
    /// The other end of the connection.
    pub(crate) peer: Option<SocketAddr>,
}

impl Call {
    /// The capture that the path names; what is no id names none.
    pub(crate) fn capture_id(&self) -> Result<CaptureId, Fault> {
        CaptureId::parse(&self.id).map_err(|_| Fault::not_found("capture"))
    }

    /// The schedule that the path names; what is no id names none.
    pub(crate) fn schedule_id(&self) -> Result<ScheduleId, Fault> {
        ScheduleId::parse(&self.id).map_err(|_| Fault::not_found("schedule"))
    }
}

/// Every operation of this door. Clients ask again and again how far a capture is, so that such looks weigh like data: in the
/// audit log when the operator wants it. What a schedule begins is a capture, so that who may not capture lets none begin.
pub static ROWS: &[Row] = &[
    row!("CreateOwnership", POST "/pcaps/ownership", PcapsManageOwnership, Change, Json, create_ownership),
    row!("ValidateOwnership", POST "/pcaps/ownership/validate", PcapsManageOwnership, Change, Json, validate_ownership),
    row!("ListOwnerships", GET "/pcaps/ownership", PcapsManageOwnership, Look, Ignored, list_ownerships),
    row!("DeleteOwnership", DELETE "/pcaps/ownership/{id}", PcapsManageOwnership, Change, Ignored, delete_ownership),
    row!("CreateCapture", POST "/pcaps", PcapsCreateCapture, Change, Json, create_capture),
    row!("ListCaptures", GET "/pcaps", PcapsListCaptures, Data, Ignored, list_captures),
    row!("ListSites", GET "/pcaps/sites", PcapsStreamCapture, Look, Ignored, list_sites),
    // These before the captures, whose ids are no words.
    row!("GetQuota", GET "/pcaps/quota", PcapsListCaptures, Look, Ignored, get_quota),
    row!("CreateAgentToken", POST "/pcaps/agents/tokens", PcapsManageAgents, Change, Json, create_agent_token),
    row!("ListAgents", GET "/pcaps/agents", PcapsListAgents, Look, Ignored, list_agents),
    row!("DeleteAgent", DELETE "/pcaps/agents/{id}", PcapsManageAgents, Change, Ignored, delete_agent),
    row!("CreateSchedule", POST "/pcaps/schedules", PcapsManageSchedules and PcapsCreateCapture, Change, Json, create_schedule),
    row!("ListSchedules", GET "/pcaps/schedules", PcapsListSchedules, Look, Ignored, list_schedules),
    row!("GetSchedule", GET "/pcaps/schedules/{id}", PcapsListSchedules, Look, Ignored, get_schedule),
    row!("PauseSchedule", PUT "/pcaps/schedules/{id}/pause", PcapsManageSchedules, Change, Ignored, pause_schedule),
    row!("ResumeSchedule", PUT "/pcaps/schedules/{id}/resume", PcapsManageSchedules and PcapsCreateCapture, Change, Ignored, resume_schedule),
    row!("DeleteSchedule", DELETE "/pcaps/schedules/{id}", PcapsManageSchedules, Change, Ignored, delete_schedule),
    row!("GetCapture", GET "/pcaps/{id}", PcapsGetCapture, Data, Ignored, get_capture),
    row!("StopCapture", PUT "/pcaps/{id}/stop", PcapsStopCapture, Change, Ignored, stop_capture),
    row!("FollowCapture", GET "/pcaps/{id}/follow", PcapsFollowCapture, Data, Ignored, follow_capture),
    row!("StreamCapture", POST "/pcaps/stream", PcapsStreamCapture, Change, Json, stream_capture),
    row!("DownloadCapture", GET "/pcaps/{id}/download", PcapsDownloadCapture, Data, Ignored, download_capture),
];

/// A request's row with what its path names.
pub(crate) struct Found {
    pub(crate) row: &'static Row,
    pub(crate) account: String,
    pub(crate) id: String,
}

/// Finds the row of a request.
pub(crate) fn find(method: &Method, path: &str) -> Option<Found> {
    let rest = path.strip_prefix(BASE)?.strip_prefix("/accounts/")?;
    let (account, rest) = rest.split_once('/')?;
    ROWS.iter().find_map(|row| {
        let id = (row.method == *method).then(|| matches(row.path, rest)).flatten()?;
        Some(Found {
            row,
            account: account.to_owned(),
            id: id.to_owned(),
        })
    })
}

/// Compares a path with a pattern; what stands for `{id}` comes back, empty if nothing does.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let mut id = "";
    let mut segments = path.split('/');
    for wanted in pattern.split('/').skip(1) {
        match segments.next()? {
            segment if wanted == "{id}" && !segment.is_empty() => id = segment,
            segment if segment == wanted => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_rows() {
        let name =
            |method: Method, path: &str| find(&method, &format!("/client/v4/accounts/{path}")).map(|f| f.row.name);
        for (method, path, row) in [
            (Method::GET, "a/pcaps", Some("ListCaptures")),
            (Method::POST, "a/pcaps", Some("CreateCapture")),
            (Method::GET, "a/pcaps/ownership", Some("ListOwnerships")),
            (Method::GET, "a/pcaps/0", Some("GetCapture")),
            (Method::GET, "a/pcaps/agents", Some("ListAgents")),
            (Method::POST, "a/pcaps/agents/tokens", Some("CreateAgentToken")),
            (Method::DELETE, "a/pcaps/agents/0", Some("DeleteAgent")),
            (Method::PUT, "a/pcaps/0/stop", Some("StopCapture")),
            (Method::POST, "a/pcaps/schedules", Some("CreateSchedule")),
            (Method::GET, "a/pcaps/schedules", Some("ListSchedules")),
            (Method::GET, "a/pcaps/schedules/0", Some("GetSchedule")),
            (Method::PUT, "a/pcaps/schedules/0/pause", Some("PauseSchedule")),
            (Method::PUT, "a/pcaps/schedules/0/resume", Some("ResumeSchedule")),
            (Method::PUT, "a/pcaps/schedules/0/stop", None),
            (Method::DELETE, "a/pcaps/schedules/0", Some("DeleteSchedule")),
            (Method::GET, "a/pcaps/0/download", Some("DownloadCapture")),
            (Method::GET, "a/pcaps/0/follow", Some("FollowCapture")),
            (Method::POST, "a/pcaps/stream", Some("StreamCapture")),
            (Method::GET, "a/pcaps/sites", Some("ListSites")),
            (Method::GET, "a/pcaps/quota", Some("GetQuota")),
            (Method::DELETE, "a/pcaps/ownership/0", Some("DeleteOwnership")),
            (Method::POST, "a/pcaps/ownership/validate", Some("ValidateOwnership")),
            (Method::GET, "a/pcaps/", None),
            (Method::GET, "a/pcaps/0/", None),
            (Method::GET, "a/pcaps/0/1/2", None),
            (Method::PATCH, "a/pcaps", None),
            (Method::GET, "a", None),
            (Method::GET, "a/other", None),
        ] {
            assert_eq!(name(method.clone(), path), row, "{method} {path}");
        }
        for path in [
            "",
            "/",
            "/client/v4",
            "/client/v4/accounts/",
            "/client/v4x/accounts/a/pcaps",
        ] {
            assert!(find(&Method::GET, path).is_none(), "{path}");
        }
    }
}
