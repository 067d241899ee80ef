//! Tokens: made, listed and revoked by their owner, never with more rights than the token that asks.

use std::collections::BTreeSet;

use atalaya_domain::access::{Principal, Role};
use atalaya_domain::{EndpointName, Timestamp};
use atalaya_store::{NewToken, StoreError, TOKEN_RANDOM_BYTES, Token, TokenKind, TokenRecord};
use rand::RngExt;

use super::App;

/// A token that a caller asks for.
#[derive(Debug, Clone)]
pub(crate) struct TokenRequest {
    pub(crate) comment: String,
    /// `None` asks for one that does not end.
    pub(crate) lifetime_ms: Option<i64>,
    /// `None` asks for the caller's own.
    pub(crate) role: Option<Role>,
    /// Endpoints to limit it to; `None` asks for the caller's own limits.
    pub(crate) endpoints: Option<BTreeSet<EndpointName>>,
}

/// Why a token was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenRequestError {
    /// More than the caller may do itself.
    #[error("`{0}` asks for more than the token that asks may do")]
    Escalation(&'static str),
    /// The database said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Makes a token for the caller. The token's text is in the answer and nowhere else.
    pub(crate) async fn create_token(
        &self,
        caller: &Principal,
        request: TokenRequest,
    ) -> Result<(Token, TokenRecord), TokenRequestError> {
        let new = granted(caller, request, self.now())?;
        let kind = if new.endpoints.is_some() {
            TokenKind::Endpoint
        } else {
            TokenKind::Personal
        };
        let random: [u8; TOKEN_RANDOM_BYTES] = rand::rng().random();
        let token = Token::generate(kind, &random);
        let record = self
            .store()
            .create_token(&self.0.pepper, &token, &new, self.now())
            .await?;
        Ok((token, record))
    }

    /// The caller's tokens.
    pub(crate) async fn list_tokens(&self, caller: &Principal) -> Result<Vec<TokenRecord>, StoreError> {
        self.store().tokens(Some(&caller.user)).await
    }

    /// Revokes a token at once.
    pub(crate) async fn revoke_token(&self, token_id: &str) -> Result<(), StoreError> {
        self.store().revoke_token(token_id, self.now()).await?;
        self.forget_callers();
        Ok(())
    }
}

/// What the caller may hand on of what was asked for.
fn granted(caller: &Principal, request: TokenRequest, now: Timestamp) -> Result<NewToken, TokenRequestError> {
    let role = request.role.unwrap_or(caller.role);
    if role > caller.role {
        return Err(TokenRequestError::Escalation("role"));
    }
    let endpoints = match (&caller.endpoints, request.endpoints) {
        (None, asked) => asked,
        (Some(own), None) => Some(own.clone()),
        (Some(own), Some(asked)) if asked.is_subset(own) => Some(asked),
        (Some(_), Some(_)) => return Err(TokenRequestError::Escalation("endpoints")),
    };
    let expires_at = match (caller.expires_at, request.lifetime_ms.map(|ms| now.plus_ms(ms))) {
        (Some(own), Some(asked)) if asked > own => return Err(TokenRequestError::Escalation("lifetime_seconds")),
        // Nothing asked: as long as the token that asks.
        (own, asked) => asked.or(own),
    };
    Ok(NewToken {
        owner: caller.user.clone(),
        role,
        endpoints,
        comment: request.comment,
        expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<EndpointName> {
        names
            .iter()
            .map(|name| EndpointName::new(name).expect("name"))
            .collect()
    }

    fn caller(role: Role, endpoints: Option<&[&str]>, expires_at: Option<i64>) -> Principal {
        Principal {
            user: "ana".to_owned(),
            token_id: "t".to_owned(),
            role,
            endpoints: endpoints.map(names),
            expires_at: expires_at.map(Timestamp),
        }
    }

    fn asked(role: Option<Role>, endpoints: Option<&[&str]>, lifetime_ms: Option<i64>) -> TokenRequest {
        TokenRequest {
            comment: String::new(),
            lifetime_ms,
            role,
            endpoints: endpoints.map(names),
        }
    }

    #[test]
    fn rights_are_handed_on_or_narrowed_but_never_widened() {
        let now = Timestamp(100);
        let limited = caller(Role::Manager, Some(&["a", "b"]), Some(1_000));
        let kept = granted(&limited, asked(None, None, None), now).expect("own rights");
        assert_eq!(
            (kept.role, kept.endpoints, kept.expires_at),
            (Role::Manager, Some(names(&["a", "b"])), Some(Timestamp(1_000)))
        );
        let less = granted(&limited, asked(Some(Role::Querier), Some(&["a"]), Some(10)), now).expect("less");
        assert_eq!(
            (less.role, less.endpoints, less.expires_at),
            (Role::Querier, Some(names(&["a"])), Some(Timestamp(110)))
        );
        let refused = [
            (asked(Some(Role::Admin), None, None), "role"),
            (asked(None, Some(&["a", "c"]), None), "endpoints"),
            (asked(None, None, Some(901)), "lifetime_seconds"),
        ];
        for (request, field) in refused {
            let error = granted(&limited, request, now).expect_err(field);
            assert!(
                matches!(error, TokenRequestError::Escalation(named) if named == field),
                "{field}"
            );
        }
    }

    #[test]
    fn an_unlimited_caller_may_ask_for_a_token_that_never_ends() {
        let open = granted(&caller(Role::Admin, None, None), asked(None, None, None), Timestamp(0)).expect("all");
        assert_eq!((open.endpoints, open.expires_at), (None, None));
    }
}
