//! Object bytes on local disk: extents with a checksum per block, flushed once for all who wait.
//!
//! A volume is one folder. It keeps bytes, and nothing about them: which extents are live, and whose they are, is known
//! to the metadata above, and the volume is told.
//!
//! * A blob of known length up to [`Settings::segment_body_bytes_max`] goes to a range of a *segment*, a preallocated file
//!   which is written over and over; any other blob goes to a *file of its own*, named by a random id, so that giving its
//!   space back is an unlink. No object key ever becomes a path.
//! * Every 64 KiB carry a CRC32C over the blob's id, the block's place in it and its bytes. It is checked on every read, so
//!   that a flipped bit, a torn write and the former content of a recycled range are all told from the right bytes.
//! * [`Writer::finish`] returns when the bytes are on disk; one flush serves all who wait for the same file. What it
//!   returns frees itself when dropped, until the caller says that the record is committed. So an upload which breaks off
//!   at any point leaves nothing.
//! * Nothing is freed under a reader: [`Blobs::pin`] holds extents until it is dropped, and [`Blobs::hold`] all of them.
//! * There is no log to replay. After a restart, and before it releases anything, the owner of the metadata names the live
//!   extents of each old segment ([`Blobs::adopt`]), and what it does not name is free.
//!
//! * [`Copies`] is a folder of copies of another volume's extents, each under the identity that it has there, and a [`Holder`] is
//!   either: what is damaged in one is written anew from the others ([`Blobs::restore`], [`Copies::put`]).
//! * Space is given back: segments of which little lives are emptied by whoever knows the records ([`Blobs::drain`]), and
//!   what is free in the others is handed to the file system ([`Blobs::give_back`]) and taken back when it is needed.
//!
//! Out of here on purpose: when to compact, scrubbing, what has to be copied where, and the objects' own metadata.

mod buffers;
mod compaction;
mod copies;
mod error;
mod export;
mod extent;
mod folder;
mod format;
mod hold;
mod holder;
mod jobs;
mod mend;
mod pins;
mod reader;
mod recovery;
mod reservation;
mod segments;
mod settings;
mod space;
mod stamp;
mod sync;
mod volume;
mod writer;

pub use buffers::{Buffer, Buffers, Share};
pub use compaction::{Copying, Draining};
pub use copies::{Copies, Found, TOGETHER_BYTES_MAX};
pub use error::Error;
pub use export::{Exported, NewVolume, check_copy, copy_bytes, export, extent_of_copy};
pub use extent::{BlobId, Extent, OwnerTag, Place};
pub use folder::{Disk, Seen, disk_of};
pub use format::BLOCK_BYTES;
pub use hold::Hold;
pub use holder::{Holder, Paced, verify_among};
pub use pins::Pins;
pub use reader::ExtentReader;
pub use reservation::{Submitted, Written};
pub use settings::Settings;
pub use stamp::{Held, stamp_of};
pub use volume::{Blobs, Usage, is_mount, is_volume};
pub use writer::{NewBlob, Placement, Writer};
