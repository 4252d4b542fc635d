//! Captures one interface into a file until SIGINT, for measurements against other tools.
//!
//! `capture_to_file INTERFACE FILE [FILTER]`; a file whose name ends in `.pcap` is classic pcap, any other is pcapng.
#![allow(clippy::print_stdout, reason = "it is for people at a terminal")]

use anyhow::Context;
use baleen_capture::engine::{CaptureRequest, Engine, Format, Interfaces, Settings};
use baleen_filter::Filter;
use baleen_runtime::SystemClock;
use std::fs::File;
use std::io::Write;
use std::path::Path;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let interface = words.next().context("an interface is needed")?;
    let path = words.next().context("a file is needed")?;
    let filter = Filter::expression(&words.collect::<Vec<_>>().join(" "))?;
    let request = CaptureRequest {
        interfaces: Interfaces::Named(vec![interface]),
        filter,
        format: if Path::new(&path).extension().is_some_and(|end| end == "pcap") {
            Format::Pcap
        } else {
            Format::PcapNg
        },
        ..CaptureRequest::default()
    };
    let mut file = File::create(&path).with_context(|| format!("cannot create {path}"))?;
    let mut running = Engine::new(Settings::for_files(), SystemClock::new())?.start(&request)?;
    let handle = running.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => handle.stop(),
                _ = handle.ended() => {}
            }
        });
    });
    while let Some(part) = running.parts.blocking_next() {
        file.write_all(&part.bytes)
            .with_context(|| format!("cannot write {path}"))?;
    }
    let outcome = running.handle().blocking_ended();
    println!("{outcome:#?}");
    signals.join().ok().context("the signal thread died")
}
