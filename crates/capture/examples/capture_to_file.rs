//! Captures one interface into a file until SIGINT, for measurements against other tools.
//!
//! `capture_to_file INTERFACE FILE [FILTER]`; a file whose name ends in `.pcap` is classic pcap, any other is pcapng.
#![allow(clippy::print_stdout, reason = "it is for people at a terminal")]

use anyhow::Context;
use baleen_capture::engine::{CaptureRequest, Engine, Format, Interfaces, Outlet, Settings, write_pieces};
use baleen_filter::Filter;
use baleen_runtime::SystemClock;
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;

/// Writes as `baleen capture` does, but for what it says of failures.
struct ToFile(File);

impl Outlet for ToFile {
    fn write(&mut self, _: u32, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        write_pieces(&mut self.0, pieces)
    }

    fn end(self: Box<Self>) {}
}

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
    let file = File::create(&path).with_context(|| format!("cannot create {path}"))?;
    let engine = Engine::new(Settings::for_files(), SystemClock::new())?;
    let running = engine.start_into(&request, Some(Box::new(ToFile(file))))?;
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
    let outcome = running.handle().blocking_ended();
    println!("{outcome:#?}");
    signals.join().ok().context("the signal thread died")
}
