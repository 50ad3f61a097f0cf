//! Tool and arguments to one HTTP request (pure).
