//! Cache entries on disk: `<sha256>.json` and `<sha256>.body`.
