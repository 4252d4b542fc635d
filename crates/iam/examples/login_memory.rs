//! What 200 log-ins at once cost with the real hasher: how many are served, in which time, and the most memory the process
//! ever held.
//!
//! `cargo run --release -p baleen-iam --example login_memory`

#![allow(clippy::print_stdout, reason = "an example talks to who runs it")]

use baleen_iam::{Hashing, Iam, LogIn, LoginError, Parts, SessionLength};
use baleen_meta::Meta;
use baleen_runtime::{Clock as _, SystemClock, SystemEntropy};
use baleen_sealing::Sealer;
use baleen_types::Secret;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use zeroize::Zeroizing;

const TRIES: u32 = 200;

#[tokio::main]
async fn main() {
    let (meta, clock, entropy) = (Meta::open_model(), SystemClock::new(), SystemEntropy::new());
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let gate = Hashing::calibrated(&meta, clock.clone(), entropy.clone(), cores);
    let gate = gate.await.expect("a store in memory works");
    let cost = baleen_iam::login::stored_cost(&meta)
        .await
        .expect("a store in memory works");
    println!("cores {cores}, cost {cost:?}");
    let tenancy = baleen_tenancy::Tenancy::new(
        baleen_tenancy::Settings::new(Vec::new()),
        baleen_tenancy::Parts {
            meta: meta.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        },
    );
    let parts = Parts {
        meta,
        tenancy,
        sealer: Arc::new(Sealer::new(&Zeroizing::new([3; 32]))),
        clock: clock.clone(),
        entropy,
    };
    let iam = Iam::with_hashing(parts, gate);
    println!("most memory before: {} MiB", peak_mib());
    let start = clock.monotonic();
    let tries: Vec<_> = (0..TRIES)
        .map(|n| {
            let iam = Arc::clone(&iam);
            tokio::spawn(async move {
                let password = Secret::new("Password22");
                let ask = LogIn {
                    customer: "newcorp",
                    account: None,
                    user: &format!("user{n}"),
                    password: &password,
                    code: None,
                    length: SessionLength::login(None).expect("the default fits"),
                    source: IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + (n << 8))),
                };
                iam.log_in(ask).await
            })
        })
        .collect();
    let (mut refused, mut later) = (0, 0);
    for one in tries {
        match one.await.expect("no try panics") {
            Err(LoginError::Denied) => refused += 1,
            Err(LoginError::Throttled { .. }) => later += 1,
            other => panic!("{other:?}"),
        }
    }
    let took = clock.monotonic().saturating_sub(start);
    println!("{TRIES} tries: {refused} compared, {later} told to come back, in {took:.1?}");
    println!("most memory after: {} MiB", peak_mib());
}

/// `VmHWM` of this process.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
