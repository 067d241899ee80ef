//! The files of model versions, as the artifact proxy, the registry and signed URLs name them.

use atalaya_domain::ModelName;
use atalaya_domain::registry::ModelVersion;
use atalaya_store::{ArtifactEntry, ArtifactError, Digest, SafeRelPath, StoreError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::App;
use super::signing::SIGNED_FOR_MS;
use crate::api::error::{ApiError, ErrorCode};

/// Characters that stand for themselves in every part of a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Scheme of the artifact proxy.
const PROXY_SCHEME: &str = "mlflow-artifacts:/";

/// What a path of the artifact proxy begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModelRoot {
    /// `registered-models/NAME/VERSION`.
    Version { name: ModelName, version: u32 },
    /// `model-digests/DIGEST`: for models whose names would need escaping, which clients do differently.
    Files(Digest),
}

impl ModelRoot {
    /// Splits a proxy path into the model and the path inside it; `None` when it names no model.
    fn split(path: &str) -> Option<(Self, &str)> {
        let path = path.trim_matches('/');
        if let Some(rest) = path.strip_prefix("model-digests/") {
            let (digest, inside) = rest.split_once('/').unwrap_or((rest, ""));
            return Some((Self::Files(digest.parse().ok()?), inside));
        }
        let (name, rest) = path.strip_prefix("registered-models/")?.split_once('/')?;
        let (version, inside) = rest.split_once('/').unwrap_or((rest, ""));
        let name = ModelName::new(name).ok()?;
        Some((
            Self::Version {
                name,
                version: version.parse().ok()?,
            },
            inside,
        ))
    }

    /// Reads a URI that this server handed out for a whole model.
    pub(crate) fn from_uri(uri: &str) -> Option<Self> {
        let (root, inside) = Self::split(uri.strip_prefix(PROXY_SCHEME)?)?;
        inside.is_empty().then_some(root)
    }
}

/// Where the files of a version are for clients of the artifact proxy.
pub(crate) fn proxy_uri(version: &ModelVersion) -> String {
    let name = version.name.as_str();
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if plain && !name.starts_with('.') {
        return format!("{PROXY_SCHEME}registered-models/{name}/{}", version.version);
    }
    format!("{PROXY_SCHEME}model-digests/{}", version.artifact_digest)
}

/// A path inside a model; an empty one is its root.
pub(crate) fn inside(path: &str) -> Result<Option<SafeRelPath>, StoreError> {
    match path.trim_matches('/') {
        "" | "." => Ok(None),
        plain => Ok(Some(SafeRelPath::new(plain).map_err(ArtifactError::from)?)),
    }
}

impl App {
    /// What is directly in a folder of a version, or the one file that `path` names.
    pub(crate) async fn version_entries(
        &self,
        name: &ModelName,
        version: u32,
        path: &str,
    ) -> Result<Vec<ArtifactEntry>, StoreError> {
        let digest = files_of(&self.store().model_version(name, version).await?)?;
        Ok(self.artifacts().entries(&digest, inside(path)?.as_ref()).await?)
    }

