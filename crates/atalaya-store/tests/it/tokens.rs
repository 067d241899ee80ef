//! The life of a token, and what a thief of the database does not find.

use atalaya_domain::access::Role;
use atalaya_store::{NewToken, Noun, Pepper, StoreError, TOKEN_RANDOM_BYTES, Token, TokenKind, Verification};

use crate::home::{Home, at, endpoint};

fn pepper() -> Pepper {
    Pepper::new([7; 32])
}

fn token(seed: u8, kind: TokenKind) -> Token {
    let random: [u8; TOKEN_RANDOM_BYTES] =
        std::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(i as u8).wrapping_mul(17));
    Token::generate(kind, &random)
}

fn owned_by(owner: &str) -> NewToken {
    NewToken {
        owner: owner.into(),
        role: Role::Manager,
        endpoints: None,
        comment: "ci".into(),
        expires_at: None,
    }
}

#[tokio::test]
async fn a_token_works_until_it_is_revoked() {
    let home = Home::new().await;
    let made = token(1, TokenKind::Personal);
    let record = home
        .store
        .create_token(&pepper(), &made, &owned_by("ana"), at(5))
        .await
        .unwrap();
    assert_eq!(
        (record.token_id.as_str(), record.created_at, record.last_used_at),
        (made.key_id(), at(5), None)
    );

    let home = home.restarted().await;
    let store = &home.store;
    let sent = Token::parse(made.expose()).unwrap();
    let Verification::Valid(principal) = store.verify_token(&pepper(), &sent, at(6)).await.unwrap() else {
        panic!("the token must work")
    };
    assert_eq!(
        (principal.user.as_str(), principal.role, principal.token_id.as_str()),
        ("ana", Role::Manager, made.key_id())
    );
    store
        .touch_tokens(&[
            (made.key_id().into(), at(9)),
            (made.key_id().into(), at(8)),
            ("gone".into(), at(9)),
        ])
        .await
        .unwrap();
    assert_eq!(store.tokens(Some("ana")).await.unwrap()[0].last_used_at, Some(at(9)));
    assert!(store.tokens(Some("bob")).await.unwrap().is_empty());

    store.revoke_token(made.key_id(), at(10)).await.unwrap();
    assert_eq!(
        store.verify_token(&pepper(), &made, at(11)).await.unwrap(),
        Verification::Revoked
    );
    assert!(store.tokens(None).await.unwrap().is_empty());
    for id in [made.key_id(), "absent"] {
        let error = store.revoke_token(id, at(12)).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: Noun::Token, .. }));
    }
}

#[tokio::test]
async fn unknown_forged_and_expired_tokens_do_not_work() {
    let home = Home::new().await;
    let store = &home.store;
    let made = token(1, TokenKind::Endpoint);
    let new = NewToken {
        role: Role::Querier,
        endpoints: Some([endpoint("a"), endpoint("b")].into()),
        expires_at: Some(at(100)),
        ..owned_by("app")
    };
    store.create_token(&pepper(), &made, &new, at(1)).await.unwrap();
    let Verification::Valid(principal) = store.verify_token(&pepper(), &made, at(99)).await.unwrap() else {
        panic!("it has not expired")
    };
    assert_eq!(
        (principal.endpoints, principal.expires_at),
        (new.endpoints.clone(), Some(at(100)))
    );
    assert_eq!(
        store.verify_token(&pepper(), &made, at(100)).await.unwrap(),
        Verification::Expired
    );

    // Same id, other secret: the first eight random bytes make the id.
    let random: [u8; TOKEN_RANDOM_BYTES] = std::array::from_fn(|i| {
        if i < 8 {
            31_u8.wrapping_add(i as u8).wrapping_mul(17)
        } else {
            9
        }
    });
    let forged = Token::generate(TokenKind::Endpoint, &random);
    assert_eq!(forged.key_id(), made.key_id());
    assert_eq!(
        store.verify_token(&pepper(), &forged, at(2)).await.unwrap(),
        Verification::Unknown
    );
    assert_eq!(
        store
            .verify_token(&pepper(), &token(2, TokenKind::Endpoint), at(2))
            .await
            .unwrap(),
        Verification::Unknown
    );
    assert_eq!(
        store.verify_token(&Pepper::new([8; 32]), &made, at(2)).await.unwrap(),
        Verification::Unknown
    );
    store.revoke_token(made.key_id(), at(3)).await.unwrap();
    assert_eq!(
        store.verify_token(&pepper(), &forged, at(4)).await.unwrap(),
        Verification::Unknown,
        "nothing is told without the secret"
    );
    let past = NewToken {
        expires_at: Some(at(5)),
        ..owned_by("ana")
    };
    let error = store
        .create_token(&pepper(), &token(3, TokenKind::Job), &past, at(5))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::InvalidParameter { .. }));
}

#[tokio::test]
async fn a_bootstrap_token_is_adopted_once_and_for_good() {
    let home = Home::new().await;
    let store = &home.store;
    let made = token(1, TokenKind::Bootstrap);
    let admin = NewToken {
        role: Role::Admin,
        ..owned_by("admin")
    };
    let first = store.adopt_token(&pepper(), &made, &admin, at(1)).await.unwrap();
    assert_eq!(first.kind, TokenKind::Bootstrap);
    assert_eq!(
        store.adopt_token(&pepper(), &made, &admin, at(2)).await.unwrap(),
        first,
        "every start does it"
    );
    assert!(matches!(
        store.create_token(&pepper(), &made, &admin, at(2)).await,
        Err(StoreError::AlreadyExists { .. })
    ));
    assert!(matches!(
        store.adopt_token(&Pepper::new([8; 32]), &made, &admin, at(3)).await,
        Err(StoreError::Conflict { .. })
    ));
    store.revoke_token(made.key_id(), at(4)).await.unwrap();
    let refused = store.adopt_token(&pepper(), &made, &admin, at(5)).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Conflict { kind: Noun::Token, .. }),
        "a restart does not undo a revocation"
    );
}

#[tokio::test]
async fn the_database_holds_no_token_and_no_errors_show_one() {
    let home = Home::new().await;
    let made: Vec<Token> = (1..6).map(|seed| token(seed, TokenKind::Service)).collect();
    for token in &made {
        home.store
            .create_token(&pepper(), token, &owned_by("ana"), at(1))
            .await
            .unwrap();
        let error = home
            .store
            .create_token(&pepper(), token, &owned_by("ana"), at(1))
            .await
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&token.expose()[18..]));
    }
    home.store.close().await;
    let dump = home.dump();
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    for token in &made {
        assert!(holds(token.key_id().as_bytes()), "the dump is of the right file");
        assert!(!holds(token.expose().as_bytes()));
        assert!(!holds(&token.expose().as_bytes()[18..50]), "not even part of a secret");
    }
    assert!(!holds(&[7; 32]), "nor the pepper");
}
