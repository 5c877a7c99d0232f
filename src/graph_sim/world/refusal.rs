//! Meta's refusals as data: what an error body says and under which HTTP status it comes.

use serde_json::{Value, json};

/// One refused call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) subcode: Option<i64>,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) transient: Option<bool>,
    /// Title and text for a person, as Meta sends them in the locale of the request.
    pub(crate) user: Option<(&'static str, String)>,
}

impl Refusal {
    /// A refusal with `code`; HTTP 400, which nearly all of Meta's have.
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status: 400, code, subcode: None, kind: "OAuthException", message, transient: None, user: None }
    }

    pub(crate) fn subcode(self, subcode: i64) -> Self {
        Self { subcode: Some(subcode), ..self }
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Says of itself that it will not pass.
    fn lasting(self) -> Self {
        Self { transient: Some(false), ..self }
    }

    fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    fn told(self, title: &'static str, text: impl Into<String>) -> Self {
        Self { user: Some((title, text.into())), ..self }
    }

    /// The body as Meta shapes it.
    pub(crate) fn body(&self, trace: &str) -> Value {
        let mut error = json!({ "message": self.message, "type": self.kind, "code": self.code });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if let Some(transient) = self.transient {
            error["is_transient"] = json!(transient);
        }
        if let Some((title, text)) = &self.user {
            error["error_user_title"] = json!(title);
            error["error_user_msg"] = json!(text);
        }
        error["fbtrace_id"] = json!(trace);
        json!({ "error": error })
    }
}

// What each rule of the world answers. Codes are those of Meta's reference pages and error guide; where Meta names none the comment says so.

pub(crate) fn no_token() -> Refusal {
    Refusal::new(104, "An access token is required to request this resource.")
}

pub(crate) fn unknown_token() -> Refusal {
    Refusal::new(190, "Invalid OAuth access token - Cannot parse access token")
}

pub(crate) fn dead_token(subcode: i64) -> Refusal {
    let dead = Refusal::new(190, "Error validating access token: the session is no longer valid.");
    if subcode == 0 { dead } else { dead.subcode(subcode) }
}

pub(crate) fn proof_missing() -> Refusal {
    Refusal::new(100, "API calls from the server require an appsecret_proof argument").kind("GraphMethodException")
}

pub(crate) fn proof_wrong() -> Refusal {
    Refusal::new(100, "Invalid appsecret_proof provided in the API argument").kind("GraphMethodException")
}

pub(crate) fn missing_object(verb: &str, id: &str) -> Refusal {
    let text = format!(
        "Unsupported {verb} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation."
    );
    Refusal::new(100, text).subcode(33).kind("GraphMethodException")
}

pub(crate) fn unknown_path(path: &str) -> Refusal {
    Refusal::new(2500, format!("Unknown path components: /{path}"))
}

pub(crate) fn unknown_field(field: &str, node: &str) -> Refusal {
    Refusal::new(100, format!("(#100) Tried accessing nonexisting field ({field}) on node type ({node})"))
}

pub(crate) fn parameter_required(name: &str) -> Refusal {
    Refusal::new(100, format!("(#100) The parameter {name} is required"))
}

pub(crate) fn bad_parameter(name: &str, why: &str) -> Refusal {
    Refusal::new(100, format!("(#100) Param {name} {why}"))
}

pub(crate) fn scope_missing(scope: &str) -> Refusal {
    Refusal::new(200, format!("(#200) Requires {scope} permission to manage the object")).status(403)
}

pub(crate) fn not_business_admin(business: &str) -> Refusal {
    let text = format!("(#10) This requires that you can MANAGE_PERMISSIONS for the business account {business}");
    Refusal::new(10, text).status(403)
}

pub(crate) fn not_allowed(what: &str) -> Refusal {
    Refusal::new(200, format!("(#200) Permissions error: {what}")).status(403)
}

