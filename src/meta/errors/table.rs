//! The rows. Sources: Meta's error-handling, marketing-api/error-reference, pages-api/error-codes, rate-limiting
//! and reference pages (v25.0); rows marked R come from reports, named behind them.

use super::Class::{
    self, Abuse, Auth, CursorExpired, NeedsPageToken, Permanent, Permission, State, Throttle, Transient,
};
use super::Row;
use super::Scope::{App, Business};
use crate::contract::Category;

const fn row(code: Option<i64>, subcode: Option<i64>, class: Class, category: Category, remedy: &'static str) -> Row {
    Row { code, subcode, class, category, remedy }
}

/// A code, whatever its subcode.
const fn code(number: i64, class: Class, category: Category, remedy: &'static str) -> Row {
    row(Some(number), None, class, category, remedy)
}

/// A code with one subcode.
const fn pair(number: i64, finer: i64, class: Class, category: Category, remedy: &'static str) -> Row {
    row(Some(number), Some(finer), class, category, remedy)
}

/// A number that says the same in either place.
const fn anywhere(number: i64, class: Class, category: Category, remedy: &'static str) -> Row {
    row(None, Some(number), class, category, remedy)
}

const C: Category = Category::Credential;
const P: Category = Category::Permission;
const H: Category = Category::NeedsHuman;
const I: Category = Category::Invalid;
const X: Category = Category::Exhausted;
const F: Category = Category::Conflict;

const LATER: &str = "Send the command again later; if it goes on, look at developers.facebook.com/status.";
const QUOTA: &str =
    "Wait until Meta's usage headers allow calls again; if it comes back often, ask Meta for a higher tier.";
const TOKEN: &str = "Make a new token for this credential in Business settings > Users > System users > Generate new token, \
                     and put it into the secrets.";
const LOGIN: &str =
    "Let the person behind the token log in to facebook.com and settle what is asked there, then make a new token.";
const RIGHTS: &str = "Give the credential's system user admin rights on the business, and the app the permission that the message names.";
const TASKS: &str =
    "Give the credential's user full control of the Page in Business settings > Accounts > Pages > People.";
const REQUEST: &str = "Correct the command: Meta refuses its ids or values.";
const NOT_OURS: &str = "Report this to bindery's maintainers: it makes no such call.";
const LOOK: &str = "Nothing, if a read shows the wanted state; else look at the asset in Business settings.";
const TIER: &str = "Ask for the missing capability in the app dashboard > App Review > Permissions and features.";
const BLOCKED: &str = "Stop sending claims for this business, look at business.facebook.com > Account quality, and wait for Meta's release.";
const TWO_FACTOR: &str = "Let an admin of the business that owns the Page do this by hand, with two-factor authentication on: \
                          Business settings > Accounts > Pages.";
const INSTAGRAM: &str = "Disconnect the Instagram account first: Page settings > Linked accounts > Instagram > Disconnect, then send the command again.";
const LAST_ADMIN: &str =
    "Make another person admin of the business first: Business settings > Users > People > Add, role admin.";
const MANAGER: &str =
    "Give somebody full control of the Page first: Business settings > Accounts > Pages > (the Page) > Add people.";
const OWNED: &str = "Claim it with access agency, or let the business that owns the Page remove it first.";
const ADMIN_FIRST: &str =
    "Let an admin of the Page give the credential's user full control of it, or claim it with access agency.";
const NAME: &str = "Choose another name for the business.";
const STANDING: &str = "Settle the account's standing at business.facebook.com > Account quality.";

pub(super) static PASSING: Row = row(None, None, Transient, X, LATER);
pub(super) static ODD: Row = row(
    None,
    None,
    Permanent,
    Category::Internal,
    "Look the number up in Meta's error reference and report it to bindery's maintainers; check the asset by hand.",
);
pub(super) static PERMISSION_RANGE: Row = row(None, None, Permission, P, RIGHTS);
pub(super) static BUSINESS_MANAGER_RANGE: Row = row(
    None,
    None,
    Permanent,
    H,
    "Look at the asset in Business settings: Meta's business manager refuses with a number that it does not document.",
);
pub(super) static USE_CASE_RANGE: Row = row(None, None, Throttle(Business), X, QUOTA);

