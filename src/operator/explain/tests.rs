//! One journal for each way in which a command can stand, and the whole screen that is told of it.

use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;

use super::{Situation, explain};
use crate::config::Config;
use crate::contract::{Access, CommandId, Phase};
use crate::journal::{
    Ended, EvidenceEntry, Exchange, HoldOn, Intent, IntentChange, Journal, New, NewEvent, Operation, Record, Settled,
    State, Suspended, Walk, WatchChange, WatchRow,
};

const TOKEN: &str = "a-token-never-to-be-shown";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(text: &str) -> CommandId {
    text.parse().unwrap()
}

fn config() -> Config {
    let text = format!("[credentials.main]\naccess_token = \"{TOKEN}\"\nbusinesses = [\"2001\"]\n");
    Config::from_toml(&text).unwrap()
}

/// A journal that is written with the words of a worker, and then looked at.
struct Story {
    folder: TempDir,
    journal: Journal,
    config: Config,
}

impl Story {
    async fn begin() -> Self {
        let folder = TempDir::new().unwrap();
        let journal = Journal::open(&folder.path().join("bindery.db")).await.unwrap();
        Self { folder, journal, config: config() }
    }

    /// A claim of page 1009, as it was taken in.
    async fn claim(&self, name: &str) {
        self.accept(new_claim(name)).await;
    }

    async fn accept(&self, new: New) {
        self.journal.accept(new).await.unwrap();
    }

    async fn record(&self, name: &str, record: Record) {
        self.journal.record(id(name), record).await.unwrap();
    }

    /// The screen, as told 100 s after the first second, without a worker.
    async fn told(self, name: &str) -> String {
        self.told_at(name, 100).await
    }

    async fn told_at(self, name: &str, second: i64) -> String {
        self.journal.close().await;
        let journal = Journal::open_read_only(&self.folder.path().join("bindery.db")).await.unwrap();
        let situation = Situation::of(&journal, &self.config, &id(name), at(second)).await.unwrap().unwrap();
        journal.close().await;
        let told = explain(&situation);
        let json = told.in_json(&situation).to_string();
        assert!(!json.contains(TOKEN) && json.contains("\"headline\""), "{json}");
        told.in_words(situation.now)
    }
}

fn new_claim(name: &str) -> New {
    let body = json!({
        "id": name, "command": "claim", "business": "2001", "asset": {"kind": "page", "id": "1009"}, "access": "agency",
        "permitted_tasks": ["ADVERTISE", "ANALYZE"], "actor": "onboarding", "reason": "contract 7",
    });
    New {
        business: Some("2001".parse().unwrap()),
        lane: Some("page/1009".to_owned()),
        published_by: Some("shop".to_owned()),
        ..New::command(id(name), format!("print of {name}"), body.to_string(), at(0))
    }
}

fn event(name: &str, sequence: u32, phase: Phase) -> NewEvent {
    NewEvent {
        event_id: format!("{name}/{sequence}"),
        command: Some(id(name)),
        sequence: Some(sequence),
        exchange: Exchange::Events,
        routing_key: format!("claim.page.{}", phase.word()),
        body: b"{}".to_vec(),
        headers: "{}".to_owned(),
        correlation_id: None,
        r#type: format!("bindery.claim.{}", phase.word()),
        content_type: "application/cloudevents+json".to_owned(),
        terminal: phase.is_terminal(),
        mandatory: true,
    }
}

fn asked(second: i64, call: &str, answer: &str) -> EvidenceEntry {
    EvidenceEntry { at: at(second), call: call.to_owned(), answer: answer.to_owned(), trace: Some("A1b2".to_owned()) }
}

