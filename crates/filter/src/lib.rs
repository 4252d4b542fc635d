//! Capture filters: five-tuples and tcpdump expressions, compiled to classic BPF by libpcap; a safe interpreter of the same program.
