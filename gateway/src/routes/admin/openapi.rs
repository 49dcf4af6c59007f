//! `GET /openapi.json`; the page `/docs` reads it.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;

use crate::openapi;
use crate::route::Route;

pub(crate) fn route() -> Route {
    Route::get(openapi::PATH, "openapi", handle).says("This document")
}

async fn handle() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::openapi_json);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, DOCUMENT.as_str())
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn the_description_and_its_page_need_no_other_host() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        assert_eq!(door.get("/openapi.json").await.json["openapi"], "3.1.0");
        let page = door.get("/docs/").await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("swagger-ui"));
        assert!(
            !page.text.contains("https://"),
            "nothing is loaded from elsewhere"
        );
    }
}
