//! Access tokens: their text, their checksum, and the keyed hash that stands for them in the database.
//!
//! `atl` + kind letter + `_` + 12 characters key id + `_` + 43 characters secret + 6 characters
//! CRC-32 of everything before, all base62. Prefix and checksum let scanners find leaked tokens
//! and let a typo be refused without a lookup.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Random bytes that [`Token::generate`] needs: 8 for the key id, 32 for the secret.
pub const TOKEN_RANDOM_BYTES: usize = 40;

const KEY_ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
/// `atlp_` + key id + `_` + secret + checksum.
const TOKEN_LENGTH: usize = 5 + KEY_ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a token was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A person's.
    Personal,
    /// A service's.
    Service,
    /// Calls to some endpoints only.
    Endpoint,
    /// A job's, while it runs.
    Job,
    /// The administrator's first one, in `admin.token`.
    Bootstrap,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Personal,
        Self::Service,
        Self::Endpoint,
        Self::Job,
        Self::Bootstrap,
    ];

    /// The letter in the token's prefix; also the stored word.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Personal => 'p',
            Self::Service => 's',
            Self::Endpoint => 'e',
            Self::Job => 'j',
            Self::Bootstrap => 'b',
        }
    }

    /// Reads the letter.
    #[must_use]
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.letter() == letter)
    }
}

/// A whole token, secret included. Deliberately without `Debug`, `Display`, `Clone` or serde.
pub struct Token {
    text: String,
    kind: TokenKind,
}

/// Text that is not a token. Says nothing about the text.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// Length, prefix or alphabet.
    #[error("not an atalaya token")]
    Shape,
    /// The last six characters do not fit the rest.
    #[error("token has a typing error")]
    Checksum,
}

impl Token {
    /// Makes a token from fresh random bytes of a cryptographic generator.
    #[must_use]
    pub fn generate(kind: TokenKind, random: &[u8; TOKEN_RANDOM_BYTES]) -> Self {
        let mut text = format!("atl{}_", kind.letter());
        text.push_str(&base62(&random[..8], KEY_ID_LENGTH));
        text.push('_');
        text.push_str(&base62(&random[8..], SECRET_LENGTH));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { text, kind }
    }

    /// Reads a token as a client sent it and checks its checksum.
    ///
    /// # Errors
    /// [`TokenError`] when the shape or the checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        if text.len() != TOKEN_LENGTH || !text.is_ascii() {
            return Err(TokenError::Shape);
        }
        let kind = text
            .strip_prefix("atl")
            .and_then(|t| t.chars().next())
            .and_then(TokenKind::from_letter);
        let kind = kind.ok_or(TokenError::Shape)?;
        let (prefix, rest) = text.split_at(4);
        let (key_id, secret) = rest[1..].split_at(KEY_ID_LENGTH);
        let separated = rest.starts_with('_') && secret.starts_with('_') && prefix.len() == 4;
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric());
        if !separated || !plain(key_id) || !plain(&secret[1..]) {
            return Err(TokenError::Shape);
        }
        let (body, sum) = text.split_at(TOKEN_LENGTH - CHECKSUM_LENGTH);
        if checksum(body) != sum {
            return Err(TokenError::Checksum);
        }
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }

    /// What it was made for.
    #[must_use]
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The public part, safe to show and to log.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.text[5..5 + KEY_ID_LENGTH]
    }

    /// The whole secret text: for the one answer that hands it out, and for `admin.token`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

/// Key of the token hashes; lives in `keys/pepper` (mode 0600), never in the database.
pub struct Pepper([u8; 32]);

impl Pepper {
    /// Takes the 32 bytes of the key file.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA-256 of a whole token. No slow hash is needed: the secret has 256 random bits.
    pub(crate) fn hash(&self, token: &Token) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(token.text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// CRC-32 as six base62 characters (62⁶ > 2³²).
fn checksum(body: &str) -> String {
    base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECKSUM_LENGTH)
}

/// Big-endian `bytes` as exactly `length` base62 digits; `length` must be enough for them.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = (remainder << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 62).expect("the quotient of a remainder below 62 fits a byte");
            remainder = value % 62;
        }
        *digit = BASE62[usize::try_from(remainder).expect("a remainder below 62 is an index")];
    }
    String::from_utf8(digits).expect("base62 digits are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: u8) -> [u8; TOKEN_RANDOM_BYTES] {
        std::array::from_fn(|i| u8::try_from(i * 37 % 256).expect("below 256").wrapping_mul(seed))
    }

    #[test]
    fn every_kind_survives_the_round_trip() {
        for kind in TokenKind::ALL {
            let made = Token::generate(kind, &random(7));
            assert_eq!(made.expose().len(), TOKEN_LENGTH);
            assert!(made.expose().starts_with(&format!("atl{}_", kind.letter())));
            let read = Token::parse(made.expose()).expect("own token");
            assert_eq!((read.kind(), read.key_id()), (kind, made.key_id()));
        }
    }

    #[test]
    fn base62_is_positional_and_padded() {
        assert_eq!(base62(&[0], 3), "000");
        assert_eq!(base62(&[61], 2), "0z");
        assert_eq!(base62(&[62], 2), "10");
        assert_eq!(base62(&u32::MAX.to_be_bytes(), 6), "4gfFC3");
        // 2^256 - 1 needs all 43 digits, so no secret is cut.
        assert_eq!(base62(&[255; 32], 43).trim_start_matches('0').len(), 43);
        assert!(base62(&[255; 8], 12).starts_with('0'));
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let token = Token::generate(TokenKind::Personal, &random(11));
        for at in 0..TOKEN_LENGTH {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let text = String::from_utf8(bytes).expect("ascii");
            assert!(Token::parse(&text).is_err(), "position {at}");
        }
        for bad in [
            "",
            "atlp_",
            "dapi0123456789",
            &"é".repeat(TOKEN_LENGTH / 2),
            &token.expose()[1..],
        ] {
            assert_eq!(Token::parse(bad).err(), Some(TokenError::Shape));
        }
    }

    #[test]
    fn the_hash_depends_on_pepper_and_token() {
        let (a, b) = (
            Token::generate(TokenKind::Job, &random(1)),
            Token::generate(TokenKind::Job, &random(3)),
        );
        let (p, q) = (Pepper::new([1; 32]), Pepper::new([2; 32]));
        assert_eq!(p.hash(&a), p.hash(&a));
        assert_ne!(p.hash(&a), p.hash(&b));
        assert_ne!(p.hash(&a), q.hash(&a));
    }
}
