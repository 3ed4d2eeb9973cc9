# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask the emulator, what it writes down of them, and that no other method writes."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import subprocess
import sys

import pytest
import requests

from ansible_collections.cloudflare.magic.tests.emulator import client
from ansible_collections.cloudflare.magic.tests.emulator.client import Emulator, running
from ansible_collections.cloudflare.magic.tests.unit.emulator.answers import errors, result

FOLDER = os.path.dirname(os.path.abspath(client.__file__))
WRITE = {"Authorization": "Bearer " + Emulator.write_token}
TUNNELS = f"/client/v4/accounts/{Emulator.account_id}/magic/ipsec_tunnels"
CONTROL = ("GET", "/_emulator/keys"), ("POST", "/_emulator/reset"), ("PUT", "/_emulator/state"), ("GET", "/_emulator/nowhere"), ("GET", "/")


def ask(emulator, method, path, headers, body=None):
    """Send exactly these headers, and return status and body."""
    connection = http.client.HTTPConnection(emulator.url.split("/")[2], timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


# --- Host, and web pages

OURS = ["localhost", "LOCALHOST", "localhost:1", "localhost:65535", "127.0.0.1", "127.0.0.1:80", "127.1.2.3:8787", "[::1]", "[::1]:8787", "[0:0:0:0:0:0:0:1]"]
NOT_OURS = [
    "",
    "example.com",
    "example.com:8787",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "127.0.0.1.nip.io:8787",
    "example.com@localhost",
    "localhost@example.com",
    "localhost, example.com",
    "localhost:8787:80",
    "localhost:",
    "localhost:x",
    "localhost/",
    " ",
    "0.0.0.0",
    "10.0.0.1",
    "169.254.169.254",
    "[::]",
    "[::ffff:127.0.0.1]",
    "::1",
    "[127.0.0.1]",
    "[localhost]",
    "[]",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "localhosts",
    "ip6-localhost",
]


def calls(emulator):
    """Return calls that answer or change something: of the API, and of the control side, all with what they ask for."""
    token = list(emulator.control_headers.items())
    generate = f"{TUNNELS}/{emulator.tunnel('oslo-1')['id']}/psk_generate"
    return [("GET", TUNNELS, list(WRITE.items())), ("POST", generate, list(WRITE.items())), *((method, path, token) for method, path in CONTROL[:2])]


@pytest.mark.parametrize("host", OURS)
def test_loopback_names_are_answered(emulator, host):
    for method, path, headers in calls(emulator):
        assert ask(emulator, method, path, [("Host", host), *headers])[0] == 200


def see_to_refusal(emulator, extra):
    before, requests_before = emulator.state(), emulator.requests()
    for method, path, headers in calls(emulator):
        status, text = ask(emulator, method, path, [*extra, *headers])
        assert status == 403 and before["ipsec_tunnels"][0]["psk"] not in text and "paris-1" not in text
        error = json.loads(text)
        assert "error" in error if "_emulator" in path else error["success"] is False and error["errors"][0]["message"]
    assert emulator.state() == before and emulator.requests() == requests_before


@pytest.mark.parametrize("host", NOT_OURS)
def test_other_names_are_refused(emulator, host):
    see_to_refusal(emulator, [("Host", host)])


def test_no_name_or_two_are_refused(emulator):
    see_to_refusal(emulator, [])
    see_to_refusal(emulator, [("Host", "localhost"), ("Host", "example.com")])


def test_a_name_in_the_request_line_counts(emulator):
    status, text = ask(emulator, "GET", "http://example.com" + TUNNELS, [("Host", "localhost"), *WRITE.items()])
    assert status == 403 and "paris-1" not in text


PAGES = [
    [("Origin", "http://example.com")],
    [("Origin", "null")],
    [("Origin", "")],
    [("Origin", "http://localhost:8787")],
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "same-site")],
    [("Sec-Fetch-Site", "same-origin")],
    [("Sec-Fetch-Site", "Cross-Site")],
    [("Sec-Fetch-Site", "something new")],
    [("Sec-Fetch-Site", "")],
    [("Sec-Fetch-Dest", "image")],
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")],
    [("Sec-Fetch-Site", "none"), ("Origin", "null")],
]


