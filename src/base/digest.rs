//! SHA-256 over texts that belong together: names of files that depend on all of them.

use sha2::{Digest, Sha256};

/// SHA-256 of parts that cannot run into each other, as 64 hex digits.
pub fn of_parts(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let all = [of_parts(&["ab", "c"]), of_parts(&["a", "bc"]), of_parts(&["abc"]), of_parts(&["abc", ""])];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|name| name.len() == 64));
    }
}
