//! The PCAPs door of a server, for commands that watch its captures.
//!
//! The server is the first of: `--api`, the profile's `api`, `BALEEN_API` and the baleen that runs in the data folder. Who asks is
//! the first of: the profile's `api_token` and `project`, `BALEEN_API_TOKEN` with `BALEEN_PROJECT`, and the root user of the data
//! folder. A token is never an argument, which everybody on the machine could read.

use crate::access::variable;
use crate::cli::Place;
use crate::failure::Failure;
use crate::folder::{ROOT_CREDENTIALS_FILE, barred, published};
use crate::profiles::Profile;
use crate::trust;
use baleen_capture::Endpoint;
use baleen_iam::RootCredentials;
use baleen_types::Secret;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The path of the door, which Cloudflare's SDK has in its `base_url`: who names it here too means the same.
const DOOR_PATH: &str = "/client/v4";

/// The longest answer that is read but for a file.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How long the server may take to begin an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The door of one account.
pub(crate) struct Door {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// `http://127.0.0.1:9001/client/v4/accounts/<id>/pcaps`.
    base: String,
    token: Secret,
    /// Which server, and what says so.
    server: String,
    /// Where the token comes from.
    token_from: &'static str,
    project: String,
}

/// Which server and who, as far as arguments say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whom {
    pub(crate) api: Option<String>,
    pub(crate) profile: Option<String>,
    /// The profile that is meant where none is named, if there is one.
    pub(crate) or_profile: Option<&'static str>,
}

impl Door {
    /// Finds the server and the credentials.
    pub(crate) fn find(whom: &Whom, place: &Place) -> Result<Self, Failure> {
        let profile = match (&whom.profile, whom.or_profile) {
            (Some(name), _) => Profile::read(name)?,
            (None, Some(name)) => match variable("BALEEN_PROFILE") {
                Some(named) => Profile::read(&named)?,
                None => Profile::find(name)?.unwrap_or_default(),
            },
            (None, None) => Profile::default(),
        };
        let data = place.load()?.config.data;
        let own = data.as_deref().and_then(published).unwrap_or_default();
        let own_url = own["api"].as_str();
        // A folder that a flag names goes before the environment.
        let variable = |name| variable(name).filter(|_| place.data.is_none());
        let url = whom
            .api
            .clone()
            .map(|url| (url, "--api"))
            .or(profile.api.map(|url| (url, "the profile")))
            .or_else(|| Some((variable("BALEEN_API")?, "BALEEN_API")))
            .or_else(|| Some((own_url?.to_owned(), "the data folder")));
        let (url, named_by) = url.ok_or_else(|| {
            if let Some(barred) = data.as_deref().and_then(barred) {
                return barred;
            }
            Failure::usage("no capture API is named").advise(
                "name it with --api URL or BALEEN_API, or the data folder of a running baleen with --data DIR or BALEEN_DATA",
            )
        })?;
        let endpoint = Endpoint::parse(origin(&url)).map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        let own_certificate = own["certificate"]
            .as_str()
            .filter(|_| own_url == Some(endpoint.as_str()));
        let told = profile.api_token.zip(profile.project);
        let told = told.map(|told| (told, "the profile"));
        let of_variables = || variable("BALEEN_API_TOKEN").zip(variable("BALEEN_PROJECT"));
        let told = told.or_else(|| Some((of_variables()?, "BALEEN_API_TOKEN with BALEEN_PROJECT")));
        let ((token, project), token_from) = match told {
            Some(told) => told,
            None => (of_root(data.as_deref())?, "root-credentials.json of the data folder"),
        };
        let connector = trust::connector(own_certificate.map(Path::new))?;
        Ok(Self {
            pool: Pool::builder(TokioExecutor::new()).build(connector),
            base: format!("{}{DOOR_PATH}/accounts/{project}/pcaps", endpoint.as_str()),
            token: Secret::new(token),
            server: format!("{} (named by {named_by})", endpoint.as_str()),
            token_from,
            project,
        })
    }

    /// Asks for the `result` of an answer.
    pub(crate) async fn ask(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await
    }

