"""Holds the published contract against tools that others wrote.

    python contract.py files FOLDER                        the schemas, the AsyncAPI examples, the OpenAPI document
    python contract.py queue FOLDER AMQP_URL EVENTS DEAD   reads two queues empty, as a consumer with the CloudEvents SDK would

Prints a line for each thing that is as it should be, exits with 1 at the first that is not.
"""

import json
import sys
from pathlib import Path

import pika
from cloudevents.core.bindings.rabbitmq import RabbitMQMessage, from_rabbitmq
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


class Off(Exception):
    """Something came out otherwise than it should."""


def read(folder, name):
    return json.loads((Path(folder) / name).read_text(encoding="utf-8"))


def validator(schema):
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def expect_valid(what, against, value):
    for error in against.iter_errors(value):
        raise Off(f"{what}: {error.message} at {error.json_path}")
    print(f"ok  {what}")


def files(folder):
    command = validator(read(folder, "command.schema.json"))
    event = validator(read(folder, "event.schema.json"))
    validator(read(folder, "event-data.schema.json"))
    print("ok  three schemas of JSON Schema 2020-12")
    messages = read(folder, "asyncapi.json")["components"]["messages"]
    for name, message in messages.items():
        for example in message["examples"]:
            expect_valid(f"headers of {name}: {example['summary']}", validator(message["headers"]), example["headers"])
            if name == "dead":
                refused = json.loads(example["payload"])
                if command.is_valid(refused):
                    raise Off(f"the dead letter is a command: {refused}")
            else:
                expect_valid(f"{name}: {example['summary']}", event if name == "event" else command, example["payload"])
    for error in OpenAPIV31SpecValidator(read(folder, "graph-sim.openapi.json")).iter_errors():
        raise Off(f"OpenAPI: {error.message} at {error.json_path}")
    print("ok  an OpenAPI 3.1 document")


def drained(channel, queue):
    while True:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return
        yield method, properties, body


def amqp(properties):
    """The AMQP properties that a message has, by their names."""
    return {name: value for name, value in vars(properties).items() if value is not None and name != "headers"}


def queue(folder, url, events, dead):
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    messages = read(folder, "asyncapi.json")["components"]["messages"]
    phases = [one_event(folder, messages["event"], *message) for message in drained(channel, events)]
    letters = [one_dead_letter(messages["dead"], *message) for message in drained(channel, dead)]
    print("events: " + " ".join(phases))
    print("dead letters: " + " ".join(letters))


def one_event(folder, message, method, properties, body):
    headers = properties.headers or {}
    event = from_rabbitmq(RabbitMQMessage(headers, properties.content_type, body), JSONFormat())
    expect_valid(f"headers of {event.get_type()}", validator(message["headers"]), headers)
    expect_valid(f"properties of {event.get_type()}", validator(message["bindings"]["amqp"]["x-properties"]), amqp(properties))
    data = event.get_data()
    for what, seen, wanted in [
        ("specversion", event.get_specversion(), "1.0"),
        ("message_id", properties.message_id, event.get_id()),
        ("type", properties.type, event.get_type()),
        ("correlation_id", properties.correlation_id, data["command_id"]),
        ("routing key", method.routing_key, f"{data['command']}.{event.get_subject().split('/')[0]}.{data['phase']}"),
        ("traceparent", headers.get("traceparent"), event.get_extension("traceparent")),
    ]:
        if seen != wanted:
            raise Off(f"{what} of {event.get_type()}: saw {seen!r}, wanted {wanted!r}")
    expect_valid(f"{event.get_type()} as the SDK read it", validator(named_by(folder, event.get_dataschema())), data)
    expect_valid(f"{event.get_type()} as it came", validator(read(folder, "event.schema.json")), json.loads(body))
    return data["phase"]


def named_by(folder, dataschema):
    """The published schema that an event names."""
    for path in Path(folder).glob("*.schema.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        if schema["$id"] == dataschema:
            return schema
    raise Off(f"no file is the schema {dataschema}")


def one_dead_letter(message, _method, properties, _body):
    code = properties.headers["x-bindery-code"]
    expect_valid(f"headers of {code}", validator(message["headers"]), properties.headers)
    expect_valid(f"properties of {code}", validator(message["bindings"]["amqp"]["x-properties"]), amqp(properties))
    return code


WHAT = {("files", 1): files, ("queue", 4): queue}

if __name__ == "__main__":
    word, *arguments = sys.argv[1:] or [""]
    if (word, len(arguments)) not in WHAT:
        sys.exit(__doc__)
    try:
        WHAT[word, len(arguments)](*arguments)
    except Off as off:
        sys.exit(f"OFF {off}")
    print("all as it should be")
