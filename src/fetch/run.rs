//! Performs a fetch plan: files, HTTP with redirects, the cache.
