use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;

use h3_files::Failure;
use h3_files::options::Options;
use quiche::h3::{self, Event, Header, NameValue};
use quiche::{Config, Connection, ConnectionId};

use crate::hq;

/// BoringSSL's `ssl_early_data_accepted`.
const ACCEPTED: u32 = 2;

pub fn download(options: &Options) -> Result<(), Failure> {
    let mut config = crate::config(options)?;
    config.verify_peer(true);
    config.load_verify_locations_from_file(options.get("ca")?)?;
    let resumes = options.has("resume", "early") || options.has("resume", "session");
    let mut session: Option<Vec<u8>> = None;
    let mut report = String::new();
    for _ in 0..if resumes { 2 } else { 1 } {
        let socket = UdpSocket::bind(options.any_port()?)?;
        let id = crate::random::<{ crate::ID }>()?;
        let id = ConnectionId::from_ref(&id);
        let mut connection = connect(options, &socket, &id, &mut config)?;
        if let Some(session) = &session {
            connection.set_session(session)?;
        }
        let early = Visit::new(options)?.run(&socket, &mut connection, options.has("resume", "early"))?;
        session = connection.session().map(<[u8]>::to_vec);
        report = format!(
            "{{ \"protocol\": \"{}\", \"resumed\": {}, \"used0RTT\": {early} }}",
            options.protocol(),
            connection.is_resumed()
        );
    }
    println!("{report}");
    Ok(())
}

fn connect(
    options: &Options,
    socket: &UdpSocket,
    id: &ConnectionId,
    config: &mut Config,
) -> Result<Connection, Failure> {
    Ok(quiche::connect(Some(options.get("name")?), id, socket.local_addr()?, options.address()?, config)?)
}

struct Visit<'a> {
    options: &'a Options,
    /// Paths without a request yet.
    left: Vec<&'a String>,
    files: HashMap<u64, File>,
    done: usize,
}

impl<'a> Visit<'a> {
    fn new(options: &'a Options) -> Result<Self, Failure> {
        Ok(Self { options, left: options.paths.iter().rev().collect(), files: HashMap::new(), done: 0 })
    }

    /// Returns true if a request was sent in 0-RTT data that the server accepted.
    fn run(mut self, socket: &UdpSocket, connection: &mut Connection, early: bool) -> Result<bool, Failure> {
        let mut http: Option<h3::Connection> = None;
        let mut came_early = false;
        loop {
            if !self.options.is_hq() && http.is_none() && (connection.is_established() || (early && connection.is_in_early_data())) {
                came_early = !connection.is_established();
                http = Some(h3::Connection::with_transport(connection, &h3::Config::new()?)?);
            }
            if self.options.is_hq() {
                if connection.is_established() {
                    self.request_hq(connection)?;
                    self.read_hq(connection)?;
                }
            } else if let Some(http) = &mut http {
                self.request(http, connection)?;
                self.read(http, connection)?;
            }
            if self.done == self.options.paths.len() {
                break;
            }
            crate::flush(socket, connection)?;
            // With the first flight, the connection gets the keys of 0-RTT.
            if http.is_none() && early && connection.is_in_early_data() {
                continue;
            }
            crate::receive(socket, connection.timeout(), |datagram, info| {
                // Packets that cannot be read are of no importance.
                let _ = connection.recv(datagram, info);
                Ok(())
            })?;
            connection.on_timeout();
            if connection.is_closed() {
                let (own, peer, late) = (connection.local_error(), connection.peer_error(), connection.is_timed_out());
                return Err(format!("the connection ended: {own:?}, {peer:?}, timed out: {late}").into());
            }
        }
        connection.close(true, 0x100, b"")?;
        crate::flush(socket, connection)?;
        Ok(came_early && connection.early_data_reason() == ACCEPTED)
    }

    fn request(&mut self, http: &mut h3::Connection, connection: &mut Connection) -> Result<(), Failure> {
        while let Some(path) = self.left.pop() {
            let fields = [
                Header::new(b":method", b"GET"),
                Header::new(b":scheme", b"https"),
                Header::new(b":authority", self.options.get("name")?.as_bytes()),
                Header::new(b":path", path.as_bytes()),
            ];
            match http.send_request(connection, &fields, true) {
                Ok(id) => self.open(id, path)?,
                Err(h3::Error::StreamBlocked | h3::Error::TransportError(quiche::Error::StreamLimit)) => {
                    self.left.push(path);
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Creates the file of a response.
    fn open(&mut self, id: u64, path: &str) -> Result<(), Failure> {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.files.insert(id, File::create(Path::new(self.options.get("output")?).join(name))?);
        Ok(())
    }

    fn request_hq(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        while let Some(path) = self.left.pop() {
            let id = 4 * u64::try_from(self.options.paths.len() - self.left.len() - 1)?;
            if !hq::request(connection, id, path)? {
                self.left.push(path);
                break;
            }
            self.open(id, path)?;
        }
        Ok(())
    }

    fn read_hq(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        let mut part = [0; 65_536];
        for id in connection.readable() {
            let file = self.files.get_mut(&id).ok_or("content without a request")?;
            loop {
                match connection.stream_recv(id, &mut part) {
                    Ok((size, end)) => {
                        file.write_all(&part[..size])?;
                        if end {
                            self.done += 1;
                            break;
                        }
                    }
                    Err(quiche::Error::Done) => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, http: &mut h3::Connection, connection: &mut Connection) -> Result<(), Failure> {
        let mut part = [0; 65_536];
        loop {
            match http.poll(connection) {
                Ok((_, Event::Headers { list, .. })) => {
                    let status = list.iter().find(|field| field.name() == b":status");
                    if status.is_none_or(|field| field.value() != b"200") {
                        return Err(format!("status {status:?}").into());
                    }
                }
                Ok((id, Event::Data)) => {
                    let file = self.files.get_mut(&id).ok_or("content without a request")?;
                    while let Ok(size) = http.recv_body(connection, id, &mut part) {
                        file.write_all(&part[..size])?;
                    }
                }
                Ok((_, Event::Finished)) => self.done += 1,
                Ok((_, Event::Reset(code))) => return Err(format!("the stream was reset with {code}").into()),
                Ok(_) => {}
                Err(h3::Error::Done) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
