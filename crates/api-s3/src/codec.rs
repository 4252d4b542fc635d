//! s3s, put together so that it decides nothing.

use std::sync::Arc;

use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;

use crate::access::{Access, NoKeys};
use crate::limits::XML_BODY_BYTES_MAX;
use crate::ops::Operations;
use crate::services::Services;

pub(crate) fn build(services: Services) -> S3Service {
    let mut config = S3Config::default();
    config.xml_max_body_size = XML_BODY_BYTES_MAX;
    // `//a` and `/a` are two keys.
    config.normalize_forward_slash_path = false;
    let mut builder = S3ServiceBuilder::new(Operations::new(services.clone()));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(NoKeys);
    builder.set_access(Access::new(services));
    builder.set_validation(OurNames);
    builder.build()
}

/// Leaves bucket names to our own type, so that there is one rule and one error.
struct OurNames;

impl NameValidation for OurNames {
    fn validate_bucket_name(&self, _name: &str) -> bool {
        true
    }
}
