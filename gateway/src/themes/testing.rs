//! Archives for the tests: good ones, and everything a good one is not.

use std::io::{Cursor, Write as _};

use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The manual's sample, with pictures.
pub(crate) fn good() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("theme.json", theme_json()),
        ("image_light.png", picture(792, 396)),
        ("image_dark.png", picture(792, 396)),
    ]
}

pub(crate) fn theme_json() -> Vec<u8> {
    let shades = |light: &str, dark: &str| json!({ "light": light, "dark": dark });
    let theme = json!({
        "colors": {
            "accentColor": shades("#006BFF", "#2F98FF"),
            "textButton": shades("#006BFF", "#2F98FF"),
            "accentText": shades("#006BFF", "#2F98FF"),
            "declineButton": shades("#CFD4DE", "#3C4048"),
            "barButton": shades("#A0AABD", "#6D7586"),
            "error": shades("#E53D00", "#F95E25"),
            "success": shades("#006BFF", "#2F98FF"),
        },
        "image": { "light": "image_light.png", "dark": "image_dark.png" },
        "about": "https://bank.example/about",
        "feedback": "help@bank.example",
    });
    theme.to_string().into_bytes()
}

/// The head of a PNG picture of that size: enough to be measured.
pub(crate) fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 6, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(&chunk);
    png.extend(crc32(&chunk).to_be_bytes());
    for empty in [b"IDAT", b"IEND"] {
        png.extend(0_u32.to_be_bytes());
        png.extend(empty);
        png.extend(crc32(empty).to_be_bytes());
    }
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    let folded = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = crc & 1;
            (crc >> 1) ^ (carry * 0xedb8_8320)
        })
    });
    !folded
}

pub(crate) fn archive(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    packed(entries, CompressionMethod::Deflated)
}

pub(crate) fn stored(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    packed(entries, CompressionMethod::Stored)
}

fn packed(entries: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A good theme, one picture of which is a link.
pub(crate) fn symlink(name: &str, target: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (known, bytes) in good().iter().filter(|(known, _)| *known != name) {
        zip.start_file(*known, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.add_symlink(name, target, options).unwrap();
    zip.finish().unwrap().into_inner()
}
