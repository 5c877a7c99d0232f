"""Holds the files of deploy/ against schemas that others wrote: `manifests.py RENDERED...`, from the root of the repository.

RENDERED are the overlays as kustomize wrote them; where it could not be had there are none. Says what it looked at, and
ends with 1 and a line for everything that is wrong.
"""

import importlib
import re
import sys

import yaml
from compose_spec import PyCompose

# What Kubernetes itself does not know, by whom it does.
CUSTOM = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}
RULES = "deploy/prometheus/alerts.yaml"
OPERATORS_RULES = "deploy/kubernetes/components/monitoring/alerts.yaml"
COMPOSE = "deploy/compose.yaml"
COMPOSE_OVERLAY = "deploy/compose.sqlite.yaml"

wrong = []


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def keys(value, at=""):
    """The paths of all keys in a document; values are the models' business."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{at}.{key}"
            yield from keys(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from keys(inner, f"{at}[{index}]")


def custom_resources(path):
    """The models refuse wrong values and skip unknown keys: what they have dropped was one."""
    for document in yaml.safe_load_all(read(path)):
        module = CUSTOM.get(document["apiVersion"])
        if module is None:
            continue
        name = f"{path}: {document['kind']}/{document['metadata']['name']}"
        try:
            model = getattr(importlib.import_module(module), document["kind"]).model_validate(document)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
            continue
        kept = set(keys(model.model_dump(mode="json", by_alias=True, exclude_unset=True)))
        wrong.extend(f"{name}: no such field: {key[1:]}" for key in keys(document) if key not in kept)
        print(f"{name} is what its operator takes")


def alerts():
    ours, operators = yaml.safe_load(read(RULES)), yaml.safe_load(read(OPERATORS_RULES))
    if ours["groups"] != operators["spec"]["groups"]:
        wrong.append(f"{OPERATORS_RULES} has other groups than {RULES}: copy them")
    else:
        print(f"{OPERATORS_RULES} has the groups of {RULES}")


def compose(path):
    """As `docker compose` reads it where no variable is set."""
    text = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", read(path))
    try:
        print(f"{path} is a Compose file of {', '.join(PyCompose.from_yaml(text).service_names())}")
    except ValueError as error:
        wrong.append(f"{path}: {error}")
    return yaml.safe_load(text)


def main(rendered):
    for path in rendered:
        custom_resources(path)
    alerts()
    whole, overlay = compose(COMPOSE), compose(COMPOSE_OVERLAY)
    strangers = overlay["services"].keys() - whole["services"].keys()
    wrong.extend(f"{COMPOSE_OVERLAY}: {COMPOSE} has no service {name}" for name in strangers)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
