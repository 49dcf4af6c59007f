//! Logs for people, traces over OTLP when asked for, metrics for Prometheus.

use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::AnyError;

/// Seconds, from half a millisecond to ten: where a confirmation's latency lives.
const LATENCY_BUCKETS_S: &[f64] = &[
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For a person at a terminal.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// What must be flushed at the end.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    lines: LogLines,
}

/// Which log lines are written, while the service runs.
#[derive(Clone, Debug)]
pub struct LogLines {
    filter: String,
    handle: reload::Handle<EnvFilter, tracing_subscriber::Registry>,
}

/// Ours, of which DEBUG_INFO shows more. The lines of others could tell what ours never do.
const OURS: [&str; 8] = [
    "countersign",
    "gateway",
    "runner",
    "handlers",
    "projections",
    "reactors",
    "event_log",
    "bus",
];

impl LogLines {
    /// Follows DEBUG_INFO: on, our own lines are written from `debug` on; off, what the configuration says.
    pub async fn follow(self, settings: std::sync::Arc<bus::shell::LiveSettings>) {
        let mut known = settings.current();
        loop {
            let filter = self.with(known.debug_info());
            let reloaded = EnvFilter::try_new(&filter).map(|filter| self.handle.reload(filter));
            if !matches!(reloaded, Ok(Ok(()))) {
                tracing::error!(filter, "the log lines cannot be changed");
            }
            let was_on = known.debug_info();
            loop {
                let Some(other) = settings.other_than(&known).await else {
                    return;
                };
                known = other;
                if known.debug_info() != was_on {
                    break;
                }
            }
        }
    }

    fn with(&self, debug_info: bool) -> String {
        let more = OURS.iter().filter(|_| debug_info);
        let more = more.map(|package| format!(",{package}=debug"));
        self.filter.clone() + &more.collect::<String>()
    }
}

/// Starts logs, and traces when an OTLP endpoint is given. `filter` is in the syntax of `RUST_LOG`.
pub fn start(
    format: LogFormat,
    filter: &str,
    otlp_endpoint: Option<&str>,
) -> Result<Telemetry, AnyError> {
    let (lines_filter, handle) = reload::Layer::new(EnvFilter::try_new(filter)?);
    let log_lines = LogLines {
        filter: filter.to_owned(),
        handle,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let traces = otlp_endpoint.map(tracer_provider).transpose()?;
    let spans = traces
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("countersign")));
    tracing_subscriber::registry()
        .with(lines.with_filter(lines_filter))
        .with(spans)
        .try_init()?;
    Ok(Telemetry {
        traces,
        lines: log_lines,
    })
}

fn tracer_provider(endpoint: &str) -> Result<SdkTracerProvider, AnyError> {
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()?;
    let resource = opentelemetry_sdk::Resource::builder()
        .with_service_name("countersign")
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

/// Starts the metrics; the answer renders them in Prometheus' text format.
pub fn start_metrics() -> Result<Arc<dyn Fn() -> String + Send + Sync>, AnyError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), LATENCY_BUCKETS_S)?
        .install_recorder()?;
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}

impl Telemetry {
    /// Which log lines are written.
    pub fn lines(&self) -> LogLines {
        self.lines.clone()
    }

    /// Sends what is left.
    pub fn end(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.shutdown()
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last traces could not be sent"
            );
        }
    }
}
