//! One Graph request, read from HTTP or from an entry of a batch.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::form;
use crate::graph_sim::world::refusal::{missing_object, unknown_path, version_too_old};
use crate::graph_sim::world::{Refusal, parse_among, parse_tasks};
use crate::graph_sim::world::{Tasks, refusal};

/// What Graph does with a node or an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// Reads.
    Get,
    /// Creates or changes.
    Post,
    /// Removes.
    Delete,
}

impl Verb {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "GET" => Some(Self::Get),
            "POST" => Some(Self::Post),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    /// As HTTP spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }
}

/// One request, token and proof apart from the other parameters.
#[derive(Debug, Clone)]
pub(crate) struct GraphRequest {
    pub(crate) verb: Verb,
    /// As asked for; the version segment may be missing.
    pub(crate) version: Option<String>,
    /// Path segments after the version.
    pub(crate) path: Vec<String>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) token: Option<String>,
    pub(crate) proof: Option<String>,
    pub(crate) proof_time: Option<String>,
    /// The batch it came in.
    pub(crate) batch: Option<u64>,
}

impl GraphRequest {
    /// Puts a request together from a path and all its parameters (query, then body).
    pub(crate) fn new(verb: Verb, path: &str, params: Vec<(String, String)>) -> Self {
        let mut segments: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let version = segments.first().filter(|first| is_version(first)).cloned();
        if version.is_some() {
            segments.remove(0);
        }
        let mut params: BTreeMap<String, String> = params.into_iter().collect();
        let token = params.remove("access_token");
        let proof = params.remove("appsecret_proof");
        let proof_time = params.remove("appsecret_time");
        // Clients that can only GET and POST say what they mean in a parameter.
        let verb = params.remove("method").and_then(|name| Verb::parse(&name)).unwrap_or(verb);
        Self { verb, version, path: segments, params, token, proof, proof_time, batch: None }
    }

    /// The first path segment: a node's id, `me`, `debug_token`; empty for the root.
    pub(crate) fn node(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// The second path segment.
    pub(crate) fn edge(&self) -> Option<&str> {
        self.path.get(1).map(String::as_str)
    }

    /// The path without the version, as the log shows it.
    pub(crate) fn plain_path(&self) -> String {
        format!("/{}", self.path.join("/"))
    }

    /// Fails where the version is none that answers, or the path is too deep.
    pub(crate) fn check_shape(&self) -> Result<(), Refusal> {
        let version = self.version.as_deref().ok_or_else(|| version_too_old("none"))?;
        let major: u32 = version[1..].split('.').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        match major {
            0..=21 => Err(version_too_old(version)),
            22..=26 if self.path.len() <= 2 => Ok(()),
            22..=26 => Err(unknown_path(&self.path[2..].join("/"))),
            _ => Err(unknown_path(version)),
        }
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.param(name).filter(|value| !value.is_empty()).ok_or_else(|| refusal::parameter_required(name))
    }

    /// The list of tasks in `name`; absent is an empty list.
    pub(crate) fn tasks(&self, name: &str) -> Result<Tasks, Refusal> {
        let Some(text) = self.param(name) else { return Ok(Tasks::new()) };
        parse_tasks(text)
            .map_err(|bad| refusal::bad_parameter(name, &format!("must be one of the known tasks, got {bad}")))
    }

    /// The same, where the names may be those of `known`.
    pub(crate) fn tasks_among(&self, name: &str, known: &[&str]) -> Result<Tasks, Refusal> {
        let Some(text) = self.param(name) else { return Ok(Tasks::new()) };
        parse_among(text, known)
            .map_err(|bad| refusal::bad_parameter(name, &format!("must be one of the known tasks, got {bad}")))
    }

    /// The refusal for a node that is not there or knows no such verb.
    pub(crate) fn missing(&self) -> Refusal {
        missing_object(self.verb.in_words(), self.node())
    }
}

/// Parameters of a body: a form, or a JSON object whose values stand for their text.
pub(crate) fn body_params(content_type: &str, body: &str) -> Vec<(String, String)> {
    if !content_type.starts_with("application/json") {
        return form::decode(body);
    }
    match serde_json::from_str(body) {
        Ok(Value::Object(members)) => members.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        Ok(_) | Err(_) => Vec::new(),
    }
}

fn plain(value: Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_version(segment: &str) -> bool {
    let numbers = segment.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(major, minor)| digits(major) && digits(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str) -> GraphRequest {
        GraphRequest::new(Verb::Get, path, form::decode("access_token=t&appsecret_proof=p&fields=id"))
    }

    #[test]
    fn token_and_proof_stand_apart_from_the_parameters() {
        let request = asked("/v26.0/2001/owned_pages");
        assert_eq!((request.token.as_deref(), request.proof.as_deref()), (Some("t"), Some("p")));
        assert_eq!(request.params.keys().collect::<Vec<_>>(), ["fields"]);
        assert_eq!((request.node(), request.edge()), ("2001", Some("owned_pages")));
    }

    #[test]
    fn versions_that_do_not_answer_are_refused() {
        for (path, code) in [("/2001", 2635), ("/v3.1/2001", 2635), ("/v99.0/2001", 2500), ("/v26.0/2001/a/b", 2500)] {
            assert_eq!(asked(path).check_shape().map_err(|refusal| refusal.code), Err(code), "{path}");
        }
        assert_eq!(asked("/v26.0/2001").check_shape(), Ok(()));
    }

    #[test]
    fn a_post_may_say_in_a_parameter_that_it_means_delete() {
        let request = GraphRequest::new(Verb::Post, "/v26.0/1", form::decode("method=delete"));
        assert_eq!(request.verb, Verb::Delete);
    }

    #[test]
    fn a_json_body_counts_like_a_form() {
        let params = body_params("application/json; charset=utf-8", r#"{"page_id":"7","tasks":["ADVERTISE"],"n":3}"#);
        assert!(params.contains(&("tasks".to_owned(), r#"["ADVERTISE"]"#.to_owned())));
        assert!(params.contains(&("n".to_owned(), "3".to_owned())));
        assert_eq!(body_params("application/json", "[1]"), vec![]);
    }
}
