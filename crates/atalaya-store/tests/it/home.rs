//! A home folder of its own for each test, and short words for the values that stories need.

use std::path::PathBuf;

use atalaya_domain::registry::{ModelVersion, Tags};
use atalaya_domain::{EndpointName, ModelName, Timestamp};
use atalaya_store::{Digest, NewModelVersion, NewRegisteredModel, Search, Store};

/// A temporary folder with a database in it.
pub(crate) struct Home {
    pub(crate) store: Store,
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("atalaya.db")).await.unwrap();
        Self { store, folder }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("atalaya.db")
    }

    /// What a restart of the server does.
    pub(crate) async fn restarted(self) -> Self {
        self.store.close().await;
        let store = Store::open(&self.database()).await.unwrap();
        Self {
            store,
            folder: self.folder,
        }
    }

    /// Every byte that the database has on disk.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in self.folder.path().read_dir().unwrap() {
            all.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        all
    }

    pub(crate) async fn model(&self, name: &str) -> ModelName {
        let new = NewRegisteredModel {
            name: model(name),
            description: String::new(),
            tags: Tags::new(),
        };
        self.store.create_registered_model(&new, at(1)).await.unwrap().name
    }

    /// A pending version.
    pub(crate) async fn pending(&self, name: &ModelName) -> ModelVersion {
        self.store.create_model_version(&version(name), at(2)).await.unwrap()
    }

    /// A finished version.
    pub(crate) async fn ready(&self, name: &ModelName) -> ModelVersion {
        let pending = self.pending(name).await;
        self.store
            .finish_model_version(name, pending.version, &Digest::of(b"model"), at(3))
            .await
            .unwrap()
    }
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

pub(crate) fn model(name: &str) -> ModelName {
    ModelName::new(name).unwrap()
}

pub(crate) fn endpoint(name: &str) -> EndpointName {
    EndpointName::new(name).unwrap()
}

pub(crate) fn version(name: &ModelName) -> NewModelVersion {
    NewModelVersion {
        name: name.clone(),
        description: String::new(),
        source: "dbfs:/databricks/mlflow-tracking/1/r/artifacts/model".into(),
        run_id: "r".into(),
        model_id: String::new(),
        run_link: String::new(),
        created_by: "ana".into(),
        tags: Tags::new(),
    }
}

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

pub(crate) fn filter(text: &str) -> Search {
    Search {
        filter: text.to_owned(),
        ..Search::default()
    }
}

pub(crate) fn ordered(keys: &[&str]) -> Search {
    Search {
        order_by: keys.iter().map(|k| (*k).to_owned()).collect(),
        ..Search::default()
    }
}
