//! Server-side encryption in headers: what is asked for, and what is told of it.
//!
//! Sources: seed 004 for the headers; AWS, "Using server-side encryption with customer-provided keys (SSE-C)" and its answers
//! for the errors. Nothing here ever writes a key, or a part of one, into an error or a log.

use baleen_kms::{EncryptionContext, KeyReference};
use baleen_objects::{BucketEncryption, CustomerKey, DefaultKeys, Encrypt, Encrypted, KmsEncrypt};
use baleen_types::{AccountId, RegionName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, StatusCode};
use md5::{Digest as _, Md5};
use s3s::dto;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

use crate::convert::single;
use crate::fault::Fault;
use crate::header;

/// How a write asks for encryption by the store; where nothing is made, these headers mean nothing.
const ALGORITHM: &str = "x-amz-server-side-encryption";

/// What may stand beside [`ALGORITHM`].
const OF_KMS: [&str; 3] = [
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-bucket-key-enabled",
];

/// The one algorithm of keys of the store and of customers.
const AES256: &str = dto::ServerSideEncryption::AES256;

/// The three headers that bring a customer's key.
struct KeyHeaders {
    algorithm: &'static str,
    key: &'static str,
    md5: &'static str,
}

/// For what is written or read.
const OWN: KeyHeaders = KeyHeaders {
    algorithm: "x-amz-server-side-encryption-customer-algorithm",
    key: "x-amz-server-side-encryption-customer-key",
    md5: "x-amz-server-side-encryption-customer-key-md5",
};

/// For the source of a copy.
const OF_SOURCE: KeyHeaders = KeyHeaders {
    algorithm: "x-amz-copy-source-server-side-encryption-customer-algorithm",
    key: "x-amz-copy-source-server-side-encryption-customer-key",
    md5: "x-amz-copy-source-server-side-encryption-customer-key-md5",
};

/// A customer's key as it came.
#[derive(Clone)]
pub(crate) struct SentKey {
    key: CustomerKey,
    /// As it is told back.
    md5: String,
}

impl SentKey {
    /// The key of what a request writes or reads, if it brings one.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        OWN.read(headers)
    }

    /// The key of the source of a copy, if the request brings one.
    pub(crate) fn of_source(headers: &HeaderMap) -> Result<Option<CustomerKey>, Fault> {
        Ok(OF_SOURCE.read(headers)?.map(|sent| sent.key))
    }
}

/// Refuses a key that came over a connection which others may have read.
pub(crate) fn refuse_in_the_clear(headers: &HeaderMap) -> Result<(), Fault> {
    if headers.contains_key(OWN.key) || headers.contains_key(OF_SOURCE.key) {
        return Err(Fault::invalid_request(
            "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.",
        ));
    }
    Ok(())
}

/// The key alone.
pub(crate) fn key_of(sent: Option<&SentKey>) -> Option<&CustomerKey> {
    sent.map(|sent| &sent.key)
}

impl KeyHeaders {
    fn read(&self, headers: &HeaderMap) -> Result<Option<SentKey>, Fault> {
        let (algorithm, key, md5) = (
            single(headers, self.algorithm)?,
            single(headers, self.key)?,
            single(headers, self.md5)?,
        );
        if algorithm.is_none() && key.is_none() && md5.is_none() {
            return Ok(None);
        }
        let must = |what: &str| {
            let whole = "Requests specifying Server Side Encryption with Customer provided keys must provide";
            Fault::invalid_argument(format!("{whole} {what}."))
        };
        match algorithm.ok_or_else(|| must("a valid encryption algorithm"))? {
            AES256 => {}
            _ => {
                return Err(Fault::new(
                    "InvalidEncryptionAlgorithmError",
                    StatusCode::BAD_REQUEST,
                    "The encryption request you specified is not valid. The valid value is AES256.",
                ));
            }
        }
        let key = key.ok_or_else(|| must("an appropriate secret key"))?;
        let md5 = md5.ok_or_else(|| must("the client calculated MD5 of the secret key"))?;
        let invalid = || Fault::invalid_argument("The secret key was invalid for the specified algorithm.");
        let decoded = Zeroizing::new(BASE64.decode(key).map_err(|_| invalid())?);
        let bytes = <[u8; 32]>::try_from(decoded.as_slice()).map_err(|_| invalid())?;
        let bytes = Zeroizing::new(bytes);
        let computed = BASE64.encode(Md5::digest(bytes.as_slice()));
        if computed != md5 {
            return Err(Fault::invalid_argument(
                "The calculated MD5 hash of the key did not match the hash that was provided.",
            ));
        }
        Ok(Some(SentKey {
            key: CustomerKey::new(bytes),
            md5: computed,
        }))
    }
}

