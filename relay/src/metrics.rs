//! What Prometheus can scrape at `/metrics`.

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use shared::message::ErrorCode;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::context::Context;
use crate::limits::METRICS_INTERVAL;
use crate::network::NetworkHandle;
use crate::rest::heavy::Reads;
use crate::rest::problem::{Kind, Problem};

/// Upper bounds of the buckets of delays, in seconds.
const DELAY_BUCKETS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Of the whole process: two relays in one process count together.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Begins to count.
pub(crate) fn start() {
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&DELAY_BUCKETS)
            .ok()?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        Some(handle)
    });
}

/// Sums up what was recorded, for as long as it is not cancelled: the recorder keeps each single
/// delay until then, and nobody need ever scrape.
pub(crate) async fn sum_up() {
    loop {
        sleep(METRICS_INTERVAL).await;
        if let Some(Some(recorder)) = RECORDER.get() {
            recorder.run_upkeep();
        }
    }
}

/// A connection of a network was closed by the relay.
pub(crate) fn closed(network: &str, code: ErrorCode) {
    let reason = format!("{code:?}");
    counter!("tabchain_closed_total", "network" => network.to_owned(), "reason" => reason)
        .increment(1);
}

/// A member was removed for not answering.
pub(crate) fn evicted(network: &str) {
    counter!("tabchain_evictions_total", "network" => network.to_owned()).increment(1);
}

/// Something that a member sent was refused.
pub(crate) fn rejected(network: &str, kind: &'static str) {
    counter!("tabchain_rejected_total", "network" => network.to_owned(), "kind" => kind)
        .increment(1);
}

/// A request was answered by a problem.
pub(crate) fn problem(kind: &'static str) {
    counter!("tabchain_problems_total", "type" => kind).increment(1);
}

/// The oldest of the frames that waited for a socket waited so long.
pub(crate) fn delivered_after(delay: Duration) {
    histogram!("tabchain_delivery_seconds").record(delay);
}

/// What is so at one moment.
struct Gauge {
    name: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

/// `GET /metrics`: in the text format of Prometheus. Networks are looked at when they are asked
/// for, so that idle ones cost nothing in between.
pub(crate) async fn scrape(
    State(context): State<Context>,
    reads: Reads,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let networks = context.networks().all();
    reads.count(networks.len())?;
    let gauge = |name, value| Gauge {
        name,
        labels: Vec::new(),
        value,
    };
    let tasks = Handle::current().metrics().num_alive_tasks();
    let mut gauges = vec![
        gauge("tabchain_networks", as_f64(networks.len())),
        gauge("tabchain_tasks", as_f64(tasks)),
    ];
    for network in networks {
        gauges.extend(of_network(&context, &network).await);
    }
    let mut text = counted().ok_or_else(|| {
        Problem::new(
            Kind::Unavailable,
            "another part of the process counts already",
        )
    })?;
    text.push_str(&rendered(gauges));
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text))
}

/// A network that does not answer has none.
async fn of_network(context: &Context, network: &NetworkHandle) -> Vec<Gauge> {
    let Ok(measured) = network.measure().await else {
        return Vec::new();
    };
    let name = network.parameters().name.to_string();
    let (view, chain) = (&measured.view, &measured.view.chain);
    let mut gauges: Vec<_> = [
        ("tabchain_connections", as_f64(measured.connections)),
        ("tabchain_queued_frames", as_f64(measured.queued_frames)),
        ("tabchain_queued_bytes", as_f64(measured.queued_bytes)),
        ("tabchain_members", as_f64(view.members.len())),
        ("tabchain_pending_transactions", as_f64(view.pending)),
        ("tabchain_chain_height", count(chain.height)),
        ("tabchain_final_height", count(chain.final_height)),
        ("tabchain_forced_changes", count(chain.forced_changes)),
    ]
    .into_iter()
    .map(|(metric, value)| Gauge {
        name: metric,
        labels: vec![("network", name.clone())],
        value,
    })
    .collect();
    for dump in context.dumps().of_network(network.id()) {
        // Where none runs there is no lag.
        let lag = dump.status.and_then(|status| status.lag_blocks);
        gauges.extend(lag.map(|lag| Gauge {
            name: "tabchain_dump_lag_blocks",
            labels: vec![("network", name.clone()), ("target", dump.target)],
            value: count(lag),
        }));
    }
    gauges
}

/// By a recorder of their own: a network that was removed leaves nothing behind.
fn rendered(gauges: Vec<Gauge>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for Gauge {
            name,
            labels,
            value,
        } in gauges
        {
            gauge!(name, &labels).set(value);
        }
    });
    recorder.handle().render()
}

/// What was counted since the start; nothing where somebody else counts.
pub(crate) fn counted() -> Option<String> {
    let recorder = RECORDER.get()?.as_ref()?;
    Some(recorder.render())
}

fn as_f64(number: usize) -> f64 {
    count(u64::try_from(number).unwrap_or(u64::MAX))
}

/// Exact up to 2^53, as Prometheus has it.
#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are floating-point numbers"
)]
fn count(number: u64) -> f64 {
    number as f64
}
