//! What refers to what: sources, profiles, tool sets.
