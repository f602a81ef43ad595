//! A load generator for benchmarks. It reads commands from standard input, a line each, and answers each with a line of JSON:
//! `connect C` opens C connections, which replace earlier ones; `requests N S PATH PAUSE` sends N requests over them, S at a time
//! on each, with a pause of so many milliseconds before each, and reports percentiles of their latency in microseconds; `handshakes N K PATH full|session|early` opens N connections, K at a time, with a request on each, and reports
//! how many resumed a session and how many requests the server accepted as early data.

use std::io::BufRead;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use h3::client::SendRequest;
use h3::error::{Code, StreamError};
use h3_files::options::Options;
use h3_files::{Failure, tls};
use h3_quinn::OpenStreams;
use http::Request;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, TransportConfig, ZeroRttAccepted};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::kx_group::X25519;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio::task::JoinSet;

use crate::tickets::Tickets;
use crate::verifier::Verifier;

/// Connections that `connect` opens at the same time: fewer than make a server ask for proofs of addresses.
const OPENING: usize = 16;

type Requests = SendRequest<OpenStreams, Bytes>;


pub async fn generate(options: Options) -> Result<(), Failure> {
    let load = Arc::new(Load { endpoint: Endpoint::client(any_address(&options)?)?, options });
    let mut connections = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let started = Instant::now();
        let mut latencies = Vec::new();
        let (bytes, Resumed { sessions, early }) = match words[..] {
            ["connect", count] => {
                connections.clear();
                let (config, ..) = load.config("full")?;
                let count: usize = count.parse()?;
                let mut opening = JoinSet::new();
                let (mut begun, mut refused) = (0, 0);
                while connections.len() < count {
                    while begun < count && opening.len() < OPENING {
                        let (load, config) = (load.clone(), config.clone());
                        opening.spawn(async move { load.connect(config).await });
                        begun += 1;
                    }
                    match opening.join_next().await {
                        Some(Ok(Ok((open, _)))) => connections.push(open),
                        // A busy server may refuse some.
                        Some(Ok(Err(error))) if refused >= count => return Err(error),
                        Some(Ok(Err(_))) => {
                            refused += 1;
                            begun -= 1;
                        }
                        Some(Err(error)) => return Err(error.into()),
                        None => {}
                    }
                }
                (0, Resumed::default())
            }
            ["requests", count, streams, path, pause] => {
                let pause = Duration::from_millis(pause.parse()?);
                let bytes;
                (bytes, latencies) =
                    load.requests(&connections, count.parse()?, streams.parse()?, path, pause).await?;
                (bytes, Resumed::default())
            }
            ["handshakes", count, at_once, path, mode] => {
                load.handshakes(count.parse()?, at_once.parse()?, path, mode).await?
            }
            _ => return Err(format!("not a command: {line}").into()),
        };
        let seconds = started.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let [p50, p99] = [50, 99].map(|share| latencies.get(latencies.len() * share / 100).copied().unwrap_or(0));
        println!(
            "{{ \"seconds\": {seconds}, \"bytes\": {bytes}, \"sessions\": {sessions}, \"early\": {early}, \"p50\": {p50}, \"p99\": {p99} }}"
        );
    }
    Ok(())
}

/// Numbers of connections.
#[derive(Default)]
struct Resumed {
    sessions: usize,
    early: usize,
}

struct Load {
    options: Options,
    endpoint: Endpoint,
}

