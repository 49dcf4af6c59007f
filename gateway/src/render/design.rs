//! The picture of a QR code: in the operator's color, with the operator's logo in the middle, and never handed out
//! unread. A phone that cannot read a fine picture helps nobody, so every finer one gives way to a plainer one.
//!
//! Source: reference manual, "QR_LOGO_LOCATION" and "QR_COLOR": the color counts only where the logo's path is set, and a
//! code that the logo spoils is handed out without it.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageEncoder as _, Rgb, RgbImage, RgbaImage};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use schemas::settings::Settings;

use crate::render::logo::{self, LogoError};
use crate::render::qr::{ImageType, QUIET_ZONE, TooLong, encode, module_px};

/// Part of the code's area that a logo may cover: the manual's recommendation.
const LOGO_AREA_MAX: f64 = 0.10;
/// Least contrast between dark and light modules.
const CONTRAST_MIN: f64 = 3.0;
const BLACK: Rgb<u8> = Rgb([0, 0, 0]);
const WHITE: Rgb<u8> = Rgb([255, 255, 255]);

/// A QR code and how it is drawn.
pub(crate) struct Design {
    code: QrCode,
    module_px: u32,
    color: Rgb<u8>,
    logo: Option<RgbaImage>,
}

impl Design {
    /// The finest picture of the text that reads back, with a side of about so many pixels.
    pub(crate) fn of(text: &str, side_px: u32, settings: &Settings) -> Result<Self, TooLong> {
        let length_max = settings.qr_data_length_max();
        let plain = Self::new(encode(text, length_max, EcLevel::M)?, side_px, BLACK);
        let Some(path) = settings.qr_logo_location() else {
            return Ok(plain);
        };
        let color = Rgb(settings.qr_color());
        if let Some(logo) = logo_of(path)
            && let Ok(code) = encode(text, length_max, EcLevel::H)
        {
            let design = Self::new(code, side_px, color).with_logo(&logo);
            if design.reads_as(text) {
                return Ok(design);
            }
            tracing::warn!("a QR code could not be read with the logo and is drawn without it");
        }
        if is_dark(color) {
            return Ok(Self { color, ..plain });
        }
        tracing::warn!("QR_COLOR is too light to be read and gives way to black");
        Ok(plain)
    }

    fn new(code: QrCode, side_px: u32, color: Rgb<u8>) -> Self {
        Self {
            module_px: module_px(&code, side_px),
            code,
            color,
            logo: None,
        }
    }

    /// The same with a logo, made smaller where it would cover too much.
    fn with_logo(mut self, logo: &RgbaImage) -> Self {
        let code_px = f64::from(self.code.width() as u32 * self.module_px);
        let (width, height) = (f64::from(logo.width()), f64::from(logo.height()));
        let scale = (code_px * code_px * LOGO_AREA_MAX / (width * height))
            .sqrt()
            .min(1.0);
        let scaled = |side: f64| ((side * scale).floor() as u32).max(1);
        self.logo = Some(imageops::resize(
            logo,
            scaled(width),
            scaled(height),
            FilterType::Triangle,
        ));
        self
    }

    /// The bytes of the picture.
    pub(crate) fn drawn_as(&self, image_type: ImageType) -> Vec<u8> {
        match image_type {
            ImageType::Png => {
                let picture = self.picture();
                png(
                    picture.as_raw(),
                    picture.dimensions(),
                    ExtendedColorType::Rgb8,
                )
            }
            ImageType::Svg => self.svg().into_bytes(),
        }
    }

    fn picture(&self) -> RgbImage {
        let mut picture = self
            .code
            .render::<Rgb<u8>>()
            .dark_color(self.color)
            .light_color(WHITE)
            .module_dimensions(self.module_px, self.module_px)
            .build();
        if let Some(logo) = &self.logo {
            let (left, top) = centered(picture.dimensions(), logo);
            for (x, y, pixel) in logo.enumerate_pixels() {
                let under = picture.get_pixel_mut(left + x, top + y);
                *under = blended(*under, pixel.0);
            }
        }
        picture
    }

    fn svg(&self) -> String {
        let [red, green, blue] = self.color.0;
        let color = format!("#{red:02x}{green:02x}{blue:02x}");
        let mut picture = self
            .code
            .render::<svg::Color<'_>>()
            .dark_color(svg::Color(&color))
            .module_dimensions(self.module_px, self.module_px)
            .build();
        if let Some(logo) = &self.logo {
            let side = (self.code.width() as u32 + 2 * QUIET_ZONE) * self.module_px;
            let (left, top) = centered((side, side), logo);
            let (width, height) = logo.dimensions();
            let png = png(logo.as_raw(), (width, height), ExtendedColorType::Rgba8);
            let data = STANDARD.encode(png);
            let image = format!(
                r#"<image x="{left}" y="{top}" width="{width}" height="{height}" href="data:image/png;base64,{data}"/></svg>"#
            );
            picture = picture.replace("</svg>", &image);
        }
        picture
    }

