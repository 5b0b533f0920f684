//! Certificates: who vouches for them, for which name, how long.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::names::Reachable;
use super::{Client, Findings, Verdict};

const DAY: i64 = 86_400;
/// Traefik renews a month before the end; so late, it has failed for two weeks.
const SOON: i64 = 14;

/// Takes any certificate, so that it can be looked at.
#[derive(Debug)]
pub(super) struct TakeAny(pub Arc<CryptoProvider>);

impl ServerCertVerifier for TakeAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Looks at the certificate of every name on every port that speaks TLS.
pub(super) async fn check(client: &Client, reachable: &Reachable, now: SystemTime, findings: &mut Findings) {
    for (name, port) in reachable.with_tls() {
        look(client, name, port, now, findings).await;
    }
}

/// Looks at the certificate of one name.
pub(in crate::operation) async fn look(client: &Client, name: &str, port: u16, now: SystemTime, findings: &mut Findings) {
    let place = format!("{name}:{port}");
    match client.certificate(name, port).await {
        Ok((certificate, problem)) => judge(&place, name, &certificate, problem.as_ref(), now, findings),
        Err(error) => findings.bad(
            "certificate",
            &place,
            format!("{place} does not speak TLS: {error}"),
            "is the port Traefik's? `journalctl -u matrix-traefik` on the host says more",
        ),
    }
}

fn judge(place: &str, name: &str, certificate: &[u8], problem: Option<&TlsError>, now: SystemTime, findings: &mut Findings) {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let parsed = X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed);
    let issuer = parsed.as_ref().map(|parsed| parsed.issuer().to_string()).unwrap_or_default();
    let left = parsed.as_ref().map_or(0, |parsed| (parsed.validity().not_after.timestamp() - seconds) / DAY);
    let self_signed = parsed.as_ref().is_some_and(|parsed| parsed.issuer() == parsed.subject());
    let renew = "`journalctl -u matrix-traefik` on the host says why it was not renewed; port 80 or 443 must be reachable from the internet for that";
    match problem {
        None if left < 0 => findings.bad("certificate", place, format!("the certificate of {place} ended {} days ago", -left), renew),
        None if left < SOON => {
            findings.add("certificate", place, Verdict::Warning, format!("the certificate of {place} ends in {left} days"), Some(renew));
        }
        None => findings.good("certificate", place, format!("the certificate of {place} is trusted and lasts {left} days more ({issuer})")),
        Some(TlsError::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            findings.bad("certificate", place, format!("the certificate of {place} ended {} days ago", -left), renew);
        }
        Some(TlsError::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })) => findings.bad(
            "certificate",
            place,
            format!("the certificate of {place} is not valid yet"),
            "is the clock of this machine right? Else whoever made the certificate dated it into the future",
        ),
        Some(TlsError::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => findings
            .bad(
                "certificate",
                place,
                format!("the certificate of {place} is for another name ({})", names_in(parsed.as_ref())),
                format!("does {name} lead to this server, and does Traefik ask for a certificate for it?"),
            ),
        Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) if self_signed => findings.bad(
            "certificate",
            place,
            format!("the certificate of {place} is signed by itself ({issuer})"),
            "Traefik shows such a one as long as it has got no other: `journalctl -u matrix-traefik` on the host says why",
        ),
        Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => findings.bad(
            "certificate",
            place,
            format!("nobody vouches for the certificate of {place}: its issuer is {issuer}"),
            "is it a staging certificate, or is the chain incomplete? `--ca FILE` trusts an authority of your own",
        ),
        Some(other) => findings.bad("certificate", place, format!("the certificate of {place} is not valid: {other}"), renew),
    }
    if let Some(parsed) = parsed {
        findings.ends(parsed.validity().not_after.timestamp());
    }
}

/// The names that a certificate is for.
fn names_in(certificate: Option<&X509Certificate<'_>>) -> String {
    use x509_parser::extensions::GeneralName;
    let names = certificate.and_then(|certificate| certificate.subject_alternative_name().ok().flatten());
    let names: Vec<String> = names
        .map(|names| {
            names
                .value
                .general_names
                .iter()
                .filter_map(|name| if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None })
                .collect()
        })
        .unwrap_or_default();
    if names.is_empty() { "it names none".to_owned() } else { names.join(", ") }
}
