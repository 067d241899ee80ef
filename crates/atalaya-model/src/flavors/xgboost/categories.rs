//! Categorical columns: which they are, and how the values of a request become the codes that trees test.

use std::collections::HashMap;

use super::error::XgboostError;
use super::value::Value;

/// Categories from here on are none, in XGBoost as well: a float32 does not count further.
pub(super) const MAX_CATEGORIES: usize = 1 << 24;
const PLACE: &str = "the categories";
/// The last version that takes characters for bytes where categories come from pandas
/// (<https://github.com/dmlc/xgboost/pull/12371>).
const LAST_COUNTING_CHARACTERS: (u32, u32) = (3, 2);

/// What the values of a column mean.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Categories {
    /// Numbers.
    #[default]
    None,
    /// Codes; the file does not say of what.
    Codes,
    /// Texts.
    Texts(Texts),
    /// Whole numbers, by their code.
    Ints(HashMap<i64, f32>),
}

/// Categories that are texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Texts {
    codes: HashMap<Box<str>, f32>,
    /// The last one, where the file has only its beginning: that, how many characters it has, and its code.
    cut: Option<(Box<str>, usize, f32)>,
    /// Whether the file lacks the texts of some categories.
    pub(super) lost: bool,
}

impl Texts {
    /// The code of a text.
    pub(super) fn code(&self, text: &str) -> Option<f32> {
        let cut = || {
            let (beginning, characters, code) = self.cut.as_ref()?;
            (text.starts_with(&**beginning) && text.chars().count() == *characters).then_some(*code)
        };
        self.codes.get(text).copied().or_else(cut)
    }

    /// These and those of another reading of the same bytes; `None` when they contradict each other.
    fn merged(mut self, other: Self) -> Option<Self> {
        for (text, code) in other.codes {
            if self
                .codes
                .insert(text, code)
                .is_some_and(|before| before.to_bits() != code.to_bits())
            {
                return None;
            }
        }
        self.cut = self.cut.or(other.cut);
        self.lost |= other.lost;
        Some(self)
    }

    /// Of texts in the order of their codes; `None` when two are the same.
    fn of<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Option<Self> {
        let mut codes = HashMap::new();
        for (code, text) in texts.enumerate() {
            if codes.insert(Box::from(text?), code_of(code)).is_some() {
                return None;
            }
        }
        Some(Self {
            codes,
            cut: None,
            lost: false,
        })
    }

    /// As Arrow has it: offsets count bytes.
    fn by_bytes(bytes: &[u8], offsets: &[usize]) -> Option<Self> {
        Self::of(
            offsets
                .windows(2)
                .map(|pair| std::str::from_utf8(bytes.get(pair[0]..pair[1])?).ok()),
        )
    }

    /// As XGBoost 3.1 and 3.2 have it from pandas: offsets count characters, and of the bytes there are only as many as all
    /// categories have characters.
    fn by_characters(bytes: &[u8], offsets: &[usize]) -> Option<Self> {
        let whole = match std::str::from_utf8(bytes) {
            Ok(whole) => whole,
            Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
            Err(_) => return None,
        };
        let starts: Vec<usize> = whole.char_indices().map(|(start, _)| start).collect();
        let complete = offsets.partition_point(|end| *end <= starts.len()).checked_sub(1)?;
        let at = |character: usize| starts.get(character).copied().unwrap_or(whole.len());
        let texts = offsets[..=complete]
            .windows(2)
            .map(|pair| whole.get(at(pair[0])..at(pair[1])));
        let mut found = Self::of(texts)?;
        if let [start, end, ..] = offsets[complete..] {
            let beginning = &whole[at(start)..];
            if !beginning.is_empty() {
                found.cut = Some((Box::from(beginning), end - start, code_of(complete)));
            }
            found.lost = beginning.is_empty() || offsets.len() > complete + 2;
        }
        Some(found)
    }
}

