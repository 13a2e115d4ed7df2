//! Folders between processes.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::Instant,
};

use rustix::process::Signal;

use crate::running::World;

/// What `diff` and the rights say of two trees.
fn same(one: &Path, other: &Path) {
    let diff = std::process::Command::new("diff")
        .args(["-r", "--no-dereference"])
        .args([one, other])
        .output()
        .unwrap();
    assert!(diff.status.success(), "{diff:?}");
}

fn tree(world: &World) -> std::path::PathBuf {
    let root = world.path("tree");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::write(root.join("a/file"), "content").unwrap();
    fs::write(root.join("a/b/none"), "").unwrap();
    fs::write(root.join("run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../file", root.join("a/b/link")).unwrap();
    root
}

#[test]
fn folders_arrive_as_they_were() {
    let world = World::new();
    let root = tree(&world);
    let (sender, ticket) = world.send(&root);
    world.run(&["recv", &ticket]).by(0);
    sender.end().by(0);
    let received = world.path("here/tree");
    same(&root, &received);
    let mode = |name: &str| {
        fs::metadata(received.join(name))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!((mode("run") & 0o100, mode("a/file") & 0o100), (0o100, 0));
    assert!(received.join("empty").is_dir());
    assert_eq!(world.names("here"), ["tree"]);

    let (up, ticket) = world.up(&[]);
    let send = ["send", root.to_str().unwrap(), "--to", &ticket];
    world.run(&send).by(0);
    same(&root, &world.path("in/tree"));
    world.run(&send).by_saying(5, "of this name");
    up.signal(Signal::TERM);
    up.end().by(0);
}

#[test]
fn folders_go_to_no_stdout_and_replace_nothing() {
    let world = World::new();
    let root = tree(&world);
    let (sender, ticket) = world.send(&root);
    world
        .run(&["recv", &ticket, "-o", "-"])
        .by_saying(2, "it is a folder");
    fs::create_dir(world.path("here/tree")).unwrap();
    for more in [&[][..], &["--overwrite"]] {
        let recv = [&["recv", &ticket][..], more].concat();
        world.run(&recv).by_saying(5, "a folder replaces nothing");
    }
    fs::remove_dir(world.path("here/tree")).unwrap();
    world.run(&["recv", &ticket, "-o", "other"]).by(0);
    same(&root, &world.path("here/other"));
    sender.end().by(0);
}

#[test]
fn folders_with_what_cannot_be_sent_are_refused_by_name() {
    let world = World::new();
    let root = tree(&world);
    symlink("/etc/passwd", root.join("a/out")).unwrap();
    let send = ["send", root.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let ended = world.run(&send).by_saying(5, "a/out");
    assert!(ended.stdout.is_empty(), "no ticket is given");
    fs::remove_file(root.join("a/out")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(root.join("pipe"))
        .status();
    assert!(made.unwrap().success());
    world.run(&send).by_saying(5, "\"pipe\"");
}

#[test]
fn folders_that_change_while_they_wait_fail_on_both_sides() {
    let world = World::new();
    let root = tree(&world);
    let (sender, ticket) = world.send(&root);
    fs::write(root.join("a/later"), "").unwrap();
    world.run(&["recv", &ticket]).by_saying(6, "changed");
    sender.end().by_saying(6, "changed");
    assert!(world.names("here").is_empty());
}

#[test]
fn folders_of_a_thousand_files_cost_what_one_file_of_their_size_costs() {
    let world = World::new();
    let (root, size) = (world.path("many"), 64 << 10);
    fs::create_dir(&root).unwrap();
    let one = fs::read(world.file("one", 1000 * size as u64)).unwrap();
    for (n, content) in one.chunks(size).enumerate() {
        fs::write(root.join(format!("{n}")), content).unwrap();
    }
    let time = |path: &Path, out: &str| {
        let (sender, ticket) = world.send(path);
        let began = Instant::now();
        world.run(&["recv", &ticket, "-o", out]).by(0);
        let time = began.elapsed();
        sender.end().by(0);
        time
    };
    let file = time(&world.path("one"), "file");
    let many = time(&root, "folder");
    // Printed, not asserted: what it costs is counted by the tests of the room.
    println!(
        "one file {file:?}, a thousand {many:?}: {:.2}",
        many.div_duration_f64(file)
    );
    assert_eq!(
        fs::read_dir(world.path("here/folder")).unwrap().count(),
        1000
    );
}
