//! What this host has.

use crate::settings::Allowed;
use baleen_agentwire::Interface;
use baleen_agentwire::limits::{INTERFACE_NAME_BYTES_MAX, INTERFACES_MAX};

/// Where packets are taken, as far as it can be told now: an interface may come with the next cable. Asks the kernel, so it blocks.
pub(crate) fn interfaces(allowed: &Allowed) -> Vec<Interface> {
    let found: Vec<_> = if allowed.interfaces.is_empty() {
        baleen_ring::default_interface().into_iter().collect()
    } else {
        let named = allowed.interfaces.iter();
        named
            .filter_map(|name| baleen_ring::find_interface(name).ok())
            .collect()
    };
    let told = found.into_iter().filter(|interface| {
        let name = &interface.name;
        name.len() <= INTERFACE_NAME_BYTES_MAX && !name.chars().any(char::is_control)
    });
    told.take(INTERFACES_MAX)
        .map(|interface| Interface {
            link: interface.link_type().number(),
            is_up: interface.is_up,
            name: interface.name,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_and_there_is_told() {
        let allowed = |names: &[&str]| Allowed {
            interfaces: names.iter().map(|name| (*name).to_owned()).collect(),
            promiscuous: false,
            never: Vec::new(),
            snaplen_max: 96,
            captures_max: 64,
            time_max: None,
            packets_per_second_max: None,
            hours: None,
        };
        let told = interfaces(&allowed(&["lo", "no-such-if"]));
        let told: Vec<_> = told
            .iter()
            .map(|interface| (interface.name.as_str(), interface.link))
            .collect();
        assert_eq!(told, [("lo", 1)]);
        assert_eq!(interfaces(&allowed(&["any"])).len(), 1);
    }
}
