//! A file server and a client on s2n-quic and h3, with their defaults unless an option says otherwise.

mod h3_glue;

use std::path::PathBuf;
use std::sync::Arc;

use h3_files::options::Options;
use h3_files::{Failure, hq, tls};
use s2n_quic::client::Connect;
use s2n_quic::provider::endpoint_limits::{ConnectionAttempt, Limiter, Outcome};
use s2n_quic::provider::limits::Limits;
use s2n_quic::provider::tls::rustls::{Client as TlsClient, Server as TlsServer};
use s2n_quic::{Client, Connection, Server};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse()?;
    if options.has("role", "server") { serve(&options).await } else { download(&options).await }
}

/// Answers each first Initial packet with a Retry, if so told.
struct Retries(bool);

impl Limiter for Retries {
    fn on_connection_attempt(&mut self, _attempt: &ConnectionAttempt) -> Outcome {
        if self.0 { Outcome::retry() } else { Outcome::allow() }
    }
}

fn limits(options: &Options) -> Result<Limits, Failure> {
    let idle = options.idle()?;
    Ok(Limits::new().with_max_idle_timeout(idle)?.with_max_handshake_duration(idle)?)
}

async fn serve(options: &Options) -> Result<(), Failure> {
    let mut server = Server::builder()
        .with_tls(TlsServer::from(tls::server_config(options)?))?
        .with_io(options.address()?)?
        .with_endpoint_limits(Retries(options.has("retry", "true")))?
        .with_limits(limits(options)?)?
        .start()?;
    let root = Arc::new(PathBuf::from(options.get("root")?));
    let is_hq = options.is_hq();
    while let Some(connection) = server.accept().await {
        let root = root.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(connection, root, is_hq).await {
                eprintln!("connection: {error}");
            }
        });
    }
    Ok(())
}

async fn answer(mut connection: Connection, root: Arc<PathBuf>, is_hq: bool) -> Result<(), Failure> {
    if !is_hq {
        return h3_files::serve(h3_glue::Connection::new(connection), root).await;
    }
    while let Some(stream) = connection.accept_bidirectional_stream().await? {
        let (receive, send) = stream.split();
        let root = root.clone();
        tokio::spawn(async move {
            if let Err(error) = hq::answer(send, receive, &root).await {
                eprintln!("request: {error}");
            }
        });
    }
    Ok(())
}

async fn download(options: &Options) -> Result<(), Failure> {
    let mut client = Client::builder()
        .with_tls(TlsClient::from(tls::client_config(options)?))?
        .with_io(options.any_port()?)?
        .with_limits(limits(options)?)?
        .start()?;
    for _ in 0..if options.has("resume", "session") { 2 } else { 1 } {
        let connect = Connect::new(options.address()?).with_server_name(options.get("name")?);
        let connection = client.connect(connect).await?;
        if options.is_hq() {
            download_hq(&connection, options).await?;
            continue;
        }
        h3_files::download(h3_glue::Connection::new(connection), options, async { Ok(()) }).await?;
    }
    client.wait_idle().await?;
    h3_files::report(options, false);
    Ok(())
}

async fn download_hq(connection: &Connection, options: &Options) -> Result<(), Failure> {
    hq::download(options, || {
        let mut handle = connection.handle();
        async move {
            let (receive, send) = handle.open_bidirectional_stream().await?.split();
            Ok((send, receive))
        }
    })
    .await?;
    connection.close(0u32.into());
    Ok(())
}
