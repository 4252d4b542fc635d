//! What can go wrong with identities.

use baleen_policy::Malformed;
use baleen_saml::{BadKey, BadMetadata, CannotAsk, Refused};
use baleen_types::{Classify, FaultKind, Invalid};
use std::path::PathBuf;

/// A failure of the identity service.
///
/// The texts of the first group are for the client; the others are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing in the account of who asks.
    #[error("the {what} {name} cannot be found")]
    NoSuchEntity {
        /// What kind of thing.
        what: &'static str,
        /// Its name, as it was given.
        name: String,
    },
    /// The name is taken.
    #[error("a {what} with the name {name} exists already")]
    EntityAlreadyExists {
        /// What kind of thing.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Something hangs from what is to be deleted.
    #[error("cannot delete: {why}")]
    DeleteConflict {
        /// What has to go first, or why it stays.
        why: DeleteConflict,
    },
    /// There would be more than is allowed.
    #[error("{what} cannot be more than {limit}")]
    LimitExceeded {
        /// What is counted.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
    /// The document is no policy.
    #[error(transparent)]
    MalformedPolicyDocument(#[from] Malformed),
    /// The policies of a session are too long together.
    #[error(
        "the policies of the session are {bytes} bytes, {} are allowed",
        crate::limits::SESSION_POLICY_BYTES_MAX
    )]
    PackedPolicyTooLarge {
        /// How long they are.
        bytes: usize,
    },
    /// A value does not fit.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A rule of the service forbids it, whatever policies say.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// Somebody asks for an own token with methods that the rights for are missing.
    #[error("a token may do no more than its owner, who has no right behind: {0}")]
    BeyondRights(String),
    /// The metadata of an identity provider is of no use.
    #[error(transparent)]
    BadMetadata(#[from] BadMetadata),
    /// A login through an identity provider fails; the reason is the source, for the log alone.
    #[error("{}", baleen_saml::Refused::PUBLIC)]
    FederatedLogin(#[source] FederatedRefusal),
    /// Others changed the same thing again and again.
    #[error("the same thing was changed by others at the same time; try again")]
    ConcurrentModification,

    /// The customer's service said no.
    #[error(transparent)]
    Tenancy(baleen_tenancy::Error),
    /// The store failed.
    #[error("the metadata store failed")]
    Meta(#[source] baleen_meta::Error),
    /// A change was given up with the process.
    #[error("the change was given up")]
    GivenUp,
    /// Two starts made the root user at the same time.
    #[error("another process is making the root user; start again")]
    Race,
    /// A sealed secret does not open.
    #[error("the secret of access key {access_key_id} does not open; is this the master key of this store?")]
    Sealed {
        /// Whose secret it is.
        access_key_id: String,
        /// What the sealer said.
        source: baleen_sealing::DoesNotOpen,
    },
    /// A key of a SAML connection cannot be made or used.
    #[error(transparent)]
    SamlKey(#[from] BadKey),
    /// A record is not what was stored.
    #[error("a stored {0} record is damaged")]
    Damaged(&'static str),
    /// A file of the operator's could not be read or written.
    #[error("{doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a login through an identity provider fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FederatedRefusal {
    /// The answer is not good.
    #[error(transparent)]
    Answer(#[from] Refused),
    /// The browser does not bring what it was given when the login began, or too late.
    #[error("the browser did not begin this login, or longer ago than it holds")]
    OtherBrowser,
    /// The connection is gone, or is another one by now.
    #[error("the connection that the login began with is gone or was replaced")]
    OtherConnection,
    /// The account's whitelist does not let in who comes from there.
    #[error("the account's whitelist does not list the address")]
    NotListed,
    /// The name is nobody's who logs in this way.
    #[error("the identity provider names nobody who logs in through it")]
    NoSuchUser,
    /// The code is not ours, has ended or was used, or what it stands for has ended.
    #[error("the code is not ours, has ended or was used; or the user or the connection changed meanwhile")]
    Code,
}

/// Why something is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteConflict {
    /// The user has access keys.
    HasAccessKeys,
    /// Managed policies are attached to the user.
    HasAttachedPolicies,
    /// The user has inline policies.
    HasInlinePolicies,
    /// A user does not delete itself.
    IsOneself,
    /// The root user stays as long as its account.
    IsRoot,
    /// The policy is attached to users.
    IsAttached,
    /// The policy has versions besides the default one.
    HasVersions,
    /// The version is the one in force.
    IsDefaultVersion,
}

impl std::fmt::Display for DeleteConflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HasAccessKeys => "the user still has access keys",
            Self::HasAttachedPolicies => "policies are still attached to the user",
            Self::HasInlinePolicies => "the user still has inline policies",
            Self::IsOneself => "a user cannot delete itself",
            Self::IsRoot => "the root user cannot be deleted",
            Self::IsAttached => "the policy is still attached to users",
            Self::HasVersions => "the policy still has other versions",
            Self::IsDefaultVersion => "the version is the default version of its policy",
        })
    }
}

impl Error {
    pub(crate) fn no_such(what: &'static str, name: &(impl ToString + ?Sized)) -> Self {
        Self::NoSuchEntity {
            what,
            name: name.to_string(),
        }
    }

    pub(crate) fn exists(what: &'static str, name: &(impl ToString + ?Sized)) -> Self {
        Self::EntityAlreadyExists {
            what,
            name: name.to_string(),
        }
    }
}

impl From<FederatedRefusal> for Error {
    fn from(why: FederatedRefusal) -> Self {
        Self::FederatedLogin(why)
    }
}

impl From<CannotAsk> for Error {
    fn from(why: CannotAsk) -> Self {
        match why {
            CannotAsk::Key(key) => Self::SamlKey(key),
            // Ours has half that length.
            CannotAsk::RelayState => Self::Damaged("SAML request"),
        }
    }
}

impl From<DeleteConflict> for Error {
    fn from(why: DeleteConflict) -> Self {
        Self::DeleteConflict { why }
    }
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NoSuchEntity { .. } => FaultKind::NotFound,
            Self::EntityAlreadyExists { .. } => FaultKind::Exists,
            Self::DeleteConflict { .. } | Self::LimitExceeded { .. } | Self::ConcurrentModification | Self::Race => {
                FaultKind::Conflict
            }
            Self::MalformedPolicyDocument(_) | Self::Invalid(_) | Self::BadMetadata(_) => FaultKind::Invalid,
            Self::PackedPolicyTooLarge { .. } => FaultKind::TooLarge,
            Self::NotAllowed(_) | Self::BeyondRights(_) | Self::FederatedLogin(_) => FaultKind::Denied,
            Self::Tenancy(error) => error.kind(),
            Self::Meta(error) => error.kind(),
            Self::GivenUp | Self::File { .. } => FaultKind::Unavailable,
            Self::SamlKey(_) | Self::Sealed { .. } | Self::Damaged(_) => FaultKind::Corrupt,
        }
    }
}
