//! What is counted and measured of every request, and the headers every answer of a door carries.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Response};
use axum::middleware::Next;
use tokio::time::Instant;

use crate::error::Localizable;
use crate::options::Locale;
use crate::router::MOBILE_PREFIX;
use crate::state::Shared;

/// Header with the door's clock, ms since the Unix epoch: a device with a wrong clock can correct itself.
pub(crate) const SERVER_TIME: &str = "pc-server-time";

/// The outermost layer: counts and measures.
pub(crate) async fn request(
    State(gateway): State<Shared>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let started = Instant::now();
    let mobile = request.uri().path().starts_with(MOBILE_PREFIX);
    let route = matched
        .as_ref()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let _in_flight = InFlight::enter();

    let mut response = next.run(request).await;
    if mobile {
        let locale = gateway.options.locale;
        if let Some(refusal) = response.extensions_mut().remove::<Localizable>()
            && locale != Locale::En
        {
            response = refusal.in_language(locale);
        }
        let now = gateway.house.clock.now().0;
        response
            .headers_mut()
            .insert(SERVER_TIME, HeaderValue::from(now));
    }
    let code = response.status().as_str().to_owned();
    metrics::counter!("http_requests_total", "route" => route.clone(), "code" => code).increment(1);
    metrics::histogram!("http_request_duration_seconds", "route" => route)
        .record(started.elapsed().as_secs_f64());
    response
}

/// One request in flight: it is counted until it goes, also when the caller hangs up.
struct InFlight;

impl InFlight {
    fn enter() -> Self {
        metrics::gauge!("http_requests_in_flight").increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("http_requests_in_flight").decrement(1.0);
    }
}
