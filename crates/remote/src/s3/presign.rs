//! Links that work without credentials for a while.

use std::time::Duration;

use baleen_signing::sign::{Request as ToSign, Signer};
use baleen_signing::{AmzDate, PathStyle, PayloadMode};
use baleen_types::{Invalid, ObjectPath, Secret};
use http::header::HOST;

use super::S3;
use super::address::Auth;
use crate::Error;

impl S3 {
    /// A link with which anyone can read one object until it expires. Nothing is sent.
    ///
    /// Units: `expires` 1 second to 7 days.
    /// Source: S3, "Authenticating Requests: Using Query Parameters".
    ///
    /// # Errors
    /// [`Error::Request`] when `expires` is out of its bounds.
    pub fn presign_get(&self, at: &ObjectPath, expires: Duration) -> Result<String, Error> {
        let target = self.address.object(at);
        let Auth::Keys(credentials) = &self.address.auth else {
            return Err(Invalid::new("presigned link", "links are signed by an access key, and there is none").into());
        };
        let signer = Signer {
            access_key_id: &credentials.access_key_id,
            secret: credentials.secret.expose(),
            session_token: credentials.session_token.as_ref().map(Secret::expose),
            region: self.address.region.as_str(),
            service: "s3",
        };
        let request = ToSign {
            method: "GET",
            path: &target.path,
            query: "",
            headers: &[(HOST.as_str(), target.host.as_bytes())],
            payload: PayloadMode::Unsigned,
            style: PathStyle::S3,
        };
        let query = signer
            .presign(&request, AmzDate::from_timestamp(self.parts.clock.now()), expires)
            .map_err(|error| Invalid::new("presigned link", error.to_string()))?;
        let (scheme, host, path) = (self.address.scheme(), target.host, target.path);
        Ok(format!("{scheme}://{host}{path}?{query}"))
    }
}
