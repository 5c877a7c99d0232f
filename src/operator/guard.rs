//! Who may ask: the token, or on loopback a caller that no page in a browser can be.
//!
//! What must hold: nothing is changed by a request that a web page can make a browser send, and nothing of `/api` is
//! shown off loopback without the token.
//!
//! - *A page of another site posts to 127.0.0.1.* It cannot set `X-Bindery` without a preflight, which is refused.
//! - *Its name is rebound to 127.0.0.1*, so that the browser takes us for the page's own site. Then `Host` is that name.
//! - *A proxy on this machine passes the outside on to us.* What says that it was forwarded is not from here. A proxy
//!   that hides it cannot be told from a local caller: behind one, set `http.token` and have it sent.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;

/// What is looked at of a request.
pub(super) struct Caller<'r> {
    pub(super) method: &'r Method,
    pub(super) uri: &'r Uri,
    pub(super) headers: &'r HeaderMap,
}

/// Where we listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listens {
    /// On loopback alone.
    AtHome,
    /// Where others reach us.
    Abroad,
}

/// Headers by which a proxy says that it passes something on.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Lets a request in, or says why not.
pub(super) fn judge(caller: &Caller<'_>, listens: Listens, token: Option<&SecretString>) -> Result<(), Problem> {
    match (caller.headers.get(AUTHORIZATION), token) {
        (Some(shown), Some(token)) if is_token(shown.as_bytes(), token) => Ok(()),
        (Some(_), Some(_)) => {
            Err(unauthorised("wrong_token", "the token is not that of http.token: send the right one"))
        }
        (None | Some(_), _) if listens == Listens::Abroad => {
            Err(unauthorised("no_token", "send `Authorization: Bearer` with the token of http.token"))
        }
        (None, _) | (Some(_), None) => from_here(caller),
    }
}

fn from_here(caller: &Caller<'_>) -> Result<(), Problem> {
    if !names_loopback(caller) {
        return Err(forbidden(
            "foreign_host",
            "without a token only requests whose Host is 127.0.0.1, [::1] or localhost are answered",
        ));
    }
    if FORWARDED.iter().any(|name| caller.headers.contains_key(*name)) {
        return Err(forbidden(
            "forwarded",
            "it came through a proxy: set http.token and send it as `Authorization: Bearer`",
        ));
    }
    let reads = matches!(*caller.method, Method::GET | Method::HEAD);
    let says_so = caller.headers.get("x-bindery").is_some_and(|value| value == "1");
    if reads || says_so {
        return Ok(());
    }
    Err(forbidden("no_header", "what changes something needs the header `X-Bindery: 1`, or the token of http.token"))
}

/// Compared by digest, in a time that tells neither how much of it was right nor how long ours is.
fn is_token(shown: &[u8], token: &SecretString) -> bool {
    let Some((scheme, rest)) = shown.split_at_checked(7) else { return false };
    let right = Sha256::digest(rest.trim_ascii()).ct_eq(&Sha256::digest(token.expose_secret().as_bytes()));
    scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(right)
}

/// One `Host`, and it names this machine; so does the request's line where it names a host too.
fn names_loopback(caller: &Caller<'_>) -> bool {
    let mut hosts = caller.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let line = caller.uri.authority().is_none_or(|authority| is_loopback(authority.as_str()));
    line && host.to_str().is_ok_and(is_loopback)
}

fn is_loopback(authority: &str) -> bool {
    let port = |rest: &str| rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(ip, rest)| is_loopback_ip(ip) && port(rest));
    }
    let (name, rest) = authority.find(':').map_or((authority, ""), |at| authority.split_at(at));
    port(rest) && (name.eq_ignore_ascii_case("localhost") || is_loopback_ip(name))
}

fn is_loopback_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn unauthorised(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}

fn forbidden(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-token-of-sixteen";

    /// What becomes of a request: `ok` or the problem's code.
    fn judged(method: Method, headers: &[(&'static str, &str)], listens: Listens, token: Option<&str>) -> String {
        let uri = Uri::from_static("/api/v1/commands");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let token = token.map(|token| SecretString::from(token.to_owned()));
        let caller = Caller { method: &method, uri: &uri, headers: &map };
        judge(&caller, listens, token.as_ref()).map_or_else(|problem| problem.code.to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn on_loopback_a_change_needs_a_header_and_a_host_that_no_page_can_send() {
        for (headers, wanted) in [
            (&[("host", "127.0.0.1:9464"), ("x-bindery", "1")][..], "ok"),
            (&[("host", "localhost"), ("x-bindery", "1")], "ok"),
            (&[("host", "[::1]:9464"), ("x-bindery", "1")], "ok"),
            (&[("host", "127.0.0.1:9464")], "no_header"),
            (&[("host", "127.0.0.1:9464"), ("x-bindery", "yes")], "no_header"),
            (&[("host", "evil.example"), ("x-bindery", "1")], "foreign_host"),
            (&[("host", "127.0.0.1.evil.example"), ("x-bindery", "1")], "foreign_host"),
            (&[("host", "localhost:9464@evil.example"), ("x-bindery", "1")], "foreign_host"),
            (&[("host", "10.0.0.7:9464"), ("x-bindery", "1")], "foreign_host"),
            (&[("host", "127.0.0.1"), ("host", "evil.example"), ("x-bindery", "1")], "foreign_host"),
            (&[("x-bindery", "1")], "foreign_host"),
            (&[("host", "127.0.0.1"), ("x-bindery", "1"), ("x-forwarded-for", "9.9.9.9")], "forwarded"),
        ] {
            assert_eq!(judged(Method::POST, headers, Listens::AtHome, None), wanted, "{headers:?}");
        }
    }

    #[test]
    fn reading_on_loopback_needs_a_loopback_host_alone() {
        assert_eq!(judged(Method::GET, &[("host", "127.0.0.1:1")], Listens::AtHome, None), "ok");
        assert_eq!(judged(Method::GET, &[("host", "evil.example")], Listens::AtHome, None), "foreign_host");
    }

    #[test]
    fn off_loopback_nothing_goes_without_the_token() {
        let here = [("host", "127.0.0.1"), ("x-bindery", "1")];
        for method in [Method::GET, Method::POST] {
            assert_eq!(judged(method, &here, Listens::Abroad, Some(TOKEN)), "no_token");
        }
    }

    #[test]
    fn a_token_is_right_or_wrong_as_a_whole() {
        for (shown, wanted) in [
            ("Bearer a-token-of-sixteen", "ok"),
            ("bearer  a-token-of-sixteen ", "ok"),
            ("Bearer a-token-of-sixtee", "wrong_token"),
            ("Bearer a-token-of-sixteen2", "wrong_token"),
            ("Bearer ", "wrong_token"),
            ("Bearer", "wrong_token"),
            ("", "wrong_token"),
            ("Basic a-token-of-sixteen", "wrong_token"),
        ] {
            for listens in [Listens::AtHome, Listens::Abroad] {
                let host = [("host", "example.org"), ("authorization", shown)];
                assert_eq!(judged(Method::POST, &host, listens, Some(TOKEN)), wanted, "{shown:?}");
            }
        }
    }

    #[test]
    fn a_wrong_token_is_no_better_than_none_on_loopback() {
        let headers = [("host", "127.0.0.1"), ("x-bindery", "1"), ("authorization", "Bearer guessed")];
        assert_eq!(judged(Method::POST, &headers, Listens::AtHome, Some(TOKEN)), "wrong_token");
        assert_eq!(judged(Method::POST, &headers, Listens::AtHome, None), "ok", "there is none to be wrong");
    }
}
