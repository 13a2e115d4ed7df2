//! How the ends are set up: ours as they come, quinn's as they come but for their suite and the
//! certificate that they ask for.

use std::sync::Arc;

use hydroid_core::driver::shell::Config;
use quinn::{
    ClientConfig, ServerConfig,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
    rustls::{
        self, RootCertStore,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
        server::WebPkiClientVerifier,
        version::TLS13,
    },
};

use crate::measure::Outcome;

/// A certificate of `localhost` that signs itself, with an Ed25519 key; it guards nothing.
const CERTIFICATE: &[u8] = include_bytes!("certificate.der");
const KEY: &[u8] = include_bytes!("key.der");

/// An endpoint of ours on loopback.
pub(crate) fn config() -> Outcome<Config> {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse()?],
        ..Config::default()
    };
    // All come from one address, of which nobody would take so many otherwise.
    let opens = 1_000_000;
    config.switch.line.opens_per_second = opens;
    config.switch.line.opens_burst = opens;
    config.switch.line.opens_per_prefix_per_second = opens;
    Ok(config)
}

/// ring with one suite.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..ring::default_provider()
    })
}

fn certificate() -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
    (vec![CertificateDer::from(CERTIFICATE)], key)
}

fn roots() -> Outcome<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE))?;
    Ok(Arc::new(roots))
}

/// quinn's end that is dialled.
pub(crate) fn server() -> Outcome<ServerConfig> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots()?, provider()).build()?;
    let (chain, key) = certificate();
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    let config = QuicServerConfig::try_from(config)?;
    Ok(ServerConfig::with_crypto(Arc::new(config)))
}

/// quinn's end that dials.
pub(crate) fn client() -> Outcome<ClientConfig> {
    let (chain, key) = certificate();
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots()?)
        .with_client_auth_cert(chain, key)?;
    Ok(ClientConfig::new(Arc::new(QuicClientConfig::try_from(
        config,
    )?)))
}
