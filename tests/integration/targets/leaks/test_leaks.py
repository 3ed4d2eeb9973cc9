# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The leak matrix: run Ansible in each way of rows.yml, and look for keys and credentials in all that it writes.

A row first proves that it was a fair one: the play ended as it should, it did what it should at the emulator, and where a key was created, the play
had the key that is in force. Only then the search counts. Where Ansible itself cannot protect a key the row says so (``leaks``), and must leak.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import importlib.util
import io
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from ansible_collections.cloudflare.magic.tests.emulator.client import running
from ansible_collections.cloudflare.magic.tests.integration.targets.leaks import search
from ansible_collections.cloudflare.magic.tests.integration.targets.leaks.bench import CORE, ROWS, Bench, holds

done: list[str] = []
unexpected: list[str] = []
expected: dict[str, list[str]] = {}


@pytest.fixture(scope="session", name="bench")
def _bench():
    folder = Path(tempfile.mkdtemp(prefix="leaks-"))
    with running(check_schema=False, rate_limit="1000000/300") as emulator:
        bench = Bench(folder, emulator)
        yield bench
        bench.close()
    if os.environ.get("LEAKS_KEEP"):
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _zipped(data):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("args.json", data)
    return stream.getvalue()


def _database(data):
    """A database with ``data``, compressed and larger than a page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "database")
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE results (id INTEGER, content BLOB)")
            database.execute("INSERT INTO results VALUES (1, ?)", (zlib.compress(os.urandom(9000) + data),))
            database.commit()
        return path.read_bytes()


@pytest.mark.parametrize(
    "hide",
    [
        lambda key: key.encode(),
        lambda key: json.dumps({"psk": key}).encode(),
        lambda key: json.dumps(json.dumps({"psk": key})).encode(),
        lambda key: repr([key]).encode(),
        lambda key: base64.b64encode(key.encode()),
        lambda key: base64.b64encode(b"1" + key.encode() + b"2"),
        lambda key: base64.b64encode(b"12" + key.encode()),
        lambda key: base64.encodebytes(b"a" * 50 + key.encode()),
        lambda key: key.encode().hex().encode(),
        lambda key: quote(key, safe="").encode(),
        lambda key: quote_plus(key).encode(),
        lambda key: b'<skipped message="' + html.escape(key).encode() + b'"/>',
        lambda key: key[:11].encode() + b"\n  " + key[11:].encode(),
        lambda key: key[: len(key) // 2].encode(),
        lambda key: gzip.compress(key.encode()),
        lambda key: _zipped(json.dumps({"psk": key})),
        lambda key: zlib.compress(json.dumps({"psk": key}).encode()),
        lambda key: _database(json.dumps({"psk": key}).encode()),
        lambda key: b'ZIPDATA = """' + base64.b64encode(_zipped(os.urandom(200) + key.encode())) + b'"""',
        lambda key: b'ZIPDATA = """' + base64.b64encode(_zipped(_zipped(os.urandom(200) + key.encode()))) + b'"""',
    ],
)
def test_the_search_finds(hide):
    for key in ("x7Kq0ZVb3nTjR8sLwYpF5cHd2mGe9aUi", "0a1b2c3d4e5f6071\"\\/+ %<&>'é8293a4b5c6d7e8f9"):
        hidden = hide(key)
        packed = hidden[:2] in (b"PK", b"\x1f\x8b", b"\x78\x9c", b"SQ")
        assert search.count(hidden if packed else b"before\0" + hidden + b"\nafter", [search.Secret(key)])


def _sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def _blind(row, outcome):
    """Return the surfaces in which the search does not find what is there: a text that the play shows, of the form of a key."""
    if "ad_hoc" in row:
        return []  # has no play
    surfaces = ["stdout", "log", "callback", "fields", "junit"]
    surfaces += [surface for surface, there in (("artifacts", "runner" in row), ("ara", "ara" in row.get("callbacks", []))) if there]
    surfaces += ["cache"] if "ANSIBLE_CACHE_PLUGIN" in row.get("env", {}) else []
    return [surface for surface in surfaces if not search.count(outcome.surfaces[surface], [outcome.decoy])]


def _assert_fair(row, outcome, bench):
    """The play ended as it should, and had the keys that are in force."""
    screen = outcome.text
    status, writes, probes = outcome.status, len(outcome.writes), outcome.probes
    assert status == row.get("status", 0), screen[-3000:]
    missing = [text for text in row.get("shows", []) if text not in screen]
    assert not missing, screen[-3000:]
    assert not [text for text in row.get("shows_not", []) if text in screen], screen[-3000:]
    assert writes == row["writes"]
    assert bench.emulator.unmet() == []
    usable = row.get("usable", [])
    labels = usable if isinstance(usable, dict) else {name: name for name in usable}
    wanted = {(label, _sha256(row.get("answer_with") or outcome.keys[name])) for label, name in labels.items()}
    for path, names in row.get("vault_files", {}).items():
        assert outcome.files[path].startswith(b"$ANSIBLE_VAULT")
        wanted |= {(f"{path}:{name}", outcome.keys[name]) for name in names}
    assert probes == wanted, screen[-3000:]
    assert _blind(row, outcome) == []
    if row.get("stays"):
        # Ansible logs each call of a module on the host, and leaves its files there if told so.
        assert b"cloudflare.magic" not in outcome.surfaces["syslog"]
        assert b"ipsec_psk" not in outcome.surfaces["home"]
    for surface, texts in row.get("holds", {}).items():
        absent = [text for text in texts if text.encode() not in outcome.surfaces[surface]]
        assert not absent, f"{absent} should be in {surface}"
    if row.get("document"):
        document = json.loads(outcome.surfaces["stdout"])
        assert document["results"] and document["hosts"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"], marks=[pytest.mark.cores(row["cores"])] if "cores" in row else []) for row in ROWS])
def test_row(row, bench):
    if "ssh" in row.get("hosts", {}).values() and bench.ssh.missing:
        pytest.skip(bench.ssh.missing)
    if "runner" in row and not importlib.util.find_spec("ansible_runner"):
        pytest.skip("ansible-runner is not installed")
    if "ara" in row.get("callbacks", []) and not importlib.util.find_spec("ara"):
        pytest.skip("ARA is not installed (pip install 'ara[server]')")
    outcome = bench.run(row)
    _assert_fair(row, outcome, bench)
    wrong = []
    for kind, secrets in outcome.secrets.items():
        conditions = row.get("leaks" if kind == "key" else "token_leaks", {})
        for surface, data in outcome.surfaces.items():
            found = search.count(data, secrets)
            should = holds(conditions[surface]) if surface in conditions else False
            if surface == "syslog" and bench.syslog.missing:
                should = False
            if found and should:
                expected.setdefault(row["name"], []).append(f"{surface} {sum(found.values())}")
            elif found or should:
                wrong.append(f"{kind} in {surface}: {found or 'should be there'}")
    done.append(row["name"])
    unexpected.extend(f"{row['name']}: {what}" for what in wrong)
    assert not wrong, wrong


@pytest.mark.parametrize("no_log", [False, True])
def test_a_killed_copy_leaves_its_content(bench, no_log):
    """What ``copy`` with ``content`` leaves behind when the machine dies: one file here, which only the user can read, and one on the host."""
    row = {
        "name": "copy, killed",
        "hosts": {"there": "killed"},
        "tasks": [
            {"name": "Rotate", "cloudflare.magic.ipsec_psk": {"name": "paris-1"}, "register": "rotation"},
            {"name": "Write", "ansible.builtin.copy": {"content": "{{ rotation.psk }}", "dest": "{{ delivered }}/key", "mode": "0600"}, "no_log": no_log},
        ],
        "env": {"ANSIBLE_LOCAL_TEMP": "ROW/tmp", "ANSIBLE_REMOTE_TEMP": "ROW/remote"},
    }
    outcome = bench.run(row)
    assert outcome.status == -9, outcome.text[-3000:]
    assert len(outcome.writes) == 1
    key = outcome.keys["paris-1"].encode()
    left = {name for name, content in outcome.files.items() if key in content and name.split("/")[0] not in ("callback", "fields")}
    # The first is what the controller has made, the second what arrived at the host.
    assert sorted(name.split("/")[0] for name in left) == ["remote", "tmp"], sorted(left)
    assert {outcome.modes[name] for name in left if name.startswith("tmp/")} == {0o600}


def test_total(bench, capsys):
    """Tell what was run. Comes last."""
    with capsys.disabled():
        print()
        for name, where in expected.items():
            print(f"  expected, because Ansible cannot protect it: {name}: {', '.join(where)}")
        if bench.syslog.missing:
            print(f"  not searched: syslog ({bench.syslog.missing})")
        print(f"leak matrix: {len(done)} rows, core {CORE}, {len(unexpected)} unexpected")
