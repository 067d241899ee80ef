//! The two media types of a request body.

use super::error::ContentTypeError;

/// What a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json`.
    Json,
    /// `text/csv`.
    Csv,
}

impl ContentType {
    /// Reads a `Content-Type` header; case does not count, and the only parameter may be `charset=utf-8`.
    ///
    /// # Errors
    /// [`ContentTypeError`], for a server to answer with 415.
    pub fn parse(header: &str) -> Result<Self, ContentTypeError> {
        let mut parts = header.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let content_type = if media_type.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if media_type.eq_ignore_ascii_case("text/csv") {
            Self::Csv
        } else {
            return Err(ContentTypeError::MediaType);
        };
        for parameter in parts.filter(|part| !part.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(ContentTypeError::Parameter)?;
            if !name.trim().eq_ignore_ascii_case("charset") {
                return Err(ContentTypeError::Parameter);
            }
            let value = value.trim();
            let value = value
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .unwrap_or(value);
            if !value.eq_ignore_ascii_case("utf-8") && !value.eq_ignore_ascii_case("utf8") {
                return Err(ContentTypeError::Charset);
            }
        }
        Ok(content_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_http_writes_them() {
        for header in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\";",
        ] {
            assert_eq!(ContentType::parse(header), Ok(ContentType::Json), "{header}");
        }
        assert_eq!(ContentType::parse(" text/csv ; charset = utf8"), Ok(ContentType::Csv));
        for header in ["", "text/plain", "application/jsonx", "application/json text/csv"] {
            assert_eq!(ContentType::parse(header), Err(ContentTypeError::MediaType), "{header}");
        }
        assert_eq!(
            ContentType::parse("text/csv; charset=latin-1"),
            Err(ContentTypeError::Charset)
        );
        assert_eq!(
            ContentType::parse("text/csv; header=present"),
            Err(ContentTypeError::Parameter)
        );
        assert_eq!(ContentType::parse("text/csv; x"), Err(ContentTypeError::Parameter));
    }
}
