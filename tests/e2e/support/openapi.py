"""The description of the API, and whether an answer is as it says. Of JSON Schema what the description uses; a keyword
that is not known here is a mistake, not something to be passed over."""
import json
import re

from .gate import ROOT

SOURCE = ROOT / "src/admin/openapi.json"
DOCUMENT = json.loads(SOURCE.read_text())
METHODS = ("get", "post", "delete")
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
         "null": type(None)}
NOTES = {"description", "minLength", "maxLength", "minimum", "pattern", "enum", "minItems", "maxItems"}
KEYWORDS = NOTES | {"$ref", "type", "properties", "required", "additionalProperties", "items"}


def operations():
    """(method, path) -> operation."""
    return {(method.upper(), path): item[method] for path, item in DOCUMENT["paths"].items() for method in METHODS
            if method in item}


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def check_answer(method, path, response):
    """Its status, its type and its JSON are as they are described."""
    responses, name = operations()[method, path]["responses"], f"{method} {path}"
    assert str(response.status) in responses, f"{name} answers {response.status}, which is not described"
    content = resolve(responses[str(response.status)])["content"]
    kind = response["Content-Type"].split(";")[0]
    assert kind in content, f"{name} answers with {kind}"
    if kind == "application/json":
        check(content[kind]["schema"], response.json, name)


def body_schema(operation):
    """Of what is sent with it; None: nothing."""
    body = operation.get("requestBody")
    return resolve(body["content"]["application/json"]["schema"]) if body else None


def is_a(value, name):
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in ("integer", "number"))


def check(schema, value, at="answer"):
    """AssertionError where `value` is not as `schema` says."""
    schema = resolve(schema)
    assert schema.keys() <= KEYWORDS, f"{at}: unknown keywords {schema.keys() - KEYWORDS}"
    names = schema.get("type", list(TYPES))
    names = [names] if isinstance(names, str) else names
    assert any(is_a(value, name) for name in names), f"{at}: {value!r} is not of type {names}"
    assert "enum" not in schema or value in schema["enum"], f"{at}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str):
        check_text(schema, value, at)
    elif isinstance(value, list):
        assert schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 1 << 30), f"{at}: {len(value)} items"
        for i, item in enumerate(value):
            check(schema.get("items", {}), item, f"{at}[{i}]")
    elif isinstance(value, dict):
        check_object(schema, value, at)


def check_text(schema, value, at):
    assert schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1 << 30), f"{at}: {len(value)} characters"
    assert re.search(schema.get("pattern", ""), value), f"{at}: {value!r} does not match {schema['pattern']}"


def check_object(schema, value, at):
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    missing = set(schema.get("required", ())) - value.keys()
    assert not missing, f"{at}: {sorted(missing)} missing"
    for name, member in value.items():
        assert name in properties or rest is not False, f"{at}.{name} is not described"
        check(properties.get(name, rest if isinstance(rest, dict) else {}), member, f"{at}.{name}")
