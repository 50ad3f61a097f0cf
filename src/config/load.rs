//! From files on disk to one `Config`, with every diagnostic.
