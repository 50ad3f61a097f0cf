//! A secret that cannot be printed by accident.

use std::fmt;

/// Holds a secret. It has no `Display`, and its `Debug` says only that something is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Takes the secret in.
    pub fn new(secret: T) -> Self {
        Self(secret)
    }

    /// Hands the secret out; the name makes each use easy to find.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h24_debug_shows_nothing() {
        assert_eq!(format!("{:?}", Some(Redacted::new("hunter2"))), "Some([redacted])");
    }
}
