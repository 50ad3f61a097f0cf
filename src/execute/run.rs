//! Performs an execution: credentials, sending, retries, the answer.
