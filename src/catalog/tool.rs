//! One operation to one tool.
