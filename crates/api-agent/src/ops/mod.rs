//! What agents ask for: a row each.

pub(crate) mod enrol;
mod form;
pub(crate) mod link;
pub(crate) mod put_part;
pub(crate) mod renew;
pub(crate) mod view;

use baleen_agentwire::OrderId;
use baleen_fleet::Known;
use baleen_http::Response;
use baleen_policy::Origin;
use baleen_types::CaptureId;
use http::{Method, StatusCode};

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// An agent that showed its certificate, and from where.
    Agent(Known, Origin),
    /// Somebody without, from there.
    Nobody(Origin),
}

/// One operation.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// The path behind `/agent/v1/`; `*` is one segment.
    path: &'static [&'static str],
    /// Whether it is for those who have no certificate yet.
    pub(crate) for_nobody: bool,
    pub(crate) run: Run,
}

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Enrol,
    Renew,
    Link,
    PutPart,
    View,
}

/// What a path names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// An order, a file and a part of it.
    pub(crate) part: Option<(OrderId, u16, u32)>,
    /// An order and a view of it.
    pub(crate) view: Option<(OrderId, u32)>,
}

/// All of them.
pub(crate) const OPERATIONS: &[Row] = &[
    Row {
        name: "Enrol",
        method: Method::POST,
        path: &["enrol"],
        for_nobody: true,
        run: Run::Enrol,
    },
    Row {
        name: "Renew",
        method: Method::POST,
        path: &["renew"],
        for_nobody: false,
        run: Run::Renew,
    },
    Row {
        name: "Link",
        method: Method::POST,
        path: &["link"],
        for_nobody: false,
        run: Run::Link,
    },
    Row {
        name: "PutPart",
        method: Method::PUT,
        path: &["parts", "*", "*", "*", "*"],
        for_nobody: false,
        run: Run::PutPart,
    },
    Row {
        name: "View",
        method: Method::POST,
        path: &["views", "*", "*", "*"],
        for_nobody: false,
        run: Run::View,
    },
];

/// The operation of a path, with what that names. A part that there cannot be is nothing.
pub(crate) fn find(path: &str) -> Option<(&'static Row, Place)> {
    let segments: Vec<&str> = path.strip_prefix("/agent/v1/")?.split('/').collect();
    let fits = |row: &&Row| {
        row.path.len() == segments.len()
            && row
                .path
                .iter()
                .zip(&segments)
                .all(|(own, given)| *own == "*" || own == given)
    };
    let row = OPERATIONS.iter().find(fits)?;
    let order = |capture: &str, generation: &str| {
        Some(OrderId {
            capture: *CaptureId::parse(capture).ok()?.as_bytes(),
            generation: decimal(generation)?,
        })
    };
    let mut place = Place::default();
    match segments.as_slice() {
        ["parts", capture, generation, file, number] => {
            place.part = Some((order(capture, generation)?, decimal(file)?, decimal(number)?));
        }
        ["views", capture, generation, view] => place.view = Some((order(capture, generation)?, decimal(view)?)),
        _ => {}
    }
    Some((row, place))
}

/// The answer that says nothing but that it is done.
pub(crate) fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A number with one spelling.
pub(crate) fn decimal<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    let number: T = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        let id = "0123456789abcdef0123456789abcdef";
        for (path, expected) in [
            ("/agent/v1/enrol".to_owned(), Some("Enrol")),
            ("/agent/v1/renew".to_owned(), Some("Renew")),
            ("/agent/v1/link".to_owned(), Some("Link")),
            (format!("/agent/v1/parts/{id}/1/0/17"), Some("PutPart")),
            (format!("/agent/v1/parts/{id}/1/0/017"), None),
            (format!("/agent/v1/parts/{id}/1/0/+17"), None),
            (format!("/agent/v1/parts/{id}/1/0/-1"), None),
            (format!("/agent/v1/parts/{id}/1/65536/0"), None),
            (format!("/agent/v1/parts/{id}/1/0/4294967296"), None),
            (format!("/agent/v1/parts/{}/1/0/0", id.to_uppercase()), None),
            (format!("/agent/v1/parts/{id}/1/0"), None),
            (format!("/agent/v1/parts/{id}/1/0/0/"), None),
            (format!("/agent/v1/parts/../{id}/1/0"), None),
            (format!("/agent/v1/views/{id}/1/0"), Some("View")),
            (format!("/agent/v1/views/{id}/1/00"), None),
            (format!("/agent/v1/views/{id}/1/4294967296"), None),
            (format!("/agent/v1/views/{id}/1/0/0"), None),
            ("/agent/v1/enrol/".to_owned(), None),
            ("/agent/v1//enrol".to_owned(), None),
            ("/agent/v1/parts/*/*/*/*".to_owned(), None),
            ("/agent/v2/enrol".to_owned(), None),
            ("/".to_owned(), None),
            ("*".to_owned(), None),
        ] {
            assert_eq!(find(&path).map(|(row, _)| row.name), expected, "{path}");
        }
    }
}
