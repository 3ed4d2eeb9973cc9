# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of Cloudflare's SDKs that the emulator's description has: operations.json lists the calls, for both languages alike."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from typing import Any

import pytest

cloudflare = pytest.importorskip("cloudflare")
from ansible_collections.cloudflare.magic.tests.emulator.schema import Checker
from ansible_collections.cloudflare.magic.tests.tools.watch import python_facts

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "operations.json")
with open(FILE, encoding="utf-8") as file:
    STEPS: list[dict[str, Any]] = json.load(file)
# It sends no body, which the description forbids; test_sdks.py has it.
ELSEWHERE = {"DELETE /accounts/{account_id}/magic/routes"}


@pytest.fixture(scope="module")
def wanted():
    """The operations that the SDK and the emulator's description have both."""
    described = Checker().operations()
    return {key for key in python_facts.operations() if key in described} - ELSEWHERE


def judge(emulator, before, answers, wanted, sdk):
    """Check what came back, and which operations were called; say how many."""
    checker = Checker()
    called = {checker.name_of(request["method"], request["path"].removeprefix("/client/v4")) for request in emulator.requests()}
    print(f"{sdk}: {len(called)} operations of {len(wanted)}, by {len(answers)} calls")
    assert called == wanted
    assert all(request["status"] in (200, 201) for request in emulator.requests())
    assert emulator.violations() == []
    for step, answer in zip(STEPS, answers, strict=True):
        sent = step.get("send", {})
        if step["do"] in ("create", "edit") and "body" not in sent:
            shown = answer[0] if isinstance(answer, list) else answer
            same = {name: value for name, value in sent.items() if not isinstance(value, (dict, list)) and not str(value).startswith("$")}
            assert {name: shown[name] for name in same} == same, step
    after = emulator.state()
    # All that was made is gone; the interconnect was there before.
    assert {kind: after[kind] for kind in after if kind != "interconnects"} == {kind: before[kind] for kind in before if kind != "interconnects"}


def porto(emulator):
    return next(item["id"] for item in emulator.objects("connectors") if item["notes"].startswith("Porto"))


def test_python(emulator, wanted):
    saved, answers, before = {"porto": porto(emulator)}, [], emulator.state()

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(item) for name, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return saved[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    with cloudflare.Cloudflare(base_url=emulator.url, api_token=emulator.write_token, max_retries=0) as client:
        for step in STEPS:
            resource = functools.reduce(getattr, step["of"].split("."), client)
            own = [filled(step["id"])] if "id" in step else []
            named = {"from_" if name == "from" else name: filled(value) for name, value in {**step.get("in", {}), **step.get("send", {})}.items()}
            answer = getattr(resource, step["do"])(*own, account_id=emulator.account_id, **named)
            # A page of a list has them in "result".
            plain: Any = json.loads(answer.to_json()) if answer is not None else {}
            plain = plain["result"] if isinstance(plain, dict) and isinstance(plain.get("result"), list) else plain
            if "save" in step:
                first = next((many[0] for many in (plain, plain.get("interconnects") if isinstance(plain, dict) else None) if isinstance(many, list)), plain)
                saved[step["save"]] = first.get("id") or first["account_app_id"]
            answers.append(plain)
    judge(emulator, before, answers, wanted, f"Python SDK {cloudflare.__version__}")


def test_typescript(emulator, wanted, node_with):
    node, folder = node_with("cloudflare@>=7")
    before = emulator.state()
    command = [node, os.path.join(HERE, "operations.mjs"), emulator.url, emulator.account_id, emulator.write_token, FILE, porto(emulator)]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    version = json.loads((folder / "node_modules" / "cloudflare" / "package.json").read_text(encoding="utf-8"))["version"]
    judge(emulator, before, json.loads(done.stdout), wanted, f"TypeScript SDK {version}")
