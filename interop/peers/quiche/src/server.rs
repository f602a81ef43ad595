use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Component, Path, PathBuf};

use h3_files::Failure;
use h3_files::options::Options;
use quiche::h3::{self, Event, Header, NameValue};
use quiche::{Config, Connection, ConnectionId, RecvInfo, Type};

use crate::hq;

struct Client {
    connection: Connection,
    http: Option<h3::Connection>,
    /// Instead of HTTP/3.
    hq: Option<hq::Requests>,
    /// Responses in progress, by stream: the file, how much of it was sent, and if the head was.
    responses: HashMap<u64, Response>,
}

struct Response {
    content: Option<Vec<u8>>,
    sent: usize,
    has_head: bool,
}

struct Server<'a> {
    socket: UdpSocket,
    config: Config,
    root: &'a Path,
    retries: bool,
    is_hq: bool,
    clients: HashMap<usize, Client>,
    /// The clients by the IDs that they may use for us.
    ids: HashMap<Vec<u8>, usize>,
    count: usize,
}

pub fn serve(options: &Options) -> Result<(), Failure> {
    let mut config = crate::config(options)?;
    config.load_cert_chain_from_pem_file(options.get("cert")?)?;
    config.load_priv_key_from_pem_file(options.get("key")?)?;
    let root = PathBuf::from(options.get("root")?);
    let mut server = Server {
        socket: UdpSocket::bind(options.address()?)?,
        config,
        root: &root,
        retries: options.has("retry", "true"),
        is_hq: options.is_hq(),
        clients: HashMap::new(),
        ids: HashMap::new(),
        count: 0,
    };
    loop {
        server.turn()?;
    }
}

impl Server<'_> {
    fn turn(&mut self) -> Result<(), Failure> {
        let timeout = self.clients.values().filter_map(|client| client.connection.timeout()).min();
        let socket = self.socket.try_clone()?;
        crate::receive(&socket, timeout, |datagram, info| self.handle(datagram, info))?;
        for (key, client) in &mut self.clients {
            client.connection.on_timeout();
            if let Err(error) = client.work(self.root) {
                eprintln!("connection: {error}");
                let _ = client.connection.close(true, 0x102, b"");
            }
            while client.connection.is_established() && client.connection.scids_left() > 0 {
                let id = crate::random::<{ crate::ID }>()?;
                let reset = u128::from_be_bytes(crate::random()?);
                client.connection.new_scid(&ConnectionId::from_ref(&id), reset, false)?;
                self.ids.insert(id.to_vec(), *key);
            }
            if let Err(error) = crate::flush(&self.socket, &mut client.connection) {
                eprintln!("sending: {error}");
            }
        }
        self.clients.retain(|_, client| !client.connection.is_closed());
        self.ids.retain(|_, key| self.clients.contains_key(key));
        Ok(())
    }

    fn handle(&mut self, datagram: &mut [u8], info: RecvInfo) -> Result<(), Failure> {
        let Ok(header) = quiche::Header::from_slice(datagram, crate::ID) else { return Ok(()) };
        let key = match self.ids.get(header.dcid.as_ref()) {
            Some(key) => *key,
            None => match self.accept(&header, info)? {
                Some(key) => key,
                None => return Ok(()),
            },
        };
        if let Some(client) = self.clients.get_mut(&key) {
            // Packets that cannot be read are of no importance.
            let _ = client.connection.recv(datagram, info);
        }
        Ok(())
    }

    /// Returns the key of a new connection; None if the packet does not begin one.
    fn accept(&mut self, header: &quiche::Header, info: RecvInfo) -> Result<Option<usize>, Failure> {
        if header.ty != Type::Initial {
            return Ok(None);
        }
        let mut out = [0; 1200];
        if !quiche::version_is_supported(header.version) {
            let size = quiche::negotiate_version(&header.scid, &header.dcid, &mut out)?;
            self.socket.send_to(&out[..size], info.from)?;
            return Ok(None);
        }
        let id = crate::random::<{ crate::ID }>()?;
        let token = header.token.as_deref().unwrap_or_default();
        if self.retries && token.is_empty() {
            let token = [address_bytes(info.from).as_slice(), &header.dcid].concat();
            let id = ConnectionId::from_ref(&id);
            let size = quiche::retry(&header.scid, &header.dcid, &id, &token, header.version, &mut out)?;
            self.socket.send_to(&out[..size], info.from)?;
            return Ok(None);
        }
        let (id, original) = if self.retries {
            let Some(original) = token.strip_prefix(address_bytes(info.from).as_slice()) else { return Ok(None) };
            (header.dcid.to_vec(), Some(ConnectionId::from_ref(original)))
        } else {
            (id.to_vec(), None)
        };
        let id = ConnectionId::from_vec(id);
        let connection = quiche::accept(&id, original.as_ref(), info.to, info.from, &mut self.config)?;
        self.count += 1;
        let hq = self.is_hq.then(hq::Requests::default);
        self.clients.insert(self.count, Client { connection, http: None, hq, responses: HashMap::new() });
        self.ids.insert(id.to_vec(), self.count);
        // Repeated Initial packets have the ID that the client chose.
        self.ids.insert(header.dcid.to_vec(), self.count);
        Ok(Some(self.count))
    }
}

