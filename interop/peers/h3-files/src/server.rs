use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use bytes::{Buf, Bytes};
use h3::quic::{BidiStream, Connection, OpenStreams, SendStream};
use h3::server::RequestResolver;
use http::{Method, Response, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::Failure;

const CHUNK: usize = 64 << 10;

/// Answers the requests of one connection with the files of a folder, until the client closes it. For benchmarks,
/// `/memory/N` answers N bytes from memory, and a POST is answered with the number of its bytes.
pub async fn serve<C>(connection: C, root: Arc<PathBuf>) -> Result<(), Failure>
where
    C: Connection<Bytes> + Send + 'static,
    <C as OpenStreams<Bytes>>::BidiStream: BidiStream<Bytes> + Send + 'static,
    <C as OpenStreams<Bytes>>::SendStream: SendStream<Bytes> + Send + 'static,
    C::RecvStream: Send + 'static,
    C::OpenStreams: Send + 'static,
{
    let mut connection = h3::server::builder().build::<C, Bytes>(connection).await?;
    while let Some(resolver) = connection.accept().await? {
        let root = root.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(resolver, &root).await {
                eprintln!("request: {error}");
            }
        });
    }
    Ok(())
}

async fn answer<C>(resolver: RequestResolver<C, Bytes>, root: &Path) -> Result<(), Failure>
where
    C: Connection<Bytes>,
{
    let (request, mut stream) = resolver.resolve_request().await?;
    if request.method() == Method::POST {
        let mut bytes = 0;
        while let Some(chunk) = stream.recv_data().await? {
            bytes += chunk.remaining();
        }
        stream.send_response(Response::builder().body(())?).await?;
        stream.send_data(Bytes::from(bytes.to_string())).await?;
        return Ok(stream.finish().await?);
    }
    if let Some(body) = request.uri().path().strip_prefix("/memory/").and_then(kept) {
        let response = Response::builder().header("content-length", body.len()).body(())?;
        stream.send_response(response).await?;
        stream.send_data(body).await?;
        return Ok(stream.finish().await?);
    }
    let file = match inside(root, request.uri().path()) {
        Some(path) => File::open(path).await.ok(),
        None => None,
    };
    let Some(mut file) = file else {
        let response = Response::builder().status(StatusCode::NOT_FOUND).body(())?;
        stream.send_response(response).await?;
        return Ok(stream.finish().await?);
    };
    let length = file.metadata().await?.len();
    let response = Response::builder().header("content-length", length).body(())?;
    stream.send_response(response).await?;
    loop {
        let mut chunk = vec![0; CHUNK];
        let size = file.read(&mut chunk).await?;
        if size == 0 {
            return Ok(stream.finish().await?);
        }
        chunk.truncate(size);
        stream.send_data(Bytes::from(chunk)).await?;
    }
}

static BODIES: LazyLock<Mutex<HashMap<usize, Bytes>>> = LazyLock::new(Mutex::default);

/// For benchmarks: that many bytes, from memory.
fn kept(size: &str) -> Option<Bytes> {
    let size = size.parse().ok()?;
    let mut bodies = BODIES.lock().ok()?;
    Some(bodies.entry(size).or_insert_with(|| vec![b'a'; size].into()).clone())
}

/// The file of a request, unless its path leads out of the folder.
pub fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.strip_prefix('/')?);
    let is_plain = relative.components().all(|each| matches!(each, Component::Normal(_)));
    is_plain.then(|| root.join(relative))
}