fn pending(name: &str, absences: &str) -> Record {
    let watch = WatchRow {
        command: id(name),
        business: "2001".parse().unwrap(),
        asset: "page/1009".parse().unwrap(),
        access: Access::Agency,
        partner: None,
        tasks: r#"["ADVERTISE"]"#.to_owned(),
        sent_at: at(10),
        absences: absences.to_owned(),
    };
    Record {
        watch: WatchChange::Set(watch),
        observations: vec!["{}".to_owned()],
        events: vec![event(name, 1, Phase::Pending)],
        evidence: vec![
            asked(9, "GET /2001/client_pages", "200, 1 rows"),
            asked(10, "POST /2001/client_pages", "200, PENDING"),
        ],
        ..Record::new(at(10), State::Pending)
    }
}

fn walk(list: &str, began: i64) -> Walk {
    Walk {
        business: "2001".parse().unwrap(),
        list: list.to_owned(),
        began: at(began),
        ended: at(began + 1),
        pages: 1,
        rows: 3,
        complete: true,
        traces: "[]".to_owned(),
    }
}

fn waiting(cause: &str, until: Option<Timestamp>) -> State {
    State::Waiting { cause: cause.to_owned(), since: at(20), until }
}

fn ended(name: &str, phase: Phase, outcome: serde_json::Value) -> Record {
    let changed = outcome["changed"] == true;
    Record {
        events: vec![event(name, 1, phase)],
        ..Record::new(at(50), State::Ended(Ended { phase, changed, outcome: outcome.to_string() }))
    }
}

#[tokio::test]
async fn one_that_may_run_at_once() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_that_is_not_to_start_yet() {
    let story = Story::begin().await;
    story.accept(New { not_before: Some(at(86_400)), expires_at: Some(at(90_000)), ..new_claim("c-1") }).await;
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_behind_others_in_its_lane() {
    let story = Story::begin().await;
    for name in ["c-1", "c-2", "c-3"] {
        story.claim(name).await;
    }
    story.record("c-1", Record { observations: vec!["{}".to_owned()], ..Record::new(at(5), State::Running) }).await;
    insta::assert_snapshot!(story.told("c-3").await);
}

#[tokio::test]
async fn one_that_tries_again_after_no_answer() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    let record = Record {
        due: Some(at(130)),
        attempts: 4,
        why: Some("answered 502 without JSON".to_owned()),
        evidence: vec![asked(90, "GET /2001/client_pages", "answered 502 without JSON")],
        ..Record::new(at(90), State::Ready)
    };
    story.record("c-1", record).await;
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_that_waits_for_a_list_to_settle() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", Record { due: Some(at(310)), ..Record::new(at(10), State::Ready) }).await;
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_whose_write_was_out_when_the_worker_ended() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    let call = crate::meta::Call::Claim {
        business: "2001".parse().unwrap(),
        kind: crate::meta::Claimable::Page,
        id: "1009".parse().unwrap(),
        access: Access::Agency,
        tasks: Default::default(),
    };
    let intent = IntentChange::Intend(Intent { call: serde_json::to_string(&call).unwrap(), at: at(6) });
    story.record("c-1", Record { intent, ..Record::new(at(5), State::Running) }).await;
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_that_waits_for_quota_with_the_buckets_that_hold_it_back() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    let told = Record {
        events: vec![event("c-1", 1, Phase::Waiting)],
        ..Record::new(at(20), waiting("quota", Some(at(620))))
    };
    story.record("c-1", told).await;
    for (bucket, until) in [("business/main/2001", 900), ("business/main/2002", 950), ("app/main", 50)] {
        story.journal.park(bucket.to_owned(), at(until), "throttled with code 80001".to_owned()).await.unwrap();
    }
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_whose_credential_is_dead() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", Record::new(at(20), waiting("credential", None))).await;
    let fingerprint = story.config.credentials["main"].secrets.read().unwrap().fingerprint.to_string();
    suspend(&story, fingerprint).await;
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_whose_credential_was_dead_and_is_new() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", Record::new(at(20), waiting("credential", None))).await;
    suspend(&story, "another".to_owned()).await;
    insta::assert_snapshot!(story.told("c-1").await);
}

async fn suspend(story: &Story, fingerprint: String) {
    let why = "190: the session has expired".to_owned();
    let refused = Suspended { credential: "main".to_owned(), fingerprint, since: at(20), why };
    story.journal.suspend(refused).await.unwrap();
}

