//! `GET /capture-task/capture-result`: links to what a task caught (capture contract, B.2, "Result").
//!
//! The links lead to this door and carry a ticket; the vendor's other form, a shared folder with a code, is not made.

use super::{Call, file_path, task_id};
use crate::tasks::envelope::Answer;
use crate::tasks::fault::{Fault, code};
use crate::tasks::query::Query;
use baleen_types::CaptureId;
use serde_json::json;
use std::net::IpAddr;

pub(super) async fn run(call: Call) -> Result<(Answer, Option<CaptureId>), Fault> {
    let id = task_id(call.query.required("task_id")?)?;
    let addresses = addresses(&call.query)?;
    let base = call.base.as_ref();
    let base = base.ok_or_else(|| Fault::bad(code::EMPTY_PARAM, "links need a Host header"))?;
    let scheme = if base.is_secure { "https" } else { "http" };
    let whose = (call.account(), call.project);
    let files = call.captures.task_files(whose, &call.instance, id, addresses).await?;
    let links = files.iter().map(|file| {
        let path = file_path(call.project, &file.ticket);
        json!({
            "file_name": file.name,
            "url": format!("{scheme}://{}{path}", base.host),
            "file_path": file.object.as_str(),
        })
    });
    let links: Vec<_> = links.collect();
    // Spelled with a capital, as the SDK reads it.
    let answer = json!({ "file_list": links, "request_header": { "Host": base.host } });
    Ok((Answer::Data(answer), Some(id)))
}

/// From where alone the links work: repeated members, as the SDK sends them, or with commas, as its table says.
fn addresses(query: &Query) -> Result<Vec<IpAddr>, Fault> {
    match query.get("type")? {
        None | Some("0") => return Ok(Vec::new()),
        Some("1") => {}
        Some(_) => return Err(Fault::bad(code::WRONG_PARAM, "type must be 0 or 1")),
    }
    let texts = query.all("ip").flat_map(|value| value.split(','));
    let texts = texts.map(str::trim).filter(|text| !text.is_empty());
    let wrong = |text: &str| Fault::bad(code::ADDRESS, format!("ip: {text:?} is no address"));
    let parse = |text: &str| text.parse::<IpAddr>().map_err(|_| wrong(text));
    let addresses = texts.map(|text| parse(text).map(|address| address.to_canonical()));
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    if addresses.is_empty() {
        return Err(Fault::bad(code::EMPTY_PARAM, "type 1 needs ip"));
    }
    Ok(addresses)
}
