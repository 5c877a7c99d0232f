//! A part of a long list with the people of each row: one call for the engine, some requests a row here.
//!
//! What must hold: a row is told with its people or with why they could not be read, never with fewer than there
//! are. A list of people that breaks, or that Meta refuses, is that row's own trouble. What is nobody's own (a
//! throttle, a dead credential, no answer) ends the part early with the rows that are whole; with none, the call.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::session::Session;
use super::trouble::Trouble;
use super::walk::Unwalked;
use crate::contract::{Asset, BusinessId, Category, ErrorInfo, Kind, ObjectId};
use crate::meta::{Answer, AssetList, Call, Holding, Reply, Roll, Staffed};

/// Rows in a part: with three or four requests each it takes about as long as a walk of a long list.
pub(super) const STAFFED_ROWS: u32 = 25;
/// People in a part, from which it takes no further row.
const PEOPLE_FULL: usize = 1_000;
/// After which a part takes no further row: a stop or a cancel waits no longer for it.
const PART_WITHIN: Duration = Duration::from_secs(10);
/// How often a list that breaks is read anew at once.
const READ_ANEW: u32 = 1;

/// Where a part begins: a page, and the rows of it that have been told.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    page: Option<String>,
    told: Vec<ObjectId>,
}

impl Place {
    /// What `after` says; what cannot be read is the beginning.
    pub(super) fn read(after: &str) -> Self {
        serde_json::from_str(after).unwrap_or_default()
    }

    /// The parameters of its page.
    pub(super) fn page_params(&self) -> Option<Vec<(String, String)>> {
        self.page.as_deref().and_then(|page| serde_json::from_str(page).ok())
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }
}

impl Session<'_> {
    /// Reads a page of the list and the people of its rows.
    pub(super) async fn staffed(&mut self, call: &Call) -> Result<Reply, Trouble> {
        let Call::StaffedPart { business, list, after } = call else { return self.walk(call).await };
        let mut place = after.as_deref().map(Place::read).unwrap_or_default();
        let (rows, next) = match self.walk(call).await? {
            Reply::Answer(Answer::Part { rows, next, .. }) => (rows, next),
            reply @ (Reply::Answer(_) | Reply::Refused(_) | Reply::Unknown | Reply::GaveUp(_)) => return Ok(reply),
        };
        let enough = Instant::now() + PART_WITHIN;
        let mut staffed: Vec<Staffed> = Vec::new();
        let fresh: Vec<Holding> = rows.into_iter().filter(|held| !place.told.contains(&held.id)).collect();
        for held in fresh {
            if !staffed.is_empty() && (people(&staffed) >= PEOPLE_FULL || Instant::now() >= enough) {
                return Ok(part(staffed, Some(place.text())));
            }
            match self.with_people(business, *list, held).await {
                Ok(row) => {
                    place.told.push(row.held.id.clone());
                    staffed.push(row);
                }
                Err(trouble) if staffed.is_empty() => return Err(trouble),
                // The next part begins where this one met it, and meets it again if it lasts.
                Err(_) => return Ok(part(staffed, Some(place.text()))),
            }
        }
        Ok(part(staffed, next.map(|page| Place { page: Some(page), told: Vec::new() }.text())))
    }

    async fn with_people(&mut self, business: &BusinessId, list: AssetList, held: Holding) -> Result<Staffed, Trouble> {
        let on = Call::PeopleOn { business: business.clone(), asset: Asset { kind: list.kind(), id: held.id.clone() } };
        let assigned = self.roll(&on).await?;
        // Only the owner's side can be given a Page token; a client's own people are the client's affair.
        let direct = match list {
            AssetList::Owned(Kind::Page) => Some(self.roll(&Call::RolesOn { page: held.id.clone() }).await?),
            AssetList::Owned(
                Kind::AdAccount | Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog,
            )
            | AssetList::Client(_)
            | AssetList::PendingOwned(_)
            | AssetList::PendingClient(_) => None,
        };
        Ok(Staffed { held, assigned, direct })
    }

    async fn roll(&mut self, call: &Call) -> Result<Roll, Trouble> {
        let mut why = String::new();
        for _ in 0..=READ_ANEW {
            let mut session = Session::new(self.graph, self.secrets, call.request());
            let walked = session.walk_or_break(call).await;
            self.take_over(session);
            match walked {
                Ok(Reply::Answer(Answer::People(people))) => return Ok(Ok(people)),
                Ok(Reply::Refused(refusal)) => return Ok(Err(refusal.info())),
                Ok(Reply::GaveUp(error)) => return Ok(Err(error)),
                Ok(Reply::Answer(_) | Reply::Unknown) => "it was answered with something else".clone_into(&mut why),
                Err(Unwalked::Broken(how)) => why = how,
                Err(Unwalked::Met(trouble)) => return Err(trouble),
            }
        }
        Ok(Err(broken(&why)))
    }

    /// What was asked for a row is evidence of the whole call.
    fn take_over(&mut self, session: Session<'_>) {
        self.answered |= session.answered;
        self.requests.extend(session.requests);
        for line in session.usage {
            self.usage.retain(|known| known.bucket != line.bucket);
            self.usage.push(line);
        }
    }
}

fn people(rows: &[Staffed]) -> usize {
    let of = |roll: &Roll| roll.as_ref().map_or(0, Vec::len);
    rows.iter().map(|row| of(&row.assigned) + row.direct.as_ref().map_or(0, of)).sum()
}

fn part(rows: Vec<Staffed>, next: Option<String>) -> Reply {
    Reply::Answer(Answer::StaffedPart { count: u32::try_from(rows.len()).unwrap_or(u32::MAX), next, rows })
}

fn broken(why: &str) -> ErrorInfo {
    ErrorInfo {
        category: Category::Exhausted,
        code: "broken_list".to_owned(),
        subcode: None,
        message: format!("the list could not be read to its end: {why}"),
        trace: None,
        remedy: "Inspect again later; what is missing here is unknown, not absent.".to_owned(),
    }
}
