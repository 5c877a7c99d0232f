//! `application/x-www-form-urlencoded`, read and written: query strings, form bodies, the entries of a batch.

/// Names and values of `text`, in order; broken escapes are taken literally.
pub(crate) fn decode(text: &str) -> Vec<(String, String)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(decode_pair).collect()
}

/// The text of `pairs`.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let coded = pairs.into_iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    coded.collect::<Vec<_>>().join("&")
}

fn decode_pair(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (unescape(name), unescape(value))
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1..at + 3).and_then(from_hex)) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                at += 2;
            }
            (b'+', _) => plain.push(b' '),
            (other, _) => plain.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn from_hex(digits: &[u8]) -> Option<u8> {
    hex::decode(digits).ok().and_then(|bytes| bytes.first().copied())
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut coded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => coded.push(char::from(byte)),
            other => coded.push_str(&format!("%{other:02X}")),
        }
        coded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let pairs = [("tasks", r#"["ADVERTISE","ANALYZE"]"#), ("name", "Zoë & co + 100%"), ("empty", "")];
        let owned: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(decode(&encode(pairs)), owned);
    }

    #[test]
    fn broken_escapes_are_taken_literally() {
        for (text, value) in [("a=%", "%"), ("a=%4", "%4"), ("a=%zz", "%zz"), ("a=%41+b", "A b")] {
            assert_eq!(decode(text), vec![("a".to_owned(), value.to_owned())], "{text}");
        }
    }
}
