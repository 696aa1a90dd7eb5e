//! Single values: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.

use crate::secret::Secret;
use aes_gcm::aead::consts::{U12, U16, U32};
use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

/// The key of all values of a file.
pub(super) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub(super) fn of(secret: &Secret) -> Option<Self> {
        Some(Self(Zeroizing::new(secret.expose().try_into().ok()?)))
    }
}

/// What a value was before it was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Str,
    Int,
    Float,
    Bool,
    Bytes,
    Time,
    Comment,
}

impl Type {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "bytes" => Self::Bytes,
            "time" => Self::Time,
            "comment" => Self::Comment,
            _ => return None,
        })
    }
}

/// Decrypts one value that was bound to `path`. An error says what is wrong without saying anything of the value.
pub(super) fn decrypt(
    text: &str,
    key: &DataKey,
    path: &str,
) -> Result<(Type, Zeroizing<Vec<u8>>), String> {
    let parts = parts(text).ok_or("it is not encrypted, though it should be")?;
    let decode = |part: &str| BASE64_STANDARD.decode(part).map_err(|_| "it is not base64");
    let kind = Type::of(parts.kind).ok_or("it has a type that sops does not know")?;
    let (data, iv, tag) = (decode(parts.data)?, decode(parts.iv)?, decode(parts.tag)?);
    let plain = match iv.len() {
        32 => open::<U32>(key, &iv, data, &tag, path),
        16 => open::<U16>(key, &iv, data, &tag, path),
        12 => open::<U12>(key, &iv, data, &tag, path),
        _ => None,
    };
    let plain =
        plain.ok_or("it was changed, moved here from elsewhere, or encrypted with another key")?;
    Ok((kind, plain))
}

fn open<N>(
    key: &DataKey,
    iv: &[u8],
    data: Vec<u8>,
    tag: &[u8],
    path: &str,
) -> Option<Zeroizing<Vec<u8>>>
where
    AesGcm<Aes256, N>: AeadInPlace<NonceSize = N, TagSize = U16> + KeyInit<KeySize = U32>,
    N: aes_gcm::aead::generic_array::ArrayLength<u8>,
{
    if tag.len() != 16 {
        return None;
    }
    let cipher = AesGcm::<Aes256, N>::new_from_slice(key.0.as_slice()).ok()?;
    let mut plain = Zeroizing::new(data);
    let nonce = Nonce::<N>::from_slice(iv);
    cipher
        .decrypt_in_place_detached(nonce, path.as_bytes(), &mut plain, tag.into())
        .ok()?;
    Some(plain)
}

struct Parts<'a> {
    data: &'a str,
    iv: &'a str,
    tag: &'a str,
    kind: &'a str,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let inner = text
        .strip_prefix("ENC[AES256_GCM,data:")?
        .strip_suffix(']')?;
    let (data, rest) = inner.split_once(",iv:")?;
    let (iv, rest) = rest.split_once(",tag:")?;
    let (tag, kind) = rest.split_once(",type:")?;
    Some(Parts {
        data,
        iv,
        tag,
        kind,
    })
}
