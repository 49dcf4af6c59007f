//! One route: where it is, what takes it, and how it reads to a bank's developer. The router and the OpenAPI document are
//! made of the same values, so neither can know a path the other does not.

use axum::Extension;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemas::ErrorCode;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::body::Takes;
use crate::state::Shared;

/// A route.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Its name: unique, and the operation's id in the document.
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) request: Option<Named>,
    pub(crate) answer: Option<(&'static str, Named)>,
    pub(crate) query: Vec<(&'static str, &'static str)>,
    pub(crate) refusals: Vec<ErrorCode>,
    /// Schemas that request and answer refer to.
    pub(crate) schemas: Vec<Named>,
    /// What serves it.
    pub(crate) service: MethodRouter<Shared>,
}

/// A schema and its name in the document.
pub(crate) type Named = (String, RefOr<Schema>);

impl Route {
    pub(crate) fn get<H, T>(path: &'static str, name: &'static str, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        Self::new((Method::GET, MethodFilter::GET), path, name, handler)
    }

    pub(crate) fn post<H, T>(path: &'static str, name: &'static str, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        Self::new((Method::POST, MethodFilter::POST), path, name, handler)
    }

    pub(crate) fn patch<H, T>(path: &'static str, name: &'static str, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        Self::new((Method::PATCH, MethodFilter::PATCH), path, name, handler)
    }

    pub(crate) fn delete<H, T>(path: &'static str, name: &'static str, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        Self::new((Method::DELETE, MethodFilter::DELETE), path, name, handler)
    }

    fn new<H, T>(
        (method, filter): (Method, MethodFilter),
        path: &'static str,
        name: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        Self {
            method,
            path,
            name,
            summary: "",
            request: None,
            answer: None,
            query: Vec::new(),
            refusals: Vec::new(),
            schemas: Vec::new(),
            service: on(filter, handler),
        }
    }

    /// What it does, in a sentence.
    pub(crate) fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Its body.
    pub(crate) fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        self
    }

    /// Its answer: the type, and the content under the same name.
    pub(crate) fn answers<T: ToSchema>(mut self, answer_type: &'static str) -> Self {
        self.answer = Some((answer_type, (T::name().into_owned(), T::schema())));
        T::schemas(&mut self.schemas);
        self
    }

    /// A parameter of its query.
    pub(crate) fn asks(mut self, name: &'static str, about: &'static str) -> Self {
        self.query.push((name, about));
        self
    }

    /// It can be asked about a moment of the past.
    pub(crate) fn looks_back(self) -> Self {
        self.asks(
            "as_of",
            "as it was at this moment: RFC 3339, ms since the Unix epoch, or a log position such as 17-4211",
        )
    }

    /// The codes a caller of this route should be ready for, besides those of every route.
    pub(crate) fn refuses(mut self, codes: &[ErrorCode]) -> Self {
        self.refusals.extend_from_slice(codes);
        self
    }

    /// Its body may carry a document.
    pub(crate) fn takes_documents(mut self) -> Self {
        self.service = self.service.layer(Extension(Takes::Document));
        self
    }

    /// Its body may carry a whole operation.
    pub(crate) fn takes_operations(mut self) -> Self {
        self.service = self.service.layer(Extension(Takes::Operation));
        self
    }
}
