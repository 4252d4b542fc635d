//! Cross-origin requests: what a rule takes, and what a browser is told (seed 004, "PutBucketCors"; Fetch, "CORS protocol").
//!
//! What a rule holds goes into headers of answers, so nothing is taken for one that could end a header there (peers'
//! failure F30).

use baleen_objects::{Cors, CorsRule, ObjectError, Objects};
use baleen_types::BucketName;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::fault::Fault;
use crate::limits::CORS_RULES_MAX;

const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// The longest name of a rule (AWS, CORSRule `ID`).
const ID_CHARACTERS_MAX: usize = 255;

/// What a browser asks before or with a request of another origin.
struct Asked<'a> {
    origin: &'a str,
    method: &'a str,
    /// The headers that it wants to send, as it wrote them.
    headers: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    /// What a preflight asks.
    fn preflight(headers: &'a HeaderMap) -> Result<Self, Fault> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let missing = |message: &str| Fault::new("BadRequest", StatusCode::BAD_REQUEST, message);
        let origin = text(ORIGIN).ok_or_else(|| missing("Insufficient information. Origin request header needed."))?;
        let method = text(ACCESS_CONTROL_REQUEST_METHOD)
            .filter(|method| METHODS.contains(method))
            .ok_or_else(|| missing("Invalid Access-Control-Request-Method."))?;
        let wanted = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        let wanted = wanted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','));
        Ok(Self {
            origin,
            method,
            headers: wanted.map(str::trim).filter(|name| !name.is_empty()).collect(),
        })
    }
}

/// A page of another origin whose script sends a request to a bucket.
pub(crate) struct Page {
    origin: String,
    method: Method,
    bucket: Option<BucketName>,
}

impl Page {
    /// The page behind a request, if one is.
    pub(crate) fn of(
        headers: &HeaderMap,
        method: &Method,
        bucket: impl FnOnce() -> Option<BucketName>,
    ) -> Option<Self> {
        // A preflight has its own answer.
        let origin = headers.get(ORIGIN).filter(|_| *method != Method::OPTIONS)?;
        Some(Self {
            origin: origin.to_str().ok()?.to_owned(),
            method: method.clone(),
            bucket: bucket(),
        })
    }

    /// Lets the page read the answer, whatever it is, if the bucket's rules do.
    pub(crate) async fn share(self, objects: &Objects, answer: &mut HeaderMap) {
        let asked = Asked {
            origin: &self.origin,
            method: self.method.as_str(),
            headers: Vec::new(),
        };
        // The answer stands; a browser that is told nothing does not show it to the page.
        if let Ok(Some(rules)) = rules_of(objects, self.bucket.as_ref()).await
            && let Some(headers) = allow(&rules, &asked)
        {
            answer.extend(headers);
        }
    }
}

/// Answers a preflight; that a bucket is not there looks like one without rules.
pub(crate) async fn preflight(
    objects: &Objects,
    bucket: Option<&BucketName>,
    headers: &HeaderMap,
) -> Result<HeaderMap, Fault> {
    let asked = Asked::preflight(headers)?;
    let Some(cors) = rules_of(objects, bucket).await? else {
        return Err(forbidden("CORSResponse: CORS is not enabled for this bucket."));
    };
    allow(&cors, &asked).ok_or_else(|| {
        forbidden(
            "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request \
             method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's \
             CORS spec.",
        )
    })
}

fn forbidden(message: &str) -> Fault {
    Fault::new("AccessForbidden", StatusCode::FORBIDDEN, message)
}

/// The rules of a bucket, if it has any.
async fn rules_of(objects: &Objects, bucket: Option<&BucketName>) -> Result<Option<Cors>, Fault> {
    let Some(name) = bucket else { return Ok(None) };
    match objects.setting(name).await {
        Err(ObjectError::NoSuchBucket(_)) => Ok(None),
        setting => Ok(setting?),
    }
}

