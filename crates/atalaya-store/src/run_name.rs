//! Names for runs that were given none: `adjective-noun-123`, easy to say and to tell apart.

const ADJECTIVES: [&str; 32] = [
    "amber", "ample", "brave", "bright", "brisk", "calm", "clear", "crisp", "eager", "early", "fair", "fleet", "fond",
    "gentle", "glad", "grand", "keen", "kind", "light", "lively", "lucid", "mellow", "merry", "neat", "noble", "proud",
    "quick", "quiet", "sharp", "steady", "swift", "warm",
];
const NOUNS: [&str; 32] = [
    "acorn", "beacon", "birch", "bridge", "canyon", "cedar", "cliff", "cloud", "comet", "coral", "crane", "delta",
    "dune", "falcon", "fjord", "grove", "harbor", "heron", "island", "lagoon", "lark", "maple", "meadow", "otter",
    "pebble", "plover", "reef", "ridge", "river", "sparrow", "tower", "willow",
];

/// The name that random bytes stand for; equal bytes give equal names.
pub(crate) fn run_name(random: &[u8; 16]) -> String {
    let adjective = ADJECTIVES[usize::from(random[0]) % ADJECTIVES.len()];
    let noun = NOUNS[usize::from(random[1]) % NOUNS.len()];
    let number = u16::from_be_bytes([random[2], random[3]]) % 1_000;
    format!("{adjective}-{noun}-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_two_words_and_a_number() {
        assert_eq!(run_name(&[0; 16]), "amber-acorn-0");
        assert_eq!(run_name(&[255; 16]), "warm-willow-535");
    }
}
