//! Access control lists of objects.

use super::Objects;
use crate::records::AclRecord;
use crate::{ObjectError, ObjectVersion, Tags, Version};
use baleen_types::Acl;

impl Objects {
    /// Replaces the access control list of an object, or of a version of it. Returns which version it was, where the bucket
    /// keeps versions.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchKey`], [`ObjectError::NoSuchVersion`],
    /// [`ObjectError::DeleteMarker`].
    pub async fn put_acl(&self, of: &ObjectVersion, acl: &Acl) -> Result<Option<Version>, ObjectError> {
        self.replace_acl(of, None, acl).await
    }

    /// [`Objects::put_acl`] where the object has the tags and the list that were `seen`, if they are given: who decided by them
    /// decided about no other object.
    ///
    /// # Errors
    /// Those of [`Objects::put_acl`]; [`ObjectError::Contended`] if it has others.
    pub async fn replace_acl(
        &self,
        of: &ObjectVersion,
        seen: Option<(&Tags, &Acl)>,
        acl: &Acl,
    ) -> Result<Option<Version>, ObjectError> {
        let seen = seen.map(|(tags, acl)| (tags.clone().into_pairs(), AclRecord::from(acl)));
        self.amend(of, |_, object| {
            if let Some((tags, acl)) = &seen
                && (*tags != object.tags || *acl != object.acl)
            {
                return Err(ObjectError::Contended);
            }
            object.acl = acl.into();
            Ok(())
        })
        .await
    }
}