    /// What is directly in a folder of the artifact proxy, with names relative to it. A file has nothing in it, and
    /// neither has what is not there.
    pub(crate) async fn proxy_entries(&self, path: &str) -> Result<Vec<ArtifactEntry>, StoreError> {
        let Some((root, inner)) = ModelRoot::split(path) else {
            return Ok(Vec::new());
        };
        let digest = match self.root_digest(&root).await {
            Ok(digest) => digest,
            Err(StoreError::NotFound { .. } | StoreError::Artifact(ArtifactError::NotFound)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let folder = inside(inner)?;
        let entries = self.artifacts().entries(&digest, folder.as_ref()).await?;
        Ok(match (&folder, entries.as_slice()) {
            (Some(asked), [ArtifactEntry::File(file)]) if file.path == *asked => Vec::new(),
            _ => entries,
        })
    }

    /// The bytes of one file of the artifact proxy.
    pub(crate) async fn proxy_file(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        let Some((root, inner)) = ModelRoot::split(path) else {
            return Err(ArtifactError::NotFound.into());
        };
        let Some(file) = inside(inner)? else {
            return Err(ArtifactError::NotFound.into());
        };
        let digest = self.root_digest(&root).await?;
        Ok(self.artifacts().read(&digest, &file).await?)
    }

    async fn root_digest(&self, root: &ModelRoot) -> Result<Digest, StoreError> {
        match root {
            ModelRoot::Files(digest) => Ok(digest.clone()),
            ModelRoot::Version { name, version } => files_of(&self.store().model_version(name, *version).await?),
        }
    }

    /// Path and signature under which one file of a version can be fetched for an hour without a token.
    pub(crate) async fn signed_path(&self, name: &ModelName, version: u32, path: &str) -> Result<String, StoreError> {
        let digest = files_of(&self.store().model_version(name, version).await?)?;
        let file = inside(path)?.ok_or(ArtifactError::NotFound)?;
        let listed = self.artifacts().list(&digest, Some(&file)).await?;
        if !listed.iter().any(|one| one.path == file) {
            return Err(ArtifactError::NotFound.into());
        }
        let expires = self.now().0 + SIGNED_FOR_MS;
        let signature = self.signer().sign(digest.as_str(), file.as_str(), expires);
        let escaped: Vec<_> = file
            .as_str()
            .split('/')
            .map(|p| utf8_percent_encode(p, ESCAPED).to_string())
            .collect();
        Ok(format!(
            "/artifacts/signed/{expires}/{signature}/{digest}/{}",
            escaped.join("/")
        ))
    }

    /// The bytes behind a signed path, when the signature is ours and its time is not over.
    pub(crate) async fn signed_file(
        &self,
        (expires, signature): (i64, &str),
        digest: &str,
        path: &str,
    ) -> Result<Vec<u8>, ApiError> {
        if !self.signer().verify(signature, digest, path, expires) {
            return Err(ApiError::new(
                ErrorCode::Unauthenticated,
                "the signature in the URL is not valid",
            ));
        }
        if self.now().0 > expires {
            return Err(ApiError::new(
                ErrorCode::PermissionDenied,
                "the signed URL has expired; ask for a new one",
            ));
        }
        let digest: Digest = digest.parse().map_err(|_| ApiError::not_found("artifact not found"))?;
        let path = SafeRelPath::new(path).map_err(|error| StoreError::from(ArtifactError::from(error)))?;
        Ok(self.artifacts().read(&digest, &path).await.map_err(StoreError::from)?)
    }
}

fn files_of(version: &ModelVersion) -> Result<Digest, StoreError> {
    // A version without files has no digest; to who asks for its files they are simply not there.
    version
        .artifact_digest
        .parse()
        .map_err(|_| ArtifactError::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str, version: u32) -> ModelRoot {
        ModelRoot::Version {
            name: ModelName::new(name).expect("name"),
            version,
        }
    }

    #[test]
    fn proxy_paths_name_a_model_and_what_is_inside() {
        let split = |path: &'static str| ModelRoot::split(path);
        assert_eq!(
            split("registered-models/diabetes/2"),
            Some((version("diabetes", 2), ""))
        );
        assert_eq!(
            split("/registered-models/diabetes/2/a/b.bin"),
            Some((version("diabetes", 2), "a/b.bin"))
        );
        for other in [
            "",
            "1/run/artifacts",
            "registered-models",
            "registered-models/diabetes",
            "registered-models/a/x",
        ] {
            assert_eq!(split(other), None, "{other}");
        }
        let digest = Digest::of(b"x");
        let path = format!("model-digests/{digest}/MLmodel");
        assert_eq!(ModelRoot::split(&path), Some((ModelRoot::Files(digest), "MLmodel")));
    }

    #[test]
    fn only_uris_of_whole_models_are_sources() {
        assert_eq!(
            ModelRoot::from_uri("mlflow-artifacts:/registered-models/m/1"),
            Some(version("m", 1))
        );
        assert_eq!(
            ModelRoot::from_uri("mlflow-artifacts:/registered-models/m/1/MLmodel"),
            None
        );
        assert_eq!(ModelRoot::from_uri("dbfs:/registered-models/m/1"), None);
        assert_eq!(ModelRoot::from_uri("file:///etc"), None);
    }
}
