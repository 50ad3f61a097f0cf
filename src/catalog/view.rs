//! Masks over the catalog's tools, profiles, and serialization from ready bytes.
