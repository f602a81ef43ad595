//! A store of session tickets that can be waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rustls::NamedGroup;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use tokio::sync::Notify;
use tokio::time::timeout;

/// More than a server gives out for a connection.
const SIZE: usize = 64;
/// For servers that give out none.
const PATIENCE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Tickets {
    inner: ClientSessionMemoryCache,
    count: AtomicUsize,
    arrived: Notify,
}

impl Tickets {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: ClientSessionMemoryCache::new(SIZE),
            count: AtomicUsize::new(0),
            arrived: Notify::new(),
        })
    }

    /// The number of tickets so far.
    pub fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Waits until there are more than `count`.
    pub async fn more_than(&self, count: usize) {
        let _ = timeout(PATIENCE, async {
            while self.count() <= count {
                self.arrived.notified().await;
            }
        })
        .await;
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.inner.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.inner.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.inner.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.inner.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.inner.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.inner.insert_tls13_ticket(server_name, value);
        self.count.fetch_add(1, Relaxed);
        self.arrived.notify_one();
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.inner.take_tls13_ticket(server_name)
    }
}
