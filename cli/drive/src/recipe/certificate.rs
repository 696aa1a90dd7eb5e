//! Certificates: an authority of one's own, and what it signs. Keys are ECDSA on P-256, which everything that speaks TLS understands.

use super::{Bytes, Given, broken, fault, need_of, random, said};
use infra_model::recipe::{AltName, Job, Make};
use infra_model::{Diagnostic, NeedName};
use p256::SecretKey;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use std::time::{Duration, SystemTime};
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::asn1::{Any, Ia5String, ObjectIdentifier, SetOfVec, Utf8StringRef};
use x509_cert::der::{DecodePem, EncodePem};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};
use zeroize::Zeroizing;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

const DAY: Duration = Duration::from_secs(86_400);

/// Clocks of two machines differ; what has just been made must be valid on the other one, too.
const EARLIER: Duration = Duration::from_secs(3600);

/// A private key (PKCS #8) and its certificate, both as PEM.
pub(super) fn make(job: &Job, make: &Make, given: &Given) -> Result<(Bytes, String), Diagnostic> {
    let key = new_key()?;
    let certificate = match make {
        Make::X509Cert {
            common_name,
            names,
            days,
            ca,
        } => {
            let authority = Authority::of(job, ca, given)?;
            let until = authority.until(job, given.now + DAY * *days, given.now)?;
            let wanted = Wanted {
                common_name,
                names,
                from: given.now - EARLIER,
                until,
            };
            wanted.signed_by(&authority, &key)
        }
        Make::X509Ca { common_name, days } => {
            let wanted = Wanted {
                common_name,
                names: &[],
                from: given.now - EARLIER,
                until: given.now + DAY * *days,
            };
            wanted.by_itself(&key)
        }
        _ => return Err(broken("a certificate", "another recipe was asked for")),
    };
    let certificate = certificate.map_err(|error| broken("a certificate", error))?;
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| broken("a key", error))?;
    Ok((Zeroizing::new(pem.as_bytes().to_vec()), certificate))
}

fn new_key() -> Result<SecretKey, Diagnostic> {
    loop {
        // Of 2^32 numbers one is none of the curve's.
        if let Ok(key) = SecretKey::from_slice(&*random::key()?) {
            return Ok(key);
        }
    }
}

type Built<T> = Result<T, x509_cert::builder::Error>;

/// What a certificate says.
struct Wanted<'a> {
    common_name: &'a str,
    names: &'a [AltName],
    from: SystemTime,
    until: SystemTime,
}

impl Wanted<'_> {
    fn by_itself(&self, key: &SecretKey) -> Built<String> {
        let signer = SigningKey::from(key);
        let builder = self.builder(Profile::Root, key, &signer)?;
        Ok(builder.build::<DerSignature>()?.to_pem(LineEnding::LF)?)
    }

    fn signed_by(&self, authority: &Authority, key: &SecretKey) -> Built<String> {
        let profile = Profile::Leaf {
            issuer: authority.certificate.tbs_certificate.subject.clone(),
            // An elliptic curve key only signs.
            enable_key_agreement: false,
            enable_key_encipherment: false,
        };
        let signer = SigningKey::from(&authority.key);
        let mut builder = self.builder(profile, key, &signer)?;
        let names: Result<Vec<GeneralName>, _> = self.names.iter().map(general_name).collect();
        builder.add_extension(&SubjectAltName(names?))?;
        builder.add_extension(&ExtendedKeyUsage(vec![SERVER_AUTH, CLIENT_AUTH]))?;
        Ok(builder.build::<DerSignature>()?.to_pem(LineEnding::LF)?)
    }

    fn builder<'s>(
        &self,
        profile: Profile,
        key: &SecretKey,
        signer: &'s SigningKey,
    ) -> Built<CertificateBuilder<'s, SigningKey>> {
        let validity = Validity {
            not_before: Time::try_from(self.from)?,
            not_after: Time::try_from(self.until)?,
        };
        let public = SubjectPublicKeyInfoOwned::from_key(key.public_key())?;
        CertificateBuilder::new(
            profile,
            serial_number()?,
            validity,
            name(self.common_name)?,
            public,
            signer,
        )
    }
}

