//! Which pages of other origins may use a bucket, as it is kept. What a rule means is the door's.

use crate::setting::setting;
use serde::{Deserialize, Serialize};

/// A bucket's rules; the first that fits a request counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// In their order.
    pub rules: Vec<CorsRule>,
}

/// One rule (seed 004, "PutBucketCors").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsRule {
    /// The client's name for it.
    pub id: Option<String>,
    /// Origins, with at most one `*` each.
    pub origins: Vec<String>,
    /// Methods, in capitals.
    pub methods: Vec<String>,
    /// Request headers, with at most one `*` each.
    pub headers: Vec<String>,
    /// Response headers that scripts may read.
    pub exposed: Vec<String>,
    /// How long a browser may remember the answer to a preflight, in seconds.
    pub max_age_s: Option<u32>,
}

setting!(Cors, "CORS configuration", Cors);
