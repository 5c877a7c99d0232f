//! Worlds as tests write them down.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::parts::long_ago;
use super::{
    Access, Business, BusinessRole, DirectRole, Group, Holder, Id, Page, Person, Reaction, Request, Share, SystemUser,
    Token, Verdict, World, set_of,
};

impl World {
    /// An empty world; ids made in it come from `seed`.
    ///
    /// ```
    /// use bindery::graph_sim::World;
    ///
    /// let world = World::new(7)
    ///     .business("2001", |b| b.named("Northwind").token("sim-token").person("3001", "Anna", "anna@northwind.example"))
    ///     .page("1001", |p| p.owned_by("2001").assign("2001", "3001", &["MANAGE", "ADVERTISE"]));
    /// assert!(world.is_owned("1001", "2001"));
    /// ```
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Adds the business `id`. It has the admin system user `9<id>` from the start.
    #[must_use]
    pub fn business(mut self, id: &str, build: impl FnOnce(BusinessBuilder) -> BusinessBuilder) -> Self {
        let built = build(BusinessBuilder::new(id));
        self.tokens.extend(built.tokens);
        self.businesses.insert(id.to_owned(), built.business);
        self
    }

    /// Adds the Page `id`; without more it has neither owner nor people.
    #[must_use]
    pub fn page(mut self, id: &str, build: impl FnOnce(PageBuilder) -> PageBuilder) -> Self {
        let page = Page { name: format!("Page {id}"), ..Page::default() };
        self.pages.insert(id.to_owned(), Arc::new(build(PageBuilder { page }).page));
        self
    }

    /// Adds an open request `id` of `business` for `page`.
    #[must_use]
    pub fn pending(mut self, id: &str, access: Access, business: &str, page: &str, tasks: &[&str]) -> Self {
        let (business, page) = (business.to_owned(), page.to_owned());
        self.requests
            .insert(id.to_owned(), Request { access, business, page, tasks: set_of(tasks), since: long_ago() });
        self
    }

    /// Adds the access token `text`.
    #[must_use]
    pub fn token(mut self, text: &str, token: Token) -> Self {
        self.tokens.insert(text.to_owned(), token);
        self
    }

    /// Adds the access token `text` that acts for any business.
    #[must_use]
    pub fn token_for_all(self, text: &str) -> Self {
        self.token(text, Token::of(Holder::Anyone))
    }
}

/// A business in the making.
#[derive(Debug)]
pub struct BusinessBuilder {
    id: Id,
    business: Business,
    tokens: Vec<(String, Token)>,
}

impl BusinessBuilder {
    fn new(id: &str) -> Self {
        let mut business = Business { name: format!("Business {id}"), ..Business::default() };
        let worker = SystemUser { name: "bindery".to_owned(), role: BusinessRole::Admin };
        business.system_users.insert(format!("9{id}"), worker);
        Self { id: id.to_owned(), business, tokens: Vec::new() }
    }