pub(super) static TABLE: &[Row] = &[
    code(1, Transient, X, LATER),
    pair(1, 99, Transient, X, LATER), // R airbytehq/airbyte, singer-io/tap-facebook
    pair(1, 2_853_006, Permission, P, TASKS),
    code(2, Transient, X, LATER),
    code(3, Permission, P, TIER),
    code(4, Throttle(App), X, QUOTA),
    pair(4, 1_504_022, Throttle(App), X, QUOTA),
    pair(4, 1_504_039, Throttle(App), X, QUOTA),
    code(10, Permission, P, RIGHTS),
    // R facebook-java-business-sdk#442
    pair(
        10,
        2_859_030,
        Permission,
        P,
        "Wait some hours, then send the command again once; Meta does not say what it dislikes.",
    ),
    code(17, Throttle(Business), X, QUOTA),
    pair(17, 2_446_079, Throttle(Business), X, QUOTA),
    pair(17, 1_885_172, Throttle(Business), X, QUOTA),
    code(32, Throttle(Business), X, QUOTA),
    code(33, State, P, LOOK), // R criso/fbgraph#141
    code(100, Permanent, I, REQUEST),
    // Gone, invisible or wrong verb: whether the relation is still there says which. R facebook-java-business-sdk#311
    pair(
        100,
        33,
        State,
        P,
        "Check that the id is right and that the credential's user can see the object in Business settings.",
    ),
    // R matas-offpixel/meta-campaign-builder
    pair(
        100,
        1_752_100,
        Permanent,
        I,
        "Name the person by address, or by the id that business_users lists, not by the id of a Facebook account.",
    ),
    pair(100, 1_752_129, Permanent, I, "Name a combination of tasks that Meta documents for this kind of asset."),
    pair(100, 1_504_018, Transient, X, LATER),
    pair(100, 2_388_010, State, F, LOOK), // R
    code(102, Auth, C, TOKEN),
    pair(102, 458, Auth, C, "Let the person behind the token install the app again, then make a new token."),
    pair(102, 459, Auth, C, LOGIN),
    pair(102, 460, Auth, C, TOKEN),
    pair(102, 463, Auth, C, TOKEN),
    pair(102, 464, Auth, C, LOGIN),
    pair(102, 467, Auth, C, TOKEN),
    pair(102, 492, Permission, P, TASKS),
    code(
        104,
        Auth,
        C,
        "Put the right app secret of this token's app into the secrets: App dashboard > App settings > Basic.",
    ),
    code(110, Permanent, I, REQUEST),
    code(190, Auth, C, TOKEN),
    pair(190, 458, Auth, C, "Let the person behind the token install the app again, then make a new token."),
    pair(190, 459, Auth, C, LOGIN),
    pair(190, 460, Auth, C, TOKEN),
    pair(190, 463, Auth, C, TOKEN),
    pair(190, 464, Auth, C, LOGIN),
    pair(190, 467, Auth, C, TOKEN),
    // Expected right after somebody was taken off a Page.
    pair(190, 492, Permission, P, TASKS),
    pair(190, 2_069_032, NeedsPageToken, P, TASKS),
    code(200, Permission, P, RIGHTS),
    pair(
        200,
        2_069_030,
        Permanent,
        Category::Unsupported,
        "Do this by hand: a Page of the new experience does not offer it by API.",
    ),
    pair(
        200,
        2_069_031,
        Permanent,
        Category::Unsupported,
        "Do this by hand: a Page of the new experience does not offer it by API.",
    ),
    pair(
        200,
        2_069_033,
        Permanent,
        Category::Unsupported,
        "Do this by hand: a Page of the new experience does not offer it by API.",
    ),
    pair(200, 2_655_040, Permission, P, TIER), // R facebook-python-business-sdk#710
    code(210, Permission, P, RIGHTS),
    code(230, Permission, P, RIGHTS),
    code(270, Permission, P, TIER),   // R facebook-java-business-sdk#76
    code(273, Permission, P, RIGHTS), // R facebook-php-business-sdk#329
    code(294, Permission, P, TIER),
    code(341, Throttle(App), X, QUOTA),
    code(368, Abuse, Category::Abuse, BLOCKED),
    code(370, Permanent, I, REQUEST),
    code(371, Permanent, I, REQUEST),
    code(413, Permanent, H, "Let the person behind the token confirm their password at facebook.com."),
    code(415, Permission, H, TWO_FACTOR),
    code(452, Auth, C, TOKEN),
    code(457, Auth, C, TOKEN),
    code(506, Permanent, I, NOT_OURS),
    code(613, Throttle(Business), X, QUOTA),
    pair(613, 1996, Throttle(Business), X, "Let the load grow more slowly: Meta finds it out of this app's pattern."),
    pair(613, 1_487_742, Throttle(Business), X, QUOTA),
    pair(613, 5_044_001, Throttle(Business), X, QUOTA),
    pair(613, 1_487_225, Throttle(Business), X, QUOTA),
    pair(613, 1_487_632, Throttle(Business), X, QUOTA),
    code(803, Permanent, I, REQUEST), // R mobolic/facebook-sdk#271
    code(804, State, F, LOOK),
    code(960, Transient, X, LATER), // R airbytehq/airbyte
    code(2500, Permanent, Category::Internal, NOT_OURS),
    code(2620, Permanent, I, REQUEST),
    code(2635, Permanent, Category::Internal, "Raise graph.api_version to a version that Meta still serves."),
    code(2642, CursorExpired, X, LATER), // R facebook-java-business-sdk#292
    anywhere(1_404_006, Transient, X, LATER),
    anywhere(1_404_078, Abuse, Category::Abuse, BLOCKED),
    anywhere(2_859_015, Abuse, Category::Abuse, BLOCKED),
    anywhere(1_404_163, Permanent, H, STANDING),
    anywhere(3_910_001, Transient, X, LATER),
    code(80_000, Throttle(Business), X, QUOTA),
    code(80_001, Throttle(Business), X, QUOTA),
    code(80_002, Throttle(Business), X, QUOTA),
    code(80_003, Throttle(Business), X, QUOTA),
    code(80_004, Throttle(Business), X, QUOTA),
    code(80_005, Throttle(Business), X, QUOTA),
    code(80_006, Throttle(Business), X, QUOTA),
    code(80_008, Throttle(Business), X, QUOTA),
    code(80_009, Throttle(Business), X, QUOTA),
    code(80_014, Throttle(Business), X, QUOTA),
    code(3912, Transient, X, LATER),
    code(3913, Permission, P, RIGHTS),
    code(3914, Permanent, H, LAST_ADMIN),
    code(3918, State, F, OWNED),
    code(3919, Transient, X, LATER),
    code(3936, State, F, "Nothing: the claim is made already and waits for the owner's decision."),
    code(3944, State, F, LOOK),
    code(3946, State, F, LOOK),
    code(3947, Permanent, I, NAME),
    code(3948, Permission, H, MANAGER),
    code(3949, Permanent, H, "Delete a system user that is not needed: Business settings > Users > System users."),
    code(
        3965,
        Permanent,
        H,
        "Delete an admin system user that is not needed: Business settings > Users > System users.",
    ),
    code(3962, Permanent, I, REQUEST),
    code(3973, Permanent, I, NAME),
    code(3974, Permanent, I, NAME),
    code(3977, Permission, P, ADMIN_FIRST),
    code(3979, Permanent, H, "Ask Meta's support to raise the number of ad accounts of this business."),
    code(3980, Permanent, H, STANDING),
    code(3982, Permission, P, ADMIN_FIRST),
    code(3989, State, F, LOOK),
    code(3994, Permanent, H, "Use the ad account once, or let it be: one without history cannot be moved."),
    code(3996, State, F, LOOK),
    code(3998, Permission, P, "Make the credential's user admin of the business's primary Page."),
    code(42_000, Permanent, H, INSTAGRAM),
    code(42_001, Permanent, H, INSTAGRAM),
    code(42_004, Permanent, H, "Make the client business by hand in Business settings."),
    code(104_001, Permanent, H, "Let the business claim an app first: Business settings > Accounts > Apps > Add."),
    anywhere(
        2_310_019,
        Permanent,
        H,
        "Let the business accept the terms of Collaborative Ads first, in Commerce Manager.",
    ),
    anywhere(1_690_024, State, F, OWNED),
    anywhere(1_690_062, Permanent, I, NAME),
    anywhere(1_690_090, Permanent, I, NAME),
    anywhere(1_690_091, Permanent, I, NAME),
    anywhere(1_690_111, Permanent, H, STANDING),
    anywhere(1_690_138, Permission, P, "Make the credential's user admin of the business's primary Page."),
    anywhere(1_690_165, State, F, LOOK),
    anywhere(
        1_690_192,
        Permission,
        P,
        "Add the app to the business, or share it: Business settings > Accounts > Apps.",
    ),
    anywhere(1_690_232, Permanent, H, "Choose a primary Page for the business: Business settings > Business info."),
    anywhere(1_752_089, Permanent, H, "Take the person out of the other business first."),
    anywhere(
        2_859_040,
        Permission,
        P,
        "Wait some hours, then send the command again once; Meta does not say what it dislikes.",
    ),
    code(133_016, Throttle(Business), X, "Wait 72 hours before this number is registered again."),
    code(136_024, State, F, LOOK),
    anywhere(
        2_446_880,
        State,
        F,
        "Connect the WhatsApp number with its Page again: Page settings > Linked accounts > WhatsApp.",
    ),
];
