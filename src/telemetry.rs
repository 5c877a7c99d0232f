//! Logs to stderr: for people on a terminal, as JSON lines elsewhere.
//!
//! stdout belongs to what a command answers (`pipe` prints events there), so no log ever goes to it.

use std::env::VarError;
use std::io::{IsTerminal, stderr};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// What is logged unless `RUST_LOG` says otherwise: ourselves, and of the libraries what needs attention.
const DEFAULT_FILTER: &str = "info,lapin=off,hyper=warn,h2=warn,reqwest=warn,rustls=warn,backoff=warn";

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` cannot be read.
    #[error("RUST_LOG: {0}: write it like \"info\" or \"info,bindery=debug\"")]
    Filter(String),
    /// Somebody else has installed a subscriber in this process.
    #[error("logging has begun already in this process")]
    Begun,
}

/// Begins logging, as `RUST_LOG` and `NO_COLOR` say.
///
/// # Errors
/// `RUST_LOG` that is no filter; logging that has begun already.
pub fn init() -> Result<(), TelemetryError> {
    let filter = filter(std::env::var("RUST_LOG"))?;
    let layer: Box<dyn Layer<Registry> + Send + Sync> = if stderr().is_terminal() {
        fmt::layer().with_writer(stderr).with_ansi(may_color(std::env::var_os("NO_COLOR"))).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(stderr).boxed()
    };
    let layer = layer.with_filter(filter.and(filter_fn(is_harmless)));
    tracing_subscriber::registry().with(layer).try_init().map_err(|_| TelemetryError::Begun)
}

fn filter(rust_log: Result<String, VarError>) -> Result<EnvFilter, TelemetryError> {
    let text = match rust_log {
        Ok(text) if !text.trim().is_empty() => text,
        Ok(_) | Err(VarError::NotPresent) => DEFAULT_FILTER.to_owned(),
        Err(VarError::NotUnicode(_)) => return Err(TelemetryError::Filter("is no UTF-8".to_owned())),
    };
    EnvFilter::try_new(&text).map_err(|error| TelemetryError::Filter(error.to_string()))
}

/// A set and non-empty `NO_COLOR` means none (no-color.org).
fn may_color(no_color: Option<std::ffi::OsString>) -> bool {
    no_color.is_none_or(|value| value.is_empty())
}

/// At `trace` the AMQP and HTTP libraries print addresses with their password and whole frames, the log-in for one.
/// Whatever `RUST_LOG` says, only our own code may be heard at that level.
fn is_harmless(of: &Metadata<'_>) -> bool {
    let own = of.target().split("::").next() == Some(env!("CARGO_PKG_NAME"));
    own || *of.level() <= Level::DEBUG
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    /// Remembers what was written.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn libraries_are_never_heard_at_trace() {
        let page = Page::default();
        let writer = page.clone();
        let layer = fmt::layer().json().with_writer(move || writer.clone());
        let all = filter(Ok("trace".to_owned())).unwrap();
        let logs = tracing_subscriber::registry().with(layer.with_filter(all.and(filter_fn(is_harmless))));
        tracing::subscriber::with_default(logs, || {
            tracing::trace!(target: "amq_protocol_tcp", "SECRET");
            tracing::trace!(target: "bindery_like", "SECRET");
            tracing::debug!(target: "lapin", "library");
            tracing::trace!(target: "bindery::engine", "own");
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("SECRET") && text.contains("library") && text.contains("own"), "{text}");
    }

    #[test]
    fn a_wrong_filter_gets_a_line_and_an_empty_one_the_default() {
        let error = filter(Ok("bindery=loud".to_owned())).unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG: ") && !error.contains('\n'), "{error}");
        assert!(filter(Ok(" ".to_owned())).is_ok() && filter(Err(VarError::NotPresent)).is_ok());
    }

    #[test]
    fn color_is_given_up_when_asked() {
        assert!(may_color(None) && may_color(Some("".into())) && !may_color(Some("1".into())));
    }
}
