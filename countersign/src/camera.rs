//! A camera: reads a QR code from a picture, with a decoder that is not the encoder's.

use std::io::Cursor;

/// Why a picture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// Not a picture.
    #[error("not a PNG picture")]
    Picture(#[from] image::ImageError),
    /// A picture without a readable code.
    #[error("no QR code that can be read is in the picture")]
    Nothing,
}

/// The text of the one QR code in the picture.
pub fn read(png: &[u8]) -> Result<String, CameraError> {
    let picture = image::ImageReader::with_format(Cursor::new(png), image::ImageFormat::Png)
        .decode()?
        .to_luma8();
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(
        picture.width() as usize,
        picture.height() as usize,
        |x, y| picture.get_pixel(x as u32, y as u32).0[0],
    );
    let grid = prepared
        .detect_grids()
        .into_iter()
        .next()
        .ok_or(CameraError::Nothing)?;
    let (_, text) = grid.decode().map_err(|_| CameraError::Nothing)?;
    Ok(text)
}
