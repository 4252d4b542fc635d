//! Access control lists of objects.

use super::Objects;
use crate::{ObjectError, ObjectVersion, Version};
use baleen_types::Acl;

impl Objects {
    /// Replaces the access control list of an object, or of a version of it. Returns which version it was, where the bucket
    /// keeps versions.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchKey`], [`ObjectError::NoSuchVersion`],
    /// [`ObjectError::DeleteMarker`].
    pub async fn put_acl(&self, of: &ObjectVersion, acl: &Acl) -> Result<Option<Version>, ObjectError> {
        self.amend(of, |_, object| {
            object.acl = acl.into();
            Ok(())
        })
        .await
    }
}
