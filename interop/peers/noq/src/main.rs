//! A file server and a client on noq and h3, with their defaults unless an option says otherwise.

mod h3_glue;

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;

use h3_files::options::Options;
use h3_files::{Failure, hq, tls};
use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use noq::{ClientConfig, Endpoint, Incoming, ServerConfig, TransportConfig};
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::Suite;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse()?;
    if options.has("role", "server") { serve(&options).await } else { download(&options).await }
}

/// Protects Initial packets even where only another cipher suite is negotiated (RFC 9001 §5.2).
fn initial_suite() -> Suite {
    TLS13_AES_128_GCM_SHA256.tls13().and_then(|suite| suite.quic_suite()).expect("a QUIC suite")
}

fn transport(options: &Options) -> Result<Arc<TransportConfig>, Failure> {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(options.idle()?.try_into()?));
    Ok(Arc::new(transport))
}

async fn serve(options: &Options) -> Result<(), Failure> {
    let mut tls = tls::server_config(options)?;
    tls.max_early_data_size = u32::MAX;
    let crypto = QuicServerConfig::with_initial(Arc::new(tls), initial_suite())?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(transport(options)?);
    let endpoint = Endpoint::server(config, options.address()?)?;
    let root = Arc::new(PathBuf::from(options.get("root")?));
    let (retry, is_hq) = (options.has("retry", "true"), options.is_hq());
    while let Some(incoming) = endpoint.accept().await {
        if retry && !incoming.remote_address_validated() {
            incoming.retry()?;
            continue;
        }
        let root = root.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(incoming, root, is_hq).await {
                eprintln!("connection: {error}");
            }
        });
    }
    Ok(())
}

async fn answer(incoming: Incoming, root: Arc<PathBuf>, is_hq: bool) -> Result<(), Failure> {
    // Requests in 0-RTT data are read before the handshake is complete.
    let connection = match incoming.accept()?.into_0rtt() {
        Ok((connection, _)) => connection,
        Err(connecting) => connecting.await?,
    };
    if is_hq {
        return answer_hq(connection, root).await;
    }
    h3_files::serve(h3_glue::Connection::new(connection), root).await
}

async fn answer_hq(connection: noq::Connection, root: Arc<PathBuf>) -> Result<(), Failure> {
    loop {
        let (send, receive) = connection.accept_bi().await?;
        let root = root.clone();
        tokio::spawn(async move {
            if let Err(error) = hq::answer(send, receive, &root).await {
                eprintln!("request: {error}");
            }
        });
    }
}

async fn download(options: &Options) -> Result<(), Failure> {
    let mut tls = tls::client_config(options)?;
    tls.enable_early_data = options.has("resume", "early");
    let crypto = QuicClientConfig::with_initial(Arc::new(tls), initial_suite())?;
    let endpoint = Endpoint::client(options.any_port()?)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport(options)?);
    endpoint.set_default_client_config(config);
    let resumes = options.has("resume", "early") || options.has("resume", "session");
    let mut early = false;
    for _ in 0..if resumes { 2 } else { 1 } {
        early = visit(&endpoint, options).await?;
    }
    endpoint.wait_idle().await;
    h3_files::report(options, early);
    Ok(())
}

/// Returns true if the server accepted 0-RTT data.
async fn visit(endpoint: &Endpoint, options: &Options) -> Result<bool, Failure> {
    let connecting = endpoint.connect(options.address()?, options.get("name")?)?;
    let (connection, accepted) = match connecting.into_0rtt() {
        Ok((connection, accepted)) => (connection, Some(accepted)),
        Err(connecting) => (connecting.await?, None),
    };
    if options.is_hq() {
        hq::download(options, || async { Ok(connection.open_bi().await?) }).await?;
        connection.close(0u32.into(), b"");
        return Ok(false);
    }
    let during = async {
        if options.has("key-update", "true") {
            connection.force_key_update();
        }
        if options.has("moves", "true") {
            endpoint.rebind(UdpSocket::bind(options.any_port()?)?)?;
        }
        Ok(())
    };
    h3_files::download(h3_glue::Connection::new(connection.clone()), options, during).await?;
    Ok(match accepted {
        Some(accepted) => accepted.await,
        None => false,
    })
}
