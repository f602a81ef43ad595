//! HTTP/0.9 (ALPN hq-interop), as in the public runner: a bidirectional stream for each request, which is `GET path`.

use std::collections::HashMap;

use h3_files::Failure;
use quiche::{Connection, Error};

/// The requests of a connection that are not complete yet, by stream.
#[derive(Default)]
pub struct Requests {
    parts: HashMap<u64, Vec<u8>>,
}

impl Requests {
    /// The streams and paths of those that have become complete.
    pub fn read(&mut self, connection: &mut Connection) -> Result<Vec<(u64, String)>, Failure> {
        let mut complete = Vec::new();
        for id in connection.readable() {
            let request = self.parts.entry(id).or_default();
            let mut part = [0; 1024];
            while let Ok((size, _)) = connection.stream_recv(id, &mut part) {
                request.extend_from_slice(&part[..size]);
            }
            if request.ends_with(b"\n") {
                let line = String::from_utf8(self.parts.remove(&id).unwrap_or_default())?;
                complete.push((id, line.trim_end().strip_prefix("GET ").ok_or("not a request")?.to_owned()));
            }
        }
        Ok(complete)
    }
}

/// Sends a request; false if the server must allow another stream first.
pub fn request(connection: &mut Connection, id: u64, path: &str) -> Result<bool, Failure> {
    let request = format!("GET {path}\r\n");
    match connection.stream_send(id, request.as_bytes(), true) {
        Ok(size) if size == request.len() => Ok(true),
        Ok(_) => Err("the connection took a part of a request".into()),
        Err(Error::StreamLimit | Error::Done) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sends the rest of a response as far as the connection takes it; returns true if that was all.
pub fn respond(connection: &mut Connection, id: u64, content: &[u8], sent: &mut usize) -> Result<bool, Error> {
    loop {
        match connection.stream_send(id, &content[*sent..], true) {
            Ok(size) => *sent += size,
            Err(Error::Done) => return Ok(false),
            Err(error) => return Err(error),
        }
        if *sent == content.len() {
            return Ok(true);
        }
    }
}
