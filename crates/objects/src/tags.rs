//! Tags of objects and buckets: their rules, in one place for every way in.

use crate::ObjectError;
use crate::limits::{BUCKET_TAGS_BYTES_MAX, BUCKET_TAGS_MAX, OBJECT_TAGS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};
use crate::setting::setting;
use serde::{Deserialize, Serialize};

/// The tags of an object or a bucket, in the order in which they were given; no key stands twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// The tags of an object (seed 004, "Put Object Tagging": at most 10, keys to 128 and values to 256 characters).
    ///
    /// ```
    /// use baleen_objects::Tags;
    ///
    /// let tag = |key: &str| (key.to_owned(), "blue".to_owned());
    /// assert_eq!(Tags::of_object([tag("colour")]).unwrap().len(), 1);
    /// assert!(Tags::of_object([tag("colour"), tag("colour")]).is_err());
    /// ```
    ///
    /// # Errors
    /// [`ObjectError::TooManyTags`], [`ObjectError::BadTag`].
    pub fn of_object(tags: impl IntoIterator<Item = (String, String)>) -> Result<Self, ObjectError> {
        Self::new(tags, OBJECT_TAGS_MAX)
    }

    /// The tags of a bucket.
    ///
    /// # Errors
    /// [`ObjectError::TooManyTags`], [`ObjectError::BadTag`].
    pub fn of_bucket(tags: impl IntoIterator<Item = (String, String)>) -> Result<Self, ObjectError> {
        let tags = Self::new(tags, BUCKET_TAGS_MAX)?;
        if tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > BUCKET_TAGS_BYTES_MAX {
            return Err(ObjectError::BadTag(TagFault::Together));
        }
        Ok(tags)
    }

    fn new(tags: impl IntoIterator<Item = (String, String)>, limit: usize) -> Result<Self, ObjectError> {
        let mut known: Vec<(String, String)> = Vec::new();
        for (key, value) in tags {
            if known.len() == limit {
                return Err(ObjectError::TooManyTags { limit });
            }
            if let Some(fault) = fault_of(&key, &value) {
                return Err(ObjectError::BadTag(fault));
            }
            if known.iter().any(|(other, _)| *other == key) {
                return Err(ObjectError::BadTag(TagFault::Duplicate));
            }
            known.push((key, value));
        }
        Ok(Self(known))
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// What was stored has been checked before.
    pub(crate) fn stored(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }
}

/// What is wrong with a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagFault {
    /// The key is empty, too long or has a character that tags may not have.
    #[error("the TagKey you have provided is invalid")]
    Key,
    /// The value is too long or has a character that tags may not have.
    #[error("the TagValue you have provided is invalid")]
    Value,
    /// The key begins with `aws:`, in whatever case.
    #[error("system tags cannot be added or updated: no key may begin with aws:")]
    Reserved,
    /// A key stands twice.
    #[error("cannot provide multiple Tags with the same key")]
    Duplicate,
    /// All tags together are too long.
    #[error("the tags are longer than {BUCKET_TAGS_BYTES_MAX} bytes together")]
    Together,
}

fn fault_of(key: &str, value: &str) -> Option<TagFault> {
    // Characters, as the document says, and not UTF-16 units, as AWS: nothing that AWS takes is refused here.
    let fits = |text: &str, limit: usize| text.chars().count() <= limit && text.chars().all(is_allowed);
    if key.is_empty() || !fits(key, TAG_KEY_CHARS_MAX) {
        Some(TagFault::Key)
    } else if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        Some(TagFault::Reserved)
    } else if !fits(value, TAG_VALUE_CHARS_MAX) {
        Some(TagFault::Value)
    } else {
        None
    }
}

/// Letters, digits and spaces of any script and `+ - = . _ : / @` (AWS, "Categorizing your storage using tags").
fn is_allowed(character: char) -> bool {
    let is_space = character.is_whitespace() && !character.is_control();
    character.is_alphanumeric() || is_space || "+-=._:/@".contains(character)
}

/// The tags of a bucket as they are stored; a bucket without tags has no such record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketTagging {
    tags: Vec<(String, String)>,
}

setting!(BucketTagging, "bucket tags", Tagging);

impl From<Tags> for BucketTagging {
    fn from(tags: Tags) -> Self {
        Self { tags: tags.0 }
    }
}

impl From<BucketTagging> for Tags {
    fn from(record: BucketTagging) -> Self {
        Self(record.tags)
    }
}

#[cfg(test)]
mod tests;
