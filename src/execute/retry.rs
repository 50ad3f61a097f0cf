//! What to do after an attempt (pure).
