//! What kind of document this is: OpenAPI 3.0, 3.1, 3.2, or something else and which.
