//! What a key has been: how versions become noncurrent, are removed, and become current again.
//!
//! The current version of a key is in one of two tables: an object in `Object`, a delete marker in `DeleteMarker`, and
//! never in both. All others are in `Version`, newest first. So listings read objects alone, and every write of a key, of
//! whatever kind, is conditional on the same two rows. A key with versions always has a current one: when it is removed,
//! the newest of the others takes its place in the same commit.
//!
//! Ids ascend with the writes of a key, whatever the clock does, because an id is given in the commit that has seen the
//! current version.

use super::Objects;
use super::commit::Present;
use super::step::Step;
use crate::records::{MarkerRecord, NullRecord, ObjectRecord, VersionBytes, VersionRecord};
use crate::{Deleted, ObjectError, Version, keys};
use baleen_meta::{Scan, record};
use baleen_types::Timestamp;

impl Objects {
    /// An id for a version that is newer than what is there.
    pub(super) fn version_after(&self, present: &Present) -> VersionBytes {
        let object = present.object.as_ref().map(|object| object.record.version);
        let newest = object.or(present.marker.as_ref().map(|marker| marker.record.version));
        let id = self.new_id();
        match newest {
            Some(newest) if newest >= id => u128::from_be_bytes(newest).wrapping_add(1).to_be_bytes(),
            _ => id,
        }
    }

    /// Makes an object the current version.
    pub(super) async fn add_object(
        &self,
        step: &mut Step,
        present: &Present,
        object: &ObjectRecord,
    ) -> Result<Deleted, ObjectError> {
        let existed = present.object.is_some();
        self.make_room(step, present, object.modified()).await?;
        if present.marker.is_some() {
            step.delete(present.marker_key.clone());
        }
        step.put(present.object_key.clone(), record::encode(object)?);
        step.tally.objects += 1;
        step.tally.add_bytes(object.size);
        let version = present.keeps_versions().then(|| object.name());
        Ok(Deleted {
            existed,
            version,
            is_marker: false,
        })
    }

    /// Deletes what is current: for good where no versions are kept, else by a delete marker, also of a key that is not
    /// there (AWS, "Working with delete markers").
    pub(super) async fn hide(&self, step: &mut Step, present: &Present) -> Result<Option<Deleted>, ObjectError> {
        let existed = present.object.is_some();
        if !present.keeps_versions() && !existed {
            return Ok(None);
        }
        let now = self.clock.now();
        self.make_room(step, present, now).await?;
        if existed {
            step.delete(present.object_key.clone());
        }
        if !present.keeps_versions() {
            return Ok(Some(Deleted {
                existed,
                ..Deleted::default()
            }));
        }
        let marker = MarkerRecord {
            version: self.version_after(present),
            is_null: present.bucket.record.writes_null(),
            modified_ns: now.as_nanos(),
        };
        step.put(present.marker_key.clone(), record::encode(&marker)?);
        step.tally.markers += 1;
        Ok(Some(Deleted {
            existed,
            version: Some(marker.name()),
            is_marker: true,
        }))
    }

    /// Takes what is current out of its place for a new version: it becomes noncurrent, unless both are the null version,
    /// of which there is only one. `made` is when the new one was.
    async fn make_room(&self, step: &mut Step, present: &Present, made: Timestamp) -> Result<(), ObjectError> {
        let replaces_null = present.bucket.record.writes_null();
        let mut null_is_current = false;
        if let Some(object) = &present.object {
            null_is_current = object.record.is_null;
            if replaces_null && null_is_current {
                step.remove(&object.record)?;
            } else {
                let value = VersionRecord::of_object(&object.stored, made);
                archive(step, present, object.record.version, null_is_current, value)?;
                step.tally.noncurrent_objects += 1;
                step.tally.add_noncurrent_bytes(object.record.size);
            }
        } else if let Some(marker) = &present.marker {
            null_is_current = marker.record.is_null;
            if replaces_null && null_is_current {
                step.tally.markers -= 1;
            } else {
                let value = VersionRecord::of_marker(&marker.stored, made);
                archive(step, present, marker.record.version, null_is_current, value)?;
            }
        }
        if replaces_null && !null_is_current && present.keeps_versions() {
            self.remove_noncurrent(step, present, Version::Null).await?;
        }
        Ok(())
    }

