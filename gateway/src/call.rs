//! A request as a route takes it: identified, stamped, its body read within the limits.

use axum::extract::{FromRequest, FromRequestParts as _, Query, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use bus::shell::random_bytes;
use bytes::Bytes;
use schemas::commands::{Caller, DeviceClaim};
use schemas::context::{RequestContext, RequestPrivate};
use schemas::{AsOf, CommandId, Digest, ErrorCode, Owner, RequestId};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::auth::{self, Scope};
use crate::body::{self, Takes};
use crate::context::{self, Connection};
use crate::device_info;
use crate::error::ApiError;
use crate::ids::PathIds;
use crate::json;
use crate::passed_headers;
use crate::state::{Gateway, Shared};

/// A request, ready to become a command.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) ids: PathIds,
    pub(crate) caller: Caller,
    pub(crate) command_id: CommandId,
    pub(crate) request_id: RequestId,
    pub(crate) context: RequestContext,
    pub(crate) private: RequestPrivate,
    pub(crate) traceparent: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    method: Method,
    target: String,
    body: Bytes,
}

/// A request at the banks' door.
#[derive(Debug)]
pub(crate) struct SystemCall(pub(crate) Call);

/// A request of an operator.
#[derive(Debug)]
pub(crate) struct OperatorCall(pub(crate) Call);

/// A request of whoever administers the server.
#[derive(Debug)]
pub(crate) struct AdministratorCall(pub(crate) Call);

/// A request at the devices' door.
#[derive(Debug)]
pub(crate) struct MobileCall(pub(crate) Call);

/// What any request of a device may carry about itself.
#[derive(Debug, Default)]
pub(crate) struct DeviceRemarks {
    pub(crate) session_id: Option<String>,
    pub(crate) device_event_id: Option<String>,
    pub(crate) device_time: Option<i64>,
    pub(crate) device_info: Option<Box<RawValue>>,
}

/// A body of the mobile door.
pub(crate) trait DeviceRequest: DeserializeOwned {
    /// Takes what the device says about itself out of it.
    fn take_remarks(&mut self) -> DeviceRemarks;
}

impl FromRequest<Shared> for SystemCall {
    type Rejection = ApiError;

    async fn from_request(request: Request, gateway: &Shared) -> Result<Self, ApiError> {
        let mut call = Call::receive(request, gateway, ErrorCode::UserNotFound, |ids, parts| {
            let scope = match ids.names_system() {
                Some(system_id) => Scope::System(system_id.clone()),
                None => Scope::Administration,
            };
            let tokens = gateway.options.tokens.as_ref();
            tokens.map_or(Ok(()), |tokens| tokens.check(&parts.headers, &scope))
        })
        .await?;
        let scope = call.ids.names_system().map(ToString::to_string);
        call.named_by_its_key(scope.as_deref().unwrap_or("registration"))?;
        Ok(Self(call))
    }
}

impl FromRequest<Shared> for OperatorCall {
    type Rejection = ApiError;

    async fn from_request(request: Request, gateway: &Shared) -> Result<Self, ApiError> {
        let mut call = Call::receive(request, gateway, ErrorCode::UserNotFound, |ids, parts| {
            let scope = Scope::Operator(ids.system_id());
            let tokens = gateway.options.tokens.as_ref();
            tokens.map_or(Ok(()), |tokens| tokens.check(&parts.headers, &scope))
        })
        .await?;
        call.caller = Caller::Operator;
        Ok(Self(call))
    }
}

impl FromRequest<Shared> for AdministratorCall {
    type Rejection = ApiError;

    async fn from_request(request: Request, gateway: &Shared) -> Result<Self, ApiError> {
        let mut call = Call::receive(request, gateway, ErrorCode::UserNotFound, |_, parts| {
            match &gateway.options.tokens {
                Some(tokens) => tokens.check(&parts.headers, &Scope::Administration),
                // Client certificates are the banks'. Without tokens only this machine administers the server; behind a
                // proxy of ours everybody would look like this machine.
                None if connection(parts).is_local() && gateway.options.trusted_hops == 0 => Ok(()),
                None => Err(ApiError::new(ErrorCode::HttpAuthCodeInvalid)),
            }
        })
        .await?;
        call.caller = Caller::Administrator;
        call.named_by_its_key(&Owner::Server.to_string())?;
        Ok(Self(call))
    }
}

