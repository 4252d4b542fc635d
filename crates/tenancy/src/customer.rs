//! Customers: what they are, and what can be asked of them.

use baleen_policy::CustomerFacts;
use baleen_types::{AccountId, CustomerName, EmailAddress, Invalid, ProjectId, RegionName, Timestamp};

/// A customer: a tenant with its own users and buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The 12-digit account, `RootID` on the wire.
    pub account: AccountId,
    /// The 32-hex id, by which the capture doors name it.
    pub project: ProjectId,
    /// The name, unique over all resellers.
    pub name: CustomerName,
    /// The account of the reseller that manages it; its own for a reseller.
    pub reseller: AccountId,
    /// Where to write; the name of its root user. A store's first customer has none.
    pub email: Option<EmailAddress>,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it may act.
    pub status: Status,
    /// Who decides whether the reseller may act as the customer.
    pub assume_role_control: AssumeRoleControl,
    /// Whether the reseller may act as the customer (RSAssumeCustomerRole).
    pub assume_role_enabled: bool,
    /// Whether its buckets have no other replication policy than all of its regions; the S3 door holds it to that.
    pub replication_enforcement: bool,
    /// Where its data may be, sorted; none named means all regions of the store, see [`crate::Tenancy::regions`].
    pub regions: Vec<RegionName>,
    /// What it may use.
    pub access: ServiceAccess,
}

impl Customer {
    /// Tells whether it manages customers.
    pub fn is_reseller(&self) -> bool {
        self.reseller == self.account
    }

    /// What the policy crate wants to know of a customer that is acted on.
    pub fn facts(&self) -> CustomerFacts {
        CustomerFacts {
            account: self.account,
            reseller: self.reseller,
        }
    }

    /// Tells whether the reseller may act as the customer now.
    pub fn may_be_assumed(&self) -> bool {
        self.status.is_active() && self.assume_role_control != AssumeRoleControl::Off && self.assume_role_enabled
    }

    /// Tells whether it may use a service now.
    pub fn may_use(&self, service: Service, now: Timestamp) -> bool {
        match &self.access {
            ServiceAccess::All => true,
            ServiceAccess::Restricted(levels) => levels.iter().any(|level| {
                level.service == service && level.enabled && level.expires.is_none_or(|expires| now < expires)
            }),
        }
    }
}

/// Whether a customer may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Enabled,
    /// Nothing of it may: no login, key, session or presigned link. Its data stays.
    Disabled {
        /// Since when.
        since: Timestamp,
    },
    /// As disabled, and its data goes after the hold time unless it is enabled or disabled again.
    Deleted {
        /// Since when it may not act.
        since: Timestamp,
        /// When the purge begins.
        purge_after: Timestamp,
    },
    /// The hold time is over and its data is going: there is no way back.
    Purging {
        /// Since when it may not act.
        since: Timestamp,
    },
    /// Nothing of it is left but this record, so that its account is never used again.
    Purged {
        /// Since when.
        at: Timestamp,
    },
}

impl Status {
    /// Tells whether the customer may act.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Enabled)
    }

    /// Since when the customer may not act: `SuspendedAt` on the wire.
    pub fn suspended_at(self) -> Option<Timestamp> {
        match self {
            Self::Enabled => None,
            Self::Disabled { since } | Self::Deleted { since, .. } | Self::Purging { since } => Some(since),
            Self::Purged { at } => Some(at),
        }
    }

    /// When the data of a deleted customer begins to go.
    pub fn purge_after(self) -> Option<Timestamp> {
        match self {
            Self::Deleted { purge_after, .. } => Some(purge_after),
            Self::Enabled | Self::Disabled { .. } | Self::Purging { .. } | Self::Purged { .. } => None,
        }
    }

    /// Tells whether it was deleted, so that lists leave it out.
    pub fn is_deleted(self) -> bool {
        match self {
            Self::Enabled | Self::Disabled { .. } => false,
            Self::Deleted { .. } | Self::Purging { .. } | Self::Purged { .. } => true,
        }
    }
}

