//! The dashboard's files.

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use netloom_dashboard::{ASSETS, Asset, HEADERS};

/// A route for each file.
pub(super) fn routes() -> Router {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        router.route(asset.path, get(move || std::future::ready(answer(asset))))
    })
}

fn answer(asset: &'static Asset) -> Response {
    let mut response = ([("content-type", asset.content_type)], asset.bytes).into_response();
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
