//! The listener of agents on other hosts, with a certificate of the store's own authority.

use crate::compaction;
use crate::config::{Agents, Config};
use crate::failure::Failure;
use baleen_fleet::{Fleet, ServerIdentity};
use baleen_http::{ServedCertificate, Tls};
use baleen_runtime::{Clock, Supervisor};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tracing::error;

/// How often the certificate of the listener is made anew. It is good for ninety days.
const CERTIFICATE_PERIOD: Duration = Duration::from_hours(24);

/// How often it is looked for agents that are away.
const AWAY_PERIOD: Duration = Duration::from_secs(1);

/// The gauge of agents that are linked, and of those that are not.
const AGENTS: &str = "baleen_agents";

/// Gives up what agents are at that are away for too long, and counts how many are there.
pub(crate) fn supervise(supervisor: &Supervisor, fleet: &Arc<Fleet>, config: &Config) {
    let (fleet, away) = (Arc::clone(fleet), config.agents.away);
    supervisor.every("agents that are away", AWAY_PERIOD, move || {
        fleet.give_up_after(away);
        let seats = fleet.seats();
        let linked = seats.iter().filter(|seat| seat.is_connected()).count();
        let gauge = |state: &'static str, count: usize| {
            metrics::gauge!(AGENTS, "state" => state).set(compaction::for_a_chart(count as u64));
        };
        gauge("linked", linked);
        gauge("away", seats.len() - linked);
        std::future::ready(Ok::<(), Infallible>(()))
    });
}

/// How the listener of agents encrypts.
pub(crate) fn tls(
    supervisor: &Supervisor,
    fleet: &Arc<Fleet>,
    settings: &Agents,
    address: SocketAddr,
    clock: &Arc<dyn Clock>,
) -> Result<Tls, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::because("agents cannot be listened for", error);
    let names = names(settings, address);
    let ServerIdentity { chain, key } = fleet.server_identity(&names).map_err(|error| failed(&error))?;
    let served = ServedCertificate::from_der(chain, &key).map_err(|error| failed(&error))?;
    let tls = Tls::mutual(Arc::clone(&served), &[fleet.authority().to_vec()], Arc::clone(clock));
    let fleet = Arc::clone(fleet);
    supervisor.every("certificate for agents", CERTIFICATE_PERIOD, move || {
        let made = fleet.server_identity(&names);
        let replaced = made.map(|made| served.replace_by_der(made.chain, &made.key));
        if let Err(error) = &replaced {
            error!(
                error = error as &dyn std::error::Error,
                "the certificate for agents was not made anew"
            );
        }
        std::future::ready(replaced.map(drop))
    });
    tls.map_err(|error| failed(&error))
}

/// The names and addresses that the certificate is for.
pub(crate) fn names(settings: &Agents, address: SocketAddr) -> Vec<String> {
    if !settings.names.is_empty() {
        return settings.names.clone();
    }
    let mut names = vec!["localhost".to_owned()];
    // What is no name of DNS is no way to reach it.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if rustls::pki_types::DnsName::try_from(machine.trim()).is_ok() {
        names.push(machine.trim().to_owned());
    }
    if !address.ip().is_unspecified() {
        names.push(address.ip().to_string());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_where_agents_come_in() {
        let settings = |names: &[&str]| Agents {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            away: Duration::ZERO,
        };
        let names = |named: &[&str], address: &str| names(&settings(named), address.parse().unwrap());
        assert_eq!(
            names(&["a.example", "192.0.2.1"], "0.0.0.0:1"),
            ["a.example", "192.0.2.1"]
        );
        assert!(names(&[], "192.0.2.1:1").contains(&"192.0.2.1".to_owned()));
        assert!(names(&[], "[::1]:1").contains(&"::1".to_owned()));
        let everywhere = names(&[], "0.0.0.0:1");
        assert!(everywhere.contains(&"localhost".to_owned()) && !everywhere.contains(&"0.0.0.0".to_owned()));
    }
}
