//! What goes wrong, in words for who runs an agent.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why an agent does not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system makes no key.
    #[error("no key can be made")]
    Key,
    /// The file of the identity.
    #[error("{} cannot be used: {why}", path.display())]
    Identity {
        /// Which file.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// The token is none.
    #[error("this is no enrolment token: blagent1 and three more words between dots are expected")]
    Token,
    /// The name of the server is none, or cannot be looked up.
    #[error("the server {server} cannot be found")]
    Unknown {
        /// As it is in the settings.
        server: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No connection comes about.
    #[error("the server does not answer at {at}")]
    Unreachable {
        /// Where.
        at: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Who answers is not the server, or not by this name, or the clocks are far apart.
    #[error("who answers at {at} is not the server that this agent knows")]
    Stranger {
        /// Where.
        at: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection ended.
    #[error("the connection ended")]
    Ended(#[source] hyper::Error),
    /// It takes too long.
    #[error("the server does not answer in time")]
    Timeout,
    /// The server says no.
    #[error("the server refuses: {message} ({status})")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The answer makes no sense.
    #[error("the answer of the server makes no sense: {0}")]
    Answer(&'static str),
    /// The space for what waits to be sent.
    #[error("{} cannot be used for what waits to be sent", path.display())]
    Spool {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The certificate or key cannot be used.
    #[error("the certificate of this agent cannot be used; enrol again with a new token")]
    Unfit(#[source] rustls::Error),
    /// It is an agent no more.
    #[error("this agent was sent away: {0}")]
    SentAway(String),
}

impl Error {
    /// What who runs an agent can do about it. One that is enrolled has no token any more that could be a wrong one.
    pub fn advice(&self, is_enrolled: bool) -> &'static [&'static str] {
        match self {
            Self::Unknown { .. } => &["`server` in the settings names it; is the name right, and does DNS know it?"],
            Self::Unreachable { .. } | Self::Timeout => {
                &["does the server listen there (listen.agents), and does no firewall stand between?"]
            }
            Self::Stranger { .. } if is_enrolled => &[
                "`server` has to be one of the names in the server's agents.names",
                "the clocks of both have to agree within some hours: timedatectl",
                "an agent is one of the server that enrolled it alone",
            ],
            Self::Stranger { .. } => &[
                "`server` has to be one of the names in the server's agents.names",
                "the clocks of both have to agree within some hours: timedatectl",
                "a token is good at the server that made it alone",
            ],
            Self::Refused { status: 401, .. } if is_enrolled => &[
                "this host was removed at the server, or its certificate is over",
                ENROL_ANEW,
            ],
            Self::Refused { status: 401, .. } => {
                &["a token is good once and for a limited time; make another one at the server"]
            }
            Self::Refused { status: 403, .. } => {
                &["the account captures there no more, or its whitelist has not this host: ask who has the account"]
            }
            Self::Refused { status: 429, .. } => &["wait a minute, then try again with a token that is good"],
            Self::SentAway(_) => &[ENROL_ANEW],
            _ => &[],
        }
    }
}

/// The way back.
const ENROL_ANEW: &str =
    "to make this host an agent again, remove identity.json from its folder, and enrol with a new token";
