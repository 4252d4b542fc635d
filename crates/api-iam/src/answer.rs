//! Answers, and errors in the shape that fits each.

use crate::fault::Fault;
use crate::xml::Xml;
use baleen_http::{BoxError, Response, ResponseBody};
use baleen_types::RequestId;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::{Value, json};

/// A way to write answers and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// AWS's query protocol: XML in the namespace of the service.
    Xml(Service),
    /// The document's `RS…` actions: JSON, errors with `Ok`.
    Json,
    /// The document's whitelist calls: JSON, errors with `ok`.
    Whitelist,
}

/// A service of this door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Users, keys and policies.
    Iam,
    /// Sessions.
    Sts,
}

impl Service {
    /// Its name in a credential scope.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    /// The version of its API that clients name.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }

    const fn namespace(self) -> &'static str {
        match self {
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }
}

/// What goes into the result of an XML answer.
pub(crate) type Content = Box<dyn FnOnce(&mut Xml) + Send>;

/// Ended lines, as many at once as come.
pub(crate) type Lines = BoxStream<'static, Result<String, BoxError>>;

/// A good answer.
pub(crate) enum Answer {
    /// XML with a result.
    Xml(Content),
    /// XML that says no more than that it was done.
    Done,
    /// JSON.
    Json(Value),
    /// JSON about a thing that was made just now, and how the audit log is to name it.
    Made(Value, String),
    /// Lines of JSON, piece by piece. One that fails breaks the connection off, so that a part is not taken for the whole.
    Lines(Lines),
    /// 200 without a body.
    Empty,
}

impl Answer {
    pub(crate) fn xml(content: impl FnOnce(&mut Xml) + Send + 'static) -> Self {
        Self::Xml(Box::new(content))
    }

    /// `{"Ok":true}`, for those actions whose answer the document leaves to the status.
    pub(crate) fn ok() -> Self {
        Self::Json(json!({ "Ok": true }))
    }

    /// Renders the answer of an action.
    pub(crate) fn render(self, action: &str, service: Service, id: RequestId) -> Response {
        match self {
            Self::Xml(content) => xml_answer(action, service, id, Some(content)),
            Self::Done => xml_answer(action, service, id, None),
            Self::Json(value) | Self::Made(value, _) => json_response(StatusCode::OK, &value),
            Self::Lines(lines) => {
                let frames = lines.map(|piece| piece.map(|lines| Frame::data(Bytes::from(lines))));
                let mut response = Response::new(ResponseBody::boxed(StreamBody::new(frames)));
                let media_type = HeaderValue::from_static("application/x-ndjson");
                response.headers_mut().insert(CONTENT_TYPE, media_type);
                response
            }
            Self::Empty => Response::new(ResponseBody::empty()),
        }
    }
}

fn xml_answer(action: &str, service: Service, id: RequestId, content: Option<Content>) -> Response {
    let document = Xml::document(&format!("{action}Response"), service.namespace(), |xml| {
        if let Some(content) = content {
            xml.element(&format!("{action}Result"), content);
        }
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", id));
    });
    typed(StatusCode::OK, document, "text/xml")
}

impl Fault {
    /// Renders an error.
    pub(crate) fn render(&self, style: Style, id: RequestId) -> Response {
        let (code, status) = (self.code().name(), self.code().status());
        let mut response = match style {
            Style::Xml(service) => {
                let document = Xml::document("ErrorResponse", service.namespace(), |xml| {
                    xml.element("Error", |xml| {
                        let is_ours = status.is_server_error();
                        xml.text("Type", if is_ours { "Receiver" } else { "Sender" });
                        xml.text("Code", code);
                        xml.text("Message", self.message());
                    });
                    xml.text("RequestId", id);
                });
                typed(status, document, "text/xml")
            }
            Style::Json => {
                let error =
                    json!({ "Ok": false, "Code": code, "Message": self.message(), "RequestId": id.to_string() });
                json_response(status, &error)
            }
            Style::Whitelist => json_response(
                status,
                &json!({ "ok": false, "errorDesc": self.message(), "code": code }),
            ),
        };
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value.clone());
        }
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Keeps an answer out of every cache: it holds a secret.
pub(crate) fn forbid_storing(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("pragma"), HeaderValue::from_static("no-cache"));
}

pub(crate) fn json_response(status: StatusCode, value: &Value) -> Response {
    typed(status, value.to_string().into_bytes(), "application/json")
}

pub(crate) fn typed(status: StatusCode, body: Vec<u8>, media_type: &'static str) -> Response {
    let mut response = Response::new(ResponseBody::full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