#[tokio::test]
async fn every_other_cause_says_what_lifts_it() {
    let mut screens = Vec::new();
    for cause in ["cap", "breaker", "release", "hold", "outage", "notice", "something new"] {
        let story = Story::begin().await;
        story.claim("c-1").await;
        story.record("c-1", Record::new(at(20), waiting(cause, None))).await;
        let told = story.told("c-1").await;
        screens.push(told.lines().skip_while(|line| !line.starts_with("  stands")).collect::<Vec<_>>().join("\n"));
    }
    insta::assert_snapshot!(screens.join("\n\n"));
}

#[tokio::test]
async fn one_that_the_stop_switch_holds_back_says_who_pulled_it_and_why() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", Record::new(at(20), waiting("hold", None))).await;
    for (on, reason) in [("2001", "a leaked token"), ("2002", "not about it"), ("", "a bad release")] {
        let on = on.parse().map_or(HoldOn::Everything, HoldOn::Business);
        story.journal.hold(on, held_by("kim", reason)).await.unwrap();
    }
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_whose_business_has_an_open_breaker_says_what_meta_said_and_which_word_closes_it() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", Record::new(at(20), waiting("breaker", None))).await;
    for on in [HoldOn::Claims("2001".parse().unwrap()), HoldOn::Claims("2002".parse().unwrap())] {
        story.journal.hold(on, held_by("bindery", "Meta answered 368 to command c-0: blocked")).await.unwrap();
    }
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn a_fan_out_whose_children_wait_for_a_release_says_which_word_lifts_it() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    let children = vec![new_claim("c-1~1"), new_claim("c-1~2")];
    story.record("c-1", Record { children, ..Record::new(at(5), State::AwaitingChildren) }).await;
    story.record("c-1~1", Record::new(at(6), waiting("release", None))).await;
    insta::assert_snapshot!(story.told("c-1").await);
}

fn held_by(actor: &str, reason: &str) -> Operation {
    let text = str::to_owned;
    let (verb, target, nonce) = (text("hold"), text("2001"), text("n"));
    Operation { at: at(15), actor: text(actor), verb, target, reason: text(reason), nonce, came: None }
}

#[tokio::test]
async fn a_claim_that_no_walk_has_looked_for_yet() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", pending("c-1", "[]")).await;
    insta::assert_snapshot!(story.told_at("c-1", 15).await);
}

#[tokio::test]
async fn a_claim_that_the_last_walk_still_showed() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", pending("c-1", "[]")).await;
    let followed = json!({"absences": {"first_ended": null, "walks": 0}, "polls": 2, "last": at(70)}).to_string();
    story.journal.record_walk(walk("pending_client_pages", 40), vec![]).await.unwrap();
    story.journal.record_walk(walk("pending_client_pages", 70), vec![(id("c-1"), followed)]).await.unwrap();
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn a_claim_that_one_walk_more_will_deny() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", pending("c-1", "[]")).await;
    let followed = json!({"absences": {"first_ended": at(401), "walks": 1}, "polls": 7, "last": at(400)}).to_string();
    story.journal.record_walk(walk("pending_client_pages", 400), vec![(id("c-1"), followed)]).await.unwrap();
    story.journal.record_walk(walk("client_pages", 400), vec![]).await.unwrap();
    insta::assert_snapshot!(story.told_at("c-1", 450).await);
}

#[tokio::test]
async fn a_claim_that_was_told_to_stop() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.record("c-1", pending("c-1", "[]")).await;
    story.journal.remember_cancel(id("c-1"), id("x-1"), at(90_000), Box::new(|_| true)).await.unwrap();
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_that_awaits_the_end_of_another() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    story.claim("c-2").await;
    story.record("c-1", pending("c-1", "[]")).await;
    story.record("c-2", Record::new(at(60), State::Awaiting { target: id("c-1") })).await;
    insta::assert_snapshot!(story.told("c-2").await);
}

