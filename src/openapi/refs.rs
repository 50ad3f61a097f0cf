//! The pure `$ref` resolver: it says which documents it wants and takes them in.
