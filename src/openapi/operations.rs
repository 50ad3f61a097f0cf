//! Operations of a document, resolved, in document order.
