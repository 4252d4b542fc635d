//! The operations: one row each, from which routing, authorization, metrics labels and the sweep in the tests come.

mod create;
mod delete;
mod filter;
mod list;
mod result;
mod stop;

use super::envelope::Answer;
use super::fault::{Fault, code};
use super::fields::Object;
use super::query::Query;
use super::wire;
use crate::row::{BodyRule, row};
use baleen_capture::Captures;
use baleen_http::Weight;
use baleen_policy::{Action, Authorized};
use baleen_types::{AccountId, CaptureId, ProjectId, SiteName};
use futures::future::BoxFuture;
use http::Method;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Below which path this door is.
pub const BASE: &str = "/v1/";

/// What stands behind the project in every path.
const TASKS: &str = "/capture-task";

/// Below which path the files of tasks are, behind [`TASKS`].
const FILES: &str = "/file/";

/// The name of the one operation that has no row, since it has no asker: following a link to a file.
pub const FILE: &str = "GetCaptureFile";

/// One operation.
pub struct Row {
    /// Its name in log and metrics.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path behind `/v1/{project_id}/capture-task`.
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

/// What a row's function does, with the id of the task that it was about, if it was one.
type Runner = fn(Call) -> BoxFuture<'static, Result<(Answer, Option<CaptureId>), Fault>>;

/// An authorized request.
pub(crate) struct Call {
    pub(crate) captures: Arc<Captures>,
    pub(crate) project: ProjectId,
    pub(crate) authorized: Authorized,
    /// The firewall instance that it names.
    pub(crate) instance: SiteName,
    pub(crate) query: Query,
    pub(crate) body: Map<String, Value>,
    /// Where the door was reached, if the request says.
    pub(crate) base: Option<Base>,
}

/// Where this door was reached.
pub(crate) struct Base {
    /// The host, with its port.
    pub(crate) host: String,
    pub(crate) is_secure: bool,
}

impl Call {
    fn account(&self) -> AccountId {
        self.authorized.account()
    }
}

/// Every operation of this door. Clients ask again and again how far a task is, so that lists weigh like data; the links of a
/// result are as good as the file.
pub static ROWS: &[Row] = &[
    row!("CreateCaptureTask", POST "", CfwCreateCaptureTask, Change, Json, create),
    row!("ListCaptureTasks", GET "", CfwListCaptureTasks, Data, Ignored, list),
    row!("StopCaptureTask", POST "/stop", CfwStopCaptureTask, Change, Json, stop),
    row!("DeleteCaptureTasks", POST "/batch-delete", CfwDeleteCaptureTask, Change, Json, delete),
    row!("GetCaptureResult", GET "/capture-result", CfwGetCaptureResult, Look, Ignored, result),
];

/// A request's row with the project that its path names.
pub(crate) struct Found {
    pub(crate) row: &'static Row,
    pub(crate) project: String,
}

impl Found {
    pub(crate) fn project_id(&self) -> Result<ProjectId, Fault> {
        // It was authorized under this name.
        ProjectId::parse(&self.project).map_err(|_| Fault::internal())
    }
}

/// The project and the rest of a path of this door.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (project, _) = path.strip_prefix(BASE)?.split_once('/')?;
    let rest = path.get(BASE.len() + project.len()..)?;
    Some((project, rest.strip_prefix(TASKS)?))
}

/// Finds the row of a request. A slash at the end is no other path: it is there in what is signed.
pub(crate) fn find(method: &Method, path: &str) -> Option<Found> {
    let (project, rest) = parts(path)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let row = ROWS.iter().find(|row| row.method == *method && row.path == rest)?;
    Some(Found {
        row,
        project: project.to_owned(),
    })
}

/// Finds the project and the ticket in a link to a file.
pub(crate) fn find_file<'p>(method: &Method, path: &'p str) -> Option<(&'p str, &'p str)> {
    let (project, rest) = parts(path).filter(|_| *method == Method::GET)?;
    let ticket = rest.strip_prefix(FILES)?;
    (!ticket.is_empty() && !ticket.contains('/')).then_some((project, ticket))
}

/// The path of a link to a file.
pub(crate) fn file_path(project: ProjectId, ticket: &str) -> String {
    format!("{BASE}{project}{TASKS}{FILES}{ticket}")
}

/// A path without the ticket that may be in it.
pub(crate) fn without_ticket(path: &str) -> &str {
    let ticket = parts(path).and_then(|(_, rest)| rest.strip_prefix(FILES));
    ticket.and_then(|ticket| path.strip_suffix(ticket)).unwrap_or(path)
}

/// The id of a task; what is none of ours names none.
fn task_id(text: &str) -> Result<CaptureId, Fault> {
    wire::parse_uuid(text).ok_or_else(|| Fault::bad(code::NOT_FOUND, "there is no such capture task"))
}

/// The id of a task in a body.
fn task_in_body(body: &Map<String, Value>) -> Result<CaptureId, Fault> {
    let text = Object::body(body).required_text("task_id")?;
    if text.is_empty() {
        return Err(Fault::bad(code::EMPTY_PARAM, "task_id is required"));
    }
    task_id(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_rows() {
        for (method, path, row) in [
            (Method::POST, "p/capture-task", Some("CreateCaptureTask")),
            (Method::POST, "p/capture-task/", Some("CreateCaptureTask")),
            (Method::GET, "p/capture-task", Some("ListCaptureTasks")),
            (Method::POST, "p/capture-task/stop", Some("StopCaptureTask")),
            (Method::POST, "p/capture-task/batch-delete", Some("DeleteCaptureTasks")),
            (Method::GET, "p/capture-task/capture-result", Some("GetCaptureResult")),
            (Method::GET, "p/capture-task/stop", None),
            (Method::PUT, "p/capture-task", None),
            (Method::GET, "p/capture-task//", None),
            (Method::GET, "p/capture-tasks", None),
            (Method::GET, "p/q/capture-task", None),
            (Method::GET, "p", None),
            (Method::GET, "", None),
        ] {
            let found = find(&method, &format!("/v1/{path}"));
            assert_eq!(found.map(|found| found.row.name), row, "{method} {path}");
        }
    }

    #[test]
    fn tickets_stand_in_no_log() {
        let file = "/v1/p/capture-task/file/abc";
        assert_eq!(find_file(&Method::GET, file), Some(("p", "abc")));
        for (path, logged) in [
            (file, "/v1/p/capture-task/file/"),
            ("/v1/p/capture-task/file/abc/d", "/v1/p/capture-task/file/"),
            ("/v1/p/capture-task/file/a/file/b", "/v1/p/capture-task/file/"),
            ("/v1/p/capture-task/stop", "/v1/p/capture-task/stop"),
            ("/v1/p/other/file/abc", "/v1/p/other/file/abc"),
            ("/v1", "/v1"),
        ] {
            assert_eq!(without_ticket(path), logged);
        }
        for (method, path) in [
            (Method::POST, file),
            (Method::GET, "/v1/p/capture-task/file/"),
            (Method::GET, "/v1/p/capture-task/file/a/b"),
            (Method::GET, "/v1/capture-task/file/a"),
        ] {
            assert_eq!(find_file(&method, path), None, "{path}");
        }
    }
}
