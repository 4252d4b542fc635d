//! Starting a capture.

use super::error::EngineError;
use super::head::FileHead;
use super::limits::INTERFACES_MAX;
use super::masked::{self, Masked};
use super::outlet::Outlet;
use super::progress::Counters;
use super::reader;
use super::request::{CaptureRequest, Format, Interfaces, Settings};
use super::ring_source::RingSource;
use super::running::{Begin, Place, RunningCapture, Shared};
use super::source::{Description, Source};
use super::writer::Writer;
use baleen_filter::Program;
use baleen_ring::{ANY, Interface, default_interface, find_interface};
use baleen_runtime::Clock;
use baleen_types::LinkType;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use tokio::sync::mpsc;

/// Starts captures.
#[derive(Clone)]
pub struct Engine {
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes an engine.
    ///
    /// # Errors
    /// `Invalid` when a setting is out of its bounds.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        settings.check()?;
        Ok(Self { settings, clock })
    }

    /// How many parts of one capture it has memory for.
    pub fn buffers(&self) -> usize {
        self.settings.buffers
    }

    /// Starts a capture on the machine's interfaces. Maps memory and makes system calls: it takes some milliseconds, and
    /// longer when the filter has host names, so call it where blocking is allowed.
    ///
    /// # Errors
    /// `Denied` without CAP_NET_RAW; `NotFound` for an unknown interface; `Conflict` for one that is down; `Invalid` for a
    /// filter or limits that cannot be; `Unavailable` without memory or threads.
    pub fn start(&self, request: &CaptureRequest) -> Result<RunningCapture, EngineError> {
        self.start_into(request, None)
    }

    /// The same with a place to write to at once: no part comes then, and the capture cannot be followed. Dropping the parts
    /// gives it up all the same.
    ///
    /// # Errors
    /// As [`start`](Self::start). The outlet is not ended then.
    pub fn start_into(
        &self,
        request: &CaptureRequest,
        outlet: Option<Box<dyn Outlet>>,
    ) -> Result<RunningCapture, EngineError> {
        request.check(&self.settings_for(request))?;
        let interfaces = select(&request.interfaces)?;
        let programs = compile(request, &interfaces)?;
        let ring = baleen_ring::Settings {
            promiscuous: request.promiscuous,
            ..self.settings.ring.clone()
        };
        let sources = interfaces
            .iter()
            .map(|interface| {
                let program = &programs[&interface.link_type()];
                Ok(RingSource::open_several(
                    interface,
                    &ring,
                    program,
                    self.settings.rings,
                )?)
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        self.start_lanes(request, sources, outlet)
    }

    /// Starts a capture from given sources, one for each interface, which filter for themselves.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with<S: Source>(
        &self,
        request: &CaptureRequest,
        sources: Vec<S>,
    ) -> Result<RunningCapture, EngineError> {
        let lanes = sources.into_iter().map(|source| vec![source]).collect();
        self.start_lanes(request, lanes, None)
    }

    /// The same with sources that share what comes by on their interface.
    pub(crate) fn start_lanes<S: Source>(
        &self,
        request: &CaptureRequest,
        lanes: Vec<Vec<S>>,
        outlet: Option<Box<dyn Outlet>>,
    ) -> Result<RunningCapture, EngineError> {
        let settings = self.settings_for(request);
        request.check(&settings)?;
        let leaders = lanes.iter().filter_map(|sources| sources.first());
        let interfaces: Vec<Description> = leaders.map(|source| source.description().clone()).collect();
        if interfaces.is_empty() || interfaces.len() > INTERFACES_MAX {
            return Err(EngineError::Interfaces("a capture has 1 to 16 interfaces"));
        }
        if request.format == Format::Pcap && interfaces.iter().any(|i| i.link != interfaces[0].link) {
            return Err(EngineError::Interfaces(
                "these interfaces have different types of links, which a pcap file cannot hold; choose pcapng",
            ));
        }
        let (part_sender, parts) = mpsc::channel(settings.buffers + 1);
        let counters = Arc::new(Counters::default());
        let comments = comments(request);
        let head = head(request, &comments, &interfaces);
        let writer = Writer::new(
            &settings,
            &head,
            request.limits,
            part_sender,
            Arc::clone(&counters),
            Arc::clone(&self.clock),
        )
        .masked(Masked::new(&request.masking))
        .into_outlet(outlet);
        let shared = Arc::new(Shared::new(Begin {
            clock: Arc::clone(&self.clock),
            duration: request.limits.duration,
            flush_after: settings.flush_after,
            turn_every: request.rotation.every,
            writer,
            counters,
            interfaces: interfaces.clone(),
            wakers: lanes.iter().flatten().map(Source::waker).collect(),
        }));
        let sources = lanes.into_iter().enumerate().flat_map(|(lane, sources)| {
            let place = move |(ring, source)| (Place { lane, leads: ring == 0 }, source);
            sources.into_iter().enumerate().map(place)
        });
        for (place, source) in sources {
            let for_thread = Arc::clone(&shared);
            let spawned = thread::Builder::new()
                .name(format!("capture-{}", interfaces[place.lane].name))
                .spawn(move || reader::run(source, &for_thread, place));
            if let Err(error) = spawned {
                // The readers that did start end by this, and nobody takes their parts.
                shared.abandon();
                return Err(EngineError::Thread(error));
            }
        }
        Ok(RunningCapture::new(parts, shared, interfaces))
    }
}

