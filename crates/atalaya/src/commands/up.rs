//! `atalaya up`: the server, from opening the home to the drained end.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use atalaya_server::{Drained, Server, SystemClock, log_as_json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Up;
use crate::config::{Settings, log_filter};
use crate::home::LISTEN_FILE;
use crate::output::say;

/// Serves until SIGTERM or SIGINT, then drains; a second signal stops at once.
pub(crate) async fn run(up: Up) -> anyhow::Result<ExitCode> {
    log_as_json(&log_filter());
    let home = &up.home.home;
    let mut settings = Settings::read(home)?.with_python(up.python);
    if let Some(listen) = up.listen {
        settings.listen = listen;
    }
    refuse_open_plain_http(settings.listen, up.insecure_plain_http)?;
    let server = Server::open(settings.server(home)?, Arc::new(SystemClock))
        .await
        .with_context(|| format!("cannot open the home {}", home.display()))?;
    // Bound only now: a port that answers is a server that is ready.
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}; is another server there?", settings.listen))?;
    let address = listener.local_addr()?;
    let note = home.join(LISTEN_FILE);
    announce(home, &note, address)?;
    let drained = server.run(listener, stop_signal()?).await;
    std::fs::remove_file(&note).ok();
    if let Drained::Cut(open) = drained {
        tracing::warn!(open, "connections were still open at the end of the drain");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn refuse_open_plain_http(listen: SocketAddr, insecure: bool) -> anyhow::Result<()> {
    anyhow::ensure!(
        listen.ip().is_loopback() || insecure,
        "{listen} can be reached from other machines and this listener has no TLS: tokens would travel in clear. \
         Listen on 127.0.0.1 behind a TLS proxy, or give --insecure-plain-http"
    );
    Ok(())
}

fn announce(home: &Path, note: &Path, address: SocketAddr) -> anyhow::Result<()> {
    // Written beside and renamed, so that who waits for the file never reads half of it.
    let fresh = note.with_extension("addr.new");
    std::fs::write(&fresh, address.to_string()).and_then(|()| std::fs::rename(&fresh, note))?;
    let token = home.join(atalaya_server::ADMIN_TOKEN_FILE);
    say(&format!("listening on http://{address}"))?;
    say(&format!("administrator's token in {}", token.display()))?;
    say(&format!("clients: eval \"$(atalaya env --home {})\"", home.display()))
}

fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            // Every acknowledged record is with the kernel already; only the drain is cut short.
            std::process::exit(1);
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_beyond_loopback_needs_a_flag() {
        let open: SocketAddr = "0.0.0.0:8080".parse().expect("address");
        assert!(refuse_open_plain_http(open, false).is_err());
        assert!(refuse_open_plain_http(open, true).is_ok());
        assert!(refuse_open_plain_http("127.0.0.1:0".parse().expect("address"), false).is_ok());
    }
}
