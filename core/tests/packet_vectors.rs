//! The packet codec against rows that another encoder made, byte for byte. A row is an object with
//! `packet` in hex, `head` as text or `binary_head` in hex, and `body` in hex. The environment
//! variable `HYDROID_PACKET_VECTORS` names a file of further rows.

use std::{env, fs, path::Path};

use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use hydroid_core::wire::{Head, Packet, json};
use serde::Deserialize;

const OURS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/vectors/packets.jsonl"
);

/// What the public encoder can write, whatever its nesting.
const LIMITS: json::Limits = json::Limits {
    bytes: 65_535,
    depth: 100,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    packet: String,
    head: Option<String>,
    binary_head: Option<String>,
    body: String,
}

fn hex(what: &str, text: &str) -> Result<Vec<u8>, String> {
    HEX.decode(text.as_bytes())
        .map_err(|error| format!("{what} is not hex: {error}"))
}

/// Decodes the row's packet, parses its head and writes both again.
fn try_row(line: &[u8]) -> Result<(), String> {
    let row: Row = serde_json::from_slice(line).map_err(|error| format!("no row: {error}"))?;
    let bytes = hex("packet", &row.packet)?;
    let packet = Packet::decode(&bytes).map_err(|error| error.to_string())?;
    if packet.body != hex("body", &row.body)? {
        return Err("the body differs".into());
    }
    let head = match (&row.head, &row.binary_head) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(text)) => hex("binary_head", text)?,
        (Some(_), Some(_)) | (None, None) => return Err("one head is needed, and only one".into()),
    };
    if packet.head.bytes() != head {
        return Err("the head differs".into());
    }
    let written = match packet.head {
        Head::None | Head::Binary(_) => head,
        Head::Json(text) => {
            let value: json::Value = json::parse(text, &LIMITS)
                .map_err(|error| format!("its head is refused: {error}"))?;
            let written = json::write(&value).into_bytes();
            if written != text {
                return Err("the head is written again in another way".into());
            }
            written
        }
    };
    let mut again = Vec::new();
    let packet = Packet {
        head: Head::of(&written),
        body: packet.body,
    };
    packet
        .encode(&mut again)
        .map_err(|error| error.to_string())?;
    if again != bytes {
        return Err("the packet is written again in another way".into());
    }
    Ok(())
}

/// How many rows of text and of binary heads `file` has; the first that fails is named.
fn try_rows(file: &[u8]) -> Result<usize, String> {
    let mut rows = 0;
    for (at, line) in file.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            try_row(line).map_err(|error| format!("line {}: {error}", at + 1))?;
            rows += 1;
        }
    }
    Ok(rows)
}

fn try_file(path: &Path) -> Result<usize, String> {
    fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|file| try_rows(&file))
        .map_err(|error| format!("{}: {error}", path.display()))
}

// S2.2
#[test]
fn packet_rows_of_another_encoder_are_read_and_written_alike() {
    assert_eq!(try_file(Path::new(OURS)), Ok(321));
}

#[test]
fn packet_rows_that_the_environment_names_are_read_and_written_alike() {
    let Some(path) = env::var_os("HYDROID_PACKET_VECTORS") else {
        println!("HYDROID_PACKET_VECTORS names no file: nothing more to try");
        return;
    };
    match try_file(Path::new(&path)) {
        Ok(rows) => println!("{rows} rows"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn packet_rows_that_lie_are_found_and_named() {
    let good = r#"{"packet":"00077b2278223a317d6869","head":"{\"x\":1}","body":"6869"}"#;
    assert_eq!(try_rows(format!("{good}\n\n{good}\r\n").as_bytes()), Ok(2));
    for (from, to, error) in [
        ("6869\"}", "6868\"}", "the body differs"),
        ("\\\"x", "\\\"y", "the head differs"),
        ("0007", "0010", "the packet is shorter than its length says"),
        ("\"packet\":\"00", "\"packet\":\"0", "packet is not hex"),
        ("\"head\"", "\"binary_head\"", "binary_head is not hex"),
        ("\"body\"", "\"tail\"", "no row"),
        (",\"head\":\"{\\\"x\\\":1}\"", "", "one head is needed"),
        ("}", "", "no row"),
    ] {
        assert!(good.contains(from), "{from}");
        let file = format!("{good}\n{}", good.replace(from, to));
        let found = try_rows(file.as_bytes()).unwrap_err();
        assert!(found.starts_with("line 2: "), "{found}");
        assert!(found.contains(error), "{found}");
    }
    let float = r#"{"packet":"00097b2278223a312e307d","head":"{\"x\":1.0}","body":""}"#;
    assert!(
        try_rows(float.as_bytes())
            .unwrap_err()
            .contains("its head is refused")
    );
    let blank = r#"{"packet":"00087b2278223a20317d","head":"{\"x\": 1}","body":""}"#;
    assert!(
        try_rows(blank.as_bytes())
            .unwrap_err()
            .contains("another way")
    );
    let missing = try_file(Path::new("/nowhere/rows.jsonl")).unwrap_err();
    assert!(missing.starts_with("/nowhere/rows.jsonl: "), "{missing}");
}
