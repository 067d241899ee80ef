//! Any bytes as an `MLmodel` file, and as a signature's JSON text. Seeds: `fuzz/seed.sh manifest`.
#![no_main]

use atalaya_model::{Manifest, Signature};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse(bytes) {
        // Reading is a function of the bytes alone.
        assert_eq!(Manifest::parse(bytes).as_ref(), Ok(&manifest));
        if let Ok(Some(signature)) = manifest.signature() {
            assert_eq!(signature.arrow_schema().fields().len(), signature.inputs().len());
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(signature) = Signature::parse(text, Some(text), Some(text))
    {
        assert!(
            signature
                .inputs()
                .iter()
                .enumerate()
                .all(|(i, column)| signature.position(&column.name) == Some(i))
        );
    }
});
