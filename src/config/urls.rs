//! Addresses of neighbours: checked at the door, shown without their passwords.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};

use super::values::{MASK, Read};

/// The broker's URL. `Debug` and `Display` show it without the password.
#[derive(Clone)]
pub struct BrokerUrl(SecretString);

/// The journal's URL. `Debug` and `Display` show it without a password.
#[derive(Clone)]
pub struct JournalUrl(SecretString);

impl BrokerUrl {
    /// The whole URL with its password: for the broker connection alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The URL with `***` in place of the password.
    #[must_use]
    pub fn redacted_url(&self) -> String {
        redacted(self.expose())
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.expose().starts_with("amqps://")
    }
}

impl JournalUrl {
    /// The whole URL, with whatever secret it has: for the journal alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The URL with `***` in place of a password.
    #[must_use]
    pub fn redacted_url(&self) -> String {
        redacted(self.expose())
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted_url())
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted_url())
    }
}

impl fmt::Debug for JournalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted_url())
    }
}

impl fmt::Display for JournalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted_url())
    }
}

impl Read for BrokerUrl {
    fn read(value: &Json) -> Result<Self, String> {
        const SHAPE: &str = "must be amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://… for TLS";
        let text = value.as_str().ok_or(SHAPE)?;
        let rest = text.strip_prefix("amqp://").or_else(|| text.strip_prefix("amqps://")).ok_or(SHAPE)?;
        let (authority, path) = parts(rest);
        let (user, server) = authority.rsplit_once('@').unwrap_or(("", authority));
        if path.contains(['/', '@']) || user.contains('@') {
            return Err("write `/` as %2f and `@` as %40 inside the user, the password and the vhost".to_owned());
        }
        if !is_server(server) || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(SHAPE.to_owned());
        }
        Ok(Self(SecretString::from(text)))
    }

    fn shown(&self) -> Json {
        json!(self.redacted_url())
    }
}

impl Read for JournalUrl {
    fn read(value: &Json) -> Result<Self, String> {
        const SHAPE: &str = "must be sqlite://FILE, like \"sqlite:///var/lib/bindery/bindery.db\", \
            or postgres://USER:PASSWORD@HOST:PORT/DATABASE";
        let text = value.as_str().ok_or(SHAPE)?;
        if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
            return is_database(rest).then(|| Self(SecretString::from(text))).ok_or_else(|| SHAPE.to_owned());
        }
        let file = text.strip_prefix("sqlite://").ok_or(SHAPE)?;
        if file.contains(":memory:") || file.contains("mode=memory") {
            return Err(format!("memory forgets every command when the worker stops: {SHAPE}"));
        }
        let has_name = !matches!(file.split('?').next(), None | Some("")) && !file.ends_with('/');
        if has_name { Ok(Self(SecretString::from(text))) } else { Err(SHAPE.to_owned()) }
    }

    fn shown(&self) -> Json {
        json!(self.redacted_url())
    }
}

/// Checks an HTTP address and takes off slashes at its end.
pub(super) fn http_base(text: &str) -> Result<String, &'static str> {
    let text = text.trim_end_matches('/');
    let (encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err("must begin with https:// (or http:// for a simulator)"),
    };
    let (authority, _) = parts(rest);
    if authority.contains('@') || rest.contains(['?', '#']) || rest.chars().any(char::is_whitespace) {
        return Err("must be scheme, host, port and path alone, like \"https://graph.facebook.com\"");
    }
    if !is_server(authority) {
        return Err("has no host, or a port that is none: write it like \"https://graph.facebook.com\"");
    }
    let host = authority.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if !encrypted && (host == "facebook.com" || host.ends_with(".facebook.com")) {
        return Err("would send tokens in the clear: write https://");
    }
    Ok(text.to_owned())
}

/// Authority, and the path without its first slash and without a query.
fn parts(rest: &str) -> (&str, &str) {
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    rest.split_once('/').unwrap_or((rest, ""))
}

/// `host`, `host:port`, `[::1]:port`.
fn is_server(server: &str) -> bool {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (server, None),
    };
    let host_fits = !host.is_empty() && (host.starts_with('[') || !host.contains([':', '[', ']']));
    host_fits && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// `USER:PASSWORD@HOST:PORT/DATABASE`, user and query as they like; the rest is for the journal to say.
fn is_database(rest: &str) -> bool {
    let address = rest.split('?').next().unwrap_or_default();
    let (server, database) = address.rsplit_once('/').unwrap_or((address, ""));
    let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
    !database.is_empty() && !server.is_empty() && !rest.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Hides everything between the first `:` behind the scheme and the last `@`, and parameters that name a secret.
fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return MASK.to_owned() };
    // The last `@`, since a password that was not encoded may hold one, and a `/` or `?` too.
    let (user, server) = rest.rsplit_once('@').map_or((None, rest), |(user, server)| (Some(user), server));
    let user = user.map(|user| match user.split_once(':') {
        Some((name, _)) => format!("{name}:{MASK}@"),
        None => format!("{user}@"),
    });
    let (server, query) = server.split_once('?').map_or((server, None), |(server, query)| (server, Some(query)));
    let query = query.map(|query| format!("?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&")));
    format!("{scheme}://{}{server}{}", user.unwrap_or_default(), query.unwrap_or_default())
}

fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if ["pass", "secret", "token"].iter().any(|word| name.to_lowercase().contains(word)) => {
            format!("{name}={MASK}")
        }
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_wherever_it_stands() {
        for (url, shown) in [
            ("amqp://u:p@h:5672/%2f", "amqp://u:***@h:5672/%2f"),
            ("amqp://u:p@x/@h/v", "amqp://u:***@h/v"),
            ("amqp://u:p?q@h/v?heartbeat=10", "amqp://u:***@h/v?heartbeat=10"),
            ("amqp://u@h", "amqp://u@h"),
            ("postgres://h/db?user=u&password=p", "postgres://h/db?user=u&password=***"),
            ("sqlite://bindery.db", "sqlite://bindery.db"),
            ("p", "***"),
        ] {
            assert_eq!(redacted(url), shown, "{url}");
        }
    }

    #[test]
    fn a_broker_url_is_checked_at_the_door() {
        for (url, right) in [
            ("amqp://guest:guest@127.0.0.1:5672/%2f", true),
            ("amqps://rabbit", true),
            ("amqp://[::1]:5672/v?heartbeat=10", true),
            ("http://rabbit", false),
            ("amqp://", false),
            ("amqp://u:p@/v", false),
            ("amqp://h:0", false),
            ("amqp://h:port", false),
            ("amqp://h:5672//", false),
            ("amqp://u:p@ss@h", false),
            ("amqp://h h", false),
        ] {
            assert_eq!(BrokerUrl::read(&json!(url)).is_ok(), right, "{url}");
        }
    }

    #[test]
    fn tokens_go_to_meta_encrypted_only() {
        assert!(http_base("http://graph.facebook.com").is_err());
        assert!(http_base("http://127.0.0.1:8080").is_ok());
        assert_eq!(http_base("https://graph.facebook.com/").as_deref(), Ok("https://graph.facebook.com"));
    }
}
