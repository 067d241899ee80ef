//! Lengths and alphabets of keys, values and free text, checked before anything is written.
//!
//! Numbers are MLflow's (`mlflow/utils/validation.py`) where it has them.

use atalaya_domain::registry::{ALIAS_MAX, TAG_KEY_MAX};

use crate::StoreError;

/// Longest value of a run's or experiment's tag, in characters.
pub(crate) const RUN_TAG_VALUE_MAX: usize = 8_000;
/// Longest param value, in characters.
pub(crate) const PARAM_VALUE_MAX: usize = 6_000;
/// Longest metric, param or tag key, in characters.
pub(crate) const KEY_MAX: usize = TAG_KEY_MAX;
/// Longest name of an experiment, run, monitor or notifier, in characters.
pub(crate) const NAME_MAX: usize = 500;
/// Longest description, comment, source or message, in characters; generous, yet no place to store files.
pub(crate) const TEXT_MAX: usize = 100_000;
/// Longest stored reason of a failure, in characters; the rest is cut.
const MESSAGE_MAX: usize = 4_000;
/// Most tags written by one call outside `log_batch`.
pub(crate) const TAGS_MAX: usize = 1_000;

/// Checks the key of a metric, param or tag.
pub(crate) fn check_key(parameter: &'static str, key: &str) -> Result<(), StoreError> {
    let length = key.chars().count();
    if length == 0 || length > KEY_MAX {
        return Err(StoreError::invalid(
            parameter,
            format!("must have 1 to {KEY_MAX} characters"),
        ));
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
    if key.chars().all(plain) {
        return Ok(());
    }
    Err(StoreError::invalid(
        parameter,
        "may hold only letters, digits, underscores, dashes, periods, spaces, colons and slashes",
    ))
}

/// Checks that a text is not longer than `max` characters.
pub(crate) fn check_length(parameter: &'static str, text: &str, max: usize) -> Result<(), StoreError> {
    // A character has at least one byte, so most texts need no counting.
    if text.len() <= max || text.chars().count() <= max {
        return Ok(());
    }
    Err(StoreError::invalid(
        parameter,
        format!("must have at most {max} characters"),
    ))
}

/// A message for people, cut to a stored length.
pub(crate) fn clipped(message: &str) -> String {
    message.chars().take(MESSAGE_MAX).collect()
}

/// Checks a name for people: not empty, not too long, no control characters.
pub(crate) fn check_name(parameter: &'static str, name: &str) -> Result<(), StoreError> {
    if name.trim().is_empty() {
        return Err(StoreError::invalid(parameter, "must not be empty"));
    }
    if name.chars().any(char::is_control) {
        return Err(StoreError::invalid(parameter, "must not hold control characters"));
    }
    check_length(parameter, name, NAME_MAX)
}

/// Checks an alias as MLflow's clients do: `latest` and `v1`-like names would read as something else.
pub(crate) fn check_alias(alias: &str) -> Result<(), StoreError> {
    let length = alias.chars().count();
    let plain = alias.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if length == 0 || length > ALIAS_MAX || !plain {
        let message = format!("must have 1 to {ALIAS_MAX} letters, digits, underscores and dashes");
        return Err(StoreError::invalid("alias", message));
    }
    let like_a_number = alias
        .strip_prefix(['v', 'V'])
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if alias.eq_ignore_ascii_case("latest") || like_a_number {
        return Err(StoreError::invalid(
            "alias",
            "must not be `latest` or a version like `v1`",
        ));
    }
    Ok(())
}

/// Checks tags, each value of at most `value_max` characters.
pub(crate) fn check_tags<'a>(
    tags: impl IntoIterator<Item = (&'a String, &'a String)>,
    value_max: usize,
) -> Result<(), StoreError> {
    for (count, (key, value)) in tags.into_iter().enumerate() {
        if count == TAGS_MAX {
            return Err(StoreError::invalid("tags", format!("must be at most {TAGS_MAX}")));
        }
        check_key("tags.key", key)?;
        check_length("tags.value", value, value_max)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_real_clients_pass_and_others_do_not() {
        for good in ["mlflow.user", "k step/1", "été", "a:b", &"x".repeat(250)] {
            assert!(check_key("key", good).is_ok(), "{good}");
        }
        for bad in ["", "a'b", "a\"b", "a;b", "a\0b", &"x".repeat(251)] {
            assert!(check_key("key", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn aliases_cannot_be_mistaken_for_versions() {
        for good in ["champion", "Champion-2", "v1x", "version"] {
            assert!(check_alias(good).is_ok(), "{good}");
        }
        for bad in ["", "latest", "LATEST", "v1", "V22", "a b", "a@b", &"x".repeat(256)] {
            assert!(check_alias(bad).is_err(), "{bad}");
        }
    }
}
