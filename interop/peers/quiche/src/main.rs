//! A file server and a client on quiche and its own HTTP/3, or HTTP/0.9, with their defaults unless an option says otherwise.

mod client;
mod hq;
mod server;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::UdpSocket;
use std::time::Duration;

use h3_files::Failure;
use h3_files::options::Options;
use quiche::{Config, Connection, RecvInfo};

const DATAGRAM: usize = 1350;
/// As many datagrams are read before any are sent.
const BATCH: usize = 32;
pub const ID: usize = 16;

fn main() -> Result<(), Failure> {
    let options = Options::parse()?;
    if options.has("role", "server") { server::serve(&options) } else { client::download(&options) }
}

/// quiche has no defaults for the limits of flow control: without them, nothing may be sent.
pub fn config(options: &Options) -> Result<Config, Failure> {
    let mut config = Config::new(quiche::PROTOCOL_VERSION)?;
    config.set_application_protos(&[options.protocol().as_bytes()])?;
    config.set_max_idle_timeout(u64::try_from(options.idle()?.as_millis())?);
    config.set_max_recv_udp_payload_size(DATAGRAM);
    config.set_max_send_udp_payload_size(DATAGRAM);
    config.set_initial_max_data(10 << 20);
    config.set_initial_max_stream_data_bidi_local(1 << 20);
    config.set_initial_max_stream_data_bidi_remote(1 << 20);
    config.set_initial_max_stream_data_uni(1 << 20);
    config.set_initial_max_streams_bidi(100);
    config.set_initial_max_streams_uni(100);
    // Each address of a client needs one of its own.
    config.set_active_connection_id_limit(8);
    config.enable_early_data();
    Ok(config)
}

pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Sends what a connection has to send.
pub fn flush(socket: &UdpSocket, connection: &mut Connection) -> Result<(), Failure> {
    let mut datagram = [0; DATAGRAM];
    loop {
        match connection.send(&mut datagram) {
            Ok((size, info)) => socket.send_to(&datagram[..size], info.to)?,
            Err(quiche::Error::Done) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
    }
}

/// Waits for datagrams, at most until a timeout, and hands some of them on.
pub fn receive(
    socket: &UdpSocket,
    timeout: Option<Duration>,
    mut handle: impl FnMut(&mut [u8], RecvInfo) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let to = socket.local_addr()?;
    let mut buffer = [0; 65_535];
    // A timeout of zero would mean none.
    socket.set_read_timeout(timeout.map(|each| each.max(Duration::from_millis(1))))?;
    for count in 0..BATCH {
        match socket.recv_from(&mut buffer) {
            Ok((size, from)) => handle(&mut buffer[..size], RecvInfo { from, to })?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            // An ICMP message: nobody listens yet, or any more.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
            Err(error) => return Err(error.into()),
        }
        if count == 0 {
            socket.set_nonblocking(true)?;
        }
    }
    Ok(socket.set_nonblocking(false)?)
}
