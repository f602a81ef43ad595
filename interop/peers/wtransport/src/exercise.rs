//! What a side of a session does.

use std::time::Duration;

use h3_files::Failure;
use tokio::time::sleep;
use wtransport::error::{ConnectionError, StreamReadError, StreamWriteError};
use wtransport::{Connection, RecvStream, SendStream, VarInt};

const SIZE: usize = 100_000;
const DATAGRAM: usize = 1_000;
const RESET: u32 = 42;
const STOP: u32 = 43;

/// How the other side ended the session.
pub struct Ended {
    pub code: u64,
    pub reason: String,
}

fn content() -> Vec<u8> {
    (0..SIZE).map(|i| (i * 31 + (i >> 8)) as u8).collect()
}

/// draft-ietf-webtrans-http3 §4.4: the code of HTTP/3 for one of the application.
fn http_code(code: u32) -> VarInt {
    let n = u64::from(code);
    VarInt::try_from_u64(0x52e4_a40f_a8db + n + n / 0x1e).expect("a varint")
}

pub async fn exercise(connection: &Connection) -> Result<Ended, Failure> {
    let all = content();
    tokio::select! {
        failed = repeat_datagram(connection, &all[..DATAGRAM]) => Err(failed),
        ended = exchange(connection, &all) => ended,
    }
}

async fn exchange(connection: &Connection, all: &[u8]) -> Result<Ended, Failure> {
    tokio::try_join!(
        open_echo(connection, all),
        open_uni(connection, b'U', all),
        open_reset(connection),
        open_stopped(connection),
        receive_datagram(connection, &all[..DATAGRAM]),
        accept(connection),
        accept(connection),
        accept(connection),
        accept_uni(connection, all),
    )?;
    open_uni(connection, b'D', &[]).await?;
    // Nothing more comes; the reason is that of the session's end. `closed` would tell that of the connection.
    match connection.accept_uni().await {
        Err(ConnectionError::ApplicationClosed(close)) => {
            Ok(Ended { code: close.code().into_inner(), reason: String::from_utf8(close.reason().to_vec())? })
        }
        Err(cut_off) => Err(format!("the session was cut off: {cut_off}").into()),
        Ok(_) => Err("the other side opened one stream too many".into()),
    }
}

async fn open_echo(connection: &Connection, all: &[u8]) -> Result<(), Failure> {
    let (mut send, mut receive) = connection.open_bi().await?.await?;
    let write = async {
        send.write_all(b"E").await?;
        send.write_all(all).await?;
        Ok::<_, Failure>(send.finish().await?)
    };
    let (_, echo) = tokio::try_join!(write, read_to_end(&mut receive))?;
    compare("the echo", &echo, all)
}

async fn open_uni(connection: &Connection, name: u8, more: &[u8]) -> Result<(), Failure> {
    let mut send = connection.open_uni().await?.await?;
    send.write_all(&[&[name], more].concat()).await?;
    // The end of the session may be faster than the acknowledgement.
    let finished = send.finish().await;
    if more.is_empty() { Ok(()) } else { Ok(finished?) }
}

async fn open_answered(connection: &Connection, name: u8) -> Result<(SendStream, RecvStream), Failure> {
    let (mut send, mut receive) = connection.open_bi().await?.await?;
    send.write_all(&[name]).await?;
    match first_byte(&mut receive).await? {
        answer if answer == name => Ok((send, receive)),
        answer => Err(format!("the answer {answer} on {name}").into()),
    }
}

async fn open_reset(connection: &Connection) -> Result<(), Failure> {
    let (mut send, mut receive) = open_answered(connection, b'R').await?;
    send.reset(http_code(RESET))?;
    read_end(&mut receive).await
}

async fn open_stopped(connection: &Connection) -> Result<(), Failure> {
    let (mut send, receive) = open_answered(connection, b'S').await?;
    receive.stop(http_code(STOP));
    Ok(send.finish().await?)
}

async fn accept(connection: &Connection) -> Result<(), Failure> {
    let (mut send, mut receive) = connection.accept_bi().await?;
    match first_byte(&mut receive).await? {
        b'E' => {
            let all = read_to_end(&mut receive).await?;
            send.write_all(&all).await?;
            Ok(send.finish().await?)
        }
        b'R' => {
            send.write_all(b"R").await?;
            match read_rest(&mut receive).await {
                Err(StreamReadError::Reset(code)) if code == http_code(RESET) => Ok(send.finish().await?),
                other => Err(format!("a stream to be reset ended with {other:?}").into()),
            }
        }
        b'S' => {
            send.write_all(b"S").await?;
            match send.stopped().await {
                StreamWriteError::Stopped(code) if code == http_code(STOP) => read_end(&mut receive).await,
                other => Err(format!("a stream to be stopped ended with {other}").into()),
            }
        }
        name => Err(format!("a stream with the name {name}").into()),
    }
}

async fn accept_uni(connection: &Connection, all: &[u8]) -> Result<(), Failure> {
    let mut receive = connection.accept_uni().await?;
    let got = read_to_end(&mut receive).await?;
    match got.split_first() {
        Some((b'U', rest)) => compare("a one-way stream", rest, all),
        other => Err(format!("a one-way stream begins with {:?}", other.map(|(name, _)| name)).into()),
    }
}

/// A datagram may be lost. Returns only if it cannot be sent.
async fn repeat_datagram(connection: &Connection, payload: &[u8]) -> Failure {
    loop {
        if let Err(error) = connection.send_datagram(payload) {
            return error.into();
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn receive_datagram(connection: &Connection, expected: &[u8]) -> Result<(), Failure> {
    compare("a datagram", &connection.receive_datagram().await?, expected)
}

async fn first_byte(receive: &mut RecvStream) -> Result<u8, Failure> {
    let mut byte = [0];
    receive.read_exact(&mut byte).await?;
    Ok(byte[0])
}

async fn read_to_end(receive: &mut RecvStream) -> Result<Vec<u8>, Failure> {
    Ok(read_rest(receive).await?)
}

/// A stream that is dropped before its end would be stopped.
async fn read_end(receive: &mut RecvStream) -> Result<(), Failure> {
    match read_rest(receive).await?.len() {
        0 => Ok(()),
        length => Err(format!("{length} bytes more").into()),
    }
}

async fn read_rest(receive: &mut RecvStream) -> Result<Vec<u8>, StreamReadError> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while let Some(length) = receive.read(&mut buffer).await? {
        all.extend_from_slice(&buffer[..length]);
    }
    Ok(all)
}

fn compare(what: &str, got: &[u8], expected: &[u8]) -> Result<(), Failure> {
    if got == expected { Ok(()) } else { Err(format!("{what} of {} bytes differs", got.len()).into()) }
}
