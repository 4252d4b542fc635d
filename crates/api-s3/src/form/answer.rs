//! How the sender of a form is answered: by a status, a document, or the way to another page.

use baleen_http::{Form, Response, ResponseBody};
use baleen_signing::{encode_component, encode_path};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, StatusCode, Uri};

use crate::xml::escape;

/// What a form asks for, once it is done.
#[derive(Debug)]
pub(crate) struct Answer {
    bucket: String,
    key: String,
    /// Where the object is.
    location: String,
    /// The page to go to.
    page: Option<String>,
    status: StatusCode,
}

impl Answer {
    /// `place` is scheme and host, `below` what stands between them and a key.
    pub(super) fn new(form: &Form, (bucket, key): (&str, &str), (place, below): (&str, &str)) -> Self {
        let page = form.get("success_action_redirect").or_else(|| form.get("redirect"));
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            location: format!("{place}{below}/{}", encode_path(key)),
            // A page that is none is as one that was not asked for (AWS, "POST Object").
            page: page.filter(|page| is_page(page)).map(str::to_owned),
            status: match form.get("success_action_status") {
                Some("200") => StatusCode::OK,
                Some("201") => StatusCode::CREATED,
                _ => StatusCode::NO_CONTENT,
            },
        }
    }

    /// Makes the answer to a form of that to a PutObject.
    pub(crate) fn dress(self, mut response: Response) -> Response {
        if response.status() != StatusCode::OK {
            return response;
        }
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.unwrap_or_default().to_owned();
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        if let Some(page) = self
            .page
            .as_ref()
            .and_then(|page| HeaderValue::try_from(self.returning(page, &etag)).ok())
        {
            headers.insert(LOCATION, page);
            *response.status_mut() = StatusCode::SEE_OTHER;
            return response;
        }
        if let Ok(location) = HeaderValue::try_from(&self.location) {
            headers.insert(LOCATION, location);
        }
        *response.status_mut() = self.status;
        if self.status == StatusCode::CREATED {
            headers_of_document(&mut response);
            *response.body_mut() = ResponseBody::full(self.document(&etag));
        }
        response
    }

    /// The page's address, with what was stored in its query.
    fn returning(&self, page: &str, etag: &str) -> String {
        let (page, fragment) = match page.split_once('#') {
            Some((page, fragment)) => (page, format!("#{fragment}")),
            None => (page, String::new()),
        };
        let mut query = Vec::new();
        for (name, value) in [("bucket", &*self.bucket), ("key", &*self.key), ("etag", etag)] {
            if !query.is_empty() {
                query.push(b'&');
            }
            query.extend_from_slice(name.as_bytes());
            query.push(b'=');
            encode_component(value.as_bytes(), &mut query);
        }
        let glue = if page.contains('?') { '&' } else { '?' };
        format!("{page}{glue}{}{fragment}", String::from_utf8_lossy(&query))
    }

    fn document(&self, etag: &str) -> String {
        let [location, bucket, key, etag] = [&*self.location, &self.bucket, &self.key, etag].map(escape);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{location}</Location>\
             <Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>{etag}</ETag></PostResponse>"
        )
    }
}

fn headers_of_document(response: &mut Response) {
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
}

/// Whether a browser may be sent there.
fn is_page(page: &str) -> bool {
    let without_fragment = page.split('#').next().unwrap_or_default();
    without_fragment.parse::<Uri>().is_ok_and(|uri| {
        let scheme = uri.scheme_str().unwrap_or_default();
        matches!(scheme, "http" | "https") && uri.host().is_some_and(|host| !host.is_empty())
    })
}

#[cfg(test)]
mod tests;