/// A positive number of 127 bits that nobody has drawn before.
fn serial_number() -> Built<SerialNumber> {
    let mut bytes = random::bytes(16)
        .map_err(|_| x509_cert::der::Error::from(x509_cert::der::ErrorKind::Failed))?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::new(&bytes)?)
}

/// A name that has a common name only. Built rather than parsed: in a text, commas and quotes would mean something.
fn name(common_name: &str) -> x509_cert::der::Result<Name> {
    let attribute = AttributeTypeAndValue {
        oid: COMMON_NAME,
        value: Any::encode_from(&Utf8StringRef::new(common_name)?)?,
    };
    let part = RelativeDistinguishedName(SetOfVec::try_from(vec![attribute])?);
    Ok(RdnSequence(vec![part]))
}

fn general_name(name: &AltName) -> x509_cert::der::Result<GeneralName> {
    match name {
        AltName::Dns(name) => Ok(GeneralName::DnsName(Ia5String::new(name)?)),
        AltName::Ip(address) => Ok(GeneralName::from(*address)),
    }
}

/// Who signs.
struct Authority {
    key: SecretKey,
    certificate: Certificate,
}

impl Authority {
    fn of(job: &Job, ca: &NeedName, given: &Given) -> Result<Self, Diagnostic> {
        let cert_name = job.needs.keys().find(|need| {
            let base = need.as_str().strip_suffix(".cert");
            base == Some(ca.as_str())
        });
        let cert_name =
            cert_name.ok_or_else(|| broken("a certificate", "its authority is not known"))?;
        let wrong = |need: &NeedName, cause: &str| {
            fault(job, format!("{} cannot sign with `{need}`", said(job)))
                .with_cause(cause)
                .with_fix(format!(
                    "let the recipe x509-ca make `{ca}`, or give an authority's key (ECDSA, P-256) and certificate as PEM"
                ))
        };
        let text = |need| -> Result<&str, Diagnostic> {
            std::str::from_utf8(need_of(job, given, need)?)
                .map_err(|_| wrong(need, "it is not text"))
        };
        let key_text = text(ca)?;
        let key = SecretKey::from_pkcs8_pem(key_text)
            .or_else(|_| SecretKey::from_sec1_pem(key_text))
            // Its own words may repeat what they choke on.
            .map_err(|_| wrong(ca, "it is no private key of the curve P-256 in PEM"))?;
        let certificate = Certificate::from_pem(text(cert_name)?)
            .map_err(|error| wrong(cert_name, &format!("it is no certificate in PEM: {error}")))?;
        let public = SubjectPublicKeyInfoOwned::from_key(key.public_key())
            .map_err(|error| broken("a certificate", error))?;
        if certificate.tbs_certificate.subject_public_key_info != public {
            return Err(wrong(
                cert_name,
                &format!("it is not the certificate of the key `{ca}`"),
            ));
        }
        let constraints = certificate.tbs_certificate.get::<BasicConstraints>();
        if !constraints.is_ok_and(|found| found.is_some_and(|(_, basic)| basic.ca)) {
            return Err(wrong(
                cert_name,
                "it is not the certificate of an authority",
            ));
        }
        Ok(Self { key, certificate })
    }

    /// Until when something is valid that should be valid until `until`: nothing outlives who signed it.
    fn until(
        &self,
        job: &Job,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<SystemTime, Diagnostic> {
        let end = self
            .certificate
            .tbs_certificate
            .validity
            .not_after
            .to_system_time();
        if end <= now {
            return Err(fault(
                job,
                format!("{} cannot sign: its authority has expired", said(job)),
            )
            .with_fix("make the authority anew (infra secret rotate), then this follows"));
        }
        Ok(until.min(end))
    }
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
