//! Views of link, network, transport and application headers, and the summary of a capture.
