//! Opening a home: folders, keys, database, lake, logs, endpoints, tasks — in that order, so that what fails is named.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use atalaya_domain::access::Role;
use atalaya_lake::Lake;
use atalaya_log::{Log, LogConfig, LogError};
use atalaya_store::{
    ArtifactError, Artifacts, CompiledForms, NewToken, Pepper, Store, StoreError, TOKEN_RANDOM_BYTES, Token,
    TokenError, TokenKind,
};
use rand::RngExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::keys::{key_file, secret_file};
use super::{App, Inner, Wake, auth, models, signing};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::metrics::Metrics;
use crate::notify::Egress;
use crate::serving::{EndpointSlot, Endpoints};
use crate::watch::Watching;

/// Name of the file in the home that holds the administrator's first token.
pub const ADMIN_TOKEN_FILE: &str = "admin.token";
/// The owner of the bootstrap token.
const ADMIN: &str = "admin";

/// Why a home could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A folder or key file.
    #[error("cannot open `{}`", path.display())]
    Path {
        /// What was opened.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another server has the home open.
    #[error("another server runs on the home `{}`; stop it first, or give another --home", home.display())]
    InUse {
        /// The home.
        home: PathBuf,
    },
    /// The metadata database.
    #[error("cannot open the metadata database")]
    Store(#[from] StoreError),
    /// The artifact folder.
    #[error("cannot open the artifact folder")]
    Artifacts(#[from] ArtifactError),
    /// The lake.
    #[error("cannot open the lake")]
    Lake(#[from] atalaya_lake::LakeError),
    /// The prediction log of an endpoint.
    #[error("cannot open the prediction log of endpoint `{endpoint}`")]
    Log {
        /// The endpoint.
        endpoint: String,
        /// Why not.
        source: LogError,
    },
    /// `admin.token` holds something else.
    #[error("`{}` does not hold a token made by `atalaya token generate`", path.display())]
    AdminToken {
        /// The file.
        path: PathBuf,
        /// What is wrong with its text.
        source: TokenError,
    },
}

impl App {
    /// Opens a home and restores every endpoint of it. With `config.background`, also starts the tasks.
    ///
    /// # Errors
    /// [`OpenError`] names what could not be opened.
    pub async fn open(config: ServerConfig, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let background = config.background;
        let lock = lock_home(&config.home)?;
        let app = Self::open_beside(config, clock).await?;
        // Held as long as any clone of the app lives.
        app.0.home_lock.set(lock).ok();
        app.lake().probe().await?;
        app.bootstrap_token().await?;
        models::remove_left_over(&app.config().run());
        let endpoints = app.store().endpoints().await?;
        for endpoint in &endpoints {
            let slot = app.open_slot(endpoint.name.as_str())?;
            app.endpoints().insert(slot);
        }
        app.deploy(endpoints.into_iter().map(|endpoint| endpoint.name).collect())
            .await;
        if background {
            crate::tasks::start(&app);
        }
        Ok(app)
    }

    /// Opens the database, the model files and the lake of a home, but no endpoint, log or task of it: for commands
    /// that work beside a running server, or without one.
    ///
    /// # Errors
    /// [`OpenError`] names what could not be opened.
    pub async fn open_beside(config: ServerConfig, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        for dir in [&config.home, &config.keys(), &config.wal(), &config.lake()] {
            private_dir(dir).map_err(|source| OpenError::Path {
                path: dir.clone(),
                source,
            })?;
        }
        let pepper_path = config.keys().join("pepper");
        let pepper = key_file(&pepper_path, rand::rng().random()).map_err(|source| OpenError::Path {
            path: pepper_path,
            source,
        })?;
        let signing_path = config.keys().join("signing");
        let signing_key = key_file(&signing_path, rand::rng().random()).map_err(|source| OpenError::Path {
            path: signing_path,
            source,
        })?;
        let store = Store::open(&config.database()).await?;
        let artifacts = Artifacts::open(&config.artifacts()).await?;
        let forms =
            CompiledForms::open(&config.compiled(), config.compiled_bytes).map_err(|source| OpenError::Path {
                path: config.compiled(),
                source,
            })?;
        let lake = Lake::open(config.lake());
        let egress = Egress::new(config.egress_allow.clone());
        Ok(Self(Arc::new(Inner {
            config,
            clock,
            store,
            artifacts,
            forms,
            lake,
            pepper: Pepper::new(pepper),
            signer: signing::Signer::new(&signing_key),
            callers: auth::Callers::default(),
            endpoints: Endpoints::default(),
            models: models::ModelCache::default(),
            metrics: Metrics::default(),
            draining: AtomicBool::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            changes: tokio::sync::Mutex::new(()),
            wake: Wake::default(),
            home_lock: OnceLock::new(),
            egress,
            watching: Watching::default(),
        })))
    }

    /// Opens the prediction log of an endpoint.
    pub(super) fn open_slot(&self, endpoint: &str) -> Result<Arc<EndpointSlot>, OpenError> {
        let config = self.config();
        let settings = LogConfig {
            segment_bytes: config.log.segment_bytes,
            disk_budget_bytes: config.log.disk_budget_bytes,
            ..LogConfig::new(endpoint, &config.node)
        };
        let log = Log::open(&config.wal().join(endpoint), settings, rand::rng().random()).map_err(|source| {
            OpenError::Log {
                endpoint: endpoint.to_owned(),
                source,
            }
        })?;
        Ok(Arc::new(EndpointSlot::new(endpoint.to_owned(), log)))
    }

    /// The administrator's first token: adopted from `admin.token` when it is there, made and written there otherwise.
    async fn bootstrap_token(&self) -> Result<(), OpenError> {
        let path = self.config().home.join(ADMIN_TOKEN_FILE);
        let refused = |source| OpenError::Path {
            path: path.clone(),
            source,
        };
        let new = NewToken {
            owner: ADMIN.to_owned(),
            role: Role::Admin,
            endpoints: None,
            comment: "made at first start".to_owned(),
            expires_at: None,
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let token = Token::parse(text.trim()).map_err(|source| OpenError::AdminToken {
                    path: path.clone(),
                    source,
                })?;
                self.store()
                    .adopt_token(&self.0.pepper, &token, &new, self.now())
                    .await?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let random: [u8; TOKEN_RANDOM_BYTES] = rand::rng().random();
                let token = Token::generate(TokenKind::Bootstrap, &random);
                self.store()
                    .create_token(&self.0.pepper, &token, &new, self.now())
                    .await?;
                secret_file(&path, token.expose()).map_err(refused)?;
                tracing::info!(path = %path.display(), "administrator's token written");
            }
            Err(error) => return Err(refused(error)),
        }
        Ok(())
    }
}

/// One server per home: two would give out the same log numbers and deliver every alert twice.
fn lock_home(home: &Path) -> Result<File, OpenError> {
    let path = home.join("server.lock");
    let refused = |source| OpenError::Path {
        path: path.clone(),
        source,
    };
    private_dir(home).map_err(|source| OpenError::Path {
        path: home.to_owned(),
        source,
    })?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { home: home.to_owned() }),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

fn private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
