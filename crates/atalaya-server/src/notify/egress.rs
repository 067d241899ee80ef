//! The one client for requests that leave the server, so that nobody can turn them inward.
//!
//! A host is resolved once and every address of it is checked; the connection goes to exactly those addresses. No
//! redirect is followed, no proxy of the environment used, no answer body shown to anybody, and no message, log line
//! or error holds the URL: webhook URLs are secrets.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url, redirect};

use super::address::{EgressRule, public};

/// From the look-up of the name to the end of the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read; what comes after is left where it is.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Ports at public destinations: HTTPS and its usual second one. Others must be listed with their host.
const PUBLIC_PORTS: [u16; 2] = [443, 8443];
/// Addresses of one name that are looked at; more is no name of a webhook.
const ADDRESSES_MAX: usize = 64;
/// Longest pause that a receiver can ask for.
const RETRY_AFTER_MAX_SECONDS: i64 = 3_600;

/// Sends requests to the world outside.
pub(crate) struct Egress {
    allow: Vec<EgressRule>,
}

/// Where a request goes. Never shown: the path of a webhook is its password.
pub(crate) struct Target(Url);

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target(…)")
    }
}

/// What came back; the body is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The pause that the receiver asked for.
    pub(crate) retry_after_ms: Option<i64>,
}

/// Why a request did not go out or was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EgressError {
    /// Not a URL that can be called.
    #[error("the URL must start with https:// or http://, name a host, and hold no user name or password")]
    Url,
    /// A destination that is not public and not listed.
    #[error("the URL leads to an address that the server may not call; the operator can list it in `egress_allow`")]
    Address,
    /// Not encrypted, and not listed.
    #[error("the URL must start with https://, unless the operator lists its host and port in `egress_allow`")]
    Plain,
    /// A port that is neither 443 nor 8443, and not listed.
    #[error("the URL's port must be 443 or 8443, unless the operator lists its host and port in `egress_allow`")]
    Port,
    /// The name has no address.
    #[error("the URL's host cannot be resolved")]
    Unresolved,
    /// No connection, or it broke.
    #[error("the receiver cannot be reached")]
    Unreachable,
    /// Nothing within the deadline.
    #[error("the receiver did not answer within 10 seconds")]
    TooSlow,
    /// The client could not be made, for want of certificates for example.
    #[error("no connection can be made from this machine; it may lack CA certificates")]
    Client,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`EgressError::Url`].
    pub(crate) fn parse(text: &str) -> Result<Self, EgressError> {
        let url = Url::parse(text).map_err(|_| EgressError::Url)?;
        let known = matches!(url.scheme(), "http" | "https");
        let named = url.host_str().is_some_and(|host| !host.is_empty());
        if !known || !named || !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::Url);
        }
        Ok(Self(url))
    }

    /// Host as URLs spell it; the parser has made `127.0.0.1` of its decimal, octal and hexadecimal forms.
    fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// The address, where the host is one.
    fn literal(&self) -> Option<IpAddr> {
        self.host().trim_start_matches('[').trim_end_matches(']').parse().ok()
    }
}

impl Egress {
    /// Calls public destinations and those of `allow`.
    pub(crate) fn new(allow: Vec<EgressRule>) -> Self {
        Self { allow }
    }

    /// Checks what can be known without asking a name server, for a kind word before the first delivery.
    ///
    /// # Errors
    /// As [`Self::post`], but for what a look-up or a connection would tell.
    pub(crate) fn check(&self, target: &Target) -> Result<(), EgressError> {
        match target.literal() {
            Some(address) => self.admit(target, &[address]),
            // Any public address stands for what the name may resolve to; a listed network may still cover it.
            None if self.allow.iter().any(|rule| matches!(rule, EgressRule::Network { .. })) => Ok(()),
            None => self.admit(target, &[IpAddr::from([1, 1, 1, 1])]),
        }
    }

    /// Decides about a destination by every address of it.
    fn admit(&self, target: &Target, addresses: &[IpAddr]) -> Result<(), EgressError> {
        let listed = |address: &IpAddr| self.allow.iter().any(|rule| rule.covers(*address));
        if addresses.is_empty() {
            return Err(EgressError::Unresolved);
        }
        if self.allow.iter().any(|rule| rule.names(target.host(), target.port())) || addresses.iter().all(listed) {
            return Ok(());
        }
        if !addresses.iter().all(|address| listed(address) || public(*address)) {
            return Err(EgressError::Address);
        }
        if target.0.scheme() != "https" {
            return Err(EgressError::Plain);
        }
        if PUBLIC_PORTS.contains(&target.port()) {
            Ok(())
        } else {
            Err(EgressError::Port)
        }
    }