    /// Names it.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.business.name);
        self
    }

    /// Gives its admin system user `9<id>` the access token `text`.
    #[must_use]
    pub fn token(mut self, text: &str) -> Self {
        let holder = Holder::SystemUser { business: self.id.clone(), user: format!("9{}", self.id) };
        self.tokens.push((text.to_owned(), Token::of(holder)));
        self
    }

    /// As [`Self::token`], with an app secret: each call then needs its proof.
    #[must_use]
    pub fn token_with_secret(mut self, text: &str, app_secret: &str) -> Self {
        let holder = Holder::SystemUser { business: self.id.clone(), user: format!("9{}", self.id) };
        self.tokens.push((text.to_owned(), Token { app_secret: Some(app_secret.to_owned()), ..Token::of(holder) }));
        self
    }

    /// Adds an employee; the personal account behind is `8<id>`.
    #[must_use]
    pub fn person(self, id: &str, name: &str, email: &str) -> Self {
        self.member(id, name, email, BusinessRole::Employee)
    }

    /// Adds an admin; the personal account behind is `8<id>`.
    #[must_use]
    pub fn admin(self, id: &str, name: &str, email: &str) -> Self {
        self.member(id, name, email, BusinessRole::Admin)
    }

    /// Adds an asset group with `pages`, and users with their tasks on them.
    #[must_use]
    pub fn group(mut self, id: &str, pages: &[&str], users: &[(&str, &[&str])]) -> Self {
        let users = users.iter().map(|(user, tasks)| ((*user).to_owned(), set_of(tasks))).collect();
        let pages: BTreeSet<Id> = pages.iter().map(|page| (*page).to_owned()).collect();
        self.business
            .groups
            .insert(id.to_owned(), Group { name: format!("Group {id}"), pages, users, ..Group::default() });
        self
    }

    /// Puts a Page into the group `id`.
    #[must_use]
    pub fn page_in_group(mut self, id: &str, page: &str) -> Self {
        self.business.groups.entry(id.to_owned()).or_default().pages.insert(page.to_owned());
        self
    }

    /// Gives `user` these tasks on the Pages in the group `id`.
    #[must_use]
    pub fn on_pages_in_group(mut self, id: &str, user: &str, tasks: &[&str]) -> Self {
        self.business.groups.entry(id.to_owned()).or_default().users.insert(user.to_owned(), set_of(tasks));
        self
    }

    /// Puts an ad account (`act_` and digits) into the group `id`.
    #[must_use]
    pub fn ad_account_in_group(mut self, id: &str, ad_account: &str) -> Self {
        self.business.groups.entry(id.to_owned()).or_default().ad_accounts.insert(ad_account.to_owned());
        self
    }

    /// Puts a pixel into the group `id`.
    #[must_use]
    pub fn pixel_in_group(mut self, id: &str, pixel: &str) -> Self {
        self.business.groups.entry(id.to_owned()).or_default().pixels.insert(pixel.to_owned());
        self
    }

    /// Gives `user` these tasks on the ad accounts in the group `id`.
    #[must_use]
    pub fn on_ad_accounts_in_group(mut self, id: &str, user: &str, tasks: &[&str]) -> Self {
        let group = self.business.groups.entry(id.to_owned()).or_default();
        group.ad_account_users.insert(user.to_owned(), set_of(tasks));
        self
    }

    /// Gives `user` these tasks on the pixels in the group `id`.
    #[must_use]
    pub fn on_pixels_in_group(mut self, id: &str, user: &str, tasks: &[&str]) -> Self {
        let group = self.business.groups.entry(id.to_owned()).or_default();
        group.pixel_users.insert(user.to_owned(), set_of(tasks));
        self
    }

    fn member(mut self, id: &str, name: &str, email: &str, role: BusinessRole) -> Self {
        let person = Person { name: name.to_owned(), email: email.to_owned(), role, account: Some(format!("8{id}")) };
        self.business.users.insert(id.to_owned(), person);
        self
    }
}

/// A Page in the making.
#[derive(Debug)]
pub struct PageBuilder {
    page: Page,
}

impl PageBuilder {
    /// Names it.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.page.name);
        self
    }

    /// Owned by `business`.
    #[must_use]
    pub fn owned_by(mut self, business: &str) -> Self {
        self.page.owner = Some(business.to_owned());
        self
    }

    /// Shared with the agency `business` with `tasks`.
    #[must_use]
    pub fn shared_with(mut self, business: &str, tasks: &[&str]) -> Self {
        self.page.agencies.insert(business.to_owned(), Share { tasks: set_of(tasks), since: long_ago() });
        self
    }

    /// `business` has given its `user` these `tasks`.
    #[must_use]
    pub fn assign(mut self, business: &str, user: &str, tasks: &[&str]) -> Self {
        self.page.assigned.entry(business.to_owned()).or_default().insert(user.to_owned(), set_of(tasks));
        self
    }

    /// `id` (a personal account or a system user) has full control on the Page itself, since long ago.
    #[must_use]
    pub fn direct_admin(self, id: &str) -> Self {
        self.direct_admin_since(id, long_ago())
    }

    /// As [`Self::direct_admin`], since `since`.
    #[must_use]
    pub fn direct_admin_since(mut self, id: &str, since: Timestamp) -> Self {
        let tasks = set_of(&["ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MANAGE", "MODERATE"]);
        self.page.roles.insert(id.to_owned(), DirectRole { name: format!("Admin {id}"), tasks, since });
        self
    }

    /// Linked to an Instagram account (42001).
    #[must_use]
    pub fn instagram(mut self) -> Self {
        self.page.instagram = true;
        self
    }

    /// Guarded by two-factor authentication (415).
    #[must_use]
    pub fn two_factor(mut self) -> Self {
        self.page.two_factor = true;
        self
    }

    /// Its edges take nothing but a Page token (190/2069032).
    #[must_use]
    pub fn needs_page_token(mut self) -> Self {
        self.page.page_token_required = true;
        self
    }

    /// Its roles edge refuses (200/2069030).
    #[must_use]
    pub fn refuses_roles(mut self) -> Self {
        self.page.refuses_roles = true;
        self
    }

    /// Its owner's side approves each claim after `seconds`, with the tasks asked for.
    #[must_use]
    pub fn approves_after(mut self, seconds: u64) -> Self {
        self.page.reaction = Some(Reaction { verdict: Verdict::Approve, after_seconds: seconds, tasks: None });
        self
    }

    /// Its owner's side denies each claim after `seconds`.
    #[must_use]
    pub fn denies_after(mut self, seconds: u64) -> Self {
        self.page.reaction = Some(Reaction { verdict: Verdict::Deny, after_seconds: seconds, tasks: None });
        self
    }
}
