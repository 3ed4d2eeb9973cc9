# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes from Cloudflare does not control the terminal, nor forge lines, wherever this collection prints it."""

from __future__ import annotations

import http.server
import json
import re
import threading
import unicodedata

import pytest
import requests

FORGED = "\nok: [forged] => changed\r\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\u202c\u2066x\u2069 \u200b\u2028fatal: [forged]\x85\ufeff\x08\u061c"
SHOWN = r"\nok: [forged] => changed\r\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\u202c\u2066x\u2069 \u200b\u2028fatal: [forged]\x85\ufeff\x08\u061c"
NAMES = ("paris-1", "paris-2", "lisbon-1", "berlin-1")
ERROR = {
    "code": 1022,
    "message": f"message{FORGED}",
    "documentation_url": f"https://example.com/{FORGED}",
    "source": {"pointer": f"/pointer{FORGED}"},
    "error_chain": [{"code": 1, "message": f"cause{FORGED}"}],
}


def assert_harmless(played):
    """The screen and the log have what can be printed, and no line that a name has made."""
    for text in (played.screen, (played.folder / "ansible.log").read_text(encoding="utf-8")):
        wrong = {ascii(character) for character in text if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in "\n\t"}
        assert not wrong
        assert not re.search(r"^\s*(ok|fatal|changed): \[forged\]", text, re.MULTILINE)


def squeezed(text):
    return re.sub(r"\s|\\", "", text)


def shows(played, text):
    return squeezed(text) in squeezed(played.screen)


