//! Clock, entropy, supervised tasks, shutdown, tracing and metrics.
