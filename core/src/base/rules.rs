//! Rules about the fields of a config.

/// Tells the first field whose rule does not hold.
///
/// # Errors
/// The name of the field.
pub fn all_hold(rules: &[(&'static str, bool)]) -> Result<(), &'static str> {
    match rules.iter().find(|(_, holds)| !holds) {
        Some((field, _)) => Err(field),
        None => Ok(()),
    }
}
