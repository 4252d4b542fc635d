//! What is stored of customers.
//!
//! Ids and names are stored as the numbers and texts they are made of, and parsed again when read: a damaged record is an
//! error, never a wrong customer.

use crate::customer::{AccessLevel, AssumeRoleControl, Customer, Service, ServiceAccess, Status};
use crate::error::Error;
use baleen_meta::record::Record;
use baleen_types::{AccountId, CustomerName, EmailAddress, ProjectId, RegionName, Timestamp};
use serde::{Deserialize, Serialize};

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CustomerRecord {
    pub(crate) project: [u8; ProjectId::BYTES],
    pub(crate) created_ns: i64,
    /// `None` only in a store of an earlier release, until its next start.
    pub(crate) name: Option<String>,
    /// `None` for a reseller.
    pub(crate) reseller: Option<u64>,
    pub(crate) email: Option<String>,
    pub(crate) status: StatusRecord,
    pub(crate) assume_role_control: ControlRecord,
    pub(crate) assume_role_enabled: bool,
    pub(crate) replication_enforcement: bool,
    pub(crate) regions: Vec<String>,
    /// `None`: all services.
    pub(crate) levels: Option<Vec<LevelRecord>>,
}

impl Record for CustomerRecord {
    const NAME: &'static str = "customer";
    const VERSION: u8 = 2;
    type Before = v1::AccountRecord;
    /// The accounts of before were each the only one of its store, made at its first start: a reseller without a name.
    fn migrate(before: v1::AccountRecord) -> Self {
        Self {
            project: before.project,
            created_ns: before.created_ns,
            name: None,
            reseller: None,
            email: None,
            status: StatusRecord::Enabled,
            assume_role_control: ControlRecord::Off,
            assume_role_enabled: false,
            replication_enforcement: false,
            regions: Vec::new(),
            levels: None,
        }
    }
}

/// A status as it is stored; the order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StatusRecord {
    Enabled,
    Disabled { since_ns: i64 },
    Deleted { since_ns: i64, purge_after_ns: i64 },
    Purging { since_ns: i64 },
    Purged { at_ns: i64 },
}

/// Who decides, as it is stored; the order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ControlRecord {
    Off,
    Reseller,
    Customer,
}

/// The access to one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LevelRecord {
    pub(crate) service: ServiceRecord,
    pub(crate) enabled: bool,
    pub(crate) expires_ns: Option<i64>,
}

/// A service as it is stored; the order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ServiceRecord {
    Space,
    Transporter,
    Insights,
    Protect,
    Capture,
    Library,
}

impl CustomerRecord {
    pub(crate) fn customer(&self, account: AccountId) -> Result<Customer, Error> {
        let name = self
            .name
            .as_deref()
            .ok_or_else(|| Error::damaged("a customer without a name"))?;
        let access = match &self.levels {
            None => ServiceAccess::All,
            Some(levels) => ServiceAccess::Restricted(levels.iter().map(AccessLevel::from).collect()),
        };
        let regions = self.regions.iter().map(|region| RegionName::parse(region));
        Ok(Customer {
            account,
            project: ProjectId::from_bytes(self.project),
            name: CustomerName::parse(name).map_err(Error::damaged)?,
            reseller: self.reseller.map_or(Ok(account), account_id)?,
            email: self
                .email
                .as_deref()
                .map(EmailAddress::parse)
                .transpose()
                .map_err(Error::damaged)?,
            created: Timestamp::from_nanos(self.created_ns),
            status: self.status.into(),
            assume_role_control: self.assume_role_control.into(),
            assume_role_enabled: self.assume_role_enabled,
            replication_enforcement: self.replication_enforcement,
            regions: regions.collect::<Result<_, _>>().map_err(Error::damaged)?,
            access,
        })
    }
}

/// The account id that a record or a key holds.
pub(crate) fn account_id(number: u64) -> Result<AccountId, Error> {
    AccountId::parse(&format!("{number:012}")).map_err(Error::damaged)
}