@pytest.mark.parametrize("headers", PAGES, ids=str)
def test_web_pages_are_refused(emulator, headers):
    see_to_refusal(emulator, [("Host", "localhost"), *headers])


def test_a_preflight_gets_no_leave(emulator):
    wish = [("Host", "localhost"), ("Origin", "http://example.com"), ("Access-Control-Request-Method", "PUT")]
    for path in (TUNNELS, "/_emulator/state"):
        connection = http.client.HTTPConnection(emulator.url.split("/")[2], timeout=10)
        connection.request("OPTIONS", path, headers=dict(wish))
        answer = connection.getresponse()
        assert answer.status == 403 and not [name for name, _value in answer.getheaders() if name.lower().startswith("access-control")]
        connection.close()


def test_what_is_no_page_is_answered(emulator):
    """The address bar of a browser, and Node's fetch, which Cloudflare's SDK uses."""
    for headers in ([("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")], [("Sec-Fetch-Mode", "cors")]):
        assert ask(emulator, "GET", TUNNELS, [("Host", "localhost"), *headers, *WRITE.items()])[0] == 200


# --- the token of the control endpoints


def test_control_wants_the_token(emulator):
    before = emulator.state()
    token = emulator.control_headers["X-Emulator-Token"]
    wrong = [None, "", "x", token[:-1], token + "x", token.swapcase(), "Bearer " + token, Emulator.write_token, "\u00e4"]
    for method, path in CONTROL:
        for given in wrong:
            headers = [("Host", "localhost"), *WRITE.items(), *([] if given is None else [("X-Emulator-Token", given)])]
            status, text = ask(emulator, method, path, headers, b"{}" if method == "PUT" else None)
            assert status == 401 and list(json.loads(text)) == ["error"] and "X-Emulator-Token" in text and token not in text
    assert emulator.state() == before
    assert ask(emulator, "GET", "/_emulator/nowhere", [("Host", "localhost"), ("X-Emulator-Token", token)])[0] == 404


@pytest.mark.parametrize(
    "path", ["/_emulator", "/_emulator//keys", "//_emulator/keys", "/%5Femulator/keys", "/_emulator/keys/", "/client/v4/../../_emulator/keys"]
)
def test_no_way_around_the_token(emulator, path):
    status, text = ask(emulator, "GET", path, [("Host", "localhost"), *WRITE.items()])
    assert status in (401, 404) and emulator.keys()[emulator.tunnel("paris-1")["id"]] not in text


def test_the_token_is_no_credential_of_the_api(emulator):
    token = emulator.control_headers["X-Emulator-Token"]
    assert emulator.call("GET", "ipsec_tunnels", token=token).status_code == 403
    assert token not in json.dumps([emulator.requests(), emulator.state()])


def started(*arguments):
    return subprocess.Popen([sys.executable, FOLDER, "--stop-with-stdin", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def keys_at(url, token):
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url.replace("/client/v4", "/_emulator/keys"), headers={"X-Emulator-Token": token}, timeout=10).status_code


@pytest.mark.parametrize("there", [None, "file", "link", "dangling link"])
def test_token_file(tmp_path, there):
    """The user's alone, also where something was there before; another file is never written through a link."""
    path, elsewhere = tmp_path / "token", tmp_path / "elsewhere"
    if there == "file":
        path.write_text("old")
        path.chmod(0o666)
    elif there == "link":
        elsewhere.write_text("not ours")
        path.symlink_to(elsewhere)
    elif there == "dangling link":
        path.symlink_to(elsewhere)
    old_umask = os.umask(0)
    try:
        process = started("--token-file", str(path))
    finally:
        os.umask(old_umask)
    line = process.stdout.readline().decode()
    if there in ("link", "dangling link"):
        out, err = process.communicate(timeout=20)
        assert process.returncode == 1 and (line, out) == ("", b"") and b"--token-file" in err and b"Traceback" not in err
        assert path.is_symlink() and (elsewhere.read_text() == "not ours" if there == "link" else not elsewhere.exists())
        return
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and [item.name for item in tmp_path.iterdir()] == ["token"]
    token = path.read_text().strip()
    url = next(word for word in line.split() if word.startswith("http"))
    assert len(token) >= 32 and keys_at(url, token) == 200 and keys_at(url, token + "x") == 401
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, b"", b"") and not path.exists()


