//! `atalaya token`: tokens made without a server.

use std::process::ExitCode;

use atalaya_store::{TOKEN_RANDOM_BYTES, TokenKind};
use rand::RngExt as _;

use crate::cli::Token;
use crate::output::say;

/// Prints a fresh bootstrap token.
pub(crate) fn run(token: &Token) -> anyhow::Result<ExitCode> {
    match token {
        Token::Generate => {
            let random: [u8; TOKEN_RANDOM_BYTES] = rand::rng().random();
            say(atalaya_store::Token::generate(TokenKind::Bootstrap, &random).expose())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