impl Engine {
    fn settings_for(&self, request: &CaptureRequest) -> Settings {
        if request.is_live {
            self.settings.live()
        } else {
            self.settings.clone()
        }
    }
}

impl Interfaces {
    /// The types of their links, each once and in order: a filter is compiled for each of them. They can change until a
    /// capture starts. Asks the kernel, so call it where blocking is allowed.
    ///
    /// # Errors
    /// As [`Engine::start`], about interfaces.
    pub fn links(&self) -> Result<Vec<LinkType>, EngineError> {
        let mut links = Vec::new();
        for link in select(self)?.iter().map(Interface::link_type) {
            if !links.contains(&link) {
                links.push(link);
            }
        }
        Ok(links)
    }
}

/// What the file says of the capture. Where addresses are not to be known, what is left out is not either.
fn comments(request: &CaptureRequest) -> Vec<String> {
    let tuples = request.exclude.iter().map(ToString::to_string);
    let left_out = tuples
        .chain(request.never.iter().map(ToString::to_string))
        .filter(|_| request.masking.addresses.is_none())
        .map(|filter| format!("Left out, whatever the filter says: {filter}"));
    let comments = request.comments.iter().cloned();
    comments
        .chain(masked::in_words(&request.masking))
        .chain(left_out)
        .collect()
}

fn head<'a>(request: &CaptureRequest, comments: &'a [String], interfaces: &[Description]) -> FileHead<'a> {
    let mut head = FileHead {
        format: request.format,
        snaplen: request.snaplen,
        filter: request.filter.to_string(),
        comments,
        rotation: request.rotation,
        interfaces: interfaces.to_vec(),
    };
    if request.masking.addresses.is_some() {
        head.filter.clear();
        for interface in &mut head.interfaces {
            interface.mac = None;
        }
    }
    head
}

/// Finds the interfaces; one named twice counts once.
pub(super) fn select(interfaces: &Interfaces) -> Result<Vec<Interface>, EngineError> {
    let names = match interfaces {
        Interfaces::DefaultRoute => return Ok(vec![usable(default_interface()?)?]),
        Interfaces::Named(names) => names,
    };
    let mut found: Vec<Interface> = Vec::new();
    for name in names {
        let interface = usable(find_interface(name)?)?;
        if found.iter().all(|other| other.index != interface.index) {
            found.push(interface);
        }
    }
    match found.len() {
        0 => Err(EngineError::Interfaces("no interface is named")),
        1..=INTERFACES_MAX if found.len() == 1 || found.iter().all(|i| i.name != ANY) => Ok(found),
        1..=INTERFACES_MAX => Err(EngineError::Interfaces(
            "`any` is all interfaces already; name no other beside it",
        )),
        _ => Err(EngineError::Interfaces("a capture has 1 to 16 interfaces")),
    }
}

fn usable(interface: Interface) -> Result<Interface, EngineError> {
    if interface.is_up {
        Ok(interface)
    } else {
        Err(EngineError::InterfaceDown(interface.name))
    }
}

/// Compiles the filter once for each type of link.
pub(super) fn compile(
    request: &CaptureRequest,
    interfaces: &[Interface],
) -> Result<HashMap<LinkType, Program>, EngineError> {
    let mut programs = HashMap::new();
    for link in interfaces.iter().map(Interface::link_type) {
        if programs.contains_key(&link) {
            continue;
        }
        let tuples = request.exclude.iter().map(|tuple| tuple.compile(link));
        let mut excluded = tuples.collect::<Result<Vec<_>, _>>()?;
        for filter in &request.never {
            excluded.extend(filter.compile_behind_tags(link)?);
        }
        let program = request.filter.compile(link)?.excluding(&excluded)?;
        programs.insert(link, program.with_snaplen(request.ring_snaplen()));
    }
    Ok(programs)
}
