//! The picture in the middle of a QR code, from the operator's file. The file may be anybody's work: how many bytes and how
//! many pixels are read of it is limited.

use std::fs::File;
use std::io::{Cursor, Read as _};

use image::{ImageReader, Limits, RgbaImage};

/// Longest file, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Largest side, pixels.
const SIDE_PX_MAX: u32 = 2048;
/// Most memory that decoding may take, bytes.
const MEMORY_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogoError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] std::io::Error),
    /// The file is longer than it may be.
    #[error("the file exceeds {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// The file is not PNG or JPEG, or a side is longer than it may be.
    #[error("the file is not a PNG or JPEG picture of at most {SIDE_PX_MAX} pixels a side")]
    Picture(#[from] image::ImageError),
}

/// Reads the file.
pub(crate) fn load(path: &str) -> Result<RgbaImage, LogoError> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(LogoError::TooLong);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PX_MAX);
    limits.max_image_height = Some(SIDE_PX_MAX);
    limits.max_alloc = Some(MEMORY_BYTES_MAX);
    reader.limits(limits);
    Ok(reader.decode()?.into_rgba8())
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, RgbImage};

    use super::*;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn picture(side: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = RgbImage::from_pixel(side, 8, image::Rgb([200, 0, 0]));
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn loaded(bytes: &[u8]) -> Result<(u32, u32), LogoError> {
        let file = written(bytes);
        load(file.path().to_str().unwrap()).map(|picture| picture.dimensions())
    }

    #[test]
    fn png_and_jpeg_are_read_whatever_the_file_is_called() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            assert_eq!(loaded(&picture(64, format)).unwrap(), (64, 8));
        }
    }

    #[test]
    fn a_flood_of_pixels_or_bytes_is_not_let_in() {
        assert_eq!(loaded(&picture(2048, ImageFormat::Png)).unwrap(), (2048, 8));
        let wide = loaded(&picture(2049, ImageFormat::Png));
        assert!(matches!(wide, Err(LogoError::Picture(_))));
        let long = loaded(&vec![0; 1024 * 1024 + 1]);
        assert!(matches!(long, Err(LogoError::TooLong)));
        // A PNG header that promises four billion pixels a side, and nothing behind it.
        let mut bomb = picture(8, ImageFormat::Png);
        bomb[16..24].fill(0xff);
        assert!(matches!(loaded(&bomb), Err(LogoError::Picture(_))));
    }

    #[test]
    fn what_is_no_picture_is_none() {
        for bytes in [&b""[..], b"<svg/>", b"GIF89a"] {
            assert!(matches!(loaded(bytes), Err(LogoError::Picture(_))));
        }
        assert!(matches!(load("/nowhere/at/all.png"), Err(LogoError::Io(_))));
    }
}
