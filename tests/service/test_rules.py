"""Who may do what: tokens, accounts, roles, cookies, other sites, and reasons."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from live import TOKEN, Answered, Live, live
from messages import says

from platefree.audit.audit_check import read_entries, verify_audit
from platefree.service.accounts import FAILURES
from platefree.service.callers import COOKIE, CSRF
from platefree.service.client import Client
from platefree.service.client_connection import ServiceError
from platefree.service.limits import Limits
from platefree.service.rules import Rules
from platefree.service.serving import Place

PASSWORD = "correct horse battery"  # noqa: S105
ROLES = ("viewer", "analyst", "administrator")

READS = [
    "/api/gallery",
    "/api/choices",
    "/api/sightings/5/track",
    "/api/jobs",
    "/api/metrics",
    "/api/session",
]
ALLOWED = {
    "viewer": [("POST", "/api/search", {}), *(("GET", path, None) for path in READS)],
    "analyst": [
        ("POST", "/api/search", {"number": 5}),
        ("POST", "/api/uploads", None),
        ("POST", "/api/journeys", {"hits": [{"number": 5}]}),
        ("POST", "/api/exports", {}),
        ("GET", "/api/cases", None),
        ("POST", "/api/cases", {"name": "a case"}),
        ("DELETE", "/api/cases/absent", None),
    ],
    "administrator": [
        ("POST", "/api/forget", {"where": {"cameras": ["nowhere"]}}),
        ("POST", "/api/retain", None),
        ("GET", "/api/accounts", None),
        ("GET", "/api/audit", None),
    ],
}
"""What the least role may do: method, path, content."""


@pytest.fixture(scope="module")
def served(drawn_lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(drawn_lot, folder=tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture(scope="module")
def guarded(drawn_lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with an account of each role, which has to be told reasons."""
    limits = Limits(log_ins=600)
    rules = Rules(access="accounts", reason_required=True, limits=limits)
    with live(drawn_lot, rules, tmp_path_factory.mktemp("state")) as found:
        accounts = found.service.accounts
        object.__setattr__(accounts, "hasher", PasswordHasher(1, 64, 1))
        for role in ROLES:
            accounts.add(role, role, PASSWORD)
        yield found


def bearer(served: Live, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.service.sessions.begin(name, 'program')}"}


def cookie_of(answer: Answered) -> str:
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE].value


def log_in(served: Live, name: str, password: str = PASSWORD) -> Answered:
    content = {"name": name, "password": password}
    return served.ask("POST", "/api/session", content, {})


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_it_may_and_nothing_else(guarded: Live, role: str) -> None:
    headers, place = bearer(guarded, role), ROLES.index(role)
    for least, routes in ALLOWED.items():
        for method, path, content in routes:
            if content is not None and path not in ("/api/session",):
                content = {**content, "reason": "a test"}
            answer = guarded.ask(method, path, content, headers)
            if ROLES.index(least) <= place:
                assert answer.status in (200, 201, 202, 404, 422), (path, answer.content)
            else:
                assert answer.status == 403, (path, answer.content)
                assert says(answer.error, role, least)
                entry = read_entries(guarded.service.folder, 1)[0]
                assert (entry.action, entry.who) == ("denied", role)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
        {"Cookie": f"{COOKIE}=wrong"},
    ],
)
def test_nobody_may_do_anything(guarded: Live, headers: dict[str, str]) -> None:
    for routes in ALLOWED.values():
        for method, path, content in routes:
            answer = guarded.ask(method, path, content, headers)
            assert answer.status == 401, path
            assert answer.error
    for path in ("/api/sightings/1", "/api/sightings/1/crop", "/api/sightings/1/frame"):
        assert guarded.ask("GET", path, None, headers).status == 401
    assert guarded.ask("GET", "/api/health", None, {}).status == 200