impl Load {
    /// The verifier counts the certificates, which a resumed session goes without.
    fn config(&self, mode: &str) -> Result<(ClientConfig, Arc<Verifier>, Arc<Tickets>), Failure> {
        let provider = CryptoProvider { kx_groups: vec![X25519], ..aws_lc_rs::default_provider() };
        let provider = Arc::new(provider);
        let mut tls = tls::client_config_with(&self.options, provider.clone())?;
        let verifier = Verifier::new(tls::roots(&self.options)?, provider)?;
        tls.dangerous().set_certificate_verifier(verifier.clone());
        let tickets = Tickets::new();
        tls.resumption = if mode == "full" { Resumption::disabled() } else { Resumption::store(tickets.clone()) };
        tls.enable_early_data = mode == "early";
        let crypto = QuicClientConfig::with_initial(Arc::new(tls), crate::initial_suite())?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some(self.options.idle()?.try_into()?));
        transport.keep_alive_interval(Some(Duration::from_secs(self.options.get("keep-alive")?.parse()?)));
        config.transport_config(Arc::new(transport));
        Ok((config, verifier, tickets))
    }

    /// Where early data is possible, also returns whether it will be accepted.
    async fn connect(&self, config: ClientConfig) -> Result<(Open, Option<ZeroRttAccepted>), Failure> {
        let (address, name) = (self.options.address()?, self.options.get("name")?);
        let (connection, accepted) = match self.endpoint.connect_with(config, address, name)?.into_0rtt() {
            Ok((connection, accepted)) => (connection, Some(accepted)),
            Err(connecting) => (connecting.await?, None),
        };
        let h3 = h3_quinn::Connection::new(connection.clone());
        let (mut driver, requests) = h3::client::builder().build::<_, _, Bytes>(h3).await?;
        tokio::spawn(async move { driver.wait_idle().await });
        Ok((Open { connection, requests }, accepted))
    }

    async fn requests(
        &self,
        open: &[Open],
        count: usize,
        streams: usize,
        path: &str,
        pause: Duration,
    ) -> Result<(usize, Vec<u128>), Failure> {
        let begun = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for each in open {
            for _ in 0..streams {
                let (begun, mut requests, url) = (begun.clone(), each.requests.clone(), self.url(path)?);
                workers.spawn(async move {
                    let mut bytes = 0;
                    let mut latencies = Vec::new();
                    while begun.fetch_add(1, Relaxed) < count {
                        if !pause.is_zero() {
                            tokio::time::sleep(pause).await;
                        }
                        let started = Instant::now();
                        bytes += fetch(&mut requests, &url).await?;
                        latencies.push(started.elapsed().as_micros());
                    }
                    Ok::<_, Failure>((bytes, latencies))
                });
            }
        }
        let mut bytes = 0;
        let mut latencies = Vec::new();
        while let Some(worker) = workers.join_next().await {
            let (more, each) = worker??;
            bytes += more;
            latencies.extend(each);
        }
        Ok((bytes, latencies))
    }

    async fn handshakes(
        self: &Arc<Self>,
        count: usize,
        at_once: usize,
        path: &str,
        mode: &str,
    ) -> Result<(usize, Resumed), Failure> {
        let begun = Arc::new(AtomicUsize::new(0));
        let early = Arc::new(AtomicUsize::new(0));
        let mut verifiers = Vec::new();
        let mut workers = JoinSet::new();
        for _ in 0..at_once {
            let (load, begun, early, url) = (self.clone(), begun.clone(), early.clone(), self.url(path)?);
            // Each has its own sessions, so that it knows which connection a ticket came from.
            let (config, verifier, tickets) = self.config(mode)?;
            verifiers.push(verifier);
            let is_early = mode == "early";
            workers.spawn(async move {
                let mut bytes = 0;
                while begun.fetch_add(1, Relaxed) < count {
                    let earlier = tickets.count();
                    let (mut open, accepted) = load.connect(config.clone()).await?;
                    bytes += fetch(&mut open.requests, &url).await?;
                    if let Some(accepted) = accepted {
                        early.fetch_add(usize::from(accepted.await), Relaxed);
                    }
                    if is_early {
                        // The response to early data overtakes them.
                        tickets.more_than(earlier).await;
                    }
                    open.connection.close(0x100u32.into(), b"");
                }
                Ok::<usize, Failure>(bytes)
            });
        }
        let mut bytes = 0;
        while let Some(worker) = workers.join_next().await {
            bytes += worker??;
        }
        let certificates: usize = verifiers.iter().map(|each| each.certificates.load(Relaxed)).sum();
        Ok((bytes, Resumed { sessions: count.saturating_sub(certificates), early: early.load(Relaxed) }))
    }

    fn url(&self, path: &str) -> Result<String, Failure> {
        Ok(format!("https://{}{path}", self.options.get("name")?))
    }
}

/// The server may be in another network namespace.
fn any_address(options: &Options) -> Result<SocketAddr, Failure> {
    Ok(match options.address()? {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    })
}

struct Open {
    connection: quinn::Connection,
    requests: Requests,
}

async fn fetch(requests: &mut Requests, url: &str) -> Result<usize, Failure> {
    let mut stream = requests.send_request(Request::get(url).body(())?).await?;
    match stream.finish().await {
        // A server that has answered may ask the client to send no more (RFC 9114 §4.1); quic-go does at once.
        Err(StreamError::RemoteTerminate { code: Code::H3_NO_ERROR, .. }) => {}
        other => other?,
    }
    let response = stream.recv_response().await?;
    if !response.status().is_success() {
        return Err(format!("status {} for {url}", response.status()).into());
    }
    let mut bytes = 0;
    while let Some(chunk) = stream.recv_data().await? {
        bytes += chunk.remaining();
    }
    Ok(bytes)
}