    /// Removes one version for good; `None` if it is not there.
    pub(super) async fn remove_version(
        &self,
        step: &mut Step,
        present: &Present,
        version: Version,
    ) -> Result<Option<Deleted>, ObjectError> {
        if let Some(object) = &present.object
            && object.record.name() == version
        {
            step.remove(&object.record)?;
            if !self.promote(step, present).await? {
                step.delete(present.object_key.clone());
            }
            return Ok(Some(removed(present, version, false)));
        }
        if let Some(marker) = &present.marker
            && marker.record.name() == version
        {
            step.tally.markers -= 1;
            self.promote(step, present).await?;
            return Ok(Some(removed(present, version, true)));
        }
        self.remove_noncurrent(step, present, version).await
    }

    pub(super) async fn remove_noncurrent(
        &self,
        step: &mut Step,
        present: &Present,
        version: Version,
    ) -> Result<Option<Deleted>, ObjectError> {
        let (bucket, key) = (present.bucket.id, present.at.key.as_str());
        let id = match version {
            Version::Id(id) => *id.as_bytes(),
            Version::Null => {
                let pointer = keys::null_version(bucket, key);
                let stored = self.meta.get(&pointer).await?;
                step.require(pointer.clone(), stored.clone());
                let Some(stored) = stored else { return Ok(None) };
                step.delete(pointer);
                record::decode::<NullRecord>(&stored)?.version
            }
        };
        let place = keys::version(bucket, key, id);
        let Some(value) = self.meta.get(&place).await? else {
            return Ok(None);
        };
        let found = VersionRecord::decode(&value)?;
        if found.name() != version {
            return Ok(None);
        }
        step.require(place.clone(), Some(value));
        step.delete(place);
        let is_marker = match found {
            VersionRecord::Object(object) => {
                step.remove(&object)?;
                step.tally.noncurrent_objects -= 1;
                step.tally.take_noncurrent_bytes(object.size);
                false
            }
            VersionRecord::Marker(_) => {
                step.tally.markers -= 1;
                true
            }
        };
        Ok(Some(removed(present, version, is_marker)))
    }

    /// Makes the newest noncurrent version the current one, in the place of the one that goes; tells whether an object is
    /// current then. A marker that goes is taken away here.
    async fn promote(&self, step: &mut Step, present: &Present) -> Result<bool, ObjectError> {
        let (bucket, key) = (present.bucket.id, present.at.key.as_str());
        let newest = if present.keeps_versions() {
            let scan = Scan::prefix(&keys::versions_of(bucket, key)).limit(1);
            self.meta.scan(scan).await?.into_iter().next()
        } else {
            None
        };
        let Some(newest) = newest else {
            if present.marker.is_some() {
                step.delete(present.marker_key.clone());
            }
            return Ok(false);
        };
        let found = VersionRecord::decode(&newest.value)?;
        let value = VersionRecord::current_value(&newest.value)?;
        step.require(newest.key.to_vec(), Some(newest.value));
        step.delete(newest.key.to_vec());
        if found.is_null() {
            let pointer = keys::null_version(bucket, key);
            let expected = record::encode(&NullRecord {
                version: found.version(),
            })?;
            step.require(pointer.clone(), Some(expected));
            step.delete(pointer);
        }
        match found {
            VersionRecord::Object(object) => {
                step.put(present.object_key.clone(), value);
                step.tally.noncurrent_objects -= 1;
                step.tally.take_noncurrent_bytes(object.size);
                if present.marker.is_some() {
                    step.delete(present.marker_key.clone());
                }
                Ok(true)
            }
            VersionRecord::Marker(_) => {
                step.put(present.marker_key.clone(), value);
                Ok(false)
            }
        }
    }
}

/// Puts a version among the noncurrent ones.
fn archive(
    step: &mut Step,
    present: &Present,
    version: VersionBytes,
    is_null: bool,
    value: bytes::Bytes,
) -> Result<(), ObjectError> {
    let (bucket, key) = (present.bucket.id, present.at.key.as_str());
    step.put(keys::version(bucket, key, version), value);
    if is_null {
        step.put(
            keys::null_version(bucket, key),
            record::encode(&NullRecord { version })?,
        );
    }
    Ok(())
}

fn removed(present: &Present, version: Version, is_marker: bool) -> Deleted {
    Deleted {
        existed: true,
        version: present.keeps_versions().then_some(version),
        is_marker,
    }
}
