//! A receiver of webhooks: answers as it is told and remembers what came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One request that came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Received {
    pub(super) key: String,
    pub(super) body: Value,
}

/// A listener on 127.0.0.1 whose URL has a secret in its path, as webhooks do.
pub(super) struct Receiver {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answers: VecDeque<String>,
    received: Vec<Received>,
}

/// The part of each receiver's URL that nobody may see.
pub(super) const SECRET: &str = "T00-B00-SECRET";

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/{SECRET}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                receive(stream, &shared).await;
            }
        });
        Self { url, state }
    }

    /// Answers the next request with this status line and these headers instead of `204 No Content`.
    pub(super) fn answer_next(&self, status_and_headers: &str) {
        self.state
            .lock()
            .unwrap()
            .answers
            .push_back(status_and_headers.to_owned());
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }
}

async fn receive(mut stream: TcpStream, state: &Mutex<State>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").unwrap_or_default().parse().unwrap_or(0);
            if body.len() >= length {
                break (head.to_owned(), body.to_owned());
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return;
        }
    };
    let key = header(&head, "idempotency-key").unwrap_or_default();
    let answer = {
        let mut state = state.lock().unwrap();
        state.received.push(Received {
            key,
            body: serde_json::from_str(&body).unwrap(),
        });
        state.answers.pop_front().unwrap_or_else(|| "204 No Content".to_owned())
    };
    let reply = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(reply.as_bytes()).await.unwrap();
}

fn header(head: &str, name: &str) -> Option<String> {
    let line = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
