//! A secret reference to its value: environment, file, literal.
