//! Heads of handshake packets: JSON, bounded before it is parsed.

use serde::Deserialize;

use super::Dropped;

/// Bytes of the longest head in clear.
pub(super) const CLEAR_HEAD_MAX: usize = 128;
/// Bytes of the longest head inside the handshake.
pub(super) const INNER_HEAD_MAX: usize = 512;

/// One JSON object of at most `limit` bytes. An unknown key is ignored; a missing one, one of
/// another kind, or one that stands there twice is refused.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8], limit: usize) -> Result<T, Dropped> {
    if bytes.len() > limit || bytes.first() != Some(&b'{') {
        return Err(Dropped::Malformed);
    }
    serde_json::from_slice(bytes).map_err(|_illegal| Dropped::Malformed)
}

/// A number of 64 bits that stands as 16 hex digits in lower case.
pub(super) fn hex64(text: &str) -> Result<u64, Dropped> {
    let mut bytes = [0; 8];
    hex(text, &mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

/// Bytes that stand as hex digits in lower case, exactly as many as `out` has.
pub(super) fn hex(text: &str, out: &mut [u8]) -> Result<(), Dropped> {
    if text.len() != 2 * out.len() {
        return Err(Dropped::Malformed);
    }
    data_encoding::HEXLOWER
        .decode_mut(text.as_bytes(), out)
        .map_err(|_illegal| Dropped::Malformed)?;
    Ok(())
}
