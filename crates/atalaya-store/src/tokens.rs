//! Tokens in the database: a public id and a keyed hash, never the token.

use std::collections::BTreeSet;

use atalaya_domain::access::{Principal, Role};
use atalaya_domain::{EndpointName, Timestamp};

use crate::{Pepper, Store, StoreError, Token, TokenKind};

/// Life of a token whose maker asked for none: 90 days, in milliseconds.
pub const TOKEN_LIFETIME_DEFAULT_MS: i64 = 90 * 24 * 3_600 * 1_000;

/// What a new token may do.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose it is.
    pub owner: String,
    /// Its rights.
    pub role: Role,
    /// Endpoints it is limited to; `None` means all.
    pub endpoints: Option<BTreeSet<EndpointName>>,
    /// Free text for people.
    pub comment: String,
    /// When it stops working; `None` means never.
    pub expires_at: Option<Timestamp>,
}

/// A token as listed: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Public id: the 12 characters in the middle of the token.
    pub token_id: String,
    /// What it was made for.
    pub kind: TokenKind,
    /// Whose it is.
    pub owner: String,
    /// Its rights.
    pub role: Role,
    /// Endpoints it is limited to; `None` means all.
    pub endpoints: Option<BTreeSet<EndpointName>>,
    /// Free text for people.
    pub comment: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it last was used, as far as that has been written.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What the database says about a token that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// It works, for this principal.
    Valid(Principal),
    /// No such id, or another secret; which of the two takes the same path and time.
    Unknown,
    /// It worked once.
    Revoked,
    /// It worked until then.
    Expired,
}

impl Store {
    /// Keeps a freshly generated token's hash and rights.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when the id is taken, [`StoreError::LimitReached`], [`StoreError::InvalidParameter`].
    pub async fn create_token(
        &self,
        pepper: &Pepper,
        token: &Token,
        new: &NewToken,
        now: Timestamp,
    ) -> Result<TokenRecord, StoreError> {
        todo!()
    }

    /// Keeps a token that was made outside (`admin.token`), or finds it kept already: then its rights stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the id is kept with another secret or was revoked or has expired.
    pub async fn adopt_token(
        &self,
        pepper: &Pepper,
        token: &Token,
        new: &NewToken,
        now: Timestamp,
    ) -> Result<TokenRecord, StoreError> {
        todo!()
    }

    /// Checks a token, in constant time with respect to its secret.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn verify_token(
        &self,
        pepper: &Pepper,
        token: &Token,
        now: Timestamp,
    ) -> Result<Verification, StoreError> {
        todo!()
    }

    /// Revokes a token for good; its row stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or it is revoked already.
    pub async fn revoke_token(&self, token_id: &str, now: Timestamp) -> Result<(), StoreError> {
        todo!()
    }

    /// Tokens that are not revoked, of one owner or of all, oldest first; expired ones are listed too.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn tokens(&self, owner: Option<&str>) -> Result<Vec<TokenRecord>, StoreError> {
        todo!()
    }

    /// Writes when some tokens were last used, in one transaction: the caller collects and calls now and then.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn touch_tokens(&self, used: &[(String, Timestamp)]) -> Result<(), StoreError> {
        todo!()
    }
}
