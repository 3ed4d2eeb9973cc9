# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thousand runs with faults at random: a key that is returned is the key in force, each time.

Each run has an account and a tunnel to itself, so that several can go on at once in one emulator. All of a batch are
looked at when it is over, so that a request which takes effect late is noticed, too.
"""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._policy import OPTIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import rotate
from ansible_collections.cloudflare.magic.tests.emulator.client import running
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import client

SEED = 20261123
BATCHES = 5
BATCH = 100

# What takes an answer away, says that the server could not do its work, or comes from something on the way: the client must not believe that nothing has
# changed.
LOSING = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503, "retry_after": 0},
    {"kind": "html", "status": 502},
    {"kind": "html", "status": 200},
    {"kind": "empty", "status": 504},
    {"kind": "empty", "status": 200},
    {"kind": "no_success_field"},
    {"kind": "html", "status": 404},
    {"kind": "redirect"},
    {"kind": "cut_body"},
    {"kind": "disconnect"},
]
# Cloudflare's answers that say that nothing was done. They come before the request takes effect, else the server lies.
REFUSING = [
    {"kind": "status", "status": 400, "code": 1022},
    {"kind": "status", "status": 403, "code": 10000},
    {"kind": "status", "status": 408},
    {"kind": "status", "status": 409},
    {"kind": "not_success"},
]
# Says the same, and asks to come back. Often, because it is what makes a run long.
LIMITING = [{"kind": "status", "status": 429, "code": 971, "retry_after": 0}]
# An answer that comes after the client has given up, and one that is only late.
SLOW = [{"kind": "slow", "when": "after", "seconds": 3}, {"kind": "slow", "when": "before", "seconds": 0.02}]
TIMEOUT = 0.5


class Sequence:
    """One run: what it is to do, and what is to go wrong."""

    def __init__(self, number):
        dice = random.Random(SEED + number)
        self.number = number
        self.account_id = f"{number:032x}"
        self.tunnel_id = f"{number + 2**64:032x}"
        self.rotate = dice.choice(["always", "always", "missing", "expired"])
        self.by_name = dice.random() < 0.5
        self.age = dice.choice([None, None, 10 * 86400, 100 * 86400, 100 * 86400])
        self.max_retries = dice.choice([0, 1, 4])
        self.faults = [self._fault(dice) for dummy in range(dice.randint(0, 4))]
        # Nothing but a slow answer has to wait for this: everything else is done as fast as the machine can.
        self.timeout = TIMEOUT if any(fault["kind"] == "slow" for fault in self.faults) else 30.0
        self.result: Any = None
        self.error: MagicError | None = None

    def _fault(self, dice):
        group = dice.choice([LOSING] * 6 + [REFUSING] * 2 + [LIMITING] + [SLOW])
        fault = dict({"when": dice.choice(["before", "after"]) if group is LOSING else "before"}, **dice.choice(group))
        tunnels = f"/{self.account_id}/magic/ipsec_tunnels"
        where = dice.choice(["psk_generate$", "psk_generate$", "psk_generate$", f"{self.tunnel_id}$", "ipsec_tunnels$"])
        path = f"{tunnels}$" if where == "ipsec_tunnels$" else f"{tunnels}.*{where}"
        times = 1 if fault["kind"] == "slow" else dice.choice([1, 1, 1, 2, 3])
        return dict(fault, path=path, times=times, skip=dice.choice([0, 0, 0, 1]))

    def options(self):
        chosen = {"rotate": self.rotate, "max_age": "90d" if self.rotate == "expired" else None}
        chosen.update({"name": "tunnel"} if self.by_name else {"ipsec_tunnel_id": self.tunnel_id})
        return {name: chosen.get(name, option.get("default")) for name, option in OPTIONS.argument_spec.items()}

    def seed(self):
        tunnel = {
            "account_id": self.account_id,
            "id": self.tunnel_id,
            "name": "tunnel",
            "cloudflare_endpoint": "203.0.113.1",
            "interface_address": "10.213.0.0/31",
        }
        return dict(tunnel, psk=f"the-key-before-{self.number}", psk_age_seconds=self.age) if self.age is not None else tunnel

    def go(self, url, token):
        with client(url, account_id=self.account_id, api_token=token, timeout=self.timeout, max_retries=self.max_retries) as made:
            try:
                self.result = rotate(made, self.options(), False)
            except MagicError as error:
                self.error = error

    def outcome(self, in_force, generated):
        """Compare what rotate() says with what is; return it in a word.

        :arg in_force: the key in force now, None if there is none.
        :arg generated: all keys that were generated, oldest first.
        """
        before = None if self.age is None else f"the-key-before-{self.number}"
        if self.error is not None:
            text = f"{self.error} {self.error.failure}"
            assert not [key for key in generated if key in text], "the error holds a key"
            if in_force != before:
                assert "The key in force is now unknown" in text and "Run the task again" in text, "the error conceals that the key is another one"
                return "error, key unknown"
            return "error, key as before" if "is now unknown" not in text else "error, key unknown but as before"
        if self.result["reason"] == "not_due":
            assert in_force == before and generated == [], "a key was generated though none was due"
            assert self.age is not None and self.rotate != "always", "a key was due"
            return "not due"
        assert self.result["psk"] == in_force, "the key that was returned is not in force"
        assert in_force == generated[-1] != before
        lost = [text for text in self.result.get("warnings", []) if "was lost" in text]
        assert len(generated) == 1 or lost, "a key was thrown away without a warning"
        return "key after a lost answer" if lost else "key"

    def __repr__(self):
        chosen = {name: value for name, value in self.options().items() if value is not None}
        return f"sequence {self.number} of seed {SEED}: {chosen}, age {self.age}, max_retries {self.max_retries}, faults {self.faults}"


@pytest.fixture
def emulator():
    # Cloudflare's description is compared in other tests; here it would take half of the time.
    with running(check_schema=False, rate_limit="1000000000/300") as emulator:
        yield emulator


def test_a_key_that_is_returned_is_in_force(emulator):
    outcomes: Counter[str] = Counter()
    kinds: Counter[tuple[str, str]] = Counter()
    for batch in range(BATCHES):
        sequences = [Sequence(number) for number in range(batch * BATCH, (batch + 1) * BATCH)]
        accounts = [sequence.account_id for sequence in sequences]
        emulator.clear_faults()
        emulator.set_state(
            {
                "accounts": [{"id": account_id, "name": account_id} for account_id in accounts],
                "tokens": [{"token": emulator.write_token, "accounts": accounts}],
                "ipsec_tunnels": [sequence.seed() for sequence in sequences],
            }
        )
        for sequence in sequences:
            for fault in sequence.faults:
                emulator.fault(**fault)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda sequence: sequence.go(emulator.url, emulator.write_token), sequences))
        waiting = {(fault["path"], fault["kind"], fault["when"]) for fault in emulator.faults()}
        in_force = emulator.keys()
        log = emulator.key_log()
        for sequence in sequences:
            generated = [entry["psk"] for entry in log if entry["tunnel_id"] == sequence.tunnel_id]
            try:
                outcomes[sequence.outcome(in_force[sequence.tunnel_id], generated)] += 1
            except AssertionError as error:
                raise AssertionError(f"{error}\n{sequence!r}\nresult: {sequence.result}\nerror: {sequence.error}\ngenerated: {generated}") from error
            for fault in sequence.faults:
                kinds[fault["kind"], fault["when"]] += (fault["path"], fault["kind"], fault["when"]) not in waiting
    shown = f"{dict(outcomes)}, faults that were used up: {dict(kinds)}"
    assert sum(outcomes.values()) == BATCHES * BATCH
    # What the test is about did happen, and not rarely.
    for outcome in ("key", "key after a lost answer", "not due", "error, key as before", "error, key unknown"):
        assert outcomes[outcome] >= 25, shown
    for kind in ("status", "html", "empty", "no_success_field", "cut_body", "disconnect", "redirect", "slow"):
        for when in ("before", "after"):
            assert kinds[kind, when] >= 3, shown
    assert kinds["not_success", "before"] >= 3, shown