    /// Would a camera read this text, and no other?
    fn reads_as(&self, text: &str) -> bool {
        let gray = imageops::grayscale(&self.picture());
        let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(
            gray.width() as usize,
            gray.height() as usize,
            |x, y| gray.get_pixel(x as u32, y as u32).0[0],
        );
        let grids = prepared.detect_grids();
        matches!(&grids[..], [grid] if grid.decode().is_ok_and(|(_, read)| read == text))
    }
}

/// Does a camera tell modules of this color from white ones? By the contrast of WCAG 2, at the least of what it asks of
/// pictures that mean something. Whether a code in one color reads depends on nothing else, so it need not be tried.
fn is_dark(Rgb(color): Rgb<u8>) -> bool {
    let [red, green, blue] = color.map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.04045 {
            channel / 12.92
        } else {
            ((channel + 0.055) / 1.055).powf(2.4)
        }
    });
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    1.05 / (luminance + 0.05) >= CONTRAST_MIN
}

/// The operator's logo; `None` when there is no such file, or none that can be used. The manual's default path need not
/// exist.
fn logo_of(path: &str) -> Option<RgbaImage> {
    match logo::load(path) {
        Ok(logo) => Some(logo),
        Err(LogoError::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the logo of QR codes cannot be used");
            None
        }
    }
}

fn centered((width, height): (u32, u32), logo: &RgbaImage) -> (u32, u32) {
    ((width - logo.width()) / 2, (height - logo.height()) / 2)
}

/// A pixel of the logo over one of the code.
fn blended(under: Rgb<u8>, [red, green, blue, alpha]: [u8; 4]) -> Rgb<u8> {
    let mix = |over: u8, under: u8| {
        let (over, under, alpha) = (u32::from(over), u32::from(under), u32::from(alpha));
        ((over * alpha + under * (255 - alpha)) / 255) as u8
    };
    Rgb([
        mix(red, under.0[0]),
        mix(green, under.0[1]),
        mix(blue, under.0[2]),
    ])
}