def test_a_cookie_needs_its_csrf_token(guarded: Live) -> None:
    begun = log_in(guarded, "analyst")
    said = begun.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in said.split(";")}
    cookie = {"Cookie": f"{COOKIE}={cookie_of(begun)}"}
    asked = {"reason": "a test", "top": 2}
    told = guarded.ask("GET", "/api/session", None, cookie).json
    assert (told["name"], told["role"], told["reason_required"]) == ("analyst", "analyst", True)
    assert guarded.ask("POST", "/api/search", asked, cookie).status == 403
    assert guarded.ask("POST", "/api/search", asked, {**cookie, CSRF: "0" * 64}).status == 403
    with_token = {**cookie, CSRF: told["csrf"]}
    assert guarded.ask("POST", "/api/search", asked, with_token).status == 200
    other = log_in(guarded, "viewer").json["csrf"]
    assert guarded.ask("POST", "/api/search", asked, {**cookie, CSRF: other}).status == 403
    bearer = {"Authorization": f"Bearer {cookie_of(begun)}"}
    assert guarded.ask("GET", "/api/session", None, bearer).status == 401  # of the page alone
    assert guarded.ask("DELETE", "/api/session", None, with_token).status == 200
    assert guarded.ask("GET", "/api/session", None, cookie).status == 401


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[evil"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_the_page_of_another_site_may_not_ask(guarded: Live, foreign: dict[str, str]) -> None:
    headers = {**bearer(guarded, "administrator"), **foreign}
    assert guarded.ask("POST", "/api/search", {"reason": "x"}, headers).status == 403
    content = {"name": "analyst", "password": PASSWORD}
    assert guarded.ask("POST", "/api/session", content, foreign).status == 403


def test_a_name_of_another_site_is_no_name_of_the_service(guarded: Live) -> None:
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""):
        answer = guarded.ask("GET", "/api/health", None, {"Host": host})
        assert answer.status == 421, host
    for host in ("localhost", "LOCALHOST:99", "[::1]:8000"):
        assert guarded.ask("GET", "/api/health", None, {"Host": host}).status == 200


def test_a_reason_has_to_be_stated(guarded: Live) -> None:
    headers = bearer(guarded, "administrator")
    for path, content in (
        ("/api/search", {}),
        ("/api/exports", {}),
        ("/api/forget", {"where": {"cameras": ["x"]}}),
    ):
        for reason in ({}, {"reason": "  \n "}):
            answer = guarded.ask("POST", path, {**content, **reason}, headers)
            assert (answer.status, says(answer.error, "reason")) == (422, True)


def test_log_ins_are_written_down_and_locked(guarded: Live) -> None:
    for _ in range(FAILURES):
        answer = log_in(guarded, "nobody", "wrong wrong wrong")
        assert answer.status == 401
    assert says(answer.error, "name", "password")
    locked = log_in(guarded, "nobody", "wrong wrong wrong")
    assert locked.status == 429
    assert int(locked.headers["retry-after"]) >= 1
    log = guarded.service.audit.path.read_text()
    assert "wrong wrong" not in log
    assert PASSWORD not in log
    actions = [entry.action for entry in read_entries(guarded.service.folder, 6)]
    assert actions == 6 * ["log-in.refused"]
    verify_audit(guarded.service.folder)


def test_accounts_are_kept_by_administrators(guarded: Live) -> None:
    headers = bearer(guarded, "administrator")
    content = {"name": "dora", "role": "viewer", "password": PASSWORD}
    assert guarded.ask("POST", "/api/accounts", content, headers).json["name"] == "dora"
    assert guarded.ask("POST", "/api/accounts", content, headers).status == 422
    short = guarded.ask("POST", "/api/accounts", {**content, "password": "hush5"}, headers)
    assert (short.status, "hush5" in short.error) == (422, False)
    odd = guarded.ask("POST", "/api/accounts", {**content, "password": ["hush5"]}, headers)
    assert (odd.status, "hush5" in odd.error) == (422, False)
    hers = bearer(guarded, "dora")
    assert guarded.ask("GET", "/api/session", None, hers).status == 200
    assert guarded.ask("DELETE", "/api/accounts/dora", None, headers).status == 204
    assert guarded.ask("GET", "/api/session", None, hers).status == 401
    assert guarded.ask("DELETE", "/api/accounts/dora", None, headers).status == 404


def test_the_token_opens_a_session_of_the_page(served: Live) -> None:
    begun = served.ask("POST", "/api/session", {"token": TOKEN}, {})
    cookie = {"Cookie": f"{COOKIE}={cookie_of(begun)}"}
    assert begun.json["role"] == "administrator"
    assert served.ask("GET", "/api/gallery", None, cookie).status == 200
    assert served.ask("POST", "/api/session", {"token": "wrong"}, {}).status == 401
    assert served.ask("POST", "/api/session", {"name": "x", "password": "y"}, {}).status == 401
    headers = {**cookie, CSRF: begun.json["csrf"]}
    assert served.ask("DELETE", "/api/session", None, headers).status == 200
    assert served.ask("GET", "/api/gallery", None, cookie).status == 401