/// The headers that let a browser go on; `None` if no rule fits.
fn allow(cors: &Cors, asked: &Asked<'_>) -> Option<HeaderMap> {
    let (rule, pattern) = cors.rules.iter().find_map(|rule| fits(rule, asked))?;
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::try_from(text)
            && !text.is_empty()
        {
            headers.insert(name, value);
        }
    };
    // Whoever may come needs no name, and no credentials (GHSA-x5xv: a reflected origin with credentials).
    let any = pattern == "*";
    set(ACCESS_CONTROL_ALLOW_ORIGIN, if any { "*" } else { asked.origin });
    if !pattern.contains('*') {
        set(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    set(ACCESS_CONTROL_ALLOW_METHODS, &rule.methods.join(", "));
    set(
        ACCESS_CONTROL_ALLOW_HEADERS,
        &asked.headers.join(", ").to_ascii_lowercase(),
    );
    set(ACCESS_CONTROL_EXPOSE_HEADERS, &rule.exposed.join(", "));
    if let Some(seconds) = rule.max_age_s {
        set(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
    // A cache must not give the answer of one origin to another.
    set(
        VARY,
        "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    );
    Some(headers)
}

/// The pattern of a rule that the origin fits, if the rest of the rule fits too.
fn fits<'r>(rule: &'r CorsRule, asked: &Asked<'_>) -> Option<(&'r CorsRule, &'r str)> {
    let pattern = rule.origins.iter().find(|pattern| matches(pattern, asked.origin))?;
    let method = rule.methods.iter().any(|method| method == asked.method);
    let allowed = |name: &&str| {
        let name = name.to_ascii_lowercase();
        rule.headers
            .iter()
            .any(|pattern| matches(&pattern.to_ascii_lowercase(), &name))
    };
    (method && asked.headers.iter().all(allowed)).then_some((rule, pattern))
}

/// Whether a text fits a pattern with at most one `*`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, behind)) => {
            text.len() >= before.len() + behind.len() && text.starts_with(before) && text.ends_with(behind)
        }
    }
}

/// Checks rules before they are kept.
///
/// # Errors
/// `InvalidRequest` or `MalformedXML`, with what is wrong.
pub(crate) fn check(cors: &Cors) -> Result<(), Fault> {
    if cors.rules.is_empty() || cors.rules.len() > CORS_RULES_MAX {
        return Err(Fault::malformed_xml("A CORS configuration has 1 to 100 rules."));
    }
    for rule in &cors.rules {
        if rule.origins.is_empty() || rule.methods.is_empty() {
            return Err(Fault::malformed_xml(
                "A CORS rule needs an AllowedOrigin and an AllowedMethod.",
            ));
        }
        if rule
            .id
            .as_ref()
            .is_some_and(|id| id.chars().count() > ID_CHARACTERS_MAX)
        {
            return Err(Fault::malformed_xml(
                "The ID of a CORS rule has at most 255 characters.",
            ));
        }
        if let Some(method) = rule.methods.iter().find(|method| !METHODS.contains(&&***method)) {
            return Err(Fault::invalid_request(format!(
                "Found unsupported HTTP method in CORS config. Unsupported method is {method}."
            )));
        }
        for (what, names) in [("AllowedOrigin", &rule.origins), ("AllowedHeader", &rule.headers)] {
            if let Some(name) = names.iter().find(|name| name.matches('*').count() > 1) {
                return Err(Fault::invalid_request(format!(
                    "{what} \"{name}\" can not have more than one wildcard."
                )));
            }
        }
        if let Some(name) = rule.exposed.iter().find(|name| name.contains('*')) {
            return Err(Fault::invalid_request(format!(
                "ExposeHeader \"{name}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
            )));
        }
        let origin =
            |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        let header = |text: &String| {
            let name = text.replacen('*', "x", 1);
            !name.is_empty() && HeaderName::try_from(name).is_ok()
        };
        if !rule.origins.iter().all(origin) {
            return Err(Fault::invalid_request("An AllowedOrigin is no origin."));
        }
        if !rule.headers.iter().all(header) || !rule.exposed.iter().all(header) {
            return Err(Fault::invalid_request(
                "An AllowedHeader or ExposeHeader is no name of a header.",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