#[tokio::test]
async fn a_fan_out_with_children_that_ended_wait_and_go_on() {
    let story = Story::begin().await;
    let pages: Vec<_> = (1..=9).map(|n| json!({"kind": "page", "id": format!("100{n}")})).collect();
    let body =
        json!({"id": "f", "command": "reassign", "business": "2001", "assets": pages, "from": "3001", "to": "3002"});
    story.accept(New { lane: None, body: body.to_string(), ..new_claim("f") }).await;
    let children = (1..=9).map(|n| new_claim(&format!("f~{n}"))).collect();
    story.record("f", Record { children, ..Record::new(at(5), State::AwaitingChildren) }).await;
    for (n, phase) in [(1, Phase::Completed), (2, Phase::Failed)] {
        let ended = ended(&format!("f~{n}"), phase, json!({"phase": phase.word(), "changed": true, "error": null}));
        story.record(&format!("f~{n}"), Record { events: Vec::new(), ..ended }).await;
    }
    story.record("f~3", Record { due: Some(at(400)), ..Record::new(at(20), waiting("quota", Some(at(400)))) }).await;
    insta::assert_snapshot!(story.told("f").await);
}

#[tokio::test]
async fn a_child_names_its_parent() {
    let story = Story::begin().await;
    story.claim("f").await;
    story.record("f", Record { children: vec![new_claim("f~1")], ..Record::new(at(5), State::AwaitingChildren) }).await;
    insta::assert_snapshot!(story.told("f~1").await);
}

#[tokio::test]
async fn one_that_ended_well_and_was_told_to_nobody() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    let outcome = json!({"phase": "confirmed", "changed": true, "granted_tasks": ["ADVERTISE"], "error": null});
    story.record("c-1", ended("c-1", Phase::Confirmed, outcome)).await;
    let row = story.journal.outbox_due(0, 1).await.unwrap().remove(0);
    story.journal.settle(vec![(row.n, Settled::Unrouted)]).await.unwrap();
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_that_failed_tells_the_remedy() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    let error = json!({"category": "needs_human", "code": "would_orphan", "subcode": null, "trace": "A1b2",
        "message": "nobody else manages page/1009", "remedy": "Give somebody else MANAGE first, then send it anew."});
    story
        .record("c-1", ended("c-1", Phase::Failed, json!({"phase": "failed", "changed": false, "error": error})))
        .await;
    insta::assert_snapshot!(story.told("c-1").await);
}

#[tokio::test]
async fn one_that_ended_by_conclusion_or_by_time_says_so() {
    let mut screens = Vec::new();
    for (phase, own) in [
        (Phase::Denied, json!({"inferred": true})),
        (Phase::Expired, json!({"expired_because": "given_up"})),
        (Phase::Expired, json!({"expired_because": "not_started"})),
        (Phase::Cancelled, json!({"superseded_by": "c-2"})),
    ] {
        let story = Story::begin().await;
        story.claim("c-1").await;
        let mut outcome = json!({"phase": phase.word(), "changed": false, "error": null});
        outcome.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        story.record("c-1", ended("c-1", phase, outcome)).await;
        let told = story.told("c-1").await;
        screens.push(told.lines().skip_while(|line| !line.starts_with("  stands")).collect::<Vec<_>>().join("\n"));
    }
    insta::assert_snapshot!(screens.join("\n\n"));
}

#[tokio::test]
async fn while_a_worker_has_the_journal_nobody_is_told_to_start_one() {
    let story = Story::begin().await;
    story.claim("c-1").await;
    let situation = Situation::of(&story.journal, &story.config, &id("c-1"), at(100)).await.unwrap().unwrap();
    let told = explain(&situation).in_words(situation.now);
    assert!(!told.contains("no worker"), "{told}");
    story.journal.close().await;
}

#[tokio::test]
async fn nothing_is_told_of_a_command_that_the_journal_does_not_know() {
    let story = Story::begin().await;
    assert!(Situation::of(&story.journal, &story.config, &id("nobody"), at(0)).await.unwrap().is_none());
}
