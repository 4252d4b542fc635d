//! Copies of a whole store, in a folder of their own, and a store made of one of them (`docs/decisions/0021-backup.md`).
//!
//! | in the folder | |
//! | --- | --- |
//! | `format`, `store`, `lock` | what it is, whose backups it has, and who is at work |
//! | `extents/ab/cd/ID` | the bytes of one extent, as the volume stores them; all backups share them |
//! | `extents/ab/cd/ID.damaged` | a copy that a look at the backups found damaged; the next backup copies the extent again |
//! | `backups/000001/records.00000` | all rows of the keyspace, of one snapshot, in their order |
//! | `backups/000001/manifest` | the end of a backup: what belongs to it, with checksums |
//! | `new/`, `backups/*.new`, `backups/*.gone` | what is under way, or was when somebody was stopped |
//!
//! * A backup is there when its manifest is, which is written last, when all else is on disk. Whatever cuts the work leaves the
//!   backups from before whole, and what was copied for the next one.
//! * An extent never changes, so one that is there is not copied again. It gets its name when its bytes are on disk.
//! * Every block is checked against its checksum whenever it is copied, in both directions.

mod check;
mod error;
mod folder;
pub mod limits;
mod make;
mod manifest;
mod records;
mod restore;
mod store;

pub use check::{Checked, check};
pub use error::Error;
pub use folder::{BackupFolder, Newest, Number, newest};
pub use make::{Backup, Made, Options, Parts, Progress};
pub use manifest::Manifest;
pub use restore::{Restore, Restored, restore};