pub(crate) fn page_token_required() -> Refusal {
    Refusal::new(190, "A Page access token is required for this call.").subcode(2_069_032)
}

pub(crate) fn page_role_lost() -> Refusal {
    Refusal::new(190, "The user behind this Page access token has no suitable role on the Page.").subcode(492)
}

pub(crate) fn not_page_admin() -> Refusal {
    Refusal::new(3977, "(#3977) To claim a Page you must already be an admin of it.")
}

pub(crate) fn owned_by_another() -> Refusal {
    Refusal::new(3918, "(#3918) The Page already belongs to a business.").subcode(1_690_024).lasting().told(
        "Page Already Belongs to a Business",
        "Another business owns this Page. You can still ask for access to it.",
    )
}

pub(crate) fn already_has_access() -> Refusal {
    Refusal::new(3944, "(#3944) Your business already has access to this object.")
}

pub(crate) fn already_belongs() -> Refusal {
    Refusal::new(3946, "(#3946) The asset already belongs to this business.")
}

pub(crate) fn already_shared() -> Refusal {
    Refusal::new(3989, "(#3989) This asset is already assigned to the agency.")
}

/// Meta names no code for an agency claim of a Page that no business owns; 100 is our choice.
pub(crate) fn page_without_business() -> Refusal {
    Refusal::new(100, "(#100) The Page must belong to a business before access to it can be requested.")
}

pub(crate) fn not_in_business() -> Refusal {
    Refusal::new(3996, "(#3996) The Page does not belong to this business.")
}

pub(crate) fn instagram_linked() -> Refusal {
    Refusal::new(42_001, "(#42001) The Page is linked to an Instagram business profile.")
        .told("Linked to Instagram", "Change the link in the Instagram app first.")
}

pub(crate) fn two_factor_required() -> Refusal {
    Refusal::new(415, "(#415) Two-factor authentication is required to perform this action.")
}

pub(crate) fn manager_first() -> Refusal {
    Refusal::new(3948, "(#3948) Assign someone as a manager of this Page before removing it from the business.")
}

pub(crate) fn not_business_scoped() -> Refusal {
    Refusal::new(100, "(#100) User is not business-scoped").subcode(1_752_100).lasting()
}

/// Meta documents that this is an error, not which; 100 is our choice.
pub(crate) fn held_by_group(group: &str) -> Refusal {
    let text =
        format!("(#100) The permission comes with business asset group {group} and cannot be reduced on the asset.");
    Refusal::new(100, text).lasting()
}

pub(crate) fn last_admin() -> Refusal {
    Refusal::new(3914, "(#3914) This would remove the last admin of the business.")
}

pub(crate) fn bad_cursor() -> Refusal {
    Refusal::new(2642, "(#2642) Invalid cursors values")
}

pub(crate) fn too_much_data() -> Refusal {
    Refusal::new(1, "Please reduce the amount of data you're asking for, then retry your request").status(500)
}

pub(crate) fn version_too_old(version: &str) -> Refusal {
    Refusal::new(2635, format!("(#2635) You are calling a deprecated version of the Ads API ({version})."))
}

pub(crate) fn roles_refused() -> Refusal {
    Refusal::new(200, "(#200) This endpoint is not supported in the New Pages Experience.").subcode(2_069_030)
}

pub(crate) fn already_claimed() -> Refusal {
    Refusal::new(3936, "(#3936) You have already tried to claim this ad account.")
}

/// Meta names no code for an ad account that another business owns; 100 is our choice.
pub(crate) fn ad_account_owned() -> Refusal {
    Refusal::new(100, "(#100) The ad account belongs to another business.")
}

pub(crate) fn no_capability() -> Refusal {
    Refusal::new(3, "(#3) Application does not have the capability to make this API call.")
}

pub(crate) fn task_set() -> Refusal {
    Refusal::new(100, "(#100) The combination of tasks is not supported.").subcode(1_752_129)
}