/// The account id that an index names.
pub(crate) fn indexed_account(text: &[u8]) -> Result<AccountId, Error> {
    let text = std::str::from_utf8(text).map_err(Error::damaged)?;
    AccountId::parse(text).map_err(Error::damaged)
}

impl From<StatusRecord> for Status {
    fn from(record: StatusRecord) -> Self {
        let at = Timestamp::from_nanos;
        match record {
            StatusRecord::Enabled => Self::Enabled,
            StatusRecord::Disabled { since_ns } => Self::Disabled { since: at(since_ns) },
            StatusRecord::Deleted {
                since_ns,
                purge_after_ns,
            } => Self::Deleted {
                since: at(since_ns),
                purge_after: at(purge_after_ns),
            },
            StatusRecord::Purging { since_ns } => Self::Purging { since: at(since_ns) },
            StatusRecord::Purged { at_ns } => Self::Purged { at: at(at_ns) },
        }
    }
}

impl From<Status> for StatusRecord {
    fn from(status: Status) -> Self {
        match status {
            Status::Enabled => Self::Enabled,
            Status::Disabled { since } => Self::Disabled {
                since_ns: since.as_nanos(),
            },
            Status::Deleted { since, purge_after } => Self::Deleted {
                since_ns: since.as_nanos(),
                purge_after_ns: purge_after.as_nanos(),
            },
            Status::Purging { since } => Self::Purging {
                since_ns: since.as_nanos(),
            },
            Status::Purged { at } => Self::Purged { at_ns: at.as_nanos() },
        }
    }
}

impl From<ControlRecord> for AssumeRoleControl {
    fn from(record: ControlRecord) -> Self {
        match record {
            ControlRecord::Off => Self::Off,
            ControlRecord::Reseller => Self::Reseller,
            ControlRecord::Customer => Self::Customer,
        }
    }
}

impl From<AssumeRoleControl> for ControlRecord {
    fn from(control: AssumeRoleControl) -> Self {
        match control {
            AssumeRoleControl::Off => Self::Off,
            AssumeRoleControl::Reseller => Self::Reseller,
            AssumeRoleControl::Customer => Self::Customer,
        }
    }
}

impl From<&LevelRecord> for AccessLevel {
    fn from(record: &LevelRecord) -> Self {
        Self {
            service: record.service.into(),
            enabled: record.enabled,
            expires: record.expires_ns.map(Timestamp::from_nanos),
        }
    }
}

impl From<AccessLevel> for LevelRecord {
    fn from(level: AccessLevel) -> Self {
        Self {
            service: level.service.into(),
            enabled: level.enabled,
            expires_ns: level.expires.map(Timestamp::as_nanos),
        }
    }
}

impl From<ServiceRecord> for Service {
    fn from(record: ServiceRecord) -> Self {
        match record {
            ServiceRecord::Space => Self::Space,
            ServiceRecord::Transporter => Self::Transporter,
            ServiceRecord::Insights => Self::Insights,
            ServiceRecord::Protect => Self::Protect,
            ServiceRecord::Capture => Self::Capture,
            ServiceRecord::Library => Self::Library,
        }
    }
}

impl From<Service> for ServiceRecord {
    fn from(service: Service) -> Self {
        match service {
            Service::Space => Self::Space,
            Service::Transporter => Self::Transporter,
            Service::Insights => Self::Insights,
            Service::Protect => Self::Protect,
            Service::Capture => Self::Capture,
            Service::Library => Self::Library,
        }
    }
}

/// The shape of before customers had names.
pub(crate) mod v1 {
    use baleen_meta::record::first_version;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct AccountRecord {
        pub(crate) project: [u8; 16],
        pub(crate) created_ns: i64,
    }

    first_version!(AccountRecord, "account");
}

#[cfg(test)]
mod tests;