    /// Posts JSON. Any answer is a success here, also one that refuses; redirects come back as they are.
    ///
    /// # Errors
    /// [`EgressError`]; without a connection when the destination is refused.
    pub(crate) async fn post(&self, target: &Target, body: String, dedup_key: &str) -> Result<Answer, EgressError> {
        let work = async {
            let addresses = resolve(target).await?;
            let ips: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
            self.admit(target, &ips)?;
            let client = client(target, &addresses)?;
            let request = client
                .post(target.0.clone())
                .header(CONTENT_TYPE, "application/json")
                .header("idempotency-key", dedup_key)
                .body(body);
            let mut response = request.send().await.map_err(|error| reason(&error))?;
            let answer = Answer {
                status: response.status().as_u16(),
                retry_after_ms: retry_after(&response),
            };
            // The status has decided; reading on only lets the receiver finish in peace.
            let mut read = 0;
            while let Ok(Some(chunk)) = response.chunk().await {
                read += chunk.len();
                if read >= ANSWER_BYTES_MAX {
                    break;
                }
            }
            Ok(answer)
        };
        tokio::time::timeout(DEADLINE, work)
            .await
            .unwrap_or(Err(EgressError::TooSlow))
    }
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, EgressError> {
    if let Some(address) = target.literal() {
        return Ok(vec![SocketAddr::new(address, target.port())]);
    }
    let found = tokio::net::lookup_host((target.host(), target.port()))
        .await
        .map_err(|_| EgressError::Unresolved)?;
    let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX + 1).collect();
    if found.len() > ADDRESSES_MAX {
        Err(EgressError::Address)
    } else {
        Ok(found)
    }
}

/// A client for one request, bound to the addresses that were checked.
fn client(target: &Target, addresses: &[SocketAddr]) -> Result<Client, EgressError> {
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .timeout(DEADLINE)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("atalaya/", env!("CARGO_PKG_VERSION")));
    if target.literal().is_none() {
        builder = builder.resolve_to_addrs(target.host(), addresses);
    }
    if target.0.scheme() == "http" {
        // Needs no certificates, and must work on a machine that has none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|_| EgressError::Client)
}

/// The kind of failure without the URL that the client's own errors carry.
fn reason(error: &reqwest::Error) -> EgressError {
    if error.is_timeout() {
        EgressError::TooSlow
    } else {
        EgressError::Unreachable
    }
}

fn retry_after(response: &reqwest::Response) -> Option<i64> {
    let seconds: i64 = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    (seconds > 0).then(|| seconds.min(RETRY_AFTER_MAX_SECONDS) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url).unwrap_or_else(|_| panic!("{url}"))
    }

    fn egress(allow: &[&str]) -> Egress {
        Egress::new(
            allow
                .iter()
                .map(|rule| rule.parse().unwrap_or_else(|_| panic!("{rule}")))
                .collect(),
        )
    }

    #[test]
    fn only_plain_web_urls_are_targets() {
        for wrong in [
            "",
            "hook",
            "ftp://a/b",
            "file:///etc/passwd",
            "https://u@a/b",
            "https://u:p@a/b",
            "https://",
        ] {
            assert_eq!(Target::parse(wrong).err(), Some(EgressError::Url), "{wrong}");
        }
        assert_eq!(format!("{:?}", target("https://hooks.example.com/secret")), "Target(…)");
    }

    #[test]
    fn numbers_that_mean_an_inward_address_are_refused() {
        let open = egress(&[]);
        let urls = [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://192.168.0.10:8443/",
            "http://10.1.2.3/",
        ];
        for url in urls {
            assert_eq!(open.check(&target(url)), Err(EgressError::Address), "{url}");
        }
    }

    #[test]
    fn public_destinations_are_https_on_its_ports() {
        let open = egress(&[]);
        assert_eq!(open.check(&target("https://1.1.1.1/hook")), Ok(()));
        assert_eq!(open.check(&target("https://hooks.example.com:8443/x")), Ok(()));
        assert_eq!(
            open.check(&target("http://hooks.example.com/x")),
            Err(EgressError::Plain)
        );
        assert_eq!(
            open.check(&target("https://hooks.example.com:22/x")),
            Err(EgressError::Port)
        );
    }

    #[test]
    fn one_inward_address_among_public_ones_refuses_the_name() {
        let (rebinding, public): (Target, IpAddr) = (target("https://rebind.example.com/"), [8, 8, 8, 8].into());
        let inward = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(egress(&[]).admit(&rebinding, &[public]), Ok(()));
        assert_eq!(
            egress(&[]).admit(&rebinding, &[public, inward]),
            Err(EgressError::Address)
        );
        assert_eq!(egress(&[]).admit(&rebinding, &[]), Err(EgressError::Unresolved));
        assert_eq!(egress(&["10.0.0.0/8"]).admit(&rebinding, &[public, inward]), Ok(()));
    }

    #[test]
    fn listed_destinations_may_be_plain_and_on_any_port() {
        let listed = egress(&["127.0.0.1", "alerts.internal:8080"]);
        assert_eq!(listed.check(&target("http://127.0.0.1:9/hook")), Ok(()));
        assert_eq!(
            listed.check(&target("http://127.0.0.2:9/hook")),
            Err(EgressError::Address)
        );
        let inward = [IpAddr::from([10, 0, 0, 1])];
        assert_eq!(listed.admit(&target("http://alerts.internal:8080/"), &inward), Ok(()));
        assert_eq!(
            listed.admit(&target("http://alerts.internal:8081/"), &inward),
            Err(EgressError::Address)
        );
    }
}
