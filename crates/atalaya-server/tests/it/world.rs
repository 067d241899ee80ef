//! A running server on a temporary home, and a client that speaks to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use atalaya_domain::ModelName;
use atalaya_model::ModelFiles;
use atalaya_server::{
    ADMIN_TOKEN_FILE, App, Clock, Drained, RegisterModel, RouteRow, Server, ServerConfig, SystemClock, route_table,
};
use atalaya_testkit::{fixture, read_folder};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The registered model of the fixtures.
pub(crate) const MODEL: &str = "diabetes_predictor";
/// A request that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Dropping it leaves the server to the runtime, which ends with the test.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) token: String,
    pub(crate) routes: Vec<RouteRow>,
    address: SocketAddr,
    client: Client,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Drained>,
    home: TempDir,
}

/// Status, body as JSON.
pub(crate) type Answer = (u16, Value);

impl World {
    /// A server on an empty home.
    pub(crate) async fn empty() -> Self {
        Self::on(tempfile::tempdir().unwrap()).await
    }

    /// A server whose registry has versions 1 and 2 of the fixtures' model.
    pub(crate) async fn with_model() -> Self {
        let world = Self::empty().await;
        world.register(MODEL, "diabetes/version_1").await;
        world.register(MODEL, "diabetes/version_2").await;
        world
    }

    async fn on(home: TempDir) -> Self {
        Self::with(home, |_| {}, Arc::new(SystemClock)).await
    }

    /// A server on an empty home, with other settings and another clock than usual.
    pub(crate) async fn unusual(settings: impl FnOnce(&mut ServerConfig), clock: Arc<dyn Clock>) -> Self {
        Self::with(tempfile::tempdir().unwrap(), settings, clock).await
    }

    async fn with(home: TempDir, settings: impl FnOnce(&mut ServerConfig), clock: Arc<dyn Clock>) -> Self {
        let mut config = ServerConfig::new(home.path().to_owned());
        config.background = false;
        settings(&mut config);
        let server = Server::open(config, clock).await.unwrap();
        let (app, routes) = (server.app().clone(), route_table().to_vec());
        let token = std::fs::read_to_string(home.path().join(ADMIN_TOKEN_FILE))
            .unwrap()
            .trim()
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(listener, async {
            // A dropped sender stops the server as well.
            let _ = stopped.await;
        }));
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self {
            app,
            token,
            routes,
            address,
            client,
            stop,
            running,
            home,
        }
    }

    /// Stops the server and starts another on the same home.
    pub(crate) async fn restarted(self) -> Self {
        self.stop.send(()).unwrap();
        // Kept-alive connections would have to be waited for.
        drop(self.client);
        assert_eq!(self.running.await.unwrap(), Drained::Clean);
        // A home is open as long as anybody holds its app.
        drop(self.app);
        Self::on(self.home).await
    }

    /// The home folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Registers a folder of fixtures as the next version.
    pub(crate) async fn register(&self, name: &str, folder: &str) -> u32 {
        self.register_files(name, read_folder(&fixture(folder))).await
    }

    pub(crate) async fn register_files(&self, name: &str, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> u32 {
        let request = RegisterModel {
            name: ModelName::new(name).unwrap(),
            files: ModelFiles::from_pairs(files).unwrap(),
            source: "tests".to_owned(),
            run_id: String::new(),
            user: "admin".to_owned(),
        };
        self.app.register_model(request).await.unwrap().version
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request without any token.
    pub(crate) fn anonymous(&self, method: &str, path: &str) -> RequestBuilder {
        self.client
            .request(Method::from_bytes(method.as_bytes()).unwrap(), self.url(path))
    }

    /// A request of the administrator.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        answer(self.request(method, path).json(&body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body).await
    }

    /// As [`Self::post`], for what must succeed.
    pub(crate) async fn posted(&self, path: &str, body: Value) -> Value {
        let (status, reply) = self.post(path, body).await;
        assert_eq!(status, 200, "{path}: {reply}");
        reply
    }

    /// As [`Self::get`], for what must succeed.
    pub(crate) async fn got(&self, path: &str) -> Value {
        let (status, reply) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {reply}");
        reply
    }

    /// A token with that role, limited to endpoints when any are named.
    pub(crate) async fn token_for(&self, role: &str, endpoints: &[&str]) -> String {
        let body = json!({"comment": "test", "lifetime_seconds": 600, "role": role, "endpoints": endpoints});
        let reply = self.posted("/api/2.0/token/create", body).await;
        reply["token_value"].as_str().unwrap().to_owned()
    }
}

/// Sends a request and reads the JSON of its answer.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let reply = request.send().await.unwrap();
    let status = reply.status().as_u16();
    let text = reply.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("status {status}, not JSON: {text}")),
    )
}

/// An error answer: status, `error_code`, message.
pub(crate) fn refusal((status, body): &Answer) -> (u16, &str, &str) {
    (
        *status,
        body["error_code"].as_str().unwrap(),
        body["message"].as_str().unwrap(),
    )
}

/// The status of a request whose body does not matter.
pub(crate) async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

/// A header of an answer, as text.
pub(crate) fn header<'a>(reply: &'a Response, name: &str) -> &'a str {
    reply
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no header `{name}`"))
        .to_str()
        .unwrap()
}

/// Puts 0 where answers hold times, so that the rest can be compared as a whole. Fails where a time is not one.
pub(crate) fn timeless(mut value: Value) -> Value {
    const TIMES: [&str; 9] = [
        "creation_timestamp",
        "last_updated_timestamp",
        "creation_time",
        "last_update_time",
        "expiry_time",
        "start_time",
        "end_time",
        "created_time",
        "timestamp",
    ];
    match &mut value {
        Value::Object(fields) => {
            for (key, inside) in fields {
                if TIMES.contains(&key.as_str()) {
                    assert!(inside.is_i64(), "`{key}` is not a whole number");
                    *inside = json!(0);
                } else {
                    *inside = timeless(inside.take());
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = timeless(item.take());
            }
        }
        _ => {}
    }
    value
}
