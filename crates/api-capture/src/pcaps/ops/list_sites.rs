//! `GET /pcaps/sites` (ours): where this account may capture, and on which interfaces.

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::Fault;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let sites = call.captures.sites(call.authorized.account()).await;
    let sites = sites.iter().map(|site| {
        json!({
            "colo_name": site.name.as_str(),
            "connected": site.is_connected,
            "interfaces": site.interfaces,
        })
    });
    Ok(Answer::Result(sites.collect()))
}
