//! What the nodes are called and which fields they have: those of Meta's published specification (v25.0),
//! and those that exist on an edge only (`tasks`, `permitted_tasks`, `access_status` ...).

/// A kind of node as `fields=` knows it.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) node: &'static str,
    /// Given when no fields are asked for.
    pub(crate) usual: &'static [&'static str],
    fields: &'static [&'static str],
}

impl Schema {
    pub(crate) fn knows(&self, field: &str) -> bool {
        self.fields.contains(&field)
    }
}

#[rustfmt::skip]
pub(crate) static BUSINESS: Schema = Schema {
    node: "Business",
    usual: &["id", "name"],
    fields: &[
        "block_offline_analytics", "created_by", "created_time", "extended_updated_time", "id", "is_hidden", "link", "name",
        "payment_account_id", "primary_page", "profile_picture_uri", "timezone_id", "two_factor_type", "updated_by", "updated_time",
        "user_access_expire_time", "verification_status", "vertical", "vertical_id",
        "access_status", "permitted_tasks", "access_requested_time", "access_updated_time",
    ],
};

/// A business in a list of partners: what the reference of such an edge (that of ad accounts) gives unasked.
#[rustfmt::skip]
pub(crate) static PARTNER: Schema = Schema {
    node: "Business",
    usual: &["id", "name", "access_status", "permitted_tasks", "access_requested_time", "access_updated_time"],
    fields: BUSINESS.fields,
};

#[rustfmt::skip]
pub(crate) static PAGE: Schema = Schema {
    node: "Page",
    usual: &["id", "name"],
    fields: &[
        "access_token", "app_id", "business", "category", "connected_instagram_account", "connected_page_backed_instagram_account",
        "has_added_app", "has_transitioned_to_new_page_experience", "has_whatsapp_business_number", "has_whatsapp_number", "id",
        "instagram_business_account", "is_owned", "is_published", "is_unclaimed", "is_verified", "is_webhooks_subscribed", "link",
        "name", "owner_business", "page_token", "parent_page", "promotion_eligible", "promotion_ineligible_reason",
        "temporary_status", "user_access_expire_time", "username", "verification_status", "whatsapp_number",
        "permitted_tasks", "tasks",
    ],
};

/// Of the many fields of the kinds beside Pages the simulator knows those that say who has what.
pub(crate) static AD_ACCOUNT: Schema = plain("AdAccount");
pub(crate) static PIXEL: Schema = plain("AdsPixel");
pub(crate) static WHATSAPP: Schema = plain("WhatsAppBusinessAccount");
pub(crate) static CATALOG: Schema = Schema { node: "ProductCatalog", usual: &["id"], fields: &["id", "tasks"] };

pub(crate) static INSTAGRAM: Schema =
    Schema { node: "InstagramBusinessAsset", usual: &["id"], fields: &["id", "ig_user_id", "tasks"] };

pub(crate) static NUMBER: Schema = Schema {
    node: "WhatsAppBusinessPhoneNumber",
    usual: &["id"],
    fields: &["id", "is_on_biz_app", "platform_type", "status"],
};

pub(crate) static APP: Schema = Schema {
    node: "WhatsAppApplication",
    usual: &["whatsapp_business_api_data"],
    fields: &["whatsapp_business_api_data"],
};

const fn plain(node: &'static str) -> Schema {
    Schema { node, usual: &["id"], fields: &["id", "permitted_tasks", "tasks"] }
}

#[rustfmt::skip]
pub(crate) static BUSINESS_USER: Schema = Schema {
    node: "BusinessUser",
    usual: &["id", "name", "business", "role"],
    fields: &[
        "business", "business_role_request", "email", "finance_permission", "first_name", "id", "ip_permission", "last_name",
        "marked_for_removal", "name", "pending_email", "role", "tasks", "title", "two_fac_status",
    ],
};

pub(crate) static SYSTEM_USER: Schema = Schema {
    node: "SystemUser",
    usual: &["id", "name", "role"],
    fields: &["created_by", "created_time", "finance_permission", "id", "ip_permission", "name", "role", "business"],
};

pub(crate) static ASSIGNED_USER: Schema = Schema {
    node: "AssignedUser",
    usual: &["id", "name", "tasks"],
    fields: &["business", "id", "name", "user_type", "tasks", "permitted_tasks"],
};

pub(crate) static PAGE_REQUEST: Schema =
    Schema { node: "BusinessPageRequest", usual: &["id", "page"], fields: &["id", "page", "permitted_tasks"] };

pub(crate) static AD_ACCOUNT_REQUEST: Schema = Schema {
    node: "BusinessAdAccountRequest",
    usual: &["id", "ad_account"],
    fields: &["id", "ad_account", "permitted_tasks"],
};

#[rustfmt::skip]
pub(crate) static ROLE_REQUEST: Schema = Schema {
    node: "BusinessRoleRequest",
    usual: &["id", "email", "role", "status"],
    fields: &[
        "created_by", "created_time", "email", "expiration_time", "expiry_time", "finance_role", "id", "invite_link",
        "invited_user_type", "ip_role", "owner", "role", "status", "tasks", "updated_by", "updated_time",
    ],
};

pub(crate) static GROUP: Schema =
    Schema { node: "BusinessAssetGroup", usual: &["id", "name"], fields: &["id", "name", "owner_business"] };

pub(crate) static ROLE: Schema = Schema {
    node: "User",
    usual: &["id", "name", "tasks", "is_active"],
    fields: &["id", "name", "tasks", "role", "is_active"],
};

pub(crate) static USER: Schema = Schema {
    node: "User",
    usual: &["id", "name"],
    fields: &["business_users", "businesses", "email", "first_name", "id", "last_name", "name", "short_name"],
};

pub(crate) static NOTHING: Schema =
    Schema { node: "Object", usual: &["id"], fields: &["id", "name", "tasks", "permitted_tasks"] };
