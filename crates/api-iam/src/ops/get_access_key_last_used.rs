//! `GetAccessKeyLastUsed` (AWS). The key's owner is found first, then it is decided whether who asks may know of it.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (user, key) = (call.user()?.clone(), call.key()?.clone());
    Ok(Answer::xml(move |xml| {
        xml.text("UserName", &user.name);
        let used = key.last_used.as_ref();
        xml.element("AccessKeyLastUsed", |xml| {
            xml.maybe("LastUsedDate", used.map(|used| used.at.to_rfc3339_millis()));
            xml.text("ServiceName", used.map_or("N/A", |used| &used.service));
            xml.text("Region", used.map_or("N/A", |used| &used.region));
        });
    }))
}
