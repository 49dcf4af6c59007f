//! `GET /pc-client-api/themes/v52/{system_id}`

use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use schemas::ErrorCode;

use crate::error::ApiError;
use crate::ids::PathIds;
use crate::route::Route;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::get("/pc-client-api/themes/v52/{system_id}", "theme", handle)
        .says("The colors and pictures of a system's application, as a zip archive; for anybody")
        .refuses(&[ErrorCode::NoResult])
}

#[tracing::instrument(name = "gateway.theme", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    params: RawPathParams,
) -> Result<Response<Body>, ApiError> {
    let ids = PathIds::parse(&params, ErrorCode::HttpAuthCodeInvalid)?;
    let system_id = ids.system_id();
    let none = || ApiError::new(ErrorCode::NoResult).status(StatusCode::NOT_FOUND);
    let archive = gateway.themes.of(&system_id).await.ok_or_else(none)?;
    let mut response = Response::new(Body::from(archive));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/zip"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    use crate::testing::{SYSTEM, TestDoor};
    use crate::themes::testing;

    #[tokio::test]
    async fn a_good_theme_is_served_and_a_bad_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let themes = folder.path().join("v52");
        std::fs::create_dir(&themes).unwrap();
        let file = themes.join(format!("{SYSTEM}.zip"));
        let path = format!("/pc-client-api/themes/v52/{SYSTEM}");
        let door = TestDoor::with_options(|options| {
            options.themes_path = Some(folder.path().to_owned());
        });
        let none = door.get(&path).await;
        assert_eq!((none.status, none.code()), (404, 236));

        let archive = testing::archive(&testing::good());
        std::fs::write(&file, &archive).unwrap();
        let served = door.get(&path).await;
        assert_eq!(
            (served.status, served.header("content-type")),
            (200, Some("application/zip"))
        );
        assert_eq!(served.header("x-content-type-options"), Some("nosniff"));

        let bad = testing::archive(&[("../theme.json", b"{}".to_vec())]);
        std::fs::write(&file, bad).unwrap();
        assert_eq!(door.get(&path).await.code(), 236);
        for wrong in ["%2e%2e", "F13E4375-E429-496C-AD1E-0FC3C3ECFB53"] {
            let answer = door
                .get(&format!("/pc-client-api/themes/v52/{wrong}"))
                .await;
            assert_eq!(answer.code(), 202, "{wrong}");
        }
        assert!(door.sent().is_empty());
    }

    #[tokio::test]
    async fn refusals_of_this_door_speak_the_configured_language() {
        use crate::options::Locale;
        let path = format!("/pc-client-api/themes/v52/{SYSTEM}");
        for (locale, text) in [(Locale::Ru, "Результатов нет"), (Locale::En, "No results")]
        {
            let door = TestDoor::with_options(|options| options.locale = locale);
            let answer = door.with("accept-language", "fr").get(&path).await;
            assert_eq!(answer.json["answer"]["result"]["error_message"], text);
            let bank = door.get("/pc-api/x").await;
            assert_eq!(
                bank.json["answer"]["result"]["error_message"],
                "System ID is wrong"
            );
        }
    }
}
