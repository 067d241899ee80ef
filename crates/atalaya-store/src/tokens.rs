//! Tokens in the database: a public id and a keyed hash, never the token.

use std::collections::BTreeSet;

use atalaya_domain::access::{Principal, Role};
use atalaya_domain::{EndpointName, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use subtle::ConstantTimeEq as _;

use crate::limits::{TEXT_MAX, check_length, check_name};
use crate::{Noun, Pepper, Store, StoreError, Token, TokenKind};

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
        let mut tx = self.write().await?;
        if load(&mut tx, token.key_id()).await?.is_some() {
            return Err(StoreError::already_exists(Noun::Token, token.key_id()));
        }
        let record = insert(&mut tx, &pepper.hash(token), token, new, now).await?;
        tx.commit().await?;
        Ok(record)
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
        let mut tx = self.write().await?;
        let hash = pepper.hash(token);
        let Some((kept, kept_hash)) = load(&mut tx, token.key_id()).await? else {
            let record = insert(&mut tx, &hash, token, new, now).await?;
            tx.commit().await?;
            return Ok(record);
        };
        let same = bool::from(kept_hash.as_slice().ct_eq(&hash));
        let message = match standing(&kept, same, now) {
            Standing::Works => return Ok(kept),
            Standing::Unknown => "this id belongs to another token: generate a new one",
            Standing::Revoked => "this token was revoked: generate a new one",
            Standing::Expired => "this token has expired: generate a new one",
        };
        Err(StoreError::conflict(Noun::Token, token.key_id(), message))
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
        let mut tx = self.read().await?;
        let found = load(&mut tx, token.key_id()).await?;
        // An unknown id is compared with a hash that no token has, so that both take the same path.
        let dummy = [0_u8; 32];
        let kept = found.as_ref().map_or(dummy.as_slice(), |(_, hash)| hash.as_slice());
        let same = bool::from(kept.ct_eq(&pepper.hash(token)));
        let Some((record, _)) = found else {
            return Ok(Verification::Unknown);
        };
        Ok(match standing(&record, same, now) {
            Standing::Unknown => Verification::Unknown,
            Standing::Revoked => Verification::Revoked,
            Standing::Expired => Verification::Expired,
            Standing::Works => Verification::Valid(Principal {
                user: record.owner,
                token_id: record.token_id,
                role: record.role,
                endpoints: record.endpoints,
                expires_at: record.expires_at,
            }),
        })
    }

    /// Revokes a token for good; its row stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or it is revoked already.
    pub async fn revoke_token(&self, token_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE tokens SET revoked_at = $1 WHERE token_id = $2 AND revoked_at IS NULL")
            .bind(now.0)
            .bind(token_id)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(Noun::Token, token_id));
        }
        tx.commit().await?;
        Ok(())
    }

    /// Tokens that are not revoked, of one owner or of all, oldest first; expired ones are listed too.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn tokens(&self, owner: Option<&str>) -> Result<Vec<TokenRecord>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query(
            "SELECT * FROM tokens WHERE revoked_at IS NULL AND ($1 IS NULL OR owner = $1) ORDER BY created_at, token_id",
        )
        .bind(owner)
        .fetch_all(&mut *tx)
        .await?;
        rows.iter().map(read_record).collect()
    }

    /// Writes when some tokens were last used, in one transaction: the caller collects and calls now and then.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn touch_tokens(&self, used: &[(String, Timestamp)]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for (token_id, at) in used {
            sqlx::query("UPDATE tokens SET last_used_at = $1 WHERE token_id = $2 AND COALESCE(last_used_at, $1) <= $1")
                .bind(at.0)
                .bind(token_id)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Most tokens that are not revoked: a script that makes one per call is noticed.
const TOKENS_MAX: u32 = 10_000;

enum Standing {
    Works,
    Unknown,
    Revoked,
    Expired,
}

/// What a kept token is worth now; nothing about it is told to somebody without its secret.
fn standing(record: &TokenRecord, same: bool, now: Timestamp) -> Standing {
    if !same {
        Standing::Unknown
    } else if record.revoked_at.is_some() {
        Standing::Revoked
    } else if record.expires_at.is_some_and(|end| end <= now) {
        Standing::Expired
    } else {
        Standing::Works
    }
}

async fn load(db: &mut SqliteConnection, token_id: &str) -> Result<Option<(TokenRecord, Vec<u8>)>, StoreError> {
    let row = sqlx::query("SELECT * FROM tokens WHERE token_id = $1")
        .bind(token_id)
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok((read_record(&row)?, row.try_get("keyed_hash")?)))
        .transpose()
}

async fn insert(
    db: &mut SqliteConnection,
    hash: &[u8; 32],
    token: &Token,
    new: &NewToken,
    now: Timestamp,
) -> Result<TokenRecord, StoreError> {
    check_name("owner", &new.owner)?;
    check_length("comment", &new.comment, TEXT_MAX)?;
    if new.expires_at.is_some_and(|end| end <= now) {
        return Err(StoreError::invalid("lifetime_seconds", "must be positive"));
    }
    let live: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM tokens WHERE revoked_at IS NULL")
        .fetch_one(&mut *db)
        .await?;
    if live >= i64::from(TOKENS_MAX) {
        return Err(StoreError::LimitReached {
            kind: Noun::Token,
            max: TOKENS_MAX,
        });
    }
    let endpoints = new.endpoints.as_ref().map(|names| {
        let names: Vec<&str> = names.iter().map(EndpointName::as_str).collect();
        serde_json::to_string(&names).expect("a list of texts is JSON")
    });
    sqlx::query(
        "INSERT INTO tokens (token_id, kind, keyed_hash, owner, role, endpoints, comment, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(token.key_id())
    .bind(token.kind().letter().to_string())
    .bind(hash.as_slice())
    .bind(&new.owner)
    .bind(new.role.as_str())
    .bind(endpoints)
    .bind(&new.comment)
    .bind(now.0)
    .bind(new.expires_at.map(|t| t.0))
    .execute(&mut *db)
    .await?;
    let kept = load(db, token.key_id()).await?;
    kept.map(|(record, _)| record)
        .ok_or_else(|| StoreError::not_found(Noun::Token, token.key_id()))
}

fn read_record(row: &SqliteRow) -> Result<TokenRecord, StoreError> {
    let corrupt = |column| StoreError::corrupt(Noun::Token, column);
    let time =
        |column| -> Result<Option<Timestamp>, StoreError> { Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp)) };
    let kind: String = row.try_get("kind")?;
    let role: String = row.try_get("role")?;
    let endpoints: Option<String> = row.try_get("endpoints")?;
    Ok(TokenRecord {
        token_id: row.try_get("token_id")?,
        kind: kind
            .chars()
            .next()
            .and_then(TokenKind::from_letter)
            .ok_or_else(|| corrupt("kind"))?,
        owner: row.try_get("owner")?,
        role: Role::parse(&role).ok_or_else(|| corrupt("role"))?,
        endpoints: endpoints
            .map(|text| read_endpoints(&text).ok_or_else(|| corrupt("endpoints")))
            .transpose()?,
        comment: row.try_get("comment")?,
        created_at: Timestamp(row.try_get("created_at")?),
        expires_at: time("expires_at")?,
        last_used_at: time("last_used_at")?,
        revoked_at: time("revoked_at")?,
    })
}

fn read_endpoints(text: &str) -> Option<BTreeSet<EndpointName>> {
    let names: Vec<String> = serde_json::from_str(text).ok()?;
    names.iter().map(|name| EndpointName::new(name).ok()).collect()
}