/// The code of the category at a position.
#[expect(clippy::cast_precision_loss, reason = "codes are below 2^24")]
pub(super) fn code_of(position: usize) -> f32 {
    position as f32
}

impl Categories {
    /// Of every column: `feature_types` says which are categorical (`c`), and from XGBoost 3.1 on `cats.enc` has the
    /// categories of each column in the order of their codes.
    pub(super) fn read_all(
        types: Option<&Value<'_>>,
        cats: Option<&Value<'_>>,
        features: usize,
        version: (u32, u32),
    ) -> Result<Vec<Self>, XgboostError> {
        let wrong = |what| Err(XgboostError::content(PLACE, what));
        let types = match types.map(Value::strs) {
            None => Vec::new(),
            Some(Some(types)) if types.is_empty() || types.len() == features => types,
            Some(_) => return wrong("`feature_types` has not one type per column"),
        };
        let encodings = match cats.and_then(|cats| cats.get("enc")).map(Value::list) {
            None => &[][..],
            Some(Some(encodings)) if encodings.is_empty() || encodings.len() == features => encodings,
            Some(_) => return wrong("`cats.enc` has not one entry per column"),
        };
        let each = (0..features).map(
            |feature| match encodings.get(feature).map(|one| Self::read(one, version)) {
                Some(Ok(Self::None)) | None if types.get(feature) == Some(&"c") => Ok(Self::Codes),
                None => Ok(Self::None),
                Some(read) => read,
            },
        );
        each.collect()
    }

    /// `{offsets, values}` for texts, whose bytes are integers; `{type, values}` for numbers.
    fn read(encoding: &Value<'_>, version: (u32, u32)) -> Result<Self, XgboostError> {
        let Some(values) = encoding.get("values") else {
            return Err(XgboostError::content(PLACE, "`cats.enc` has an entry without `values`"));
        };
        match encoding.get("offsets") {
            None => Self::ints(values),
            Some(offsets) => match Self::texts(values, offsets, version) {
                Some(categories) => Ok(categories),
                None => Err(XgboostError::content(
                    PLACE,
                    "`cats.enc` has texts that contradict their `offsets`",
                )),
            },
        }
    }

    fn ints(values: &Value<'_>) -> Result<Self, XgboostError> {
        let Some(values) = values.ints() else {
            let what = "`cats.enc` has categories that are neither text nor integers";
            return Err(XgboostError::unsupported(PLACE, what));
        };
        let count = values.len();
        let codes: HashMap<_, _> = values
            .into_iter()
            .enumerate()
            .map(|(code, value)| (value, code_of(code)))
            .collect();
        match count {
            0 => Ok(Self::None),
            _ if count > MAX_CATEGORIES || codes.len() != count => Err(XgboostError::content(
                PLACE,
                "`cats.enc` has a category twice, or too many",
            )),
            _ => Ok(Self::Ints(codes)),
        }
    }