impl FromRequest<Shared> for MobileCall {
    type Rejection = ApiError;

    async fn from_request(request: Request, gateway: &Shared) -> Result<Self, ApiError> {
        let user_wrong = ErrorCode::HttpAuthCodeInvalid;
        let mut call = Call::receive(request, gateway, user_wrong, |_, _| Ok(())).await?;
        let claim = auth::claim(
            &call.headers,
            &call.ids.system_id(),
            &call.ids.user_id(),
            &call.method,
            &call.target,
            &Digest::sha256(&call.body),
        )?;
        call.claimed_by(claim);
        Ok(Self(call))
    }
}

impl Call {
    async fn receive(
        request: Request,
        gateway: &Gateway,
        user_wrong: ErrorCode,
        authorize: impl FnOnce(&PathIds, &Parts) -> Result<(), ApiError>,
    ) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let params = RawPathParams::from_request_parts(&mut parts, &())
            .await
            .map_err(|_| ApiError::new(ErrorCode::SystemIdIsWrong))?;
        let ids = PathIds::parse(&params, user_wrong)?;
        authorize(&ids, &parts)?;

        let limits = &gateway.options.limits;
        let takes = parts.extensions.get::<Takes>();
        let limit = takes.map_or(limits.body_max, |takes| takes.limit(limits));
        let body = match parts.method {
            Method::GET | Method::HEAD => Bytes::new(),
            _ => body::read(&parts.headers, body, limit, limits).await?,
        };
        if !body.is_empty() && !is_json(&parts.headers) {
            return Err(ApiError::at("Content-Type must be application/json"));
        }

