//! Who is calling: tokens are looked up once, kept for a moment in memory, and dropped at once when revoked here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use atalaya_domain::access::{Access, Principal};
use atalaya_store::{Token, Verification};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::App;
use crate::api::error::{ApiError, ErrorCode};

/// How long a verified token is trusted without asking the database; a revocation elsewhere is seen within it.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// Most tokens remembered; above it the whole memory is dropped, which costs each caller one look-up.
const REMEMBERED_MAX: usize = 10_000;

/// Who passed the guard.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// The route asks nobody.
    Nobody,
    /// The owner of a valid token.
    Known(Arc<Principal>),
}

impl Caller {
    pub(crate) fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Nobody => None,
            Self::Known(principal) => Some(principal),
        }
    }

    /// The name that created things carry.
    pub(crate) fn user(&self) -> &str {
        self.principal().map_or("", |p| p.user.as_str())
    }
}

struct Remembered {
    principal: Arc<Principal>,
    until: Instant,
}

/// Tokens verified a moment ago. Readers never wait.
#[derive(Default)]
pub(crate) struct Callers(ArcSwap<HashMap<String, Remembered>>);

impl Callers {
    fn fresh(&self, token: &str) -> Option<Arc<Principal>> {
        let known = self.0.load();
        let entry = known.get(token)?;
        (Instant::now() < entry.until).then(|| Arc::clone(&entry.principal))
    }

    fn remember(&self, token: &str, principal: &Arc<Principal>) {
        let until = Instant::now() + TRUSTED_FOR;
        self.0.rcu(|old| {
            let now = Instant::now();
            let mut map: HashMap<String, Remembered> = old
                .iter()
                .filter(|(_, entry)| entry.until > now)
                .take(REMEMBERED_MAX - 1)
                .map(|(k, e)| {
                    (
                        k.clone(),
                        Remembered {
                            principal: Arc::clone(&e.principal),
                            until: e.until,
                        },
                    )
                })
                .collect();
            map.insert(
                token.to_owned(),
                Remembered {
                    principal: Arc::clone(principal),
                    until,
                },
            );
            map
        });
    }

    /// Forgets everybody, so that a revocation holds from now on.
    pub(crate) fn forget(&self) {
        self.0.store(Arc::new(HashMap::new()));
    }
}

impl App {
    /// Lets a request pass a route's rule, or says why not. Reads headers only.
    pub(crate) async fn admit(
        &self,
        access: Access,
        endpoint: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Caller, ApiError> {
        if matches!(access, Access::Open | Access::Signed) {
            return Ok(Caller::Nobody);
        }
        let Some(token) = bearer(headers) else {
            return Err(self.unauthenticated("send the token as `Authorization: Bearer …`"));
        };
        let principal = match self.0.callers.fresh(token) {
            Some(principal) => principal,
            None => self.verify(token).await?,
        };
        if principal.may(access, endpoint) {
            return Ok(Caller::Known(principal));
        }
        Err(ApiError::new(
            ErrorCode::PermissionDenied,
            "the token does not allow this call",
        ))
    }

    async fn verify(&self, text: &str) -> Result<Arc<Principal>, ApiError> {
        let refused = || self.unauthenticated("the token is not valid; it may have expired or been revoked");
        let token = Token::parse(text).map_err(|_| refused())?;
        let Verification::Valid(principal) = self.store().verify_token(&self.0.pepper, &token, self.now()).await?
        else {
            return Err(refused());
        };
        let principal = Arc::new(principal);
        self.0.callers.remember(text, &principal);
        Ok(principal)
    }

    fn unauthenticated(&self, message: &str) -> ApiError {
        self.0
            .metrics
            .counters
            .unauthenticated
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ApiError::new(ErrorCode::Unauthenticated, message)
    }

    pub(crate) fn forget_callers(&self) {
        self.0.callers.forget();
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_bearer_credentials_are_read() {
        let with = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(text));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(with("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(with("bearer abc"), Some("abc".to_owned()));
        assert_eq!(with("Basic abc"), None);
        assert_eq!(with("abc"), None);
    }
}
