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
        self.replace_tags(of, None, tags).await
    }

    /// [`Objects::put_tags`] where the tags that are replaced are `seen`, if it is given: who decided by them decided about
    /// no others.
    ///
    /// # Errors
    /// Those of [`Objects::put_tags`]; [`ObjectError::Contended`] if the tags are others.
    pub async fn replace_tags(
        &self,
        of: &ObjectVersion,
        seen: Option<&Tags>,
        tags: Tags,
    ) -> Result<Option<Version>, ObjectError> {
        let tags = tags.into_pairs();
        let seen = seen.cloned().map(Tags::into_pairs);
        self.amend(of, |_, object| {
            if seen.as_ref().is_some_and(|seen| *seen != object.tags) {
                return Err(ObjectError::Contended);
            }
            object.tags.clone_from(&tags);
            Ok(())
        })
        .await
    }
}
