//! QR codes: what every picture of one has in common, and characters for a terminal.

use qrcode::{Color, EcLevel, QrCode};
use utoipa::ToSchema;

/// Least side of a module, pixels: below it cameras fail.
const MODULE_PX_MIN: u32 = 2;
/// Largest side of a picture, pixels.
const SIDE_PX_MAX: u32 = 4096;
/// Light modules around the code, as the standard asks.
pub(super) const QUIET_ZONE: u32 = 4;

/// The text does not fit into a QR code (350).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long for a QR code")]
pub struct TooLong;

/// Kind of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImageType {
    /// Pixels.
    #[default]
    Png,
    /// Shapes.
    Svg,
}

/// Lines of half blocks for a terminal with light characters on dark ground; two rows of modules to a line.
pub fn terminal(text: &str) -> Result<String, TooLong> {
    let code = encode(text, usize::MAX, EcLevel::M)?;
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

pub(super) fn encode(
    text: &str,
    length_max: usize,
    correction: EcLevel,
) -> Result<QrCode, TooLong> {
    if text.chars().count() > length_max {
        return Err(TooLong);
    }
    QrCode::with_error_correction_level(text, correction).map_err(|_| TooLong)
}

pub(super) fn module_px(code: &QrCode, side_px: u32) -> u32 {
    let modules = code.width() as u32 + 2 * QUIET_ZONE;
    side_px
        .min(SIDE_PX_MAX)
        .div_ceil(modules)
        .max(MODULE_PX_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
