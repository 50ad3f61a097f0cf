//! Scopes to a mask over the tools of a catalog.
