use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use h3::client::SendRequest;
use h3::quic::{Connection, OpenStreams};
use http::Request;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::Failure;
use crate::options::Options;

/// Downloads all paths at the same time over one connection. `during` runs once the first content is there.
pub async fn download<C, D>(connection: C, options: &Options, during: D) -> Result<(), Failure>
where
    C: Connection<Bytes> + Send + 'static,
    C::OpenStreams: Clone + Send + 'static,
    <C::OpenStreams as OpenStreams<Bytes>>::BidiStream: Send,
    <C as OpenStreams<Bytes>>::SendStream: Send,
    <C as OpenStreams<Bytes>>::BidiStream: Send,
    C::RecvStream: Send,
    D: Future<Output = Result<(), Failure>>,
{
    let (mut driver, requests) = h3::client::builder().build::<C, C::OpenStreams, Bytes>(connection).await?;
    let driver = tokio::spawn(async move { driver.wait_idle().await });
    let name = options.get("name")?;
    let output = options.get("output")?;
    let first = Arc::new(Notify::new());
    let mut fetches = JoinSet::new();
    for path in &options.paths {
        let url = format!("https://{name}{path}");
        let file = Path::new(output).join(path.rsplit('/').next().unwrap_or_default());
        let (requests, first) = (requests.clone(), first.clone());
        fetches.spawn(async move { fetch(requests, &url, &file, &first).await });
    }
    let all = async {
        while let Some(each) = fetches.join_next().await {
            each??;
        }
        Ok::<(), Failure>(())
    };
    let meanwhile = async {
        first.notified().await;
        during.await
    };
    tokio::try_join!(all, meanwhile)?;
    drop(requests);
    driver.await?;
    Ok(())
}

async fn fetch<O>(mut requests: SendRequest<O, Bytes>, url: &str, file: &Path, first: &Notify) -> Result<(), Failure>
where
    O: OpenStreams<Bytes>,
{
    let mut stream = requests.send_request(Request::get(url).body(())?).await?;
    stream.finish().await?;
    let response = stream.recv_response().await?;
    if !response.status().is_success() {
        return Err(format!("status {} for {url}", response.status()).into());
    }
    let mut target = File::create(file).await?;
    while let Some(mut chunk) = stream.recv_data().await? {
        first.notify_one();
        while chunk.has_remaining() {
            let size = chunk.chunk().len();
            target.write_all(chunk.chunk()).await?;
            chunk.advance(size);
        }
    }
    Ok(target.flush().await?)
}

/// Prints what the program knows of its last connection, as JSON.
pub fn report(options: &Options, early: bool) {
    let protocol = options.protocol();
    println!("{{ \"protocol\": \"{protocol}\", \"used0RTT\": {early} }}");
}