        let connection = connection(&parts);
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let mut private = connection.private(&parts.headers, gateway.options.trusted_hops);
        if gateway.house.settings.current().pass_headers_through() {
            private.headers = passed_headers::carried(&parts.headers);
        }
        let request_id = RequestId(random_bytes());
        Ok(Self {
            ids,
            caller: Caller::System,
            command_id: CommandId(random_bytes()),
            request_id,
            context: RequestContext {
                request_url: parts.uri.path().to_owned(),
                request_hash: (!body.is_empty()).then(|| Digest::sha256(&body)),
                instance: gateway.house.instance.clone(),
                request_id: Some(request_id),
                carries_headers: !private.headers.is_empty(),
                ..RequestContext::default()
            },
            private,
            traceparent: context::traceparent(&parts.headers),
            target: target.to_owned(),
            headers: parts.headers,
            method: parts.method,
            uri: parts.uri,
            body,
        })
    }

    fn claimed_by(&mut self, claim: DeviceClaim) {
        self.context.request_hmac = Some(claim.auth.mac);
        self.context.auth_time = Some(claim.auth.timestamp);
        self.context.key_index = Some(claim.auth.key_index);
        self.caller = Caller::Device(claim);
    }

    /// A repetition under the caller's own name of its request has the effect once.
    fn named_by_its_key(&mut self, scope: &str) -> Result<(), ApiError> {
        if let Some(key) = context::idempotency_key(&self.headers)? {
            self.command_id = CommandId::from_key(scope, context::IDEMPOTENCY_KEY, key);
        }
        Ok(())
    }

    /// The system as owner.
    pub(crate) fn system(&self) -> Owner {
        Owner::System(self.ids.system_id())
    }

    /// The user as owner.
    pub(crate) fn user(&self) -> Owner {
        Owner::User(self.ids.system_id(), self.ids.user_id())
    }

    /// Digest of what is asked: the same name for another request is refused.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(&[
            self.method.as_str().as_bytes(),
            self.target.as_bytes(),
            &self.body,
        ])
    }

    /// The body.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        json::read(&self.body)
    }

    /// The body of a request that asks nothing in it: absent, or an empty object.
    pub(crate) fn read_nothing(&self) -> Result<(), ApiError> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}

        if self.body.is_empty() {
            return Ok(());
        }
        self.read::<Nothing>().map(|_| ())
    }

    /// The query, by names; an unknown or a doubled name is refused.
    pub(crate) fn read_query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        Query::try_from_uri(&self.uri)
            .map(|Query(query)| query)
            .map_err(|_| ApiError::at("the query has an unknown, doubled or malformed parameter"))
    }

    /// Asks about a moment of the past; it must have been.
    pub(crate) fn look_back(
        &mut self,
        gateway: &Gateway,
        as_of: Option<&str>,
    ) -> Result<(), ApiError> {
        let Some(text) = as_of else {
            return Ok(());
        };
        let as_of: AsOf = text
            .parse()
            .map_err(|error| ApiError::at(format_args!("as_of is {error}")))?;
        if matches!(as_of, AsOf::Moment(moment) if moment > gateway.house.clock.now()) {
            return Err(ApiError::at("as_of has not come yet"));
        }
        self.context.as_of = Some(as_of);
        Ok(())
    }

    /// The same for a route whose query may ask this alone.
    pub(crate) fn may_look_back(&mut self, gateway: &Gateway) -> Result<(), ApiError> {
        #[derive(serde::Deserialize)]
        struct Asked {
            as_of: Option<String>,
        }

        let Asked { as_of } = self.read_query()?;
        self.look_back(gateway, as_of.as_deref())
    }

    /// The body of a device's request. What it says about itself goes into the context, and names the command.
    pub(crate) fn read_device<T: DeviceRequest>(&mut self) -> Result<T, ApiError> {
        let mut request: T = self.read()?;
        let remarks = request.take_remarks();
        let named = |place: &str, text: &Option<String>| match text {
            Some(text) if !context::is_caller_key(text) => Err(ApiError::at(place)),
            _ => Ok(()),
        };
        named("session_id", &remarks.session_id)?;
        named("device_event_id", &remarks.device_event_id)?;
        if let Some(info) = remarks.device_info {
            device_info::check(&info)?;
            self.private.device_info = Some(info.get().to_owned());
        }
        if let Some(event_id) = &remarks.device_event_id {
            let scope = self.user().to_string();
            self.command_id = CommandId::from_key(&scope, "device_event_id", event_id);
        }
        self.context.session_id = remarks.session_id;
        self.context.device_event_id = remarks.device_event_id;
        self.context.device_time = remarks.device_time;
        Ok(request)
    }
}

fn connection(parts: &Parts) -> &Connection {
    let connection = parts.extensions.get::<Connection>();
    connection.expect("the accept loop stamps every request")
}

/// `application/json`, alone or with the only charset JSON has.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.all(|part| {
        ["charset=utf-8", "charset=\"utf-8\""]
            .iter()
            .any(|known| part.eq_ignore_ascii_case(known))
    })
}

/// Defines a body of the mobile door: its own members, and the ones every device request may carry.
macro_rules! device_request {
    ($(#[$about:meta])* $name:ident { $($(#[$member_about:meta])* $member:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$member_about])* $member: $kind,)*
            /// Session on the device.
            session_id: Option<String>,
            /// The device's own name of this request, the same over its retries: the effect happens once.
            device_event_id: Option<String>,
            /// The device's clock, ms since the Unix epoch.
            device_time: Option<i64>,
            /// Device information, at most 16 KiB.
            #[schema(value_type = Option<Object>)]
            device_info: Option<Box<serde_json::value::RawValue>>,
        }

        impl $crate::call::DeviceRequest for $name {
            fn take_remarks(&mut self) -> $crate::call::DeviceRemarks {
                $crate::call::DeviceRemarks {
                    session_id: self.session_id.take(),
                    device_event_id: self.device_event_id.take(),
                    device_time: self.device_time.take(),
                    device_info: self.device_info.take(),
                }
            }
        }
    };
}
pub(crate) use device_request;
