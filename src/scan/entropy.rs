//! Shannon entropy of short byte strings.

/// Entropy of `bytes` in bits a byte, from 0 to 8; 0 for the empty string.
pub fn shannon(bytes: &[u8]) -> f32 {
    if bytes.is_empty() {
        return 0.0;
    }
    let mut counts = [0_u32; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    let total = bytes.len() as f32;
    let part = |&count: &u32| {
        let share = count as f32 / total;
        -share * share.log2()
    };
    counts.iter().filter(|&&count| count > 0).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert!(shannon(b"").abs() < 1e-6);
        assert!(shannon(b"aaaa").abs() < 1e-6);
        assert!((shannon(b"abcd") - 2.0).abs() < 1e-6);
    }
}
