//! `bindery pipe`: commands as JSON lines on stdin, events as JSON lines on stdout, the same engine, no broker.

use std::io::{self, Write, stdout};

use futures_util::Stream;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader, stdin};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::run::{Signals, graph_config, open_journal};
use super::{CliError, Ended};
use crate::config::Config;
use crate::engine::{Clock, Engine, Piped};
use crate::graph::Graph;

/// Works until stdin and all that it asked for have ended, or a signal; 0 where all ended well.
pub(super) async fn run(config: Config) -> Result<Ended, CliError> {
    let signals = Signals::new()?;
    let graph = Graph::new(&graph_config(&config)).map_err(|error| CliError::Usage(error.to_string()))?;
    let journal = open_journal(&config).await?;
    let (clock, stop) = (Clock::default(), CancellationToken::new());
    let limit = u64::from(config.limits.command_bytes);
    let within = config.shutdown_within;
    let engine = Engine::new(config, journal.clone(), graph.with_clock(clock.reader()), clock, stop.clone()).await;
    let engine = engine.map_err(|error| CliError::OutOfReach(format!("could not read the journal: {error}")))?;
    let work = engine.pipe(lines(BufReader::new(stdin()), limit), print);
    let piped = until_told(signals, stop, work, within).await;
    journal.close().await;
    Ok(piped.map_or(Ended::OtherThanWell, ended))
}

/// Ends the work at a signal, within `within`; `None` where it did not end in that time.
async fn until_told(
    mut signals: Signals,
    stop: CancellationToken,
    work: impl Future<Output = Piped>,
    within: std::time::Duration,
) -> Option<Piped> {
    tokio::pin!(work);
    tokio::select! {
        piped = &mut work => return Some(piped),
        () = signals.one() => info!("told to stop, letting running steps end"),
    }
    stop.cancel();
    tokio::select! {
        piped = &mut work => Some(piped),
        () = signals.one() => None,
        () = tokio::time::sleep(within) => None,
    }
}

fn ended(piped: Piped) -> Ended {
    let Piped { well, otherwise, open } = piped;
    info!("{well} ended well, {otherwise} otherwise, {open} are open");
    if open > 0 {
        warn!("{open} commands have not ended; the next start goes on with those that the journal has");
    }
    if otherwise == 0 && open == 0 { Ended::Well } else { Ended::OtherThanWell }
}

fn print(event: &[u8]) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(event)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The lines that are not blank. Of one longer than a command may be, so much is kept as shows that it is.
fn lines(input: impl AsyncBufRead + Unpin, limit: u64) -> impl Stream<Item = Vec<u8>> {
    futures_util::stream::unfold(input, move |mut input| async move {
        loop {
            match line(&mut input, limit).await {
                Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                Ok(Some(line)) => return Some((line, input)),
                Ok(None) => return None,
                Err(error) => {
                    warn!("could not read stdin, taking it for ended: {error}");
                    return None;
                }
            }
        }
    })
}

async fn line(input: &mut (impl AsyncBufRead + Unpin), limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // One byte more than a command may have, and the end of the line.
    if (&mut *input).take(limit + 2).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else {
        skip_line(input).await?;
    }
    Ok(Some(line))
}

/// Reads on behind the next end of a line, keeping nothing.
async fn skip_line(input: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
    loop {
        let seen = input.fill_buf().await?;
        let (used, found) = match seen.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (seen.len(), seen.is_empty()),
        };
        input.consume(used);
        if found {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    async fn read(input: &str) -> Vec<String> {
        let lines: Vec<Vec<u8>> = lines(BufReader::with_capacity(3, input.as_bytes()), 8).collect().await;
        lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn every_line_that_is_not_blank_is_a_body() {
        for (input, bodies) in [
            ("", &[][..]),
            ("\n\n  \n", &[]),
            ("a", &["a"]),
            ("a\nb\n", &["a", "b"]),
            ("\n12345678\n", &["12345678"]),
            ("0123456789abcdef\nb\n", &["0123456789", "b"]),
            ("0123456789abcdef", &["0123456789"]),
            ("0123456789\nb", &["0123456789", "b"]),
        ] {
            assert_eq!(read(input).await, bodies, "{input:?}");
        }
    }

    #[test]
    fn only_what_ended_well_all_of_it_is_well() {
        for (well, otherwise, open, wanted) in [
            (0, 0, 0, Ended::Well),
            (2, 0, 0, Ended::Well),
            (2, 1, 0, Ended::OtherThanWell),
            (2, 0, 1, Ended::OtherThanWell),
        ] {
            assert_eq!(ended(Piped { well, otherwise, open }), wanted);
        }
    }
}
