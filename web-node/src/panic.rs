//! A panic in a worker must not be a silence: it is told to whoever started the worker.

use std::panic::set_hook;

use crate::js::log_error;

/// Calls `report` with the message of a panic, before the worker stops for good.
pub fn report_panics(report: impl Fn(String) + Send + Sync + 'static) {
    set_hook(Box::new(move |panic| {
        let message = panic.to_string();
        log_error(&message);
        report(message);
    }));
}
