//! What every provider must give, and that all of them give the same.

use alloc::{vec, vec::Vec};

use data_encoding::HEXLOWER;

use super::*;

/// The providers that can run here.
pub(in crate::line) fn every() -> Vec<&'static dyn Provider> {
    let mut all: Vec<&'static dyn Provider> = vec![&PureRust];
    #[cfg(feature = "fast")]
    all.extend(fast());
    all
}

const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn key(text: &str) -> [u8; 32] {
    hex(text).try_into().unwrap()
}

/// The number whose lowest byte this is, and whose others are those of the prime of the curve's
/// field, 2^255 - 19. That one's lowest byte is [`PRIME`].
fn near_prime(lowest: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (lowest, 0x7f);
    bytes
}

const PRIME: u8 = 0xed;

/// A number of one byte.
fn small(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = number;
    bytes
}

#[test]
fn provider_agrees_as_rfc_7748_section_5_2_says() {
    for provider in every() {
        for (secret, public, agreed) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
        ] {
            let made = provider.agree(&key(secret), &key(public));
            assert_eq!(made, key(agreed), "{provider:?}");
        }
        let (mut secret, mut public) = (small(9), small(9));
        for _ in 0..1000 {
            (secret, public) = (provider.agree(&secret, &public), secret);
        }
        let after_1000 = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51";
        assert_eq!(secret, key(after_1000), "{provider:?}");
        let of_nine = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079";
        assert_eq!(provider.public(&small(9)), key(of_nine), "{provider:?}");
    }
}

#[test]
fn provider_gives_zeros_for_every_point_of_small_order() {
    let points = [
        small(0),
        small(1),
        key("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        key("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        near_prime(PRIME - 1),
        near_prime(PRIME),
        near_prime(PRIME + 1),
    ];
    for provider in every() {
        for mut point in points {
            for secret in [[0; 32], [0x55; 32], [0xff; 32]] {
                assert_eq!(provider.agree(&secret, &point), [0; 32], "{provider:?}");
                point[31] |= 0x80;
                assert_eq!(provider.agree(&secret, &point), [0; 32], "{provider:?}");
            }
        }
    }
}

#[test]
fn provider_reduces_coordinates_and_ignores_their_highest_bit() {
    let secret = [0x42; 32];
    for provider in every() {
        for number in 2..=18 {
            let agreed = provider.agree(&secret, &small(number));
            assert_ne!(agreed, [0; 32]);
            let mut other = near_prime(PRIME + number);
            assert_eq!(provider.agree(&secret, &other), agreed, "{provider:?}");
            other[31] |= 0x80;
            assert_eq!(provider.agree(&secret, &other), agreed, "{provider:?}");
            let made: Vec<_> = every().iter().map(|it| it.agree(&secret, &other)).collect();
            assert!(made.iter().all(|made| *made == agreed));
        }
    }
}

#[test]
fn provider_clamps_secrets() {
    for provider in every() {
        let secret = [0x42; 32];
        let mut other = secret;
        other[0] |= 7;
        other[31] |= 0x80;
        assert_eq!(provider.public(&secret), provider.public(&other));
        let peer = provider.public(&[7; 32]);
        let agreed = provider.agree(&secret, &peer);
        assert_eq!(agreed, provider.agree(&other, &peer), "{provider:?}");
        assert_eq!(agreed, provider.agree(&[7; 32], &provider.public(&secret)));
    }
}

struct Worked<'a> {
    suite: Suite,
    key: &'a str,
    nonce: &'a str,
    aad: &'a str,
    plain: &'a [u8],
    sealed: &'a str,
    tag: &'a str,
}

const SUNSCREEN: &[u8] = b"Ladies and Gentlemen of the class of '99: If I could offer you only \
    one tip for the future, sunscreen would be it.";

#[test]
fn provider_seals_as_the_texts_of_the_ciphers_say() {
    let long = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let aes = Worked {
        suite: Suite::Aes256Gcm,
        key: &"00".repeat(32),
        nonce: &"00".repeat(12),
        aad: "",
        plain: &[],
        sealed: "",
        tag: "530f8afbc74536b9a963b4f1c4cb738b",
    };
    // Test cases 13, 14 and 16 of the proposal of GCM, and section 2.8.2 of RFC 8439.
    let all = [
        Worked {
            plain: &[0; 16],
            sealed: "cea7403d4d606b6e074ec5d3baf39d18",
            tag: "d0d1c8a799996bf0265b98b5d48ab919",
            ..aes
        },
        Worked {
            key: &"feffe9928665731c6d6a8f9467308308".repeat(2),
            nonce: "cafebabefacedbaddecaf888",
            aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            plain: &long,
            sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                     8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            tag: "76fc6ece0f4e1768cddf8853bb2d551b",
            ..aes
        },
        aes,
        Worked {
            suite: Suite::ChaCha20Poly1305,
            key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
            nonce: "070000004041424344454647",
            aad: "50515253c0c1c2c3c4c5c6c7",
            plain: SUNSCREEN,
            sealed: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6\
                     3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36\
                     92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
                     3ff4def08e4b7a9de576d26586cec64b6116",
            tag: "1ae10b594f09e26a7e902ecbd0600691",
        },
    ];
    for provider in every() {
        for worked in &all {
            let cipher = provider.cipher(worked.suite, &key(worked.key));
            let (nonce, aad) = (hex(worked.nonce).try_into().unwrap(), hex(worked.aad));
            let mut text = worked.plain.to_vec();
            let tag = cipher.seal(&nonce, &aad, &mut text);
            assert_eq!(HEXLOWER.encode(&text), worked.sealed, "{provider:?}");
            assert_eq!(HEXLOWER.encode(&tag), worked.tag, "{provider:?}");
            assert!(cipher.open(&nonce, &aad, &mut text, &tag));
            assert_eq!(text, worked.plain);
        }
    }
}