    /// Asks for something to be done; the `result` of the answer, if it has one.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let response = self.send(method, path, body).await?;
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| Failure::new(format!("the answer broke off: {error}")))?;
        let mut answer: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        Ok(answer["result"].take())
    }

    /// Asks for a file that is being written.
    pub(crate) async fn live(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Incoming, Failure> {
        self.send(method, path, body).await.map(Response::into_body)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response<Incoming>, Failure> {
        let url = format!("{}{path}", self.base);
        let uri: Uri = url
            .parse()
            .map_err(|error| Failure::because(format!("{url} is no address"), &error))?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(CONTENT_TYPE, "application/json")
            .body(body.map(|body| Full::from(body.to_string())).unwrap_or_default())
            .map_err(|error| Failure::because("the request cannot be made", &error))?;
        let failed = |error: &(dyn std::error::Error + 'static)| {
            let failure = Failure::because("the capture API does not answer", error);
            failure.advise(match trust::advice(error) {
                Some(advice) => advice.to_owned(),
                None => format!("is baleen serve running, and is {} right?", self.server),
            })
        };
        let answered = tokio::time::timeout(PATIENCE, self.pool.request(request)).await;
        let response = answered
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map(Collected::to_bytes).unwrap_or_default();
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let failure = refused(status, &answer);
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => failure.advise(format!(
                "the token is from {}, the server is {}",
                self.token_from, self.server
            )),
            // The numbers of accounts, which stand beside their projects, are taken for them.
            StatusCode::NOT_FOUND if self.project.len() == 12 => failure.advise(format!(
                "the project is {}, from {}: that is the number of an account; 32 hexadecimal digits are expected, the projectId",
                self.project, self.token_from
            )),
            _ => failure,
        })
    }
}

/// The code of a destination that was not proven to be the account's.
const NOT_PROVEN: u64 = 1003;

/// All that is wrong with a request, and where it stands in it.
fn refused(status: StatusCode, answer: &Value) -> Failure {
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let message = |error: &Value| error["message"].as_str().unwrap_or("no reason was given").to_owned();
    let failure = match errors {
        [] => Failure::new(format!("the capture API answered {status}: no reason was given")),
        [one] => Failure::new(format!("the capture API answered {status}: {}", message(one))),
        several => several.iter().fold(
            Failure::new(format!("the capture API answered {status}: {} mistakes", several.len())),
            |failure, error| match error["source"]["pointer"].as_str() {
                Some(pointer) => failure.advise(format!("{}: {}", pointer.trim_start_matches('/'), message(error))),
                None => failure.advise(message(error)),
            },
        ),
    };
    if errors.iter().any(|error| error["code"].as_u64() == Some(NOT_PROVEN)) {
        return failure.advise("how: docs/reference/pcaps.md, From a bucket to a capture");
    }
    failure
}

/// An address without the path of the door.
fn origin(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix(DOOR_PATH).unwrap_or(url)
}

/// The token and the project of the root user of a data folder.
fn of_root(data: Option<&Path>) -> Result<(String, String), Failure> {
    let nobody = || {
        Failure::usage("there are no credentials for the capture API").advise(
            "set BALEEN_API_TOKEN and BALEEN_PROJECT, or name a --profile with api_token and project, or --data DIR",
        )
    };
    let file = data.ok_or_else(nobody)?.join(ROOT_CREDENTIALS_FILE);
    let failed = |why: &dyn std::error::Error| {
        Failure::because(format!("the credentials in {} cannot be used", file.display()), why)
    };
    let text = std::fs::read_to_string(&file).map_err(|error| failed(&error))?;
    let root: RootCredentials = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    root.api_token.map(|token| (token, root.project_id)).ok_or_else(nobody)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_with_their_places() {
        let answer = |errors: Value| serde_json::json!({ "errors": errors });
        let told = |errors: Value| refused(StatusCode::BAD_REQUEST, &answer(errors)).to_string();
        let one = told(serde_json::json!([{ "code": 1001, "message": "runs must be 1 to 1440" }]));
        assert_eq!(
            one,
            "baleen: the capture API answered 400 Bad Request: runs must be 1 to 1440"
        );
        let two = told(serde_json::json!([
            { "code": 1001, "message": "runs must be 1 to 1440", "source": { "pointer": "/budget/runs" } },
            { "code": 1003, "message": "it is not proven", "source": { "pointer": "/destination_conf" } },
        ]));
        let lines: Vec<_> = two.lines().map(str::trim).collect();
        assert_eq!(lines[1], "budget/runs: runs must be 1 to 1440");
        assert_eq!(lines[2], "destination_conf: it is not proven");
        assert!(lines[3].starts_with("how: docs/reference/pcaps.md"));
        assert!(told(Value::Null).ends_with("no reason was given"));
    }

    #[test]
    fn the_path_of_the_door_may_be_there_or_not() {
        for url in [
            "http://a:1",
            "http://a:1/",
            "http://a:1/client/v4",
            "http://a:1/client/v4/",
        ] {
            assert_eq!(origin(url), "http://a:1", "{url}");
        }
        for url in ["http://a:1/client/v5", "http://a:1/x/client/v4"] {
            assert!(Endpoint::parse(origin(url)).is_err(), "{url}");
        }
    }
}
