//! `RSExportAuditLog`, ours: the account's audit log as it was when the export began, oldest first, line by line as it is stored
//! and hashed. The filters are those of RSListAuditLog; without any, each line proves the one before.

use super::Call;
use super::rs_list_audit_log::filter;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_http::BoxError;
use futures::StreamExt as _;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let query = filter(&call.params)?;
    let export = call.parts.audit.export(&call.authorized, query).await?;
    let pieces = futures::stream::try_unfold(export, async |mut export| {
        let piece = export.next().await.map_err(BoxError::from)?;
        Ok(piece.map(|piece| (piece, export)))
    });
    Ok(Answer::Lines(pieces.boxed()))
}