/// Who decides whether a reseller may act as its customer (seed 004, RSCreateCustomer, `AssumeRoleControl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssumeRoleControl {
    /// The reseller.
    Reseller,
    /// The customer's root.
    Customer,
    /// Nobody: it may not.
    Off,
}

impl AssumeRoleControl {
    /// Reads the word of the wire; the empty one is [`AssumeRoleControl::Off`].
    ///
    /// ```
    /// use baleen_tenancy::AssumeRoleControl;
    /// assert_eq!(AssumeRoleControl::parse("").unwrap(), AssumeRoleControl::Off);
    /// assert!(AssumeRoleControl::parse("off").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "reseller" => Ok(Self::Reseller),
            "customer" => Ok(Self::Customer),
            "" => Ok(Self::Off),
            _ => Err(Invalid::new(
                "AssumeRoleControl",
                "reseller, customer or nothing is expected",
            )),
        }
    }

    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reseller => "reseller",
            Self::Customer => "customer",
            Self::Off => "",
        }
    }
}

/// A service that can be withheld from a customer: the four of the document, and ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Object storage.
    Space,
    /// Migrations between stores.
    Transporter,
    /// Analytics.
    Insights,
    /// Ransomware protection.
    Protect,
    /// Captures.
    Capture,
    /// The library of captures.
    Library,
}

impl Service {
    /// All services, in the order of the document.
    pub const ALL: [Self; 6] = [
        Self::Space,
        Self::Transporter,
        Self::Insights,
        Self::Protect,
        Self::Capture,
        Self::Library,
    ];

    /// Reads the word of the wire.
    ///
    /// ```
    /// use baleen_tenancy::Service;
    /// assert_eq!(Service::parse("space").unwrap(), Service::Space);
    /// assert!(Service::parse("Space").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("service", format!("one of {names} is expected"))
        })
    }

    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::Transporter => "transporter",
            Self::Insights => "insights",
            Self::Protect => "protect",
            Self::Capture => "capture",
            Self::Library => "library",
        }
    }
}

/// What a customer may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceAccess {
    /// Everything.
    All,
    /// What these say, and nothing else (`RestrictServiceAccess`).
    Restricted(Vec<AccessLevel>),
}

/// The access to one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessLevel {
    /// The service.
    pub service: Service,
    /// Whether it may be used.
    pub enabled: bool,
    /// Until when; `None` is without end. Of no effect when it is not enabled.
    pub expires: Option<Timestamp>,
}

/// A customer to be made.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    /// The name.
    pub name: CustomerName,
    /// The address; also the name of the root user that `iam` makes with it.
    pub email: EmailAddress,
    /// Who decides whether the reseller may act as it.
    pub assume_role_control: AssumeRoleControl,
    /// As [`Customer::replication_enforcement`].
    pub replication_enforcement: bool,
    /// Where its data may be; empty: everywhere.
    pub regions: Vec<RegionName>,
    /// Whether it begins with no service at all.
    pub restrict_service_access: bool,
}

/// A change of a customer; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModifyCustomer {
    /// Whether the reseller may act as it.
    pub assume_role_enabled: Option<bool>,
    /// Whether it may act.
    pub status: Option<WantedStatus>,
    /// As [`Customer::replication_enforcement`].
    pub replication_enforcement: Option<bool>,
    /// Where its data may be; empty: everywhere.
    pub regions: Option<Vec<RegionName>>,
}

/// What a customer's status is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedStatus {
    /// It may act; takes a deletion back until the purge begins.
    Enabled,
    /// It may not.
    Disabled,
    /// It goes.
    Deleted,
}

impl WantedStatus {
    /// Reads the word of the wire.
    ///
    /// ```
    /// use baleen_tenancy::WantedStatus;
    /// assert_eq!(WantedStatus::parse("disabled").unwrap(), WantedStatus::Disabled);
    /// assert!(WantedStatus::parse("purged").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "enabled" => Ok(Self::Enabled),
            "disabled" => Ok(Self::Disabled),
            "deleted" => Ok(Self::Deleted),
            _ => Err(Invalid::new("status", "enabled, disabled or deleted is expected")),
        }
    }
}
