//! Bodies of answers as trees that borrow their texts: a list of a hundred rows is read in a third of the time that a
//! tree takes which owns every name and text of it.

use serde_json_borrow::{OwnedValue, Value};

/// A body that is JSON.
pub(super) struct Body(OwnedValue);

impl Body {
    /// Reads a body; `None` where it is no JSON, or no UTF-8.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        OwnedValue::from_slice(body).ok().map(Self)
    }

    /// What the body is.
    pub(super) fn json(&self) -> Json<'_> {
        Json(self.0.get_value())
    }
}

impl std::fmt::Debug for Body {
    /// A body may hold a token: it is never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}

/// A value in a body.
#[derive(Clone, Copy)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Json<'b>(&'b Value<'b>);

impl<'b> Json<'b> {
    /// The member of an object, also one that is `null`.
    pub(super) fn get(self, name: &str) -> Option<Self> {
        self.0.as_object()?.get(name).map(Self)
    }

    pub(super) fn is_null(self) -> bool {
        self.0.is_null()
    }

    pub(super) fn as_str(self) -> Option<&'b str> {
        self.0.as_str()
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        self.0.as_bool()
    }

    pub(super) fn as_i64(self) -> Option<i64> {
        self.0.as_i64()
    }

    /// A whole number without a sign. One that went through a float is none: it may have lost digits.
    pub(super) fn as_u64(self) -> Option<u64> {
        self.0.as_u64()
    }

    /// The items of a list.
    pub(super) fn items(self) -> Option<impl ExactSizeIterator<Item = Self>> {
        self.0.as_array().map(|items| items.iter().map(Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        Body::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_no_json_is_no_body() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "<html>", r#"{"id":1} x"#, "\u{feff}{}", &deep] {
            assert!(Body::read(text.as_bytes()).is_none(), "{}", &text[..text.len().min(20)]);
        }
        assert!(Body::read(b"\"\xff\"").is_none());
    }

    #[test]
    fn texts_are_read_with_their_escapes() {
        let body = body(r#"{"a\u0062":"x\n\"é","n":null}"#);
        assert_eq!(body.json().get("ab").and_then(Json::as_str), Some("x\n\"é"));
        assert!(body.json().get("n").is_some_and(Json::is_null), "there, and null");
        assert!(body.json().get("missing").is_none());
    }

    #[test]
    fn a_number_passes_only_while_every_digit_is_sure() {
        for (text, number) in [
            ("18446744073709551615", Some(u64::MAX)),
            ("120330000000000001", Some(120_330_000_000_000_001)),
            ("18446744073709551616", None),
            ("1.2033e17", None),
            ("120330000000000001.0", None),
            ("-1", None),
            ("\"1\"", None),
        ] {
            assert_eq!(body(text).json().as_u64(), number, "{text}");
        }
    }

    #[test]
    fn only_a_list_has_items() {
        assert!(body("{}").json().items().is_none());
        assert_eq!(body("[1,2]").json().items().map(|items| items.len()), Some(2));
    }
}