fn address_bytes(address: SocketAddr) -> Vec<u8> {
    let mut bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    bytes.extend(address.port().to_be_bytes());
    bytes
}

impl Client {
    fn work(&mut self, root: &Path) -> Result<(), Failure> {
        let connection = &mut self.connection;
        if let Some(hq) = &mut self.hq {
            for (id, path) in hq.read(connection)? {
                let content = Some(read(root, &path).ok_or("no such file")?);
                self.responses.insert(id, Response { content, sent: 0, has_head: false });
            }
            return self.respond_hq();
        }
        if self.http.is_none() && (connection.is_established() || connection.is_in_early_data()) {
            self.http = Some(h3::Connection::with_transport(connection, &h3::Config::new()?)?);
        }
        let Some(http) = &mut self.http else { return Ok(()) };
        loop {
            match http.poll(connection) {
                Ok((id, Event::Headers { list, .. })) => {
                    let path = list.iter().find(|field| field.name() == b":path").ok_or("no path")?;
                    let content = read(root, std::str::from_utf8(path.value())?);
                    self.responses.insert(id, Response { content, sent: 0, has_head: false });
                }
                Ok((id, Event::Reset(_))) => {
                    self.responses.remove(&id);
                }
                Ok(_) => {}
                Err(h3::Error::Done) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let ids: Vec<u64> = self.responses.keys().copied().collect();
        for id in ids {
            let response = self.responses.get_mut(&id).ok_or("no response")?;
            match response.send(http, connection, id) {
                Ok(false) => {}
                // The client no longer wants it.
                Ok(true) | Err(h3::Error::TransportError(quiche::Error::StreamStopped(_))) => {
                    self.responses.remove(&id);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Client {
    fn respond_hq(&mut self) -> Result<(), Failure> {
        let mut done = Vec::new();
        for (id, response) in &mut self.responses {
            let content = response.content.as_deref().unwrap_or_default();
            match hq::respond(&mut self.connection, *id, content, &mut response.sent) {
                Ok(false) => {}
                // The client no longer wants it.
                Ok(true) | Err(quiche::Error::StreamStopped(_)) => done.push(*id),
                Err(error) => return Err(error.into()),
            }
        }
        for id in done {
            self.responses.remove(&id);
        }
        Ok(())
    }
}

impl Response {
    /// Sends as much as the connection takes; returns true if that was all.
    fn send(&mut self, http: &mut h3::Connection, connection: &mut Connection, id: u64) -> Result<bool, h3::Error> {
        if !self.has_head {
            let length = self.content.as_ref().map_or(0, Vec::len).to_string();
            let status: &[u8] = if self.content.is_some() { b"200" } else { b"404" };
            let fields = [Header::new(b":status", status), Header::new(b"content-length", length.as_bytes())];
            match http.send_response(connection, id, &fields, self.content.is_none()) {
                Ok(()) => self.has_head = true,
                Err(h3::Error::StreamBlocked) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let Some(content) = &self.content else { return Ok(true) };
        while self.sent < content.len() {
            match http.send_body(connection, id, &content[self.sent..], true) {
                Ok(size) => self.sent += size,
                Err(h3::Error::Done) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The file of a request, unless its path leads out of the folder.
fn read(root: &Path, path: &str) -> Option<Vec<u8>> {
    let relative = Path::new(path.strip_prefix('/')?);
    let is_plain = relative.components().all(|each| matches!(each, Component::Normal(_)));
    if is_plain { std::fs::read(root.join(relative)).ok() } else { None }
}
