//! The command line: `--name=value` options, then the paths to download.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Failure;

pub struct Options {
    values: HashMap<String, String>,
    pub paths: Vec<String>,
}

impl Options {
    pub fn parse() -> Result<Self, Failure> {
        let mut values = HashMap::new();
        let mut paths = Vec::new();
        for arg in std::env::args().skip(1) {
            match arg.strip_prefix("--").map(|option| option.split_once('=')) {
                Some(Some((name, value))) => {
                    values.insert(name.to_owned(), value.to_owned());
                }
                Some(None) => return Err(format!("{arg} has no value").into()),
                None => paths.push(arg),
            }
        }
        Ok(Self { values, paths })
    }

    pub fn get(&self, name: &str) -> Result<&str, Failure> {
        Ok(self.values.get(name).ok_or_else(|| format!("--{name} is missing"))?)
    }

    /// True if the option has this value.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.values.get(name).is_some_and(|each| each == value)
    }

    /// The application protocol, by its ALPN name.
    pub fn protocol(&self) -> &str {
        self.values.get("protocol").map_or("h3", String::as_str)
    }

    /// True if requests are those of HTTP/0.9.
    pub fn is_hq(&self) -> bool {
        self.protocol() == "hq-interop"
    }

    /// After which a connection without packets ends, during the handshake too.
    pub fn idle(&self) -> Result<Duration, Failure> {
        Ok(Duration::from_secs(self.get("idle")?.parse()?))
    }

    pub fn address(&self) -> Result<SocketAddr, Failure> {
        Ok(self.get("address")?.parse()?)
    }

    /// Any port of loopback, in the family of the address.
    pub fn any_port(&self) -> Result<SocketAddr, Failure> {
        Ok(match self.address()? {
            SocketAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
            SocketAddr::V6(_) => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)),
        })
    }
}
