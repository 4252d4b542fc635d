//! Links to the files of capture tasks: sealed tickets, since a URL signed as S3 has it would need the key of some user.
//!
//! Whoever has a ticket may read the file until it is over, as with a presigned URL; if it says from where, then from there
//! alone. It is made for who may see the result, and works as long as the task is kept.

use super::task_of;
use crate::capture::{StoredCapture, StoredState};
use crate::home::CaptureFile;
use crate::limits::{TICKET_ADDRESSES_MAX, TICKET_LIFE};
use crate::{CaptureError, Captures, capture, store};
use baleen_objects::{ObjectError, Selection, captures_bucket};
use baleen_sealing::Context;
use baleen_types::{AccountId, ByteRange, CaptureId, ObjectKey, ObjectPath, ProjectId, Secret, SiteName, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::net::IpAddr;

/// A file of a capture task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFile {
    /// Its name.
    pub name: String,
    /// Where it is, in the account's own bucket.
    pub object: ObjectKey,
    /// By which it is read, for [`TICKET_LIFE`].
    pub ticket: String,
}

/// A ticket that is good now, for who brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redeemed {
    account: AccountId,
    id: CaptureId,
}

impl Redeemed {
    /// Whose file it is for.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Which task's.
    pub fn id(&self) -> CaptureId {
        self.id
    }
}

/// What a ticket says.
#[derive(Debug, PartialEq, Eq)]
struct Ticket {
    account: AccountId,
    id: CaptureId,
    until: Timestamp,
    /// From where alone; none for anywhere.
    addresses: Vec<IpAddr>,
}

impl Captures {
    /// The files of a task that is over, with tickets for them that work from these addresses; from everywhere if there are none.
    ///
    /// Shape: `GET /v1/{project_id}/capture-task/capture-result`.
    ///
    /// # Errors
    /// `NoSite`, `NoSuchTask`, `TaskNotOver`; `NoTaskFile` when it failed, or its file was deleted; `TaskLimit` for too many
    /// addresses.
    pub async fn task_files(
        &self,
        (account, project): (AccountId, ProjectId),
        instance: &SiteName,
        id: CaptureId,
        addresses: Vec<IpAddr>,
    ) -> Result<Vec<TaskFile>, CaptureError> {
        self.known_instance(account, instance)?;
        if addresses.len() > TICKET_ADDRESSES_MAX {
            return Err(CaptureError::TaskLimit {
                what: "addresses are possible for one result",
                limit: TICKET_ADDRESSES_MAX,
            });
        }
        let record = self.task_record(account, instance, id).await?.record;
        let object = file_of(&record, id)?;
        let at = ObjectPath {
            bucket: captures_bucket(account),
            key: object.clone(),
        };
        // Told now rather than when the link is followed.
        self.parts.objects.head(&at, Selection::Whole).await.map_err(gone)?;
        let ticket = Ticket {
            account,
            id,
            until: self.parts.clock.now().plus(TICKET_LIFE),
            addresses,
        };
        let nonce = self.parts.entropy.bytes();
        let project = project.to_string();
        let sealed = self.parts.sealer.seal(context(&project), &ticket.to_text(), nonce);
        Ok(vec![TaskFile {
            name: name_of(&object),
            object,
            ticket: URL_SAFE_NO_PAD.encode(sealed),
        }])
    }

    /// Checks a ticket, which is for one project, and for whoever comes from `source`.
    ///
    /// # Errors
    /// `BadTicket`, whatever is wrong with it.
    pub fn redeem(&self, ticket: &str, project: ProjectId, source: IpAddr) -> Result<Redeemed, CaptureError> {
        let sealed = URL_SAFE_NO_PAD.decode(ticket).map_err(|_| CaptureError::BadTicket)?;
        let text = self.parts.sealer.open(context(&project.to_string()), &sealed);
        let text = text.map_err(|_| CaptureError::BadTicket)?;
        let ticket = Ticket::parse(&text).ok_or(CaptureError::BadTicket)?;
        let is_from_there = ticket.addresses.is_empty() || ticket.addresses.contains(&source.to_canonical());
        if ticket.until <= self.parts.clock.now() || !is_from_there {
            return Err(CaptureError::BadTicket);
        }
        Ok(Redeemed {
            account: ticket.account,
            id: ticket.id,
        })
    }

    /// Opens the file that a ticket is for, whole or a range of it.
    ///
    /// # Errors
    /// `BadTicket` when the task is forgotten by now, `NoTaskFile` when its file is gone; `Range`.
    pub async fn open_task_file(&self, of: Redeemed, range: Option<ByteRange>) -> Result<CaptureFile, CaptureError> {
        let Redeemed { account, id } = of;
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await?;
        let record = read.ok_or(CaptureError::BadTicket)?.record;
        let task = record.task.as_ref().ok_or(CaptureError::BadTicket)?;
        let instance = SiteName::parse(&task.instance).map_err(|_| CaptureError::Damaged("capture"))?;
        task_of(&record, &instance, self.parts.clock.now()).map_err(|_| CaptureError::BadTicket)?;
        let object = file_of(&record, id)?;
        let selection = range.map_or(Selection::Whole, Selection::Range);
        let opened = self.open_at_home(account, &object, selection).await.map_err(gone)?;
        Ok(CaptureFile::new(name_of(&object), opened))
    }
}

/// The file of a task, once it is there.
fn file_of(record: &StoredCapture, id: CaptureId) -> Result<ObjectKey, CaptureError> {
    match record.state {
        StoredState::Success => record.object_key(),
        StoredState::Failed => Err(CaptureError::NoTaskFile {
            why: record.message.clone().unwrap_or_else(|| "the task failed".to_owned()),
        }),
        StoredState::Pending
        | StoredState::Running
        | StoredState::ConversionPending
        | StoredState::ConversionRunning => Err(CaptureError::TaskNotOver(id)),
    }
}

fn name_of(object: &ObjectKey) -> String {
    object.as_str().rsplit('/').next().unwrap_or_default().to_owned()
}

fn gone(error: ObjectError) -> CaptureError {
    match error {
        ObjectError::NoSuchKey(_) | ObjectError::NoSuchBucket(_) | ObjectError::DeleteMarker { .. } => {
            CaptureError::NoTaskFile {
                why: "it was deleted from the bucket".to_owned(),
            }
        }
        ObjectError::InvalidRange { size } => CaptureError::Range { size },
        other => CaptureError::Objects(other),
    }
}

/// One project's, since an opened ticket is believed.
fn context(project: &str) -> Context<'_> {
    Context {
        purpose: "capture-task-ticket",
        id: project,
    }
}

impl Ticket {
    fn to_text(&self) -> Secret {
        let addresses: Vec<_> = self.addresses.iter().map(IpAddr::to_string).collect();
        let (account, id, until) = (self.account, self.id, self.until.as_nanos());
        Secret::new(format!("{account} {id} {until} {}", addresses.join(",")))
    }

    fn parse(text: &Secret) -> Option<Self> {
        let mut words = text.expose().split(' ');
        let mut next = || words.next();
        let (account, id, until, addresses) = (next()?, next()?, next()?, next()?);
        let addresses = addresses.split(',').filter(|text| !text.is_empty());
        Some(Self {
            account: AccountId::parse(account).ok()?,
            id: CaptureId::parse(id).ok()?,
            until: Timestamp::from_nanos(until.parse().ok()?),
            addresses: addresses.map(|text| text.parse().ok()).collect::<Option<_>>()?,
        })
    }
}
