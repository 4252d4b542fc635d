//! What can go wrong with customers, one variant for each thing a caller handles differently.

use crate::RuleState;
use baleen_types::{Classify, CustomerName, FaultKind, Invalid, RegionName};

/// An error of the service. Its text may be shown to a client; causes below it are for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such customer, or it is another reseller's.
    #[error("there is no such customer")]
    NoSuchCustomer,
    /// The name is taken, by whichever reseller's customer.
    #[error("the customer name {0} is taken")]
    CustomerExists(CustomerName),
    /// The reseller has as many customers as it may.
    #[error("a reseller has at most {limit} customers")]
    TooManyCustomers {
        /// The limit.
        limit: usize,
    },
    /// The account has that right not.
    #[error("{0}")]
    Denied(&'static str),
    /// The customer is being deleted: it can be enabled or disabled again until it is purged, and nothing else.
    #[error("the customer is being deleted")]
    BeingDeleted,
    /// The store has no such region.
    #[error("there is no region {0}")]
    NoSuchRegion(RegionName),
    /// Access levels mean nothing to a customer that may use all services.
    #[error("the customer was not made with RestrictServiceAccess, so it may use every service")]
    NotRestricted,
    /// There is no such rule in the whitelist.
    #[error("there is no such rule")]
    NoSuchRule,
    /// The whitelist has as many rules as it may.
    #[error("a whitelist has at most {limit} rules")]
    TooManyRules {
        /// The limit.
        limit: usize,
    },
    /// Only a pending rule is decided on.
    #[error("the rule is not pending but {}", .0.as_str())]
    RuleNotPending(RuleState),
    /// A value does not fit.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Other changes of the same record kept winning.
    #[error("too many changes at once; try again")]
    Contended,
    /// A record is not what was stored.
    #[error("stored data is damaged")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store failed.
    #[error("the metadata store could not do it now; try again")]
    Meta(#[source] baleen_meta::Error),
}

impl Error {
    pub(crate) fn damaged(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Damaged(why.into())
    }
}

impl From<baleen_meta::Error> for Error {
    fn from(error: baleen_meta::Error) -> Self {
        Self::Meta(error)
    }
}

impl From<baleen_meta::record::RecordError> for Error {
    fn from(error: baleen_meta::record::RecordError) -> Self {
        Self::Meta(error.into())
    }
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NoSuchCustomer | Self::NoSuchRule => FaultKind::NotFound,
            Self::CustomerExists(_) => FaultKind::Exists,
            Self::TooManyCustomers { .. }
            | Self::BeingDeleted
            | Self::TooManyRules { .. }
            | Self::RuleNotPending(_) => FaultKind::Conflict,
            Self::Denied(_) => FaultKind::Denied,
            Self::NoSuchRegion(_) | Self::NotRestricted | Self::Invalid(_) => FaultKind::Invalid,
            Self::Contended => FaultKind::Throttled,
            Self::Damaged(_) => FaultKind::Corrupt,
            Self::Meta(error) => error.kind(),
        }
    }
}
