//! The OpenAPI 3.1 document, made of the routes themselves.

use axum::http::Method;
use schemas::ErrorCode;
use serde_json::json;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, Info, OpenApi, Paths, Ref, RefOr, Required,
    ResponseBuilder, Schema,
};

use crate::route::Route;
use crate::router;

/// Where the document is served.
pub(crate) const PATH: &str = "/openapi.json";

/// The document of both doors and the operators' pages, as JSON text.
pub fn openapi_json() -> String {
    document()
        .to_pretty_json()
        .expect("the document has text keys and no failing serializer")
}

fn document() -> OpenApi {
    let mut info = Info::new("Countersign", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut paths = Paths::new();
    let mut components = Components::new();
    components.schemas.insert("Result".to_owned(), result());
    components
        .schemas
        .insert("ErrorAnswer".to_owned(), error_answer());
    let doors = [
        ("system door", router::system_routes()),
        ("operators' questions", router::operator_routes()),
        ("mobile door", router::mobile_routes()),
        ("pushes' door", router::pusher_routes()),
        ("operators", router::admin_routes()),
    ];
    for (door, routes) in doors {
        for route in routes {
            let named = [
                &route.request,
                &route.answer.as_ref().map(|(_, named)| named.clone()),
            ];
            let named = named.into_iter().flatten().chain(&route.schemas);
            components.schemas.extend(named.cloned());
            let method = http_method(&route.method);
            // The router's star for "and what follows" is not the document's.
            let path = route.path.replace("{*", "{");
            paths.add_path_operation(path, vec![method], operation(door, &route));
        }
    }
    let mut document = OpenApi::new(info, paths);
    document.components = Some(components);
    document
}

const ABOUT: &str = "An open confirmation server for banks. Every answer, errors included, is the envelope \
    `{answer_type, answer: {result: {error_code, error_message}, <answer_type>: {...}}, answer_version: 3}`. \
    A write may carry `Idempotency-Key` (banks) or `device_event_id` (devices): repeated under the same name it has its \
    effect once and the same answer. 504 means that the outcome is unknown: repeat it under the same name. \
    `X-Log-Position` names the place of the request's event in the log.";

fn operation(door: &str, route: &Route) -> utoipa::openapi::path::Operation {
    let mut operation = OperationBuilder::new()
        .tag(door)
        .operation_id(Some(route.name))
        .summary(Some(route.summary));
    for name in path_parameters(route.path) {
        operation = operation.parameter(parameter(name, ParameterIn::Path, Required::True, ""));
    }
    for (name, about) in &route.query {
        operation =
            operation.parameter(parameter(name, ParameterIn::Query, Required::False, about));
    }
    if door == "mobile door" {
        let about =
            "`v1 sid=, uid=, kid=, ts=, nonce=, mac=`: proves that the request is the device's own";
        operation = operation.parameter(parameter(
            "PC-Auth",
            ParameterIn::Header,
            Required::True,
            about,
        ));
    }
    if door == "system door" && route.method != Method::GET {
        let about =
            "the bank's own name of this request; repeated under it, the effect happens once";
        let name = "Idempotency-Key";
        operation =
            operation.parameter(parameter(name, ParameterIn::Header, Required::False, about));
    }
    if let Some((name, _)) = &route.request {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(name)))
            .build();
        let body = RequestBodyBuilder::new()
            .content("application/json", content)
            .required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    let mut success = ResponseBuilder::new().description("done");
    if let Some((answer_type, (name, _))) = &route.answer {
        let content = ContentBuilder::new()
            .schema(Some(envelope(answer_type, name)))
            .build();
        success = success.content("application/json", content);
    }
    operation = operation.response("200", success.build());
    for (status, about) in refusals(door, route) {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ErrorAnswer")))
            .build();
        let refusal = ResponseBuilder::new()
            .description(about)
            .content("application/json", content);
        operation = operation.response(status.to_string(), refusal.build());
    }
    operation.build()
}

/// The route's refusals by HTTP status, each code with its name and text.
fn refusals(door: &str, route: &Route) -> std::collections::BTreeMap<u16, String> {
    let mut codes = route.refusals.clone();
    if door != "operators" {
        codes.extend([ErrorCode::SystemIdIsWrong, ErrorCode::JsonRequestIncorrect]);
        codes.extend([ErrorCode::SystemNotFound, ErrorCode::SystemIsDeleted]);
        codes.extend([ErrorCode::HttpAuthCodeInvalid, ErrorCode::RequestError]);
    }
    codes.sort_unstable();
    codes.dedup();
    let mut by_status = std::collections::BTreeMap::<u16, String>::new();
    for code in codes {
        let line = format!("{} `{}`: {}", code.number(), code.id(), code.text());
        let about = by_status.entry(code.http_status()).or_default();
        if !about.is_empty() {
            about.push_str("; ");
        }
        about.push_str(&line);
    }
    by_status
}

fn parameter(
    name: &str,
    place: ParameterIn,
    required: Required,
    about: &str,
) -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description((!about.is_empty()).then_some(about))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

fn envelope(answer_type: &str, content: &str) -> Schema {
    let answer = ObjectBuilder::new()
        .property("result", Ref::from_schema_name("Result"))
        .required("result")
        .property(answer_type, Ref::from_schema_name(content))
        .required(answer_type);
    enveloped(answer_type, answer.build().into())
}

fn enveloped(answer_type: &str, answer: Schema) -> Schema {
    ObjectBuilder::new()
        .property(
            "answer_type",
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some([answer_type])),
        )
        .required("answer_type")
        .property("answer", answer)
        .required("answer")
        .property(
            "answer_version",
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .enum_values(Some([json!(3)])),
        )
        .required("answer_version")
        .build()
        .into()
}

fn result() -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("0 is success; the manual's error table has the rest"));
    let result = ObjectBuilder::new()
        .property("error_message", text)
        .required("error_message")
        .property("error_code", number)
        .required("error_code");
    Schema::from(result.build()).into()
}

fn error_answer() -> RefOr<Schema> {
    let answer = ObjectBuilder::new()
        .property("result", Ref::from_schema_name("Result"))
        .required("result");
    enveloped("error", answer.build().into()).into()
}

/// The names in braces.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
}

fn http_method(method: &Method) -> HttpMethod {
    match method.as_str() {
        "GET" => HttpMethod::Get,
        "POST" => HttpMethod::Post,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        other => unreachable!("no route takes {other}"),
    }
}
