//! Capture tasks, ownership challenges, and the engine which turns a kernel ring into objects.
