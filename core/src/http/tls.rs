//! Whom TLS trusts.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{Error, Result};

/// TLS 1.2 and 1.3 by rustls and ring, checked against the operating system's roots, and Mozilla's where it has none.
///
/// The provider belongs to this configuration alone: nothing is installed for the whole process.
pub(crate) fn config(extra_ca_certificates: &[Vec<u8>]) -> Result<ClientConfig> {
    let mut extra: Vec<CertificateDer<'static>> = Vec::new();
    for pem in extra_ca_certificates {
        let refuse = || {
            Error::config(
                "extra_ca_certificate",
                "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            )
        };
        let before = extra.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            extra.push(certificate.map_err(|_| refuse())?.into_owned());
        }
        if extra.len() == before {
            return Err(refuse());
        }
    }
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| {
        Error::config("extra_ca_certificate", "TLS can't be set up with these certificates")
            .with_source(error)
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    if let Ok(verifier) = rustls_platform_verifier::Verifier::new_with_extra_roots(extra.clone(), provider) {
        let verifier = Arc::new(verifier);
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra {
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