/// What a write asks for, and the key that it brings.
pub(crate) fn asked(headers: &HeaderMap) -> Result<(Encrypt, Option<SentKey>), Fault> {
    let sent = SentKey::of(headers)?;
    let algorithm = single(headers, ALGORITHM)?;
    let of_kms = single_of(headers, &OF_KMS)?;
    match (algorithm, &sent) {
        (Some(_), Some(_)) => Err(Fault::invalid_argument(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
        )),
        (Some(dto::ServerSideEncryption::AWS_KMS), None) => Ok((Encrypt::Kms(named_key(headers)?), None)),
        (Some(dto::ServerSideEncryption::AWS_KMS_DSSE), None) => {
            Err(Fault::not_implemented("Encryption in two layers is not implemented."))
        }
        (Some(method), None) if method != AES256 => Err(Fault::invalid_argument(
            "The encryption method specified is not supported.",
        )),
        (method, key) => {
            refuse_of_kms(of_kms)?;
            let encrypt = match (method, key) {
                (Some(_), _) => Encrypt::Managed,
                (None, Some(key)) => Encrypt::Customer(key.key.clone()),
                (None, None) => Encrypt::AsBucket,
            };
            Ok((encrypt, sent))
        }
    }
}

/// The named key that a write asks for.
fn named_key(headers: &HeaderMap) -> Result<KmsEncrypt, Fault> {
    let [id, context, bucket_key] = OF_KMS;
    let bucket_key = match single(headers, bucket_key)? {
        None => None,
        Some(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Some(_) => {
            return Err(Fault::invalid_argument(format!(
                "The header {bucket_key} must be true or false."
            )));
        }
    };
    Ok(KmsEncrypt {
        key: single(headers, id)?.map(KeyReference::parse),
        context: single(headers, context)?
            .map(read_context)
            .transpose()?
            .unwrap_or_default(),
        bucket_key,
    })
}

fn read_context(encoded: &str) -> Result<EncryptionContext, Fault> {
    let malformed = || {
        Fault::invalid_argument(format!(
            "The header '{}' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map",
            OF_KMS[1]
        ))
    };
    let json = BASE64.decode(encoded).map_err(|_| malformed())?;
    let pairs: BTreeMap<String, String> = serde_json::from_slice(&json).map_err(|_| malformed())?;
    Ok(EncryptionContext::new(pairs)?)
}

/// The context of something that is encrypted so, as it is told back.
pub(crate) fn context_text(encrypted: &Encrypted) -> Option<String> {
    let Encrypted::Kms(used) = encrypted else { return None };
    let pairs: BTreeMap<&str, &str> = used.context.pairs().collect();
    let json = serde_json::to_vec(&pairs).ok()?;
    (!pairs.is_empty()).then(|| BASE64.encode(json))
}

fn refuse_of_kms(name: Option<&str>) -> Result<(), Fault> {
    match name {
        None => Ok(()),
        Some(name) => Err(Fault::invalid_argument(format!(
            "The header {name} is for the encryption method aws:kms only."
        ))),
    }
}

/// Refuses headers that choose the encryption of something new, where nothing is made or where it is chosen already: to
/// ignore them would be to promise what is not kept.
pub(crate) fn refuse_choice(headers: &HeaderMap) -> Result<(), Fault> {
    let names = [ALGORITHM].into_iter().chain(OF_KMS);
    match names.into_iter().find(|name| header::value(headers, name).is_some()) {
        None => Ok(()),
        Some(name) => Err(Fault::invalid_argument(format!(
            "{name} header is not supported for this operation."
        ))),
    }
}

/// The first of the names that a header has.
fn single_of(headers: &HeaderMap, names: &[&'static str]) -> Result<Option<&'static str>, Fault> {
    for name in names {
        if single(headers, name)?.is_some() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Whose named keys are told of, and where they are: the parts of an ARN.
pub(crate) type Home<'a> = (&'a RegionName, AccountId);

/// What an answer tells of encryption.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) algorithm: Option<dto::ServerSideEncryption>,
    pub(crate) key_id: Option<String>,
    pub(crate) bucket_key: Option<bool>,
    pub(crate) customer_algorithm: Option<String>,
    pub(crate) customer_key_md5: Option<String>,
}

impl Told {
    /// Of something that is kept so, to who has brought the key.
    pub(crate) fn of(encrypted: &Encrypted, sent: Option<&SentKey>, (region, owner): Home<'_>) -> Self {
        let named = dto::ServerSideEncryption::from_static;
        match encrypted {
            Encrypted::No => Self::default(),
            Encrypted::Managed => Self {
                algorithm: Some(named(AES256)),
                ..Self::default()
            },
            Encrypted::Kms(used) => Self {
                algorithm: Some(named(dto::ServerSideEncryption::AWS_KMS)),
                key_id: Some(used.key.arn(region, owner)),
                bucket_key: used.bucket_key.then_some(true),
                ..Self::default()
            },
            Encrypted::Customer(_) => Self {
                customer_algorithm: sent.map(|_| AES256.to_owned()),
                customer_key_md5: sent.map(|sent| sent.md5.clone()),
                ..Self::default()
            },
        }
    }
}

/// Puts what is told of encryption into an output of the codec.
macro_rules! put_encryption {
    ($output:expr, $encrypted:expr, $sent:expr, $home:expr) => {{
        let told = $crate::encryption::Told::of($encrypted, $sent, $home);
        $output.server_side_encryption = told.algorithm;
        $output.ssekms_key_id = told.key_id;
        $output.bucket_key_enabled = told.bucket_key;
        $output.sse_customer_algorithm = told.customer_algorithm;
        $output.sse_customer_key_md5 = told.customer_key_md5;
    }};
}
pub(crate) use put_encryption;

/// The default of a bucket, as its document says.
pub(crate) fn bucket_encryption(document: dto::ServerSideEncryptionConfiguration) -> Result<BucketEncryption, Fault> {
    let malformed =
        || Fault::malformed_xml("A server side encryption configuration has one rule, which names an algorithm.");
    let [rule] = <[_; 1]>::try_from(document.rules).map_err(|_| malformed())?;
    let default = rule.apply_server_side_encryption_by_default.ok_or_else(malformed)?;
    let named = default.kms_master_key_id.filter(|id| !id.is_empty());
    let keys = match (default.sse_algorithm.as_str(), named) {
        (AES256, None) => DefaultKeys::Managed,
        (AES256, Some(_)) => {
            return Err(Fault::invalid_argument(
                "A KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms.",
            ));
        }
        (dto::ServerSideEncryption::AWS_KMS, named) => DefaultKeys::Kms(named),
        (dto::ServerSideEncryption::AWS_KMS_DSSE, _) => {
            return Err(Fault::not_implemented("Encryption in two layers is not implemented."));
        }
        _ => return Err(malformed()),
    };
    Ok(BucketEncryption {
        keys,
        bucket_key: rule.bucket_key_enabled.unwrap_or(false),
    })
}

/// The document of a bucket's default.
pub(crate) fn bucket_document(kept: &BucketEncryption) -> dto::ServerSideEncryptionConfiguration {
    let (algorithm, named) = match &kept.keys {
        DefaultKeys::Managed => (AES256, None),
        DefaultKeys::Kms(named) => (dto::ServerSideEncryption::AWS_KMS, named.clone()),
    };
    dto::ServerSideEncryptionConfiguration {
        rules: vec![dto::ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(dto::ServerSideEncryptionByDefault {
                kms_master_key_id: named,
                sse_algorithm: dto::ServerSideEncryption::from_static(algorithm),
            }),
            bucket_key_enabled: Some(kept.bucket_key),
        }],
    }
}

#[cfg(test)]
mod tests;
