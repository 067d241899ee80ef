//! Who may do what: principals, the rights of a token, and the access rule that each route names.

use std::collections::BTreeSet;

use crate::{EndpointName, Timestamp};

/// What a route demands before anything of the request's body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody is asked; only for the written list of open routes.
    Open,
    /// Any valid token; reading what its owner may see.
    Read,
    /// Any valid token that may change things.
    Write,
    /// A token that may query the endpoint named in the path.
    QueryEndpoint,
    /// A token with every right.
    Admin,
    /// The URL itself carries a signature (presigned file transfers).
    Signed,
}

impl Access {
    /// The word shown by `atalaya routes`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::QueryEndpoint => "query-endpoint",
            Self::Admin => "admin",
            Self::Signed => "signed",
        }
    }
}

/// Rights of a token, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May only call endpoints.
    Querier,
    /// May also read everything.
    Viewer,
    /// May also change models, endpoints and monitors.
    Manager,
    /// May also manage tokens.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Querier, Self::Viewer, Self::Manager, Self::Admin];

    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Querier => "querier",
            Self::Viewer => "viewer",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == text)
    }
}

/// Who is calling, as established from a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name of the token's owner.
    pub user: String,
    /// The token's public id; never its secret.
    pub token_id: String,
    /// What it may do.
    pub role: Role,
    /// Endpoints it is limited to; `None` means all.
    pub endpoints: Option<BTreeSet<EndpointName>>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    /// Whether this principal passes a route's rule. `endpoint` is the one named in the path, if any.
    #[must_use]
    pub fn may(&self, access: Access, endpoint: Option<&str>) -> bool {
        match access {
            Access::Open | Access::Signed => true,
            Access::Read => self.role >= Role::Viewer,
            Access::Write => self.role >= Role::Manager,
            Access::Admin => self.role >= Role::Admin,
            Access::QueryEndpoint => match (&self.endpoints, endpoint) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(only), Some(name)) => only.contains(name),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(role: Role, endpoints: Option<&[&str]>) -> Principal {
        Principal {
            user: "ana".into(),
            token_id: "t".into(),
            role,
            endpoints: endpoints.map(|names| names.iter().map(|n| EndpointName::new(n).expect("name")).collect()),
            expires_at: None,
        }
    }

    #[test]
    fn a_token_limited_to_one_endpoint_queries_only_that_one() {
        let app = principal(Role::Querier, Some(&["diabetes"]));
        assert!(app.may(Access::QueryEndpoint, Some("diabetes")));
        assert!(!app.may(Access::QueryEndpoint, Some("churn")));
        assert!(!app.may(Access::Read, None));
    }

    #[test]
    fn each_role_adds_to_the_one_below() {
        let table = [
            (Role::Querier, [true, false, false, false]),
            (Role::Viewer, [true, true, false, false]),
            (Role::Manager, [true, true, true, false]),
            (Role::Admin, [true, true, true, true]),
        ];
        for (role, expected) in table {
            let p = principal(role, None);
            let got = [Access::QueryEndpoint, Access::Read, Access::Write, Access::Admin].map(|a| p.may(a, Some("x")));
            assert_eq!(got, expected, "{role:?}");
        }
    }
}