    /// The texts between `offsets`; `None` when no reading of them makes sense.
    fn texts(values: &Value<'_>, offsets: &Value<'_>, version: (u32, u32)) -> Option<Self> {
        // A byte is a signed char.
        let byte = |value: i64| {
            u8::try_from(value)
                .ok()
                .or(i8::try_from(value).ok().map(i8::cast_unsigned))
        };
        let bytes: Vec<u8> = values.ints()?.into_iter().map(byte).collect::<Option<_>>()?;
        let offsets = offsets.ints()?.into_iter().map(|offset| usize::try_from(offset).ok());
        let offsets: Vec<usize> = offsets.collect::<Option<_>>()?;
        if offsets.len() < 2 {
            return bytes.is_empty().then_some(Self::None);
        }
        let rising = offsets.windows(2).all(|pair| pair[0] <= pair[1]) && offsets.first() == Some(&0);
        if !rising || offsets.last() != Some(&bytes.len()) || offsets.len() > MAX_CATEGORIES {
            return None;
        }
        let by_bytes = Texts::by_bytes(&bytes, &offsets);
        if bytes.is_ascii() || version > LAST_COUNTING_CHARACTERS {
            return by_bytes.map(Self::Texts);
        }
        // Nothing says whether pandas or Arrow gave the texts. What was a category in either reading is one.
        Some(match (by_bytes, Texts::by_characters(&bytes, &offsets)) {
            (Some(one), Some(other)) => one.merged(other).map_or(Self::Codes, Self::Texts),
            (Some(one), None) | (None, Some(one)) => Self::Texts(one),
            (None, None) => Self::Codes,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(text: &str, offsets: &[usize], version: (u32, u32)) -> Result<Categories, XgboostError> {
        let bytes: Vec<_> = text.bytes().map(|byte| byte.cast_signed().to_string()).collect();
        let json = format!("{{\"values\": [{}], \"offsets\": {offsets:?}}}", bytes.join(", "));
        let value = super::super::json::read(json.as_bytes()).unwrap();
        Categories::read(&value, version)
    }

    fn codes(categories: &Categories, texts: &[&str]) -> Vec<Option<f32>> {
        let Categories::Texts(known) = categories else {
            panic!("{categories:?}");
        };
        texts.iter().map(|text| known.code(text)).collect()
    }

    #[test]
    fn texts_have_the_code_of_their_place() {
        let plain = read("abc", &[0, 1, 1, 3], (3, 2)).unwrap();
        assert_eq!(
            codes(&plain, &["a", "", "bc", "b"]),
            [Some(0.0), Some(1.0), Some(2.0), None]
        );
        assert_eq!(read("", &[], (3, 2)).unwrap(), Categories::None);
        let later = read("éab", &[0, 2, 4], (3, 4)).unwrap();
        assert_eq!(codes(&later, &["é", "ab", "éa"]), [Some(0.0), Some(1.0), None]);
    }

    #[test]
    fn characters_that_were_taken_for_bytes_are_found_again() {
        // `A Coruña`, `Bilbao`, `Gijón`, `Sevilla` have 26 characters, so that 26 of their 28 bytes were written.
        let texts = ["A Coruña", "Bilbao", "Gijón", "Sevilla"];
        let written = read("A CoruñaBilbaoGijónSevil", &[0, 8, 14, 19, 26], (3, 2)).unwrap();
        assert_eq!(codes(&written, &texts), [Some(0.0), Some(1.0), Some(2.0), Some(3.0)]);
        assert_eq!(codes(&written, &["Sevil", "Bilba", "Málaga", "Sevill"]), [None; 4]);
        // From Arrow the same offsets count bytes.
        let arrow = read("éab", &[0, 2, 4], (3, 2)).unwrap();
        assert_eq!(codes(&arrow, &["é", "ab", "x"]), [Some(0.0), Some(1.0), None]);
        // What is left of a text decides; where nothing is left, nothing is known.
        let lost = read("ñandúun", &[0, 5, 6, 9], (3, 2)).unwrap();
        assert_eq!(codes(&lost, &["ñandú", "u", "nos"]), [Some(0.0), Some(1.0), Some(2.0)]);
        let lost = read("ñandúu", &[0, 5, 6, 8], (3, 2)).unwrap();
        assert_eq!(codes(&lost, &["ñandú", "u", "no"]), [Some(0.0), Some(1.0), None]);
        assert!(matches!(&lost, Categories::Texts(texts) if texts.lost));
    }

    #[test]
    fn offsets_that_lie_are_refused() {
        for offsets in [&[0, 4][..], &[0, 2, 1, 3], &[1, 3], &[0, 1, 2]] {
            assert!(read("abc", offsets, (3, 2)).is_err(), "{offsets:?}");
        }
        assert!(read("aa", &[0, 1, 2], (3, 2)).is_err());
        assert!(read("éa", &[0, 1, 3], (3, 4)).is_err());
    }
}
