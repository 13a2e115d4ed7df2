use super::*;
use crate::transfer::heads::Why;

fn offer(size: u64) -> Offer {
    Offer {
        name: "name".into(),
        size,
        root: blake3::hash(b"of something"),
        listing: None,
    }
}

fn land(folder: &Path, overwrite: bool, content: &[u8]) -> Result<PathBuf, Failure> {
    let size = content.len() as u64;
    let mut landing =
        Landing::begin(folder, "name", &offer(size), overwrite).map_err(|barred| barred.failure)?;
    assert!(folder.join(".name.hydroid-part").exists());
    landing.write(content)?;
    Ok(landing.land()?.unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn landing_replaces_only_where_that_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = land(folder.path(), false, b"one").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    let refused = land(folder.path(), false, b"two").unwrap_err();
    assert_eq!(refused.exit, Exit::Refused);
    assert_eq!(fs::read(&path).unwrap(), b"one");
    land(folder.path(), true, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(names(folder.path()), ["name"]);
}

#[test]
fn landing_leaves_nothing_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let mut landing = Landing::begin(folder.path(), "name", &offer(3), false).unwrap();
    landing.write(b"on").unwrap();
    drop(landing);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn landing_does_not_replace_what_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let mut landing = Landing::begin(folder.path(), "name", &offer(3), false).unwrap();
    landing.write(b"new").unwrap();
    fs::write(folder.path().join("name"), b"old").unwrap();
    let refused = Failure::from(landing.land().unwrap_err());
    assert_eq!(refused.exit, Exit::Refused);
    assert_eq!(fs::read(folder.path().join("name")).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["name"]);
}

#[test]
fn landing_allows_one_at_a_time_and_clears_what_a_killed_one_left() {
    let folder = tempfile::tempdir().unwrap();
    let first = Landing::begin(folder.path(), "name", &offer(3), false).unwrap();
    let second = Landing::begin(folder.path(), "name", &offer(3), false).unwrap_err();
    assert_eq!(second.why, Why::Exists);
    assert!(folder.path().join(".name.hydroid-part").exists());
    drop(first);
    fs::write(folder.path().join(".name.hydroid-part"), b"left over").unwrap();
    land(folder.path(), false, b"new").unwrap();
    assert_eq!(names(folder.path()), ["name"]);
}

#[test]
#[cfg(unix)]
fn landing_follows_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let victim = other.path().join("victim");
    fs::write(&victim, b"untouched").unwrap();
    let link = folder.path().join("name");
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    assert!(land(folder.path(), false, b"new").is_err());
    land(folder.path(), true, b"new").unwrap();
    assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");

    let part = folder.path().join(".name.hydroid-part");
    std::os::unix::fs::symlink(&victim, &part).unwrap();
    assert!(Landing::begin(folder.path(), "name", &offer(3), true).is_err());
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");
}

#[test]
#[cfg(unix)]
fn landing_replaces_no_device_and_no_pipe() {
    for device in ["/dev/null", "/dev/tty"].map(Path::new) {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(device, &link).unwrap();
        for target in [device, &link] {
            let barred = check_target(target, true).unwrap_err();
            assert!(barred.failure.sentence.ends_with("no ordinary file"));
        }
    }
}

#[test]
#[cfg(unix)]
fn landing_parts_that_another_replaced_are_not_landed() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join(".name.hydroid-part");
    let mut landing = Landing::begin(folder.path(), "name", &offer(4), false).unwrap();
    landing.write(b"mine").unwrap();
    fs::rename(&part, folder.path().join("away")).unwrap();
    let mut other = Landing::begin(folder.path(), "name", &offer(4), false).unwrap();
    other.write(b"half").unwrap();
    assert!(landing.land().is_err());
    assert!(!folder.path().join("name").exists());
    let path = other.land().unwrap().unwrap();
    assert_eq!(fs::read(path).unwrap(), b"half");
}

#[test]
#[cfg(unix)]
fn landing_works_in_no_folder_that_is_open_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join(".name.hydroid-part");
    fs::create_dir(&part).unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(0o777)).unwrap();
    let barred = Landing::begin(folder.path(), "name", &offer(4), false).unwrap_err();
    assert_eq!(barred.why, Why::Exists);
}

#[test]
fn landing_asks_for_room_and_a_folder_first() {
    let folder = tempfile::tempdir().unwrap();
    if files::free_bytes(folder.path()).is_some() {
        let full = Landing::begin(folder.path(), "name", &offer(1 << 55), false).unwrap_err();
        assert_eq!((full.why, full.failure.exit), (Why::Full, Exit::Failed));
    }
    assert!(names(folder.path()).is_empty());
    let missing = folder.path().join("missing");
    let missing = Landing::begin(&missing, "name", &offer(1), false).unwrap_err();
    assert_eq!(missing.failure.exit, Exit::NotFound);
    fs::create_dir(folder.path().join("name")).unwrap();
    let is_folder = Landing::begin(folder.path(), "name", &offer(1), true).unwrap_err();
    assert_eq!(is_folder.failure.exit, Exit::Refused);
}

#[test]
fn landing_long_names_have_a_part_too() {
    let folder = tempfile::tempdir().unwrap();
    let name = "x".repeat(255);
    let landing = Landing::begin(folder.path(), &name, &offer(0), false).unwrap();
    assert_eq!(
        landing.land().unwrap().unwrap().file_name().unwrap(),
        name.as_str()
    );
}

#[test]
#[cfg(unix)]
fn landing_clears_whatever_stands_in_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("kept"), "x").unwrap();
    let part = folder.path().join(".f.hydroid-part");
    drop(Landing::begin(folder.path(), "f", &offer(5), false).unwrap());
    std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700)
        .create(&part)
        .unwrap();
    for name in ["record", "record.new", "data"] {
        fs::create_dir_all(part.join(name).join("folder")).unwrap();
    }
    std::os::unix::fs::symlink(&precious, part.join("listing")).unwrap();
    std::os::unix::fs::symlink(&precious, part.join("data/link")).unwrap();
    // Deeper than there may be files open.
    let mut deep = part.join("tree");
    deep.extend(std::iter::repeat_n("d", 1_500));
    fs::create_dir_all(deep).unwrap();
    let landing = Landing::begin(folder.path(), "f", &offer(5), false).unwrap();
    assert!(landing.useless().is_some());
    assert!(!part.join("tree").exists() && !part.join("listing").exists());
    drop(landing);
    assert_eq!(names(folder.path()), ["precious"]);
    assert!(precious.join("kept").exists());
}
