//! Shapes that several answers of this area share; empty lists are left out, as protobuf's JSON leaves them out.

use atalaya_domain::registry::{ModelVersion, Tags};
use atalaya_store::{ArtifactEntry, Page};
use serde::{Serialize, Serializer};

/// `{}`.
#[derive(Debug, Serialize)]
pub(super) struct Empty {}

/// A tag or a param.
#[derive(Debug, Serialize)]
pub(super) struct KeyValue {
    pub(super) key: String,
    pub(super) value: String,
}

pub(super) fn key_values(tags: impl IntoIterator<Item = (String, String)>) -> Vec<KeyValue> {
    tags.into_iter().map(|(key, value)| KeyValue { key, value }).collect()
}

pub(super) fn tag_list(tags: Tags) -> Vec<KeyValue> {
    key_values(tags)
}

/// A double as protobuf's JSON has it: a number, or `NaN`, `Infinity`, `-Infinity` as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Double(pub(super) f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => serializer.serialize_f64(number),
            number if number.is_nan() => serializer.serialize_str("NaN"),
            number if number > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

/// One model version.
#[derive(Debug, Serialize)]
pub(super) struct ModelVersionWire {
    name: String,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    user_id: String,
    current_stage: &'static str,
    description: String,
    source: String,
    run_id: String,
    /// Absent would read as pending, and the client would wait five minutes.
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) status_message: String,
    run_link: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    model_id: String,
}

impl From<ModelVersion> for ModelVersionWire {
    fn from(version: ModelVersion) -> Self {
        Self {
            name: version.name.as_str().to_owned(),
            version: version.version.to_string(),
            creation_timestamp: version.created_at.0,
            last_updated_timestamp: version.updated_at.0,
            user_id: version.created_by,
            current_stage: version.stage.as_str(),
            description: version.description,
            source: version.source,
            run_id: version.run_id,
            status: version.status.as_str(),
            status_message: String::new(),
            run_link: version.run_link,
            tags: tag_list(version.tags),
            aliases: version.aliases,
            model_id: version.model_id,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ModelVersionReply {
    pub(super) model_version: ModelVersionWire,
}

impl From<ModelVersion> for ModelVersionReply {
    fn from(version: ModelVersion) -> Self {
        Self {
            model_version: version.into(),
        }
    }
}

/// Several versions; the last page has no token.
#[derive(Debug, Serialize)]
pub(super) struct ModelVersionsReply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) model_versions: Vec<ModelVersionWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_page_token: Option<String>,
}

impl From<Page<ModelVersion>> for ModelVersionsReply {
    fn from(page: Page<ModelVersion>) -> Self {
        let model_versions = page.items.into_iter().map(ModelVersionWire::from).collect();
        Self {
            model_versions,
            next_page_token: page.next_page_token,
        }
    }
}

/// A file or folder in a listing.
#[derive(Debug, Serialize)]
pub(super) struct FileWire {
    path: String,
    is_dir: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
}

impl From<ArtifactEntry> for FileWire {
    /// The path from the root of the model.
    fn from(entry: ArtifactEntry) -> Self {
        match entry {
            ArtifactEntry::File(file) => Self {
                path: file.path.as_str().to_owned(),
                is_dir: false,
                file_size: Some(file.size_bytes),
            },
            ArtifactEntry::Folder(path) => Self {
                path: path.as_str().to_owned(),
                is_dir: true,
                file_size: None,
            },
        }
    }
}

impl FileWire {
    /// With the bare name instead of the path, as the artifact proxy lists.
    pub(super) fn named(self) -> Self {
        let name = self.path.rsplit('/').next().unwrap_or_default().to_owned();
        Self { path: name, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_that_json_has_no_number_for_become_words() {
        let written = [0.5, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Double);
        let text = serde_json::to_string(&written).expect("json");
        assert_eq!(text, r#"[0.5,1.0,"NaN","Infinity","-Infinity"]"#);
    }
}