def test_safe_headers_are_on_every_answer(served: Live) -> None:
    for path in ("/", "/page/api.html", "/page/api.js", "/api/health", "/api/openapi.json", "/x"):
        headers = served.ask("GET", path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_the_page_of_the_api_loads_nothing_from_elsewhere(served: Live) -> None:
    import re

    page = served.ask("GET", "/page/api.html").content.decode()
    assert not re.findall(r"""(?:src|href)=["'](?!/)""", page)
    assert not re.findall(r"<script(?![^>]*src)|<style|\son\w+=|style=", page)
    for name in re.findall(r'"(/page/[^"]+)"', page):
        assert served.ask("GET", name).status == 200
    assert b"innerHTML" not in served.ask("GET", "/page/api.js").content
    routes = served.ask("GET", "/api/openapi.json").json["paths"]
    assert {"/api/search", "/api/uploads", "/api/journeys", "/api/forget"} <= set(routes)
    assert all("schema" in json.dumps(each) for each in routes.values())


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/page/..%2fapp.py",
        "/page//etc/passwd",
        "/page/%00",
        "/../../etc/passwd",
        "/api/jobs/../../etc/passwd/file",
        "/api/jobs/%2e%2e%2f%2e%2e/file",
        "/api/sightings/1.5",
        "/api/sightings/-1",
        f"/api/sightings/{10**30}",
        "/api/sightings/1/frame?longest=999999",
    ],
)
def test_no_path_leads_out(served: Live, path: str) -> None:
    answer = served.ask("GET", path)
    assert answer.status in (404, 422)
    assert answer.error


def test_no_address_is_ever_fetched(served: Live) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(1)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/x.jpg"
        for pictures in ([{"upload": address}], [{"upload": address, "box": [0, 0, 1, 1]}]):
            served.ask("POST", "/api/search", {"pictures": pictures})
        served.ask("POST", "/api/uploads", body=address.encode())
        served.ask("POST", "/api/search", {"where": {"cameras": [address]}})
        with pytest.raises(TimeoutError):
            trap.accept()


@pytest.mark.parametrize(
    "content",
    [
        [],
        "x",
        {"top": 0},
        {"top": 10**30},
        {"top": "3"},
        {"top": 1.5},
        {"wher": {}},
        {"where": {"cameras": "gate"}},
        {"where": {"cameras": ["\0"]}},
        {"where": {"cameras": ["\ud800"]}},
        {"where": {"since": "yesterday"}},
        {"where": {"between": ["7:00"]}},
        {"where": {"at_least": 0.5}},
        {"where": {"not_files": ["/etc/passwd"]}},
        {"number": 5, "after": "1.1"},
        {"after": "x"},
        {"post": "nonsense", "number": 5},
        {"post": "rerank"},
        {"yes": [1]},
        {"number": -1},
        {"number": 2**63},
        {"pictures": [{}]},
        {"pictures": [{"upload": "x", "frame_of": 3}]},
        {"pictures": [{"frame_of": 3}]},
        {"pictures": [{"upload": "x", "box": [5, 5, 1, 1]}]},
        {"pictures": 17 * [{"upload": "x"}]},
    ],
)
def test_what_cannot_be_asked_is_one_sentence(served: Live, content: object) -> None:
    answer = served.ask("POST", "/api/search", content)
    assert answer.status in (404, 422)
    assert answer.error


def test_what_is_no_json_is_refused(served: Live) -> None:
    for body in (b"", b"{", b"\xff", b"[" * 100_000, b'{"top": NaN}', b'{"top":' + b"9" * 5000):
        answer = served.ask("POST", "/api/search", body=body)
        assert answer.status in (400, 422), body[:9]
        assert answer.error
    assert served.ask("GET", "/api/health").status == 200


