//! What one business holds: its rows, rendered when a Page is granted and only copied when a list is asked for.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::http::Request;

/// Rows of one page of a list, as Meta gives at most.
const ROWS: usize = 100;

/// The Pages of one business, in the order of their grants.
#[derive(Default)]
pub(crate) struct Held {
    pages: HashSet<String>,
    /// Rows with commas between, a hundred in each but the last.
    rendered: Vec<String>,
}

impl Held {
    /// Grants `page` at once. Granting it again changes nothing.
    pub(crate) fn grant(&mut self, page: &str, tasks: &str) {
        if !self.pages.insert(page.to_owned()) {
            return;
        }
        if (self.pages.len() - 1).is_multiple_of(ROWS) {
            self.rendered.push(String::with_capacity(ROWS * 64));
        }
        let Some(rows) = self.rendered.last_mut() else { return };
        let comma = if rows.is_empty() { "" } else { "," };
        let _ = write!(rows, r#"{comma}{{"id":"{page}","permitted_tasks":{tasks}}}"#);
    }

    /// The page of the list that `request` asks for; the cursor is the number of the page.
    pub(crate) fn page(&self, request: &Request) -> String {
        let at: usize = request.parameter("after").and_then(|after| after.parse().ok()).unwrap_or(0);
        let rows = self.rendered.get(at).map_or("", String::as_str);
        let mut body = String::with_capacity(rows.len() + 256);
        let _ = write!(body, r#"{{"data":[{rows}],"paging":{{"cursors":{{"before":"{at}","after":"{}"}}"#, at + 1);
        if at + 1 < self.rendered.len() {
            let (host, path) = (request.host(), request.path());
            let _ = write!(body, r#","next":"http://{host}{path}?limit={ROWS}&after={}""#, at + 1);
        }
        body.push_str("}}");
        body
    }
}
