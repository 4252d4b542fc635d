//! What conditions of policies may look at in a request to this door.
//!
//! Each key gets the value that the operation will act on and nothing else (identity notes, 2.2): parameters are read by the
//! readers that the operations use.

use crate::fault::Fault;
use crate::params::Params;
use crate::parts::Parts;
use baleen_policy::{Action, Context, Key, Origin, TagFamily, Value};
use http::HeaderName;
use http::header::{REFERER, USER_AGENT};
use http::request::Parts as Head;
use std::borrow::Cow;

/// What the head says.
pub(crate) fn circumstances(parts: &Parts, head: &Head) -> Context<'static> {
    Context::new(parts.clock.now())
        .origin(head.extensions.get::<Origin>().copied())
        .with(Key::AwsRequestedRegion, Some(parts.region.to_string()))
        .with(Key::AwsUserAgent, header(head, &USER_AGENT))
        .with(Key::AwsReferer, header(head, &REFERER))
}

/// The same, and what the parameters of an action say: the tags that it gives, and the keys of those that it gives or takes away.
/// Of an action that does neither, parameters of these names say nothing.
pub(crate) fn with_tags<'a>(context: &Context<'a>, action: Action, params: &Params) -> Result<Context<'a>, Fault> {
    let (given, keys) = match action {
        Action::IamCreateUser | Action::IamTagUser | Action::IamCreatePolicy | Action::IamTagPolicy => {
            let given = params.tags()?.into_vec();
            let keys = given.iter().map(|(key, _)| key.clone()).collect();
            (given, keys)
        }
        Action::IamUntagUser | Action::IamUntagPolicy => (Vec::new(), params.tag_keys()?),
        _ => return Ok(context.clone()),
    };
    let keys: Vec<Cow<'a, str>> = keys.into_iter().map(Cow::Owned).collect();
    let keys = (!keys.is_empty()).then_some(keys);
    Ok(context
        .clone()
        .with(Key::AwsTagKeys, keys)
        .tags(TagFamily::Request, given))
}

/// The value of a header; several of a name are joined, as the definition of a list of fields has it.
fn header(head: &Head, name: &HeaderName) -> Option<Value<'static>> {
    let values = head.headers.get_all(name).iter();
    let texts: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (!texts.is_empty()).then(|| texts.join(", ").into())
}
