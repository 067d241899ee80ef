//! The ceiling row of the serving benchmark.
//!
//! A server that does as little as an HTTP/1.1 model server can do, so that a
//! real one can be read as a fraction of it. Plain hyper, two tokio threads.
//!
//! * `GET  /ping`        - 200, for readiness probes.
//! * `POST /echo`        - reads the body, answers a fixed small JSON.
//! * `POST /parse`       - parses MLflow's `{"dataframe_records": [...]}` into
//!   four `f64` a row, evaluates a scaled logistic regression, answers
//!   `{"predictions": [...]}`. `/invocations` is the same route.
//!
//! No validation of types beyond serde's, no logging, no metrics, no auth, no
//! TLS: everything a real server adds is meant to show as distance from here.
//!
//! Usage: `http_limit [--port N] [--threads N] [--model lr.json]`, where
//! `lr.json` is `{"mean": [4], "scale": [4], "coef": [4], "intercept": x}`;
//! without it, plausible weights serve.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;

/// StandardScaler followed by LogisticRegression, folded into four weights.
struct Model {
    weights: [f64; 4],
    bias: f64,
}

/// The exported parameters, before folding.
#[derive(Deserialize)]
struct ModelFile {
    mean: [f64; 4],
    scale: [f64; 4],
    coef: [f64; 4],
    intercept: f64,
}

#[derive(Deserialize)]
struct Row {
    age: f64,
    bmi: f64,
    blood_pressure: f64,
    glucose: f64,
}

#[derive(Deserialize)]
struct Input {
    dataframe_records: Vec<Row>,
}

impl From<ModelFile> for Model {
    fn from(m: ModelFile) -> Self {
        let mut weights = [0.0; 4];
        let mut bias = m.intercept;
        for i in 0..4 {
            weights[i] = m.coef[i] / m.scale[i];
            bias -= weights[i] * m.mean[i];
        }
        Self { weights, bias }
    }
}

impl Model {
    /// The positive class is the one whose logit is above zero, which is the
    /// same as a probability above one half; the sigmoid is still evaluated so
    /// that the row costs what a probability would cost.
    fn predict(&self, r: &Row) -> bool {
        let w = &self.weights;
        let logit = self.bias + w[0] * r.age + w[1] * r.bmi + w[2] * r.blood_pressure + w[3] * r.glucose;
        1.0 / (1.0 + (-logit).exp()) > 0.5
    }
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn predictions(model: &Model, body: &[u8]) -> Response<Full<Bytes>> {
    let Ok(input) = serde_json::from_slice::<Input>(body) else {
        return json(
            StatusCode::BAD_REQUEST,
            Bytes::from_static(b"{\"error\":\"bad request\"}"),
        );
    };
    let mut out = Vec::with_capacity(20 + 2 * input.dataframe_records.len());
    out.extend_from_slice(b"{\"predictions\":[");
    for (i, row) in input.dataframe_records.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.push(if model.predict(row) { b'1' } else { b'0' });
    }
    out.extend_from_slice(b"]}");
    json(StatusCode::OK, Bytes::from(out))
}

async fn handle(model: Arc<Model>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let answer = match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/ping") => json(StatusCode::OK, Bytes::from_static(b"{}")),
        (&Method::POST, path @ ("/echo" | "/parse" | "/invocations")) => match body.collect().await {
            Ok(_) if path == "/echo" => json(StatusCode::OK, Bytes::from_static(b"{\"predictions\":[0]}")),
            Ok(collected) => predictions(&model, &collected.to_bytes()),
            Err(_) => json(StatusCode::BAD_REQUEST, Bytes::new()),
        },
        _ => json(StatusCode::NOT_FOUND, Bytes::new()),
    };
    Ok(answer)
}

async fn serve(port: u16, model: Arc<Model>) -> std::io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let model = Arc::clone(&model);
        tokio::spawn(async move {
            let service = service_fn(move |request| handle(Arc::clone(&model), request));
            // A client that goes away mid-request is not this server's error.
            let _ = hyper::server::conn::http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut port, mut threads) = (8080_u16, 2_usize);
    // Plausible weights, for use without a trained model.
    let mut model = Model {
        weights: [0.03, 0.09, 0.01, 0.04],
        bias: -11.0,
    };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--port" => port = value.parse()?,
            "--threads" => threads = value.parse()?,
            "--model" => model = serde_json::from_slice::<ModelFile>(&std::fs::read(value)?)?.into(),
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    runtime.block_on(serve(port, Arc::new(model)))?;
    Ok(())
}
