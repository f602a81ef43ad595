//! HTTP/0.9 (ALPN hq-interop), as in the public runner: a bidirectional stream for each request, which is `GET path`.

use std::future::Future;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::task::JoinSet;

use crate::Failure;
use crate::options::Options;
use crate::server::inside;

/// The longest request.
const LINE: u64 = 4096;

/// Answers the request of a stream with a file of the folder.
pub async fn answer<S, R>(mut send: S, receive: R, root: &Path) -> Result<(), Failure>
where
    S: AsyncWrite + Unpin,
    R: AsyncRead + Unpin,
{
    let mut line = String::new();
    BufReader::new(receive.take(LINE)).read_line(&mut line).await?;
    let path = line.trim_end().strip_prefix("GET ").ok_or("not a request")?;
    let mut file = File::open(inside(root, path).ok_or("outside the folder")?).await?;
    tokio::io::copy(&mut file, &mut send).await?;
    Ok(send.shutdown().await?)
}

/// Downloads all paths at the same time, over streams that `open` opens.
pub async fn download<S, R, F>(options: &Options, mut open: impl FnMut() -> F) -> Result<(), Failure>
where
    S: AsyncWrite + Send + Unpin + 'static,
    R: AsyncRead + Send + Unpin + 'static,
    F: Future<Output = Result<(S, R), Failure>>,
{
    let output = options.get("output")?;
    let mut fetches = JoinSet::new();
    for path in &options.paths {
        let file = Path::new(output).join(path.rsplit('/').next().unwrap_or_default());
        let (send, receive) = open().await?;
        fetches.spawn(fetch(send, receive, path.clone(), file));
    }
    while let Some(each) = fetches.join_next().await {
        each??;
    }
    Ok(())
}

async fn fetch<S, R>(mut send: S, mut receive: R, path: String, file: PathBuf) -> Result<(), Failure>
where
    S: AsyncWrite + Unpin,
    R: AsyncRead + Unpin,
{
    send.write_all(format!("GET {path}\r\n").as_bytes()).await?;
    send.shutdown().await?;
    let mut target = File::create(file).await?;
    tokio::io::copy(&mut receive, &mut target).await?;
    Ok(target.flush().await?)
}
