"""Drives the Graph simulator with Meta's official Python SDK.

    python drive.py http://127.0.0.1:9480

Expects the demo world, fresh (it resets the simulator first). Prints a line for each step, exits with 1 at the first one that is off.
"""

import json
import sys
import urllib.request
import warnings

from facebook_business.adobjects.business import Business
from facebook_business.adobjects.businessassetgroup import BusinessAssetGroup
from facebook_business.adobjects.businessuser import BusinessUser
from facebook_business.adobjects.page import Page
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

# The SDK warns of fields that exist on an edge only (permitted_tasks); it asks for them all the same.
warnings.filterwarnings("ignore", message=".*does not allow field.*")

AGENCY = "2001"
ANNA, BEN = "3001", "3002"


class Off(Exception):
    """A step came out otherwise than it should."""


def expect(what, seen, wanted):
    if seen != wanted:
        raise Off(f"{what}: saw {seen!r}, wanted {wanted!r}")
    print(f"ok  {what}: {seen}")


def expect_error(what, call, code, subcode=None):
    try:
        call()
    except FacebookRequestError as refused:
        expect(what, (refused.api_error_code(), refused.api_error_subcode()), (code, subcode))
        return refused
    raise Off(f"{what}: no error, wanted {code}/{subcode}")


def control(base, path, order):
    request = urllib.request.Request(f"{base}/_sim/{path}", json.dumps(order).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["ok"]


def ids(nodes):
    return sorted(node["id"] for node in nodes)


def api_of(base, token, app_secret=None):
    session = FacebookSession(access_token=token, app_secret=app_secret, timeout=10)
    session.GRAPH = base
    return FacebookAdsApi(session)


def claim_as_owner(api):
    business = Business(AGENCY, api=api)
    claimed = business.create_owned_page(params={"page_id": "1015"})
    expect("owner claim, admin for long", claimed["access_status"], "CONFIRMED")
    held = business.get_owned_pages(fields=["id"], params={"limit": 100})
    expect("owned pages", ids(held), [str(page) for page in range(1001, 1009)] + ["1015"])
    for what, page, code, subcode in [
        ("owner claim, not an admin", "1016", 3977, None),
        ("owner claim, owned by another business", "1009", 3918, 1690024),
        ("owner claim, already ours", "1001", 3944, None),
        ("owner claim, no such page", "999", 100, 33),
    ]:
        expect_error(what, lambda: business.create_owned_page(params={"page_id": page}), code, subcode)


def claim_as_agency(base, api):
    # The Python SDK has no method for POST client_pages: the edge is called by its name.
    asked = api.call("POST", (AGENCY, "client_pages"), {"page_id": "1009", "permitted_tasks": ["ADVERTISE", "ANALYZE"]})
    expect("agency claim", asked.json(), {"access_status": "PENDING"})
    business = Business(AGENCY, api=api)
    open_requests = {node["page"]["id"]: node for node in business.get_pending_client_pages(fields=["id", "page"])}
    expect("pending client pages", sorted(open_requests), ["1009", "1014"])
    expect("the request's id is not the page's", open_requests["1009"]["id"] != "1009", True)
    control(base, "approve", {"business": AGENCY, "page": "1009", "tasks": ["ANALYZE"]})
    held = [page for page in business.get_client_pages(fields=["id", "permitted_tasks"]) if page["id"] == "1009"]
    expect("approved with fewer tasks", [page["permitted_tasks"] for page in held], [["ANALYZE"]])
    expect("pending after approval", [n["page"]["id"] for n in business.get_pending_client_pages(fields=["page"])], ["1014"])


def list_by_pages(api):
    walked = Business(AGENCY, api=api).get_owned_pages(fields=["id", "name"], params={"limit": 2})
    expect("owned pages, two by two", len(ids(walked)), 9)
    expect("summary", walked.total(), 9)
    expect("bare fields", sorted(walked_page_keys(api)), ["id", "name"])


def walked_page_keys(api):
    return Page("1001", api=api).api_get(fields=["id", "name"]).export_all_data()


def staff(api):
    page = Page("1003", api=api)

    def tasks():
        rows = page.get_assigned_users(fields=["id", "name"], params={"business": AGENCY})
        return {row["id"]: sorted(row.export_all_data().get("tasks", [])) for row in rows}

    expect("tasks come only when asked for", tasks(), {ANNA: [], BEN: []})
    # The SDK has no method to assign either.
    granted = api.call("POST", ("1003", "assigned_users"), {"user": BEN, "tasks": ["MANAGE", "ADVERTISE"], "business": AGENCY})
    expect("assign", granted.json(), {"success": True})
    rows = api.call("GET", ("1003", "assigned_users"), {"business": AGENCY, "fields": "id,tasks"}).json()["data"]
    expect("tasks are replaced", {row["id"]: row["tasks"] for row in rows}[BEN], ["ADVERTISE", "MANAGE"])
    page.delete_assigned_users(params={"user": ANNA})
    expect("unassign", sorted(tasks()), [BEN])
    expect_error("unassign twice", lambda: page.delete_assigned_users(params={"user": ANNA}), 100, 33)
    expect_error("assigned users without business", lambda: page.get_assigned_users(), 100)
    wrong = {"user": "83001", "tasks": ["ANALYZE"], "business": AGENCY}
    expect_error("a personal account is no business user", lambda: api.call("POST", ("1003", "assigned_users"), wrong), 100, 1752100)


def asset_group(api):
    page, anna = Page("1005", api=api), BusinessUser(ANNA, api=api)
    expect_error("unassign within a group", lambda: page.delete_assigned_users(params={"user": ANNA}), 100)
    groups = anna.get_assigned_business_asset_groups(fields=["id"], params={"contained_asset_id": "1005"})
    expect("groups in the way", ids(groups), ["5001"])
    BusinessAssetGroup("5001", api=api).delete_assigned_users(params={"user": ANNA})
    page.delete_assigned_users(params={"user": ANNA})
    expect("pages left to the leaver", ids(anna.get_assigned_pages(fields=["id"])), ["1001", "1002", "1004"])


def remove(api):
    business = Business(AGENCY, api=api)
    business.delete_pages(params={"page_id": "1009"})
    expect("client pages after removal", ids(business.get_client_pages(fields=["id"])), ["1013"])
    refused = expect_error("removed twice", lambda: business.delete_pages(params={"page_id": "1009"}), 3996)
    expect("the refusal is told apart by type and trace", (refused.api_error_type(), "fbtrace_id" in refused.body()["error"]), ("OAuthException", True))
    expect_error("linked to Instagram", lambda: business.delete_pages(params={"page_id": "1006"}), 42001)
    expect_error("last admin stays", lambda: BusinessUser("3003", api=api).api_delete(), 3914)
    BusinessUser(ANNA, api=api).api_delete()
    expect("people after the leaver", ids(business.get_business_users(fields=["id", "email"])), [BEN, "3003"])


def batch(api):
    seen = []
    answers = dict(success=lambda r: seen.append(("ok", r.json())), failure=lambda r: seen.append(("refused", r.error().api_error_code())))
    calls = api.new_batch()
    for page in ["1010", "1001"]:
        calls.add("POST", (AGENCY, "client_pages"), {"page_id": page, "permitted_tasks": ["ADVERTISE"]}, **answers)
    calls.add("DELETE", (AGENCY, "pages"), {"page_id": "1010"}, **answers)
    calls.add("GET", (AGENCY,), {"fields": "name"}, **answers)
    expect("batch leaves nothing over", calls.execute(), None)
    expect("batch", [one for one in seen], [
        ("ok", {"access_status": "PENDING"}),
        ("refused", 3946),
        ("ok", {"success": True}),
        ("ok", {"id": AGENCY, "name": "Northwind Agency"}),
    ])


def trouble(base, api):
    business = Business(AGENCY, api=api)
    control(base, "token", {"token": "sim-token-2001", "dead": 460})
    expect_error("token of a changed password", lambda: business.api_get(fields=["name"]), 190, 460)
    control(base, "token", {"token": "sim-token-2001", "dead": None})
    control(base, "throttle", {"business": AGENCY, "code": 80001, "minutes": 5, "times": 1})
    refused = expect_error("throttled", lambda: business.api_get(fields=["name"]), 80001)
    usage = json.loads(refused.http_headers()["X-Business-Use-Case-Usage"])[AGENCY][0]
    expect("minutes to regain access, one more for calling", usage["estimated_time_to_regain_access"], 6)
    expect("no longer throttled", business.api_get(fields=["name"])["name"], "Northwind Agency")
    control(base, "break", {"match": {"method": "DELETE"}, "how": "success_false"})
    expect_error("success false with status 200", lambda: business.delete_pages(params={"page_id": "1014"}), None)


def proof(base):
    holder = {"kind": "system_user", "business": AGENCY, "user": "92001"}
    control(base, "world", {"tokens": {"signed": {"holder": holder, "app_secret": "sim-app-secret"}}})
    signed = Business(AGENCY, api=api_of(base, "signed", "sim-app-secret"))
    expect("appsecret_proof accepted", signed.api_get(fields=["name"])["name"], "Northwind Agency")
    expect("it is asked for on each page", len(ids(signed.get_owned_pages(fields=["id"], params={"limit": 2}))), 9)
    for what, secret in [("no proof", None), ("wrong proof", "another-secret")]:
        expect_error(what, lambda: Business(AGENCY, api=api_of(base, "signed", secret)).api_get(fields=["name"]), 100)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/")
    control(base, "reset", {})
    api = api_of(base, "sim-token-2001")
    FacebookAdsApi.set_default_api(api)
    claim_as_owner(api)
    claim_as_agency(base, api)
    list_by_pages(api)
    staff(api)
    asset_group(api)
    remove(api)
    batch(api)
    trouble(base, api)
    proof(base)
    print("all steps as they should be")


if __name__ == "__main__":
    try:
        main()
    except (Off, FacebookRequestError) as off:
        print(f"OFF {off}")
        sys.exit(1)
