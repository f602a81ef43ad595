//! WebTransport with wtransport, as server and client. Both do what interop/webtransport/exercise.ts describes, as the side that
//! does not close the session: wtransport ends one only by closing its connection. It leaves error codes and subprotocols to
//! its user.

mod exercise;

use std::net::SocketAddr;
use std::pin::Pin;

use h3_files::options::Options;
use h3_files::{Failure, tls};
use wtransport::config::{DnsLookupFuture, DnsResolver};
use wtransport::endpoint::IncomingSession;
use wtransport::{ClientConfig, Endpoint, ServerConfig};

use exercise::{Ended, exercise};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse()?;
    match options.get("role")? {
        "server" => serve(&options).await,
        _ => open(&options).await,
    }
}

async fn serve(options: &Options) -> Result<(), Failure> {
    let config = ServerConfig::builder()
        .with_bind_address(options.address()?)
        .with_custom_tls(tls::server_config(options)?)
        .build();
    let endpoint = Endpoint::server(config)?;
    loop {
        let incoming = endpoint.accept().await;
        tokio::spawn(async move {
            match answer(incoming).await {
                Ok(ended) => report(&ended),
                Err(error) => eprintln!("{error}"),
            }
        });
    }
}

async fn answer(incoming: IncomingSession) -> Result<Ended, Failure> {
    exercise(&incoming.await?.accept().await?).await
}

async fn open(options: &Options) -> Result<(), Failure> {
    let address = options.address()?;
    let config = ClientConfig::builder()
        .with_bind_address(options.any_port()?)
        .with_custom_tls(tls::client_config(options)?)
        .dns_resolver(Fixed(address))
        .build();
    let url = format!("https://{}:{}/{}", options.get("name")?, address.port(), options.get("webtransport")?);
    let connection = Endpoint::client(config)?.connect(url).await?;
    report(&exercise(&connection).await?);
    Ok(())
}

fn report(Ended { code, reason }: &Ended) {
    println!(r#"{{"protocol":"","closeCode":{code},"reason":"{reason}"}}"#);
}

/// Resolves every name to the server under test.
#[derive(Debug)]
struct Fixed(SocketAddr);

impl DnsResolver for Fixed {
    fn resolve(&self, _host: &str) -> Pin<Box<dyn DnsLookupFuture>> {
        let address = self.0;
        Box::pin(async move { Ok(Some(address)) })
    }
}
