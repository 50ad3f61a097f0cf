//! The fields of one audit record.
