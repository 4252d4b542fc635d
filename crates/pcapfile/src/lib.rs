//! pcap and pcapng: write, read, recover a cut file.
