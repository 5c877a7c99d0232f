//! Reading an AMQP URL without ever repeating its password.
//!
//! lapin's parser does three things in silence that would hurt: an IPv6 host becomes `localhost`, an unknown query
//! key is dropped, and some of its errors quote the whole URL. So we look first, and say what is wrong in our own words.

use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};

use super::BrokerError;

/// Seconds between heartbeats where the URL names none; a dead peer is noticed after twice as long.
const HEARTBEAT_SECONDS: u16 = 10;

const KNOWN_KEYS: [&str; 5] = ["heartbeat", "frame_max", "channel_max", "connection_timeout", "auth_mechanism"];

/// Parses `amqp.url`.
///
/// # Errors
/// [`BrokerError::BadUrl`], in words that hold nothing of the URL's user part.
pub(super) fn parse(url: &SecretString) -> Result<AMQPUri, BrokerError> {
    let text = url.expose_secret();
    let rest = text
        .strip_prefix("amqp://")
        .or_else(|| text.strip_prefix("amqps://"))
        .ok_or_else(|| bad("it must begin with amqp:// or amqps://"))?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    check_place(place)?;
    check_keys(query)?;
    let mut uri: AMQPUri = text.parse().map_err(|why: String| bad(&why))?;
    if let Some(host) = ipv6_host(place) {
        uri.authority.host = host.to_owned();
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
    Ok(uri)
}

/// An unencoded `/`, `?`, `#` or `@` in a password shifts everything after it: part of the password would be taken for
/// host, port or vhost, and shown.
fn check_place(place: &str) -> Result<(), BrokerError> {
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    if path.contains('@') || place.contains('#') || authority.matches('@').count() > 1 {
        return Err(bad(
            "special characters in user and password must be percent-encoded (@ is %40, / is %2F, # is %23)",
        ));
    }
    if authority.rsplit_once('@').map_or(authority, |(_, host)| host).is_empty() {
        return Err(bad("it names no host"));
    }
    Ok(())
}

fn check_keys(query: &str) -> Result<(), BrokerError> {
    if query.contains('@') {
        return Err(bad("special characters in user and password must be percent-encoded (? is %3F, @ is %40)"));
    }
    let keys = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap_or(pair));
    for key in keys {
        if !KNOWN_KEYS.contains(&key) {
            return Err(bad(&format!("unknown key {key:?} after the `?`; known are {}", KNOWN_KEYS.join(", "))));
        }
    }
    Ok(())
}

fn ipv6_host(place: &str) -> Option<&str> {
    let authority = place.split('/').next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.strip_prefix('[')?.split(']').next()
}

fn bad(why: &str) -> BrokerError {
    BrokerError::BadUrl { why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<AMQPUri, BrokerError> {
        parse(&SecretString::from(url.to_owned()))
    }

    #[test]
    fn a_heartbeat_is_set_where_none_is_named() {
        assert_eq!(parsed("amqp://h/%2f").unwrap().query.heartbeat, Some(10));
        assert_eq!(parsed("amqp://h/%2f?heartbeat=3").unwrap().query.heartbeat, Some(3));
    }

    #[test]
    fn an_ipv6_host_stays_what_it_is() {
        let uri = parsed("amqp://u:p@[::1]:5673/%2f").unwrap();
        assert_eq!((uri.authority.host.as_str(), uri.authority.port), ("::1", 5673));
    }

    #[test]
    fn encoded_characters_are_decoded() {
        let uri = parsed("amqps://us%40er:p%2Fw@host/a%2Fb").unwrap();
        assert_eq!(uri.authority.userinfo.username, "us@er");
        assert_eq!(uri.authority.userinfo.password, "p/w");
        assert_eq!((uri.vhost.as_str(), uri.authority.port), ("a/b", 5671));
    }

    #[test]
    fn a_wrong_url_is_named_without_its_password() {
        for url in [
            "http://u:hunter2@host",
            "u:hunter2@host",
            "amqp:u:hunter2@host",
            "amqp://",
            "amqp://u:hunter2@",
            "amqp://u:hunter2@host:99999/%2f",
            "amqp://u:12/hunter2@host/%2f",
            "amqp://u:12#hunter2@host/%2f",
            "amqp://u:12?hunter2@host/%2f",
            "amqp://u:x@hunter2@host/%2f",
            "amqp://u:hunter2@host/%2f?hearbeat=3",
            "amqp://u:hunter2@host/%2f?heartbeat=soon",
            "amqp://u:hunter2%ff@host/%2f",
            "amqp://u:hunter2@host/%2f?auth_mechanism=magic",
        ] {
            let error = parsed(url).expect_err(url);
            let told = format!("{error} {error:?}");
            assert!(!told.contains("hunter2"), "{url} is told as {told}");
            assert_eq!(error.code(), "bad_url");
        }
    }
}