fn png(pixels: &[u8], (width, height): (u32, u32), colors: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(pixels, width, height, colors)
        .expect("a picture is written into memory");
    bytes
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Luma};

    use super::*;

    const TEXT: &str = r#"{"v":1,"type":"pc_user","system_id":"f13e4375-e429-496c-ad1e-0fc3c3ecfb53","user_id":"sample-0f8fad5b-d9cb-469f-a165-70867728950e","key_index":1,"key_flags":67584,"url":"https://pc.example","crypt_type":"ECDSA","valid_to":1735035267,"key":{"data":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","enc":"half"}}"#;
    const RED: image::Rgba<u8> = image::Rgba([200, 0, 0, 255]);

    fn settings(location: &str) -> Settings {
        let mut settings = Settings::default();
        settings.set("QR_LOGO_LOCATION", location).unwrap();
        settings
    }

    /// A logo of one color, in a file.
    fn logo(width: u32, height: u32) -> (tempfile::NamedTempFile, Settings) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let picture = RgbaImage::from_pixel(width, height, RED);
        picture
            .save_with_format(file.path(), ImageFormat::Png)
            .unwrap();
        let settings = settings(file.path().to_str().unwrap());
        (file, settings)
    }

    fn drawn(text: &str, settings: &Settings) -> RgbImage {
        let png = Design::of(text, settings.key_qr_size_px(), settings)
            .unwrap()
            .drawn_as(ImageType::Png);
        image::load_from_memory(&png).unwrap().into_rgb8()
    }

    fn read(picture: &image::GrayImage) -> String {
        let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(
            picture.width() as usize,
            picture.height() as usize,
            |x, y| picture.get_pixel(x as u32, y as u32).0[0],
        );
        prepared.detect_grids()[0].decode().unwrap().1
    }

    fn count(picture: &RgbImage, color: [u8; 3]) -> usize {
        picture.pixels().filter(|pixel| pixel.0 == color).count()
    }

    #[test]
    fn a_logo_is_drawn_in_the_middle_and_the_code_still_reads() {
        for (width, height) in [(40, 40), (64, 20), (2000, 2000)] {
            let (_file, settings) = logo(width, height);
            let picture = drawn(TEXT, &settings);
            let red = count(&picture, [200, 0, 0]);
            assert!(red > 400, "{red} pixels of the logo");
            let area = (picture.width() * picture.height()) as usize;
            assert!(red * 10 <= area, "{red} of {area}");
            let middle = picture.get_pixel(picture.width() / 2, picture.height() / 2);
            assert_eq!(middle.0, [200, 0, 0]);
            assert!(count(&picture, [0x06, 0x6a, 0xb2]) > 1000, "in QR_COLOR");
            assert_eq!(read(&imageops::grayscale(&picture)), TEXT);
        }
    }

    #[test]
    fn a_plain_picture_reads_back_at_every_length() {
        for length in [1, 100, 400, 800, 1500, 2048] {
            let text: String = "aZ9{\"key\":".chars().cycle().take(length).collect();
            let picture = drawn(&text, &settings(""));
            assert_eq!(read(&imageops::grayscale(&picture)), text);
            assert!(picture.width() >= 300, "{length} characters");
        }
    }

    #[test]
    fn without_a_path_there_is_neither_logo_nor_color() {
        let picture = drawn(TEXT, &settings(""));
        let others = count(&picture, [0, 0, 0]) + count(&picture, [255, 255, 255]);
        assert_eq!(others, (picture.width() * picture.height()) as usize);
        assert_eq!(read(&imageops::grayscale(&picture)), TEXT);
    }

    #[test]
    fn a_file_that_is_not_there_leaves_the_color() {
        let picture = drawn(TEXT, &settings("/nowhere/at/all.png"));
        assert!(count(&picture, [0x06, 0x6a, 0xb2]) > 1000);
        assert_eq!(read(&imageops::grayscale(&picture)), TEXT);
    }

    #[test]
    fn a_color_that_no_camera_sees_gives_way_to_black() {
        let mut settings = settings("/nowhere/at/all.png");
        settings.set("QR_COLOR", "#FFFFFE").unwrap();
        let picture = drawn(TEXT, &settings);
        assert!(count(&picture, [0, 0, 0]) > 1000);
    }

    #[test]
    fn every_color_that_is_called_dark_is_read() {
        let mut settings = settings("/nowhere/at/all.png");
        let channels = [0_u8, 0x60, 0x95, 0xff];
        let mut dark = 0;
        for number in 0..channels.len().pow(3) {
            let channel =
                |place: u32| channels[number / channels.len().pow(place) % channels.len()];
            let [red, green, blue] = [channel(0), channel(1), channel(2)];
            if !is_dark(Rgb([red, green, blue])) {
                continue;
            }
            dark += 1;
            let color = format!("#{red:02X}{green:02X}{blue:02X}");
            settings.set("QR_COLOR", &color).unwrap();
            let picture = drawn("a key", &settings);
            assert_eq!(read(&imageops::grayscale(&picture)), "a key", "{color}");
            assert!(count(&picture, [red, green, blue]) > 1000, "{color}");
        }
        assert!((20..60).contains(&dark), "{dark}");
    }

    #[test]
    fn a_text_too_long_for_a_logo_comes_without_it() {
        let (_file, settings) = logo(40, 40);
        let text = "aZ9{".repeat(450);
        let picture = drawn(&text, &settings);
        assert_eq!(count(&picture, [200, 0, 0]), 0);
        assert_eq!(read(&imageops::grayscale(&picture)), text);
        let too_long = "x".repeat(2049);
        assert!(Design::of(&too_long, settings.key_qr_size_px(), &settings).is_err());
    }

    /// The modules of an SVG, drawn by somebody else than the library that wrote it.
    fn drawn_by_hand(svg: &str) -> image::GrayImage {
        let number = |text: &str| text.parse::<u32>().unwrap();
        let side = svg.split("width=\"").nth(1).unwrap();
        let side = number(side.split('"').next().unwrap());
        let mut picture = image::GrayImage::from_pixel(side, side, Luma([255]));
        let path = svg.split(" d=\"").nth(1).unwrap();
        let path = path.split('"').next().unwrap();
        for rectangle in path.split('M').skip(1) {
            let [left, top, width, height] = {
                let mut numbers = rectangle.split([' ', 'h', 'v', 'H']).map(number_or_zero);
                std::array::from_fn(|_| numbers.next().unwrap())
            };
            for y in top..top + height {
                for x in left..left + width {
                    picture.put_pixel(x, y, Luma([0]));
                }
            }
        }
        picture
    }

    fn number_or_zero(text: &str) -> u32 {
        text.parse().unwrap_or(0)
    }

    #[test]
    fn an_svg_has_the_same_modules_and_the_same_logo() {
        let (_file, settings) = logo(40, 40);
        let svg = Design::of(TEXT, settings.key_qr_size_px(), &settings)
            .unwrap()
            .drawn_as(ImageType::Svg);
        let svg = String::from_utf8(svg).unwrap();
        assert_eq!(read(&drawn_by_hand(&svg)), TEXT);
        assert!(svg.contains("#066ab2"));
        assert_eq!(svg.matches("<image ").count(), 1);
        assert!(svg.ends_with("</svg>"));
    }
}