def test_token_file_of_another_stays(tmp_path):
    path = tmp_path / "token"
    process = started("--token-file", str(path))
    process.stdout.readline()
    path.write_text("of another emulator\n")
    process.communicate(timeout=20)
    assert process.returncode == 0 and path.read_text() == "of another emulator\n"


@pytest.mark.parametrize("path", ["nowhere/token", ".", "/dev/null"])
def test_token_file_that_cannot_be(tmp_path, path):
    process = started("--token-file", os.path.join(tmp_path, path))
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1 and out == b"" and err.startswith(b"--token-file: ") and b"Traceback" not in err
    assert not os.path.isfile("/dev/null")


def test_each_emulator_has_its_own_token(emulator):
    with running(check_schema=False) as other:
        assert other.control_headers != emulator.control_headers
        with pytest.raises(ValueError, match="X-Emulator-Token"):
            Emulator(other.url, token=emulator.control_headers["X-Emulator-Token"]).keys()
        # Within the process that has started it, its URL is enough.
        assert Emulator(other.url).keys() == other.keys()


# --- what is written down

CREDENTIALS = {
    "token": ({"Authorization": "Bearer {}"}, "authorization", "Bearer "),
    "lower case": ({"authorization": "bearer {}"}, "authorization", "bearer "),
    "no scheme": ({"Authorization": "{}"}, "authorization", ""),
    "unknown scheme": ({"Authorization": "Own {}"}, "authorization", ""),
    "basic": ({"Authorization": "Basic {}"}, "authorization", "Basic "),
    "key": ({"X-Auth-Email": "someone@example.com", "X-Auth-Key": "{}"}, "x-auth-key", ""),
    "key, lower case": ({"x-auth-key": "{}"}, "x-auth-key", ""),
    "service key": ({"X-Auth-User-Service-Key": "{}"}, "x-auth-user-service-key", ""),
    "proxy": ({"Proxy-Authorization": "Basic {}"}, "proxy-authorization", "Basic "),
    "cookie": ({"Cookie": "CF_Authorization={}"}, "cookie", ""),
    "control": ({"X-Emulator-Token": "{}"}, "x-emulator-token", ""),
}
SECRET = "cfut_TheToken/ThatMust+NotBeSeen=="


