use super::*;

#[test]
fn loopback_is_listed() {
    let all = interfaces().unwrap();
    let loopback = all.iter().find(|i| i.is_loopback).expect("every namespace has one");
    assert_eq!(
        (loopback.name.as_str(), loopback.link_type()),
        ("lo", LinkType::ETHERNET)
    );
    assert_eq!(find_interface("lo").unwrap(), *loopback);
    assert_eq!(find_interface("any").unwrap().link_type(), LinkType::LINUX_SLL2);
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = find_interface("nosuch0").unwrap_err().to_string();
    assert!(error.contains("nosuch0") && error.contains("lo, "), "{error}");
}

#[test]
fn counters_are_found_by_whole_name() {
    let text = "Inter-|   Receive                                                |  Transmit\n \
                face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
                veth10: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  \
                veth1: 100 20 0 3 1 0 0 0 500 60 0 0 0 0 0 0\n  cut: 1 2\n";
    let expected = LinkCounters {
        received: 20,
        sent: 60,
        dropped: 4,
    };
    assert_eq!(parse_link_counters(text, "veth1"), Some(expected));
    assert_eq!(parse_link_counters(text, "veth"), None);
    assert_eq!(parse_link_counters(text, "cut"), None);
    assert_eq!(parse_link_counters("", "lo"), None);
}

#[test]
fn hardware_without_ethernet_header() {
    for (hardware, link) in [
        (1, LinkType::ETHERNET),
        (772, LinkType::ETHERNET),
        (65534, LinkType::RAW),
        (519, LinkType::RAW),
        (803, LinkType::RADIOTAP),
        (512, LinkType::LINUX_SLL2),
        (280, LinkType::LINUX_SLL2),
    ] {
        assert_eq!(HardwareType(hardware).link_type(), link, "{hardware}");
    }
}
