//! `hydroid id`: who the home is.

use hydroid_core::identity::Hashname;
use serde_json::json;

use crate::{context::Context, exit::Failure, node};

/// Prints the identity, which is made if there is none.
///
/// # Errors
/// [`Failure`] if the home cannot be used.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let (key, folder) =
        context.with_home(|home| Ok((home.identity()?.public(), home.folder().to_owned())))?;
    let space = node::space();
    let hashname = Hashname::of(&key, &space.id());
    let plain = format!(
        "hashname  {hashname}\nkey       {key}\nspace     {}\nhome      {}",
        space.name(),
        folder.display()
    );
    let object = json!({
        "event": "id", "hashname": hashname.to_string(), "key": key.to_string(),
        "space": space.name(), "home": folder.display().to_string(),
    });
    context.output.data(&plain, &object).await
}
