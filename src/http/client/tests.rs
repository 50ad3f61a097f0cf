//! Tests against little servers on loopback.
