//! `POST /{version}/` with `batch`: up to fifty calls in one, each answered for itself.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Delivery, Reply};
use super::form;
use super::request::{GraphRequest, Verb};
use crate::graph_sim::state::State;
use crate::graph_sim::world::Refusal;
use crate::graph_sim::world::refusal::{bad_parameter, parameter_required};

/// Entries that a batch may have.
const ENTRIES_MAX: usize = 50;

impl State {
    /// Whatever arrived at the root or elsewhere: a batch, or one call.
    pub(crate) fn receive(&mut self, request: &GraphRequest) -> Reply {
        if request.path.is_empty() && request.verb == Verb::Post { self.batch(request) } else { self.exchange(request) }
    }

    fn batch(&mut self, request: &GraphRequest) -> Reply {
        let now = self.clock.now();
        let entries =
            request.check_shape().and_then(|()| self.authenticate(request, now)).and_then(|_| entries_of(request));
        match entries {
            // A throttle of the whole app is answered once, as a plain error.
            Ok(_) if self.usage.app_is_blocked(now) => self.exchange(request),
            Ok(entries) => self.answer_all(request, &entries),
            Err(refusal) => Answer::json(refusal.status, &refusal.body("Abatch")).into(),
        }
    }

    fn answer_all(&mut self, outer: &GraphRequest, entries: &[Value]) -> Reply {
        self.batches += 1;
        let mut results: Map<String, Value> = Map::new();
        let mut answers = Vec::with_capacity(entries.len());
        for entry in entries {
            let reply = self.answer_entry(outer, entry, &results);
            let named = entry.get("name").and_then(Value::as_str);
            if let Some(name) = named {
                results.insert(name.to_owned(), serde_json::from_str(&reply.answer.body).unwrap_or(Value::Null));
            }
            answers.push(if left_out(entry, entries, &reply) { Value::Null } else { wrapped(&reply, outer) });
        }
        Answer::json(200, &Value::Array(answers)).into()
    }

    fn answer_entry(&mut self, outer: &GraphRequest, entry: &Value, results: &Map<String, Value>) -> Reply {
        match request_of(entry, outer, results, self.batches) {
            Ok(request) => self.exchange(&request),
            Err(refusal) => Answer::json(refusal.status, &refusal.body("Abatch")).into(),
        }
    }
}

fn entries_of(request: &GraphRequest) -> Result<Vec<Value>, Refusal> {
    let text = request.param("batch").ok_or_else(|| parameter_required("batch"))?;
    match serde_json::from_str(text) {
        Ok(Value::Array(entries)) if entries.len() <= ENTRIES_MAX => Ok(entries),
        Ok(Value::Array(_)) => Err(bad_parameter("batch", "has too many requests, maximum 50")),
        Ok(_) | Err(_) => Err(bad_parameter("batch", "must be a JSON array")),
    }
}

fn request_of(
    entry: &Value,
    outer: &GraphRequest,
    results: &Map<String, Value>,
    batch: u64,
) -> Result<GraphRequest, Refusal> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let verb = Verb::parse(text("method")).ok_or_else(|| bad_parameter("method", "must be GET, POST or DELETE"))?;
    let url = fill_in(text("relative_url"), results)?;
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    // Meta documents DELETE parameters in the url; its Python SDK puts them into the body. Both count.
    let mut params = form::decode(query);
    params.extend(form::decode(&fill_in(text("body"), results)?));
    let own = GraphRequest::new(verb, path, params);
    Ok(GraphRequest {
        version: own.version.or_else(|| outer.version.clone()),
        proof: own.proof.or_else(|| outer.proof.clone().filter(|_| own.token.is_none())),
        proof_time: own.proof_time.or_else(|| outer.proof_time.clone()),
        token: own.token.or_else(|| outer.token.clone()),
        batch: Some(batch),
        ..own
    })
}

/// Whether an entry is answered by `null`: nothing arrived, or others depend on its result and it went well.
fn left_out(entry: &Value, entries: &[Value], reply: &Reply) -> bool {
    if !matches!(reply.delivery, Delivery::Whole | Delivery::Late(_)) {
        return true;
    }
    let Some(name) = entry.get("name").and_then(Value::as_str) else { return false };
    let kept = entry.get("omit_response_on_success").and_then(Value::as_bool) == Some(false);
    let wanted = format!("result={name}:");
    let depended_on = entries.iter().any(|other| other["depends_on"] == name || other.to_string().contains(&wanted));
    depended_on && !kept && reply.answer.status == 200
}

fn wrapped(reply: &Reply, outer: &GraphRequest) -> Value {
    let mut answer = json!({ "code": reply.answer.status, "body": reply.answer.body });
    if outer.param("include_headers") != Some("false") {
        let pairs = reply.answer.headers.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        let kind = json!({ "name": "Content-Type", "value": reply.answer.content_type });
        answer["headers"] = Value::Array(pairs.chain([kind]).collect());
    }
    answer
}

/// Puts earlier results in place of `{result=name:$.path}`.
fn fill_in(text: &str, results: &Map<String, Value>) -> Result<String, Refusal> {
    let Some((before, rest)) = text.split_once("{result=") else { return Ok(text.to_owned()) };
    let unresolved = || bad_parameter("batch", "refers to a result that is not there");
    let (reference, after) = rest.split_once('}').ok_or_else(unresolved)?;
    let (name, path) = reference.split_once(":$.").ok_or_else(unresolved)?;
    let found = results
        .get(name)
        .map(|result| look_up(result, path))
        .filter(|found| !found.is_empty())
        .ok_or_else(unresolved)?;
    Ok(format!("{before}{}{}", found.join(","), fill_in(after, results)?))
}

/// The texts at `data.*.id`, `data[0].id`, `id` ...
fn look_up(value: &Value, path: &str) -> Vec<String> {
    let path = path.replace('[', ".").replace(']', "");
    let mut found = vec![value];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        found = found.into_iter().flat_map(|one| step_into(one, step)).collect();
    }
    found.into_iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect()
}

fn step_into<'v>(value: &'v Value, step: &str) -> Vec<&'v Value> {
    match (value, step.parse::<usize>()) {
        (Value::Array(items), _) if step == "*" => items.iter().collect(),
        (Value::Array(items), Ok(index)) => items.get(index).into_iter().collect(),
        _ => value.get(step).into_iter().collect(),
    }
}
