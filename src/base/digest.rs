//! SHA-256 as lower-case hex: of bytes, and of texts that belong together, for names of files that depend on all of them.

use sha2::{Digest, Sha256};

/// SHA-256 of bytes, as 64 hex digits.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Two hex digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        hex.push(DIGITS[usize::from(byte >> 4)]);
        hex.push(DIGITS[usize::from(byte & 0xf)]);
    }
    hex
}

/// SHA-256 of parts that cannot run into each other, as 64 hex digits.
pub fn of_parts(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_lower_case_hex() {
        // printf abc | sha256sum
        assert_eq!(of_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hex(&[0, 0xAF]), "00af");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let all = [of_parts(&["ab", "c"]), of_parts(&["a", "bc"]), of_parts(&["abc"]), of_parts(&["abc", ""])];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|name| name.len() == 64));
    }
}
