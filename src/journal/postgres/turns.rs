//! Who may begin or goes on, looked up by indexes that hold nobody else.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params};
use crate::contract::{BusinessId, CommandId, EmailAddress, Person, PersonId};
use crate::journal::decode::Columns;
use crate::journal::{Alike, JournalError, Placed, StateName};

/// Those of a business that may begin.
pub(super) async fn in_front(
    client: &Client,
    business: Option<&BusinessId>,
    limit: u32,
) -> Result<Vec<Placed>, JournalError> {
    // `IS NOT DISTINCT FROM` would use no index.
    let whose = if business.is_some() { "business = $1" } else { "business IS NULL AND $1 IS NULL" };
    let select = format!(
        "SELECT seq, id, business, priority, state, turn, due FROM bindery.commands
         WHERE turn = 'front' AND {whose} ORDER BY priority DESC, seq LIMIT $2"
    );
    let wanted = params![business.map(BusinessId::as_str), i64::from(limit)];
    sql::all(client, &select, wanted, |row| Columns(row).placed()).await
}

/// The businesses of which something may begin: from one to the next, over whatever lies between.
pub(super) async fn businesses_in_front(client: &Client) -> Result<Vec<Option<BusinessId>>, JournalError> {
    let mut found: Vec<Option<BusinessId>> = Vec::new();
    if !in_front(client, None, 1).await?.is_empty() {
        found.push(None);
    }
    let select =
        "SELECT business FROM bindery.commands WHERE turn = 'front' AND business > $1 ORDER BY business LIMIT 1";
    loop {
        let after = found.last().cloned().flatten().map(String::from).unwrap_or_default();
        match sql::first(client, select, params![after], |row| Columns(row).parsed("business")).await? {
            Some(business) => found.push(Some(business)),
            None => return Ok(found),
        }
    }
}

/// What has begun and goes on by itself.
pub(super) async fn begun(client: &Client, after: i64, limit: u32) -> Result<Vec<Placed>, JournalError> {
    let select = "SELECT seq, id, business, priority, state, turn, due FROM bindery.commands
         WHERE turn IN ('holds', 'outside') AND seq > $1 ORDER BY seq LIMIT $2";
    sql::all(client, select, params![after, i64::from(limit)], |row| Columns(row).placed()).await
}

/// How an open command stands.
pub(super) async fn placed(client: &Client, id: &CommandId) -> Result<Option<Placed>, JournalError> {
    let select = "SELECT seq, id, business, priority, state, turn, due FROM bindery.commands
         WHERE id = $1 AND state <> 'ended'";
    sql::first(client, select, params![id.as_str()], |row| Columns(row).placed()).await
}

/// What has not ended, counted.
pub(super) async fn count_open(client: &Client) -> Result<Vec<Alike>, JournalError> {
    let select = "SELECT body::jsonb ->> 'command' AS command, body::jsonb #>> '{asset,kind}' AS kind, state, cause,
             CASE WHEN state = 'pending' THEN since / 60000000 END AS minute, count(*) AS count
         FROM bindery.commands WHERE state <> 'ended' GROUP BY 1, 2, 3, 4, 5";
    sql::all(client, select, params![], |row| Columns(row).alike()).await
}

/// When the first arrived of those that stand so was taken in.
pub(super) async fn oldest(
    client: &Client,
    state: StateName,
    cause: Option<&str>,
) -> Result<Option<Timestamp>, JournalError> {
    let why = if cause.is_some() { "cause = $2" } else { "cause IS NULL AND $2 IS NULL" };
    let select = format!(
        "SELECT accepted_at FROM bindery.commands
         WHERE state = $1 AND state <> 'ended' AND {why} ORDER BY seq LIMIT 1"
    );
    sql::first(client, &select, params![state.word(), cause], |row| Columns(row).time("accepted_at")).await
}

/// Makes known that `by` offboards a person; who does so already.
pub(super) async fn leaves(
    client: &Client,
    by: &CommandId,
    business: &BusinessId,
    person: &PersonId,
    email: Option<&EmailAddress>,
) -> Result<Option<CommandId>, JournalError> {
    let select = "SELECT command FROM bindery.leaving WHERE business = $1 AND person = $2 AND command <> $3 ORDER BY n DESC LIMIT 1";
    let before = sql::first(client, select, params![business.as_str(), person.as_str(), by.as_str()], |row| {
        Columns(row).parsed("command")
    })
    .await?;
    let insert =
        "INSERT INTO bindery.leaving (command, business, person, email) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let email = email.map(EmailAddress::as_str);
    sql::run(client, insert, params![by.as_str(), business.as_str(), person.as_str(), email]).await?;
    Ok(before)
}

/// Nobody leaves by this command any more.
pub(super) async fn stays(client: &Client, by: &CommandId) -> Result<(), JournalError> {
    sql::run(client, "DELETE FROM bindery.leaving WHERE command = $1", params![by.as_str()]).await.map(drop)
}

/// The first open command that offboards the person.
pub(super) async fn is_leaving(
    client: &Client,
    business: &BusinessId,
    person: &Person,
) -> Result<Option<CommandId>, JournalError> {
    let (select, who) = match person {
        Person::Id(id) => {
            ("SELECT command FROM bindery.leaving WHERE business = $1 AND person = $2 ORDER BY n LIMIT 1", id.as_str())
        }
        Person::Email(email) => (
            "SELECT command FROM bindery.leaving WHERE business = $1 AND email = $2 ORDER BY n LIMIT 1",
            email.as_str(),
        ),
    };
    sql::first(client, select, params![business.as_str(), who], |row| Columns(row).parsed("command")).await
}

/// Every open command that offboards somebody.
pub(super) async fn offboardings(client: &Client) -> Result<Vec<CommandId>, JournalError> {
    let select = "SELECT command FROM bindery.leaving ORDER BY n";
    sql::all(client, select, params![], |row| Columns(row).parsed("command")).await
}
