//! A runtime as seen from outside: where it is, and one method per contract call.
