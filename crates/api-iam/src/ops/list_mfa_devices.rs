//! `ListMFADevices` (AWS): a second factor is no device with a serial number here, so the list is empty.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.params.page()?;
    Ok(Answer::xml(|xml| {
        xml.texts("MFADevices", Vec::<&str>::new());
        wire::list_end(xml, None);
    }))
}
