//! Edge plumbing: listener, request ids, authentication, strict chunk decoding, body limits.
