//! Signatures of download URLs, and what else is derived from the key file `keys/signing`.
//!
//! A signed URL is its own credential: HMAC-SHA-256 over what it names and when it ends.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How long a signed URL works: long enough for a large model over a slow line, short enough to be useless in old logs.
pub(crate) const SIGNED_FOR_MS: i64 = 3_600_000;

/// Signs and checks. Deliberately without `Debug` and `Clone`.
pub(crate) struct Signer {
    downloads: [u8; 32],
    workspace_id: String,
}

impl Signer {
    /// Derives one key per purpose from the bytes of the key file.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let id = hmac(key, &[b"atalaya workspace id"]);
        let number = u64::from_be_bytes(id[..8].try_into().expect("8 of 32 bytes"));
        Self {
            downloads: hmac(key, &[b"atalaya signed downloads"]),
            // Sixteen digits, as Databricks' own; never with a zero in front.
            workspace_id: (1_000_000_000_000_000 + number % 9_000_000_000_000_000).to_string(),
        }
    }

    /// The number that stands for this home where Databricks' clients ask for a workspace.
    pub(crate) fn workspace_id(&self) -> &str {
        &self.workspace_id
    }

    /// The signature of one file of one manifest until `expires_ms`.
    pub(crate) fn sign(&self, digest: &str, path: &str, expires_ms: i64) -> String {
        let expires = expires_ms.to_be_bytes();
        URL_SAFE_NO_PAD.encode(hmac(&self.downloads, &[digest.as_bytes(), &expires, path.as_bytes()]))
    }

    /// Whether a signature is ours, in constant time. Says nothing about the time.
    pub(crate) fn verify(&self, signature: &str, digest: &str, path: &str, expires_ms: i64) -> bool {
        let Ok(sent) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        let expires = expires_ms.to_be_bytes();
        mac(&self.downloads, &[digest.as_bytes(), &expires, path.as_bytes()])
            .verify_slice(&sent)
            .is_ok()
    }
}

/// Each part goes in with its length, so that no two lists of parts read alike.
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    mac(key, parts).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_exactly_what_it_was_made_for() {
        let signer = Signer::new(&[7; 32]);
        let signature = signer.sign("aa", "MLmodel", 1_000);
        assert!(signer.verify(&signature, "aa", "MLmodel", 1_000));
        for (digest, path, expires) in [
            ("ab", "MLmodel", 1_000),
            ("aa", "model.pkl", 1_000),
            ("aa", "MLmodel", 1_001),
        ] {
            assert!(
                !signer.verify(&signature, digest, path, expires),
                "{digest} {path} {expires}"
            );
        }
        for forged in ["", "!", "AAAA", &signature[1..]] {
            assert!(!signer.verify(forged, "aa", "MLmodel", 1_000), "{forged}");
        }
        assert!(!Signer::new(&[8; 32]).verify(&signature, "aa", "MLmodel", 1_000));
    }

    #[test]
    fn a_home_keeps_its_workspace_id() {
        let id = Signer::new(&[7; 32]).workspace_id;
        assert_eq!(id.len(), 16);
        assert_eq!(id, Signer::new(&[7; 32]).workspace_id);
        assert_ne!(id, Signer::new(&[8; 32]).workspace_id);
    }
}
