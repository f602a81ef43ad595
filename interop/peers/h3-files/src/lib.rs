//! A file server and a client on the h3 crate, for any QUIC stack that implements its traits; and over HTTP/0.9.

pub mod hq;
pub mod options;
pub mod tls;

mod client;
mod server;

pub use client::{download, report};
pub use server::serve;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
