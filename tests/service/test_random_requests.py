"""Requests drawn from the service's own description, right and wrong: none is a fault of it."""

import json
import random
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from live import TOKEN, live

from platefree.audit.audit_check import verify_audit
from platefree.service.limits import Limits
from platefree.service.rules import Rules

COUNT = 20  # requests of each route
ODD: list[Any] = [None, True, -1, 0, 2**63, 10**40, 1e308, "", "\0", "\ud800", "é", "../..", "%00"]
ODD += [[], {}, [[]], {"a": {}}, "9" * 400, "2026-05-01T07:00+07:00", "unknown.0", "\u202e"]
SLOW = {("post", "/api/session")}  # which computes argon2


def drawn(schema: dict[str, Any], whole: dict[str, Any], draw: random.Random) -> Any:  # noqa: ANN401
    """A value of a schema, in some places another one."""
    if draw.random() < 0.03:
        return draw.choice(ODD)
    if "$ref" in schema:
        return drawn(whole[schema["$ref"].rpartition("/")[2]], whole, draw)
    if "anyOf" in schema:
        return drawn(draw.choice(schema["anyOf"]), whole, draw)
    if "enum" in schema:
        return draw.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        wanted = set(schema.get("required", ()))
        return {
            name: drawn(each, whole, draw)
            for name, each in schema.get("properties", {}).items()
            if name in wanted or draw.random() < 0.2
        }
    if kind == "array":
        least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 4)
        count = draw.randint(least, max(least, most))
        return [drawn(schema["items"], whole, draw) for _ in range(count)]
    low, high = schema.get("minimum", 0), schema.get("maximum", 1 << 25)
    return {
        "integer": lambda: draw.choice([low, high, 16_777_216 + draw.randrange(40)]),
        "number": lambda: draw.uniform(low, high),
        "boolean": lambda: draw.random() < 0.5,
        "null": lambda: None,
    }.get(kind or "", lambda: draw.choice(["", "cam1", "unknown", "mon", "07:00", "rerank", "x"]))()


@pytest.mark.slow
def test_no_request_is_a_fault_of_the_service(drawn_lot: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_lot, tmp_path / "lot")
    draw = random.Random(0)  # noqa: S311
    rules = Rules(token=TOKEN, limits=Limits(requests=10**6, searches=10**6, slow=10**6))
    seen = set()
    with live(tmp_path / "lot", rules) as served:
        about = served.ask("GET", "/api/openapi.json").json
        whole = about["components"]["schemas"]
        for path, methods in about["paths"].items():
            for method, route in methods.items():
                for _ in range(0 if (method, path) in SLOW else COUNT):
                    place = path
                    for each in route.get("parameters", ()):
                        value = drawn(each["schema"], whole, draw)
                        text = quote(str(value).encode("utf-8", "replace"), safe="")
                        if each["in"] == "path":
                            place = place.replace(f"{{{each['name']}}}", text or "x")
                        else:
                            place += f"?{each['name']}={text}"
                    content = route.get("requestBody", {}).get("content", {})
                    body = None
                    if "application/json" in content:
                        schema = content["application/json"]["schema"]
                        body = json.dumps(drawn(schema, whole, draw)).encode()
                    elif content:
                        body = bytes(draw.randrange(256) for _ in range(draw.randrange(300)))
                    answer = served.ask(method.upper(), place, body=body)
                    assert answer.status < 500, (method, place, body, answer.content)
                    if answer.status >= 400:
                        assert answer.error
                    seen.add((path, answer.status // 100))
        assert served.ask("GET", "/api/health").status == 200
    assert {path for path, kind in seen if kind == 2} >= {
        "/api/search",
        "/api/exports",
        "/api/jobs",
        "/api/choices",
        "/api/state",
        "/api/cameras",
        "/api/cases",
    }
    verify_audit(tmp_path / "lot" / "service")
