//! Numbers of up to 62 bits in 1, 2, 4 or 8 bytes; the two top bits of the first byte tell which
//! (RFC 9000 section 16). A number need not stand in its shortest form.

/// The largest number that can be written.
pub const VARINT_MAX: u64 = (1 << 62) - 1;

/// How many bytes `number` takes.
pub const fn varint_len(number: u64) -> usize {
    match number {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

/// Writes `number` at the start of `out` and tells how many bytes that took.
pub(crate) fn write(number: u64, out: &mut [u8]) -> usize {
    debug_assert!(
        number <= VARINT_MAX,
        "a number on the wire has at most 62 bits"
    );
    let len = varint_len(number);
    let tagged = match len {
        1 => number << 56,
        2 => (number | 0x4000) << 48,
        4 => (number | 0x8000_0000) << 32,
        _ => number | 0xc000_0000_0000_0000,
    };
    out[..len].copy_from_slice(&tagged.to_be_bytes()[..len]);
    len
}

/// Reads a number from the front of `input` and takes it off.
pub(crate) fn read(input: &mut &[u8]) -> Option<u64> {
    let first = *input.first()?;
    let len = 1 << (first >> 6);
    let (bytes, rest) = input.split_at_checked(len)?;
    let mut number = u64::from(first & 0x3f);
    for byte in &bytes[1..] {
        number = number << 8 | u64::from(*byte);
    }
    *input = rest;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_round_trips_at_every_edge() {
        for number in [
            0,
            1,
            0x3f,
            0x40,
            0x3fff,
            0x4000,
            0x3fff_ffff,
            0x4000_0000,
            VARINT_MAX,
        ] {
            let mut bytes = [0; 8];
            let len = write(number, &mut bytes);
            assert_eq!(len, varint_len(number));
            let mut input = &bytes[..len];
            assert_eq!((read(&mut input), input.len()), (Some(number), 0));
            assert_eq!(read(&mut &bytes[..len - 1]), None);
        }
    }

    #[test]
    fn varint_need_not_be_shortest() {
        for bytes in [
            &[5][..],
            &[0x40, 5],
            &[0x80, 0, 0, 5],
            &[0xc0, 0, 0, 0, 0, 0, 0, 5],
        ] {
            assert_eq!(read(&mut &*bytes), Some(5));
        }
    }

    #[test]
    fn varint_published_examples() {
        // RFC 9000, appendix A.1.
        let eight = [0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c];
        assert_eq!(read(&mut &eight[..]), Some(151_288_809_941_952_652));
        assert_eq!(read(&mut &[0x9d, 0x7f, 0x3e, 0x7d][..]), Some(494_878_333));
        assert_eq!(read(&mut &[0x7b, 0xbd][..]), Some(15_293));
        assert_eq!(read(&mut &[0x40, 0x25][..]), Some(37));
    }
}