class Evil:
    """A server that passes everything on to the emulator, and gives its tunnels names of that kind in the answers."""

    def __init__(self, emulator):
        self.requests = []
        evil = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                evil.requests.append(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).replace(json.dumps(FORGED)[1:-1].encode(), b"")
                kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "accept-encoding")}
                with requests.Session() as session:
                    session.trust_env = False
                    answer = session.request(self.command, emulator.url.split("/client/")[0] + self.path, headers=kept, data=body, timeout=30)
                content = json.dumps(renamed(answer.json())).encode()
                self.send_response(answer.status_code)
                self.send_header("cf-ray", "8f2b\x9b31m-CDG")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        path = emulator.environment()["CLOUDFLARE_BASE_URL"].split("/", 3)[3]
        self.environment = {**emulator.environment(), "CLOUDFLARE_BASE_URL": f"http://127.0.0.1:{self._server.server_port}/{path}"}
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def renamed(value):
    if isinstance(value, dict):
        evil = {name for name, item in value.items() if (name == "name" and item in NAMES) or (name == "description" and str(item).startswith("Tunnel of"))}
        return {name: item + FORGED if name in evil else renamed(item) for name, item in value.items()}
    return [renamed(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def evil(emulator):
    server = Evil(emulator)
    yield server
    server.close()


def task(register, module, **options):
    return {"name": register, f"cloudflare.magic.{module}": options, "register": register, "ignore_errors": True}


@pytest.fixture(scope="module")
def failures(emulator, evil, play):
    paris = emulator.tunnel("paris-1")["id"]
    failing = [
        task("unknown_name", "ipsec_psk", name="nowhere"),
        task("unknown_pattern", "ipsec_psks", names=["nowhere*"]),
        task("unknown_in_psks", "ipsec_psks", psks={"nowhere": "The-key-of-ones-own-0123456789abcdefghi"}),
        task("unknown_option", "ipsec_psk", name="a", **{f"option{FORGED}": 1}),
        task("bad_value", "ipsec_psk", name="a", rotate=f"always{FORGED}"),
        task("refused", "ipsec_psk", ipsec_tunnel_id=paris),
        task("refused_read", "ipsec_tunnel_info"),
        task("unapplied", "ipsec_psks", names=[f"{NAMES[0]}*", f"{NAMES[1]}*"], batch_size=1),
    ]
    emulator.fault(kind="status", status=400, errors=[ERROR], method="POST", path="psk_generate")
    emulator.fault(kind="status", status=403, errors=[ERROR], method="GET", path="ipsec_tunnels", skip=3)
    return play(failing, env=evil.environment, args=["--diff"])


def test_failures_are_harmless(failures):
    assert_harmless(failures)


@pytest.mark.parametrize("name", ["unknown_name", "unknown_pattern", "unknown_in_psks"])
def test_names_that_exist_are_listed_escaped(failures, name):
    message = failures["here"][name]["msg"]
    assert "paris-1" + SHOWN in message and shows(failures, message)


@pytest.mark.parametrize("name", ["unknown_option", "bad_value"])
def test_what_the_user_wrote_is_escaped_too(failures, name):
    assert SHOWN in failures["here"][name]["msg"]


@pytest.mark.parametrize("name", ["refused", "refused_read"])
def test_errors_of_the_server_are_escaped(failures, name):
    result = failures["here"][name]
    for text in (result["msg"], str(result["failure"]).replace("\\\\", "\\")):
        for part in ("message", "/pointer", "cause", "https://example.com/"):
            assert part + SHOWN in text
    if name == "refused":
        assert result["failure"]["ray_id"] == r"8f2b\x9b31m-CDG"


@pytest.fixture(scope="module")
def successes(emulator, evil, play):
    emulator.set_last_generated_on(emulator.tunnel("berlin-1")["id"], "2099-01-01T00:00:00Z")
    tasks = [
        task("by_name", "ipsec_psk", name=f"paris-1{FORGED}"),
        task("fleet", "ipsec_psks", names=["paris-*", "lisbon-*"], batch_size=1),
        task("future", "ipsec_psks", names=["berlin-*", "paris-*"], rotate="expired", max_age="1d"),
        task("description", "ipsec_tunnel", ipsec_tunnel_id=emulator.tunnel("paris-2")["id"], description="mine"),
    ]
    return play(tasks, env=evil.environment, args=["--diff"])


def test_notices_warnings_progress_and_diffs_are_harmless(successes):
    assert successes.rc == 0, successes.screen
    assert [result["msg"] for result in successes["here"].values() if result["failed"]] == []
    assert_harmless(successes)
    assert shows(successes, f"tunnel paris-1{SHOWN}")
    assert shows(successes, f"dated in the future, so their age is not known: berlin-1{SHOWN}")
    assert shows(successes, "1 of 3 keys set, batch 1 of 3, 2 left")
    assert shows(successes, f"the branch office in Paris{SHOWN}") and shows(successes, "mine")


def test_data_stays_as_it_is(successes):
    """What is registered is what Cloudflare has: escapes are for people."""
    assert successes["here"]["by_name"]["name"] == f"paris-1{FORGED}"
    assert {row["name"] for row in successes["here"]["fleet"]["tunnels"]} >= {f"paris-1{FORGED}", f"paris-2{FORGED}", f"lisbon-1{FORGED}"}
    assert successes["here"]["description"]["diff"]["before"]["description"].endswith(SHOWN)


# --- what cannot be sent

# As a template, because no file of YAML holds one.
LONE = """{{ '"\\ud800"' | from_json }}"""
UNSENDABLE = {
    "name": ("ipsec_psk", {"name": f"a{LONE}"}),
    "psk": ("ipsec_psk", {"name": "a", "psk": f"The-key-of-ones-own-0123456789abcdefghi{LONE}"}),
    "names": ("ipsec_psks", {"names": [f"a{LONE}"]}),
    "psks": ("ipsec_psks", {"psks": {"paris-2": f"The-key-of-ones-own-0123456789abcdefghi{LONE}"}}),
    "description": ("ipsec_tunnel", {"name": "a", "description": f"a{LONE}"}),
    "new_name": ("gre_tunnel", {"name": f"a{LONE}"}),
    "route": ("static_route", {"prefix": "192.0.2.0/24", "nexthop": "10.0.0.1", "description": f"a{LONE}"}),
    "account_id": ("ipsec_tunnel_info", {"account_id": f"a{LONE}"}),
}


def test_lone_surrogates_are_refused_before_anything_is_sent(evil, play):
    evil.requests.clear()
    tasks = [task(f"of_{name}", module, **options) for name, (module, options) in UNSENDABLE.items()]
    played = play(tasks, env=evil.environment)
    for name in UNSENDABLE:
        result = played["here"][f"of_{name}"]
        option = {"new_name": "name", "route": "description"}.get(name, name)
        # From ansible-core 2.19 on Ansible itself refuses such a template.
        assert result["failed"] and re.search(f"^{option} holds a character that is not valid Unicode|surrogates not allowed", result["msg"]), name
        assert "The-key" not in result["msg"]
    assert evil.requests == []
    assert "The-key" not in played.screen
