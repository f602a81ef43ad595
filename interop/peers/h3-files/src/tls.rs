//! The configuration of rustls, for the stacks that use it.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, version::TLS13};

use crate::Failure;
use crate::options::Options;

fn provider(options: &Options) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    if options.has("cipher", "chacha20") {
        provider.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
    }
    Arc::new(provider)
}

pub fn server_config(options: &Options) -> Result<ServerConfig, Failure> {
    let chain = CertificateDer::pem_file_iter(options.get("cert")?)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(options.get("key")?)?;
    let mut config = ServerConfig::builder_with_provider(provider(options))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![options.protocol().into()];
    Ok(config)
}

/// Its clones share their sessions.
pub fn client_config(options: &Options) -> Result<ClientConfig, Failure> {
    client_config_with(options, provider(options))
}

pub fn client_config_with(options: &Options, provider: Arc<CryptoProvider>) -> Result<ClientConfig, Failure> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots(options)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![options.protocol().into()];
    Ok(config)
}

pub fn roots(options: &Options) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(options.get("ca")?)? {
        roots.add(certificate?)?;
    }
    Ok(roots)
}