#[test]
fn provider_leaves_zeros_where_anything_does_not_fit() {
    let nonce = [3; 12];
    for (provider, suite) in every().into_iter().flat_map(|it| SUITES.map(|s| (it, s))) {
        let cipher = provider.cipher(suite, &[8; 32]);
        for len in [0, 1, 16, 333, 1200] {
            let mut sealed = vec![0xa5; len];
            let tag = cipher.seal(&nonce, b"beside", &mut sealed);
            let refused = |text: &[u8], nonce: [u8; 12], aad: &[u8], tag: [u8; 16]| {
                let mut text = text.to_vec();
                let fits = cipher.open(&nonce, aad, &mut text, &tag);
                !fits && text == vec![0; text.len()]
            };
            for bit in 0..128 {
                let mut bad = tag;
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(refused(&sealed, nonce, b"beside", bad), "{provider:?}");
            }
            for at in 0..len {
                let mut bad = sealed.clone();
                bad[at] ^= 0x10;
                assert!(refused(&bad, nonce, b"beside", tag), "{provider:?}");
            }
            assert!(refused(&sealed, [4; 12], b"beside", tag));
            assert!(refused(&sealed, nonce, b"besides", tag));
            assert!(refused(&sealed, nonce, b"", tag));
            assert!(cipher.open(&nonce, b"beside", &mut sealed, &tag));
            assert_eq!(sealed, vec![0xa5; len]);
        }
    }
}

/// The same text sealed by every provider and opened by every other.
fn is_sealed_alike(
    suite: Suite,
    key: &[u8; 32],
    nonce: &[u8; 12],
    aad: &[u8],
    text: &[u8],
) -> bool {
    let ciphers = every().into_iter().map(|it| it.cipher(suite, key));
    let ciphers: Vec<_> = ciphers.collect();
    let sealed = ciphers.iter().map(|cipher| {
        let mut sealed = text.to_vec();
        let tag = cipher.seal(nonce, aad, &mut sealed);
        (sealed, tag)
    });
    let sealed: Vec<_> = sealed.collect();
    sealed.iter().all(|one| *one == sealed[0])
        && ciphers.iter().all(|cipher| {
            let (mut opened, tag) = sealed[0].clone();
            cipher.open(nonce, aad, &mut opened, &tag) && opened == text
        })
}

#[test]
fn provider_bytes_are_equal_for_every_length() {
    let text: Vec<u8> = (0..65_535_u32).map(|n| ((n * n) >> 7) as u8).collect();
    let lens = (0..1300).chain([4095, 4096, 16_385, 65_534, 65_535]);
    for (len, suite) in lens.flat_map(|len| SUITES.map(|suite| (len, suite))) {
        let aad = &text[..len % 37];
        let alike = is_sealed_alike(suite, &[9; 32], &[1; 12], aad, &text[..len]);
        assert!(alike, "{len} bytes under {suite:?}");
    }
}

#[test]
fn provider_bytes_are_equal() {
    fn property((seed, text, aad): (u64, Vec<u8>, Vec<u8>)) -> bool {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = crate::base::Rng::new(&crate::base::Seed::new(bytes));
        let (secret, point): ([u8; 32], [u8; 32]) = (rng.bytes(), rng.bytes());
        let (key, nonce) = (rng.bytes(), rng.bytes());
        let all = every();
        let publics = all.iter().map(|it| it.public(&secret));
        let agreed = all.iter().map(|it| it.agree(&secret, &point));
        publics.clone().all(|made| made == PureRust.public(&secret))
            && agreed
                .clone()
                .all(|made| made == PureRust.agree(&secret, &point))
            && SUITES
                .iter()
                .all(|suite| is_sealed_alike(*suite, &key, &nonce, &aad, &text))
    }
    let generator = quickcheck::Gen::from_size_and_seed(2500, crate::line::tests::seed());
    quickcheck::QuickCheck::new()
        .rng(generator)
        .tests(500)
        .quickcheck(property as fn((u64, Vec<u8>, Vec<u8>)) -> bool);
}
