//! Base URLs with variables, resolved against the document.
