//! Tests of this file.