@pytest.mark.parametrize("headers, name, scheme", CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_credentials_are_masked(emulator, headers, name, scheme):
    sent = {key: value.format(SECRET) for key, value in headers.items()}
    emulator._session.get(emulator.url + "/accounts", headers=sent, timeout=10)
    (recorded,) = emulator.requests()
    assert "ThatMust" not in json.dumps(recorded)
    value = next(value for key, value in sent.items() if key.lower() == name)
    assert recorded["headers"][name] == emulator.masked(value) and recorded["headers"][name].startswith(scheme + "masked-")
    assert recorded["headers"][name] != emulator.masked(value.replace("Seen", "seen"))
    if "X-Auth-Email" in headers:
        assert recorded["headers"]["x-auth-email"] == "someone@example.com"


def test_credentials_are_masked_wherever_they_stand(emulator):
    """One that was put into the wrong place, and one that is known though this request does not use it."""
    for secret in (emulator.write_token, emulator.global_key, emulator.read_token):
        emulator.clear_requests()
        emulator.call("POST", f"/accounts/{secret}/magic/ipsec_tunnels", {"description": secret}, params={"a": secret, secret: "b"}, headers={"X-Own": secret})
        (recorded,) = emulator.requests()
        assert secret not in json.dumps([recorded, emulator.violations()])
        assert (
            emulator.masked(secret) in recorded["path"] and emulator.masked(secret) in recorded["body"] and emulator.masked(secret) in recorded["query_string"]
        )
        emulator.clear_violations()


def test_quoted_credentials_are_masked(emulator):
    emulator.call("PUT", "routes", {"description": SECRET}, token=SECRET, params={"validate_only": SECRET})
    (recorded,) = emulator.requests()
    assert "ThatMust" not in json.dumps(recorded)
    # In each place as the same.
    shown = emulator.masked(SECRET)
    assert recorded["headers"]["authorization"] == f"Bearer {shown}" and recorded["query"] == {"validate_only": shown}
    assert recorded["query_string"] == f"validate_only={shown}" and json.loads(recorded["body"]) == {"description": shown}


def test_two_emulators_mask_differently(emulator):
    with running(check_schema=False) as other:
        assert other.masked("x") != emulator.masked("x")


def test_the_access_log_has_no_credentials():
    with running(check_schema=False, access_log=True) as emulator:
        emulator.call("GET", f"/accounts/{emulator.write_token}/magic/routes", params={"x": emulator.read_token})
        emulator.call("GET", "routes", params={"a": "b"})
        written = emulator.errors()
        assert "GET /client/v4/accounts/masked-" in written and "a=b" in written
        assert not [secret for secret in (emulator.write_token, emulator.read_token, emulator.control_headers["X-Emulator-Token"]) if secret in written]


# --- methods


@pytest.mark.parametrize("token", [Emulator.write_token, Emulator.read_token])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "FOO"])
def test_methods_that_are_not_described_do_nothing(emulator, method, token):
    tunnel, route = emulator.tunnel("paris-1")["id"], emulator.routes()[0]["id"]
    before = emulator.state()
    bodies = {
        f"ipsec_tunnels/{tunnel}": {"description": "changed"},
        "ipsec_tunnels": {"ipsec_tunnels": [{"id": tunnel, "description": "changed"}]},
        f"ipsec_tunnels/{tunnel}/psk_generate": None,
        "ipsec_tunnels/psk": {"psks": [{"id": tunnel, "psk": "a-key-of-my-own"}]},
        f"gre_tunnels/{emulator.gre_tunnels()[0]['id']}": {"description": "changed"},
        f"cf_interconnects/{emulator.interconnects()[0]['id']}": {"description": "changed"},
        "routes": None,
        f"routes/{route}": None,
    }
    headers = {"Host": emulator.url.split("/")[2], "Authorization": "Bearer " + token}
    for path, body in bodies.items():
        data = None if body is None else json.dumps(body).encode()
        status, text = ask(emulator, method, f"/client/v4/accounts/{emulator.account_id}/magic/{path}", headers.items(), data)
        assert status == 405 and (text == "" if method == "HEAD" else json.loads(text)["errors"][0]["code"] == 7001)
    for path in ("state", "reset", "faults", "requests", "keys"):
        status, text = ask(emulator, method, "/_emulator/" + path, {**headers, **emulator.control_headers}.items(), b"{}")
        assert status == 405
    assert emulator.state() == before and emulator.key_log() == []
    emulator.clear_violations()


def test_a_body_that_head_brings_is_not_the_next_request(emulator):
    host, port = emulator.url.split("/")[2].split(":")
    inner = f"DELETE {TUNNELS}/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    outer = f"HEAD {TUNNELS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {emulator.write_token}\r\nContent-Length: {len(inner)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall((outer + inner).encode())
        raw.shutdown(socket.SHUT_WR)
        text = b"".join(iter(lambda: raw.recv(65536), b""))
    assert text.count(b"HTTP/1.1 ") == 1 and text.startswith(b"HTTP/1.1 405")
    assert len(result(emulator.call("GET", "ipsec_tunnels"))["ipsec_tunnels"]) == 5
    assert errors(emulator.call("PATCH", "ipsec_tunnels", {}))[0]["code"] == 7001
    emulator.clear_violations()
