//! What every search shares: filter text, order, page size and the opaque page token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::StoreError;

/// A search as a client words it. `Default` is: everything, default order, first page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// MLflow's filter grammar; empty means all.
    pub filter: String,
    /// Keys with optional `ASC` or `DESC`; empty means the noun's default order.
    pub order_by: Vec<String>,
    /// Page size; `None` means the noun's default. Out of range is an error.
    pub max_results: Option<i64>,
    /// `next_page_token` of the page before; `None` or empty means the first page.
    pub page_token: Option<String>,
}

/// One page of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The results, in order.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last page.
    pub next_page_token: Option<String>,
}

/// Where a page starts and how long it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) offset: i64,
    pub(crate) limit: i64,
    fingerprint: u32,
}

impl Slice {
    /// Checks page size and token of a search. `scope` is whatever else decides the result list
    /// (experiment ids, view), so that a token of one search is refused by another.
    pub(crate) fn new(search: &Search, default: i64, max: i64, scope: &str) -> Result<Self, StoreError> {
        let limit = search.max_results.unwrap_or(default);
        if limit < 1 || limit > max {
            return Err(StoreError::invalid("max_results", format!("must be from 1 to {max}")));
        }
        let fingerprint = fingerprint(search, scope);
        let offset = match search.page_token.as_deref() {
            None | Some("") => 0,
            Some(token) => read_token(token, fingerprint)
                .ok_or_else(|| StoreError::invalid("page_token", "does not belong to this search"))?,
        };
        Ok(Self {
            offset,
            limit,
            fingerprint,
        })
    }

    /// How many rows to ask for: one more than the page, to know whether there is another.
    pub(crate) fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the extra row off and makes the token of the next page.
    pub(crate) fn page<T>(&self, mut items: Vec<T>) -> Page<T> {
        let length = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let next_page_token = (items.len() > length).then(|| write_token(self.offset + self.limit, self.fingerprint));
        items.truncate(length);
        Page { items, next_page_token }
    }
}

fn fingerprint(search: &Search, scope: &str) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for part in std::iter::once(scope)
        .chain([search.filter.as_str()])
        .chain(search.order_by.iter().map(String::as_str))
    {
        crc.update(part.as_bytes());
        crc.update(&[0]);
    }
    crc.finalize()
}

fn write_token(offset: i64, fingerprint: u32) -> String {
    let mut bytes = [0_u8; 12];
    bytes[..4].copy_from_slice(&fingerprint.to_be_bytes());
    bytes[4..].copy_from_slice(&offset.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_token(token: &str, fingerprint: u32) -> Option<i64> {
    let bytes: [u8; 12] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (head, tail) = bytes.split_at(4);
    if head != fingerprint.to_be_bytes() {
        return None;
    }
    let offset = i64::from_be_bytes(tail.try_into().ok()?);
    // Leaves room for `offset + limit` whatever the page size.
    (0..=i64::from(u32::MAX)).contains(&offset).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(filter: &str, token: Option<String>) -> Search {
        Search {
            filter: filter.to_owned(),
            page_token: token,
            ..Search::default()
        }
    }

    #[test]
    fn a_token_continues_its_own_search_and_no_other() {
        let first = Slice::new(&search("name = 'a'", None), 2, 10, "models").expect("valid");
        let page = first.page(vec![1, 2, 3]);
        assert_eq!(page.items, vec![1, 2]);
        let token = page.next_page_token.expect("one row is left");
        let second = Slice::new(&search("name = 'a'", Some(token.clone())), 2, 10, "models").expect("same search");
        assert_eq!(second.offset, 2);
        assert!(Slice::new(&search("name = 'b'", Some(token.clone())), 2, 10, "models").is_err());
        assert!(Slice::new(&search("name = 'a'", Some(token)), 2, 10, "versions").is_err());
    }

    #[test]
    fn the_last_page_has_no_token_and_sizes_are_bounded() {
        let slice = Slice::new(&Search::default(), 3, 10, "").expect("valid");
        assert_eq!(slice.page(vec![1, 2, 3]).next_page_token, None);
        for bad in [0, -1, 11, i64::MAX] {
            let asked = Search {
                max_results: Some(bad),
                ..Search::default()
            };
            assert!(Slice::new(&asked, 3, 10, "").is_err(), "{bad}");
        }
        for bad in ["x", "!!!!", "AAAAAAAAAAAAAAAA", "////////////////"] {
            assert!(
                Slice::new(&search("", Some(bad.to_owned())), 3, 10, "").is_err(),
                "{bad}"
            );
        }
    }
}
