//! Names that peers give to files. Only a plain file name is legal, on every platform alike.

use crate::exit::Failure;

/// Bytes of the longest name.
const NAME_MAX: usize = 255;

/// The name, if it is a plain file name.
///
/// # Errors
/// [`Failure`] of refusal that says what is wrong with it.
pub(crate) fn plain_name(name: &str) -> Result<&str, Failure> {
    let wrong = if name.is_empty() {
        "it is empty".into()
    } else if name == "." || name == ".." {
        "it names a folder".into()
    } else if name.len() > NAME_MAX {
        format!("it has {} bytes, and {NAME_MAX} are the most", name.len())
    } else if let Some(bad) = name.chars().find(|c| matches!(c, '/' | '\\')) {
        format!("it has a {bad} in it, like a path")
    } else if name.contains(char::is_control) {
        "it has a control character in it".into()
    } else {
        return Ok(name);
    };
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    Err(Failure::refused(format!(
        "\"{shown}\" is no plain file name: {wrong}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn landing_name_takes_plain_names_only() {
        let long = "x".repeat(NAME_MAX);
        for good in [
            "a",
            "a b",
            ".hidden",
            "...",
            "naïve.txt",
            "a..b",
            "-o",
            &long,
        ] {
            assert_eq!(plain_name(good), Ok(good));
        }
        let too_long = "x".repeat(NAME_MAX + 1);
        for bad in [
            "", ".", "..", "../a", "a/b", "/a", "a/", "..\\a", "C:\\a", "a\0b", "a\nb", "\u{7f}",
            "\u{85}", &too_long,
        ] {
            let failure = plain_name(bad).unwrap_err();
            assert_eq!(failure.exit, Exit::Refused, "{bad:?}");
            assert!(!failure.sentence.contains(char::is_control), "{bad:?}");
        }
    }
}
