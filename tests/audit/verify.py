"""Verifies a report of `bindery evidence ID --json` with Python's standard library alone, as ARCHITECTURE.md says.

    verify.py REPORT [sha256:LAST_HASH_OF_THE_TERMINAL_EVENT]

Exit 0 where everything follows from everything, 1 with the first place that does not.
"""

import hashlib
import json
import sys


def sha256(*parts):
    return "sha256:" + hashlib.sha256(b"".join(parts)).hexdigest()


def follow(previous, text):
    return sha256(bytes.fromhex(previous.removeprefix("sha256:")), text)


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_chain(part):
    head = sha256(part["id"].encode())
    for n, link in enumerate(part["chain"], 1):
        head = follow(head, canonical({key: link[key] for key in ("answer", "at", "call", "trace")}))
        if (link["n"], link["hash"]) != (n, head):
            return f"entry {n} of {part['id']}"
    if (part["total"], part["head"]) != (len(part["chain"]), head):
        return f"the end of {part['id']}"
    return check_seal(part)


def check_seal(part):
    if part["phase"] is None or part["held"] == "chain":
        return None
    facts = sha256(part["id"].encode())
    for fact in part["observed"]:
        facts = follow(facts, fact.encode())
    seal = {key: part[key] for key in ("accepted_at", "finished_at", "parent", "published_by", "traceparent")}
    seal |= {"asked": sha256(part["asked"].encode()), "outcome": sha256(part["outcome"].encode()), "facts": facts}
    last = part["chain"][-1]
    right = last["call"] == "seal" and last["trace"] == sha256(canonical(seal))
    return None if right else f"the seal of {part['id']}"


def check_bindings(report):
    heads = {part["id"]: part["head"] for part in report["commands"]}
    walks = {walk["hash"]: walk for walk in report["walks"]}
    for part in report["commands"]:
        for link in part["chain"]:
            child = link["call"].removeprefix("child ")
            if child != link["call"] and heads.get(child, link["trace"]) != link["trace"]:
                return f"{child}, which entry {link['n']} of {part['id']} names"
            walk = walks.get(link["trace"]) if link["call"].startswith("walk ") else None
            if walk:
                own = {key: walk[key] for key in walk if key not in ("previous", "hash")}
                if follow(walk["previous"], canonical(own)) != walk["hash"]:
                    return f"the walk of entry {link['n']} of {part['id']}"
    return None


def check(report, head):
    for part in report["commands"]:
        if wrong := check_chain(part):
            return wrong
    if wrong := check_bindings(report):
        return wrong
    if head and report["commands"][0]["head"] != head:
        return "all of it: the event told another last hash"
    rest = {key: report[key] for key in report if key != "digest"}
    return None if sha256(canonical(rest)) == report["digest"] else "something beside the chains"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        wrong = check(json.load(file), sys.argv[2] if len(sys.argv) > 2 else None)
    print(f"altered: {wrong}" if wrong else "sound")
    sys.exit(1 if wrong else 0)
