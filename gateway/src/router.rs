//! Every route, one line each, grouped by door.

use axum::Router;
use axum::middleware;
use schemas::ErrorCode;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::error::ApiError;
use crate::observe;
use crate::openapi;
use crate::options::Doors;
use crate::route::Route;
use crate::routes::{admin, letters, mobile, operators, pusher, system};
use crate::state::Shared;

/// Where the devices' door begins.
pub(crate) const MOBILE_PREFIX: &str = "/pc-client-api/";

/// The banks' door.
pub(crate) fn system_routes() -> Vec<Route> {
    vec![
        system::register_system::route(),
        system::server_settings::route(),
        system::server_events::route(),
        system::set_server_settings::route(),
        system::get_system_info::route(),
        system::change_system::route(),
        system::remove_system::route(),
        system::system_report::route(),
        system::billing_close::route(),
        system::rotate_webhook_keys::route(),
        letters::list::route(),
        letters::receivers::route(),
        letters::retry::route(),
        letters::drop::route(),
        letters::replay::route(),
        system::create_user::route(),
        system::get_user_info::route(),
        system::change_user::route(),
        system::delete_user::route(),
        system::block_user::route(),
        system::unblock_user::route(),
        system::update_user_key::route(),
        system::activate_key::route(),
        system::export_key::route(),
        system::send_activation_code::route(),
        system::create_transaction::route(),
        system::list_transactions::route(),
        system::transaction_info::route(),
        system::delete_transaction::route(),
        system::transaction_data::route(),
        system::transaction_binary_data::route(),
        system::confirm_transaction::route(),
        system::decline_transaction::route(),
        system::attempt_scoring::route(),
        system::gen_confirm_code::route(),
        system::check_confirm_code::route(),
        system::gen_common_confirm_code::route(),
        system::check_common_confirm_code::route(),
        system::create_operation::route(),
        system::list_operations::route(),
        system::operation_info::route(),
        system::update_operation::route(),
        system::operation_data::route(),
        system::get_events::route(),
        system::clean_events::route(),
        system::remove_events::route(),
        system::get_event::route(),
        system::evidence_checkpoint::route(),
        system::evidence_tile::route(),
        system::evidence_consistency::route(),
    ]
}

/// The operators' part of the banks' door.
pub(crate) fn operator_routes() -> Vec<Route> {
    vec![
        operators::user_details::route(),
        operators::user_events::route(),
        operators::transactions_data::route(),
        operators::check_confirmation::route(),
        operators::evidence::route(),
    ]
}

/// The devices' door.
pub(crate) fn mobile_routes() -> Vec<Route> {
    vec![
        mobile::register::route(),
        mobile::fingerprint::route(),
        mobile::activate::route(),
        mobile::credentials_salt::route(),
        mobile::credentials_set::route(),
        mobile::credentials_get::route(),
        mobile::events::route(),
        mobile::get_list::route(),
        mobile::get_data::route(),
        mobile::get_binary_data::route(),
        mobile::confirm::route(),
        mobile::decline::route(),
        mobile::autoconfirm_list::route(),
        mobile::autoconfirm::route(),
        mobile::scoring_settings::route(),
        mobile::recovery_templates::route(),
        mobile::recovery_set_template::route(),
        mobile::recovery_requisites::route(),
        mobile::recovery_challenge::route(),
        mobile::recovery_response::route(),
        mobile::operations_list::route(),
        mobile::operation_data::route(),
        mobile::operation_process::route(),
        mobile::theme::route(),
    ]
}

/// The pushes' door.
pub(crate) fn pusher_routes() -> Vec<Route> {
    vec![
        pusher::push::route(),
        pusher::status::route(),
        pusher::status::nameless(),
    ]
}

/// The operators' pages.
pub(crate) fn admin_routes() -> Vec<Route> {
    vec![
        admin::health::live(),
        admin::health::ready(),
        admin::health::actuator_liveness(),
        admin::health::actuator_readiness(),
        admin::metrics::route(),
        admin::metrics::actuator_route(),
        admin::openapi::route(),
    ]
}

/// The listener's router: its doors, the description of them, and the operators' pages unless they live elsewhere.
pub(crate) fn router(gateway: Shared) -> Router {
    let options = &gateway.options;
    let mut routes = Vec::new();
    if matches!(options.doors, Doors::All | Doors::System) {
        routes.extend(system_routes());
        routes.extend(operator_routes());
    }
    if matches!(options.doors, Doors::All | Doors::Mobile) {
        routes.extend(mobile_routes());
    }
    if matches!(options.doors, Doors::All | Doors::Pusher) {
        routes.extend(pusher_routes());
    }
    if options.operations_address.is_none() {
        routes.extend(admin_routes());
    }
    with_routes(gateway, routes)
}

/// The router of the operators' own listener.
pub(crate) fn operations_router(gateway: Shared) -> Router {
    with_routes(gateway, admin_routes())
}

fn with_routes(gateway: Shared, routes: Vec<Route>) -> Router {
    let has_document = routes.iter().any(|route| route.path == openapi::PATH);
    let mut router = Router::new();
    for route in routes {
        router = router.route(route.path, route.service);
    }
    if has_document {
        let page = SwaggerUi::new("/docs").config(Config::new([openapi::PATH]));
        router = router.merge(Router::from(page));
    }
    router
        .fallback(not_supported)
        .method_not_allowed_fallback(not_supported)
        .layer(middleware::from_fn_with_state(
            gateway.clone(),
            observe::request,
        ))
        .with_state(gateway)
}

async fn not_supported() -> ApiError {
    ApiError::new(ErrorCode::NotSupported)
}

#[cfg(test)]
mod tests;
