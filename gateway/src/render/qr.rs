//! QR codes: pictures for a page, characters for a terminal. Error correction M.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _, Luma};
use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};

/// Least side of a module, pixels: below it cameras fail.
const MODULE_PX_MIN: u32 = 2;
/// Largest side of a picture, pixels.
const SIDE_PX_MAX: u32 = 4096;
/// Light modules around the code, as the standard asks.
const QUIET_ZONE: u32 = 4;

/// The text does not fit into a QR code (350).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long for a QR code")]
pub struct TooLong;

/// A PNG picture, at least `side_px` wide and high; larger where modules would come out under two pixels.
pub fn png(text: &str, side_px: u32, length_max: usize) -> Result<Vec<u8>, TooLong> {
    let code = encode(text, length_max)?;
    let module_px = module_px(&code, side_px);
    let picture = code
        .render::<Luma<u8>>()
        .module_dimensions(module_px, module_px)
        .build();
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::L8,
        )
        .expect("a gray picture is written into memory");
    Ok(bytes)
}

/// The same as SVG.
pub fn svg(text: &str, side_px: u32, length_max: usize) -> Result<String, TooLong> {
    let code = encode(text, length_max)?;
    let module_px = module_px(&code, side_px);
    let picture = code
        .render::<svg::Color<'_>>()
        .module_dimensions(module_px, module_px)
        .build();
    Ok(picture)
}

/// Lines of half blocks for a terminal with light characters on dark ground; two rows of modules to a line.
pub fn terminal(text: &str) -> Result<String, TooLong> {
    let code = encode(text, usize::MAX)?;
    let width = code.width() as i64;
    let colors = code.to_colors();
    // Light modules are drawn, dark ones are left to the ground; outside the code all is light.
    let is_light = |x: i64, y: i64| {
        let inside = (0..width).contains(&x) && (0..width).contains(&y);
        !inside || colors[(y * width + x) as usize] == Color::Light
    };
    let edge = i64::from(QUIET_ZONE) / 2;
    let mut lines = String::new();
    for y in (-edge..width + edge).step_by(2) {
        for x in -edge..width + edge {
            lines.push(match (is_light(x, y), is_light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        lines.push('\n');
    }
    Ok(lines)
}

fn encode(text: &str, length_max: usize) -> Result<QrCode, TooLong> {
    if text.chars().count() > length_max {
        return Err(TooLong);
    }
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLong)
}

fn module_px(code: &QrCode, side_px: u32) -> u32 {
    let modules = code.width() as u32 + 2 * QUIET_ZONE;
    side_px
        .min(SIDE_PX_MAX)
        .div_ceil(modules)
        .max(MODULE_PX_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(png: &[u8]) -> (u32, String) {
        let picture = image::load_from_memory(png).unwrap().into_luma8();
        let side = picture.width();
        let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(
            picture.width() as usize,
            picture.height() as usize,
            |x, y| picture.get_pixel(x as u32, y as u32).0[0],
        );
        let grids = prepared.detect_grids();
        assert_eq!(grids.len(), 1, "one code in the picture");
        (side, grids[0].decode().unwrap().1)
    }

    #[test]
    fn a_picture_reads_back_at_every_length() {
        for length in [1, 100, 400, 800, 1500, 2048] {
            let text = "aZ9{\"key\":"
                .chars()
                .cycle()
                .take(length)
                .collect::<String>();
            let (side, read) = decode(&png(&text, 300, 2048).unwrap());
            assert_eq!(read, text, "{length} characters");
            assert!(side >= 300, "{side} px for {length} characters");
        }
    }

    #[test]
    fn too_much_is_refused() {
        assert_eq!(png(&"x".repeat(2049), 300, 2048), Err(TooLong));
        assert_eq!(png(&"x".repeat(4000), 300, usize::MAX), Err(TooLong));
    }

    #[test]
    fn a_terminal_shows_the_same_modules() {
        let drawn = terminal("hello").unwrap();
        let rows: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        let side = rows[0].len() as u32;
        let shown = |x: u32, y: u32| {
            let half = rows[(y / 2) as usize][x as usize];
            let light = match half {
                '█' => true,
                '▀' => y.is_multiple_of(2),
                '▄' => !y.is_multiple_of(2),
                _ => false,
            };
            if light { 255 } else { 0 }
        };
        let scale = 6;
        let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(
            (side * scale) as usize,
            (side * scale) as usize,
            |x, y| shown(x as u32 / scale, y as u32 / scale),
        );
        let grids = prepared.detect_grids();
        assert_eq!(grids[0].decode().unwrap().1, "hello");
        assert!(svg("hello", 300, 2048).unwrap().contains("<svg"));
    }
}
