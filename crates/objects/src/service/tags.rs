//! Tags of objects.

use super::Objects;
use crate::{ObjectError, ObjectVersion, Tags, Version};

impl Objects {
    /// Replaces the tags of an object, or of a version of it, by these, which may be none. Returns which version it was, where
    /// the bucket keeps versions.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchKey`], [`ObjectError::NoSuchVersion`],
    /// [`ObjectError::DeleteMarker`].
    pub async fn put_tags(&self, of: &ObjectVersion, tags: Tags) -> Result<Option<Version>, ObjectError> {
        let tags = tags.into_pairs();
        self.amend(of, |_, object| {
            object.tags.clone_from(&tags);
            Ok(())
        })
        .await
    }
}