def test_large_and_slow_requests_end(drawn_lot: Path, tmp_path: Path) -> None:
    limits = Limits(upload_bytes=5_000, body_bytes=2_000, body_seconds=0.5)
    with live(drawn_lot, Rules(token=TOKEN, limits=limits), tmp_path) as served:
        for path, size in (("/api/uploads", 5_001), ("/api/search", 2_001)):
            for chunked in (False, True):
                connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
                body = iter([bytes(100)] * (size // 100 + 1)) if chunked else bytes(size)
                headers = {"Authorization": f"Bearer {TOKEN}"}
                connection.request("POST", path, body, headers, encode_chunked=chunked)
                answer = connection.getresponse()
                assert answer.status == 413, (path, chunked)
                assert "error" in json.loads(answer.read())
                connection.close()
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as slow:
            head = "POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
            slow.sendall(f"{head}Authorization: Bearer {TOKEN}\r\n\r\nx".encode())
            assert b" 408 " in slow.recv(4096)
        assert served.ask("GET", "/api/health").status == 200


def test_too_many_requests_are_told_when_to_come_back(drawn_lot: Path, tmp_path: Path) -> None:
    limits = Limits(requests=40, log_ins=8)
    with live(drawn_lot, Rules(token=TOKEN, limits=limits), tmp_path) as served:
        found = [log_in(served, "anna").status for _ in range(3)]
        assert found == [401, 401, 429]
        found = [served.ask("GET", "/api/health").status for _ in range(20)]
        assert set(found) == {200, 429}
        refused = served.ask("GET", "/api/health")
        assert int(refused.headers["retry-after"]) <= 2
        assert "content-security-policy" in refused.headers
        time.sleep(int(refused.headers["retry-after"]) + 0.6)
        assert served.ask("GET", "/api/health").status == 200


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_tls_by_given_files(drawn_lot: Path, tmp_path: Path) -> None:
    certificate, key = tmp_path / "lot.pem", tmp_path / "lot.key"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    more = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", *words.split(), *more, *files]
    subprocess.run(command, check=True, capture_output=True)
    place = Place(port=0, certificate=certificate, key=key)
    rules = Rules(token=TOKEN, secure=place.secure)
    with live(drawn_lot, rules, tmp_path / "state", place=place) as served:
        address = f"https://localhost:{served.port}"
        with Client(address, TOKEN, certificate=certificate) as client:
            assert client.info()["sightings"] > 0
        with Client(address, TOKEN) as client, pytest.raises(ServiceError, match="CERTIFICATE"):
            client.info()
        trusted = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("localhost", served.port, context=trusted)
        kind = {"Content-Type": "application/json"}
        connection.request("POST", "/api/session", json.dumps({"token": TOKEN}), kind)
        answer = connection.getresponse()
        assert answer.status == 200
        assert "Secure" in str(answer.getheader("set-cookie"))
        assert answer.getheader("strict-transport-security")
        connection.close()


def test_nothing_is_answered_that_cannot_be_written_down(drawn_lot: Path, tmp_path: Path) -> None:
    with live(drawn_lot, folder=tmp_path / "state") as served:
        assert served.ask("POST", "/api/search", {"top": 1}).status == 200
        log = served.service.audit.path
        log.write_bytes(log.read_bytes()[:-9])
        for path, content in (("/api/search", {"top": 1}), ("/api/exports", {})):
            answer = served.ask("POST", path, content)
            assert (answer.status, says(answer.error, "'platefree audit verify'")) == (503, True)
        assert served.ask("GET", "/api/jobs").json == []


def test_metrics_count_requests(served: Live) -> None:
    def counted() -> dict[str, float]:
        text = served.ask("GET", "/api/metrics").content.decode()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    before = counted()
    for _ in range(3):
        served.ask("GET", "/api/sightings/5/crop")
    after = counted()
    name = (
        'platefree_requests_total{method="GET",route="/api/sightings/{number}/crop",status="404"}'
    )
    assert after[name] == before.get(name, 0) + 3
    label = 'route="/api/sightings/{number}/crop"'
    assert (
        after[f'platefree_request_seconds_bucket{{{label},le="+Inf"}}']
        == (after[f"platefree_request_seconds_count{{{label}}}"])
    )
    assert after["platefree_sightings"] == served.service.gallery.store.count()
    assert after["platefree_free_bytes"] > 0


def test_no_secret_is_logged(served: Live, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        served.ask("POST", "/api/session", {"token": TOKEN}, {})
        served.ask("POST", "/api/session", {"name": "x", "password": PASSWORD}, {})
        served.ask("GET", f"/api/gallery?token={TOKEN}")
        served.ask("GET", f"/x/{PASSWORD.replace(' ', '-')}")
    assert "/api/session" in caplog.text
    assert TOKEN not in caplog.text
    assert PASSWORD not in caplog.text.replace("-", " ")
    assert TOKEN not in repr(served.service.rules)
    assert TOKEN not in served.service.audit.path.read_text()
