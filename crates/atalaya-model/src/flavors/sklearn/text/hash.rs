//! `HashingVectorizer`'s columns: MurmurHash3 of a term.

/// MurmurHash3 for x86, 32 bits, seed 0, of UTF-8, read as a signed number (Austin Appleby's public-domain algorithm).
pub(super) fn murmur(bytes: &[u8]) -> i32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let mix = |block: u32| block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut hash = 0u32;
    let (blocks, tail) = bytes.as_chunks::<4>();
    for block in blocks {
        hash ^= mix(u32::from_le_bytes(*block));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0, |all, byte| (all << 8) | u32::from(*byte));
        hash ^= mix(last);
    }
    // The length's low 32 bits, as in C.
    #[expect(clippy::cast_possible_truncation, reason = "the algorithm takes it modulo 2^32")]
    let length = bytes.len() as u32;
    hash ^= length;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)).cast_signed()
}

/// Column of a hash among `count`, which is 1 or more. `abs(-2^31)` does not exist in C, so that hash is taken apart.
pub(super) fn column(hash: i32, count: u32) -> u32 {
    if hash == i32::MIN {
        (i32::MAX.unsigned_abs() - (count - 1)) % count
    } else {
        hash.unsigned_abs() % count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_scikit_learns() {
        // sklearn.utils.murmurhash.murmurhash3_bytes_s32(…, 0)
        let known = [
            ("", 0),
            ("foo", -156_908_512),
            ("café", 605_818_632),
            ("a", 1_009_084_850),
            ("hello", 613_153_351),
        ];
        for (text, hash) in known {
            assert_eq!(murmur(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn the_hash_without_an_absolute_value_has_a_column() {
        assert_eq!(column(i32::MIN, 64), 2_147_483_584 % 64);
        assert_eq!(column(-7, 5), 2);
    }
}
