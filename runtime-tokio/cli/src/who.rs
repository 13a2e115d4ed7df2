//! How members are shown and meant. A name is nobody's alone: with it a short form of the key is
//! shown, `anna~3fa2`, and whoever is meant may be named by either of them, or by both.

use hydroid_core::identity::{Hashname, PublicKey, SpaceId};

/// Digits of a key that are shown with a name.
const SHORT: usize = 4;

/// Digits of a key that are shown where several are alike.
const LONGER: usize = 12;

/// The text with everything made visible that steers a terminal, turns text round or shows nothing.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\0'..='\u{1f}' => {
                let picture = char::from_u32(0x2400 + u32::from(char));
                shown.extend(picture);
            }
            '\u{7f}' => shown.push('\u{2421}'),
            _ if hides(char) => shown.push_str(&format!("<U+{:04X}>", u32::from(char))),
            _ => shown.push(char),
        }
    }
    shown
}

fn hides(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A member as it is shown: its name and the first digits of its key. Nothing in the name looks like
/// the key's digits, or like the end of the name.
pub(crate) fn shown(name: Option<&str>, key: &PublicKey) -> String {
    with_digits(name, key, SHORT)
}

/// The same with so many digits that the next command can mean this one alone.
pub(crate) fn shown_long(name: Option<&str>, key: &PublicKey) -> String {
    with_digits(name, key, LONGER)
}

fn with_digits(name: Option<&str>, key: &PublicKey, digits: usize) -> String {
    let name = plain(name.unwrap_or_default());
    format!("{name}~{}", &key.to_string()[..digits])
}

fn plain(name: &str) -> String {
    let marks = |char| matches!(char, '~' | ':' | '?');
    visible(name).replace(marks, "_")
}

/// True if this text may mean the member: by its name, by its name as it is shown and the first
/// digits of its key behind `~`, or by the first digits of its key or hashname.
pub(crate) fn may_mean(text: &str, name: Option<&str>, key: &PublicKey, space: &SpaceId) -> bool {
    if name.is_some_and(|name| !name.is_empty() && name == text) {
        return true;
    }
    let key_text = key.to_string();
    let begins = |digits: &str| digits.len() >= SHORT && key_text.starts_with(digits);
    if let Some((called, digits)) = text.rsplit_once('~') {
        let is_called = called.is_empty() || plain(name.unwrap_or_default()) == called;
        return is_called && begins(digits);
    }
    let hashname = Hashname::of(key, space).to_string();
    begins(text) || (text.len() >= SHORT && hashname.starts_with(text))
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::{SecretKey, Space};

    use super::*;

    #[test]
    fn who_makes_visible_what_would_steer_or_hide() {
        for (text, seen) in [
            ("plain täst \u{1f600}", "plain täst \u{1f600}"),
            ("a\u{1b}[2Jb\tc", "a\u{241b}[2Jb\u{2409}c"),
            ("\u{7f}\u{9b}31m", "\u{2421}<U+009B>31m"),
            ("abc\u{202e}cba", "abc<U+202E>cba"),
            ("a\u{200b}\u{feff}", "a<U+200B><U+FEFF>"),
        ] {
            assert_eq!(visible(text), seen);
        }
    }

    #[test]
    fn who_is_meant_by_name_by_key_and_by_both() {
        let key = SecretKey::from_bytes(&[7; 32]).public();
        let space = Space::open("s").unwrap().id();
        let (text, hashname) = (key.to_string(), Hashname::of(&key, &space).to_string());
        let means = |text: &str| may_mean(text, Some("anna"), &key, &space);
        assert_eq!(shown(Some("anna"), &key), format!("anna~{}", &text[..4]));
        assert_eq!(shown(None, &key), format!("~{}", &text[..4]));
        assert!(means("anna") && means(&text) && means(&text[..4]) && means(&hashname[..8]));
        assert!(means(&shown(Some("anna"), &key)) && means(&format!("~{}", &text[..6])));
        assert!(!means("ann") && !means(&text[..3]) && !means("") && !means("~"));
        assert!(!means(&format!("bob~{}", &text[..4])) && !means("anna~0000000"));
        assert!(!may_mean("", None, &key, &space) && !may_mean("", Some(""), &key, &space));
    }

    #[test]
    fn who_cannot_bear_a_name_that_looks_like_anothers() {
        let key = SecretKey::from_bytes(&[7; 32]).public();
        let digits = &key.to_string()[..4];
        let seen = shown(Some("bob~1234?: hello"), &key);
        assert_eq!(seen, format!("bob_1234__ hello~{digits}"));
        assert!(may_mean(
            &seen,
            Some("bob~1234?: hello"),
            &key,
            &Space::open("s").unwrap().id()
        ));
    }
}
