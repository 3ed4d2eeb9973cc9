# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of keys, against a server in memory that fails as it is told: whatever happens, the key in force is in the file."""

from __future__ import annotations

import dataclasses
import itertools
import os
import string
import tempfile
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import REFUSED, UNKNOWN, MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import ALPHABET, Applied, make_key
from ansible_collections.cloudflare.magic.plugins.module_utils._selection import Selection
from ansible_collections.cloudflare.magic.plugins.plugin_utils._fleet import Fleet, supplied
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_file import VaultFile
from ansible_collections.cloudflare.magic.plugins.plugin_utils._vault_text import PSKS
from ansible_collections.cloudflare.magic.tests.unit.crash.world import SECRET, QuickVault

OLD = "the-key-before-of-"


def ids(count):
    return [f"id-{number}" for number in range(count)]


@dataclasses.dataclass
class Step:
    """What one call of set_keys does.

    Attributes:
        effect: which of the keys sent take effect, by their place; None for all.
        raises: what the call ends with instead of an answer.
        unapplied: which ids of those sent the answer says were not set, by their place.
        silent: which it does not mention.
        repeated: whether requests were sent before the one that was answered.
    """

    effect: tuple[int, ...] | None = None
    raises: BaseException | None = None
    unapplied: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()
    repeated: bool = False


def error(status, reached=REFUSED, code=1000, text="no"):
    failure = {"method": "POST", "path": "/accounts/x/magic/ipsec_tunnels/psk", "status": status, "errors": [{"code": code, "message": text}], "ray_id": None}
    return MagicError(f"POST failed with HTTP {status}: [{code}] {text}.", failure=failure, reached=reached)


class Server:
    """What Fleet needs of Cloudflare, in memory.

    Attributes:
        in_force: the key of each tunnel.
        steps: what the next calls do; after that, all is well.
        spoilers: ids that make a call fail as a whole, and how.
        calls: the keys of each call.
        look: called within each call, before and after it takes effect.
    """

    def __init__(self, count, age_days=None, names=None):
        self.in_force = {tunnel_id: OLD + tunnel_id for tunnel_id in ids(count)}
        self.names = names or {tunnel_id: f"branch-{number}" for number, tunnel_id in enumerate(ids(count))}
        now = datetime.now(timezone.utc)
        ages = age_days or {}
        self.generated = {i: (now - timedelta(days=ages[i])).isoformat() if ages.get(i) is not None else None for i in self.in_force}
        self.steps = []
        self.spoilers = {}
        self.calls = []
        self.look = lambda keys: None

    def list_tunnels(self):
        return [
            {"id": tunnel_id, "name": self.names[tunnel_id], "psk_metadata": {"last_generated_on": moment} if moment else {}}
            for tunnel_id, moment in self.generated.items()
        ]

    def now(self):
        return datetime.now(timezone.utc)

    def set_keys(self, keys):
        self.calls.append(dict(keys))
        self.look(keys)
        for tunnel_id, failure in self.spoilers.items():
            if tunnel_id in keys:
                raise failure
        step = self.steps.pop(0) if self.steps else Step()
        sent = list(keys)
        unapplied = {sent[place] for place in step.unapplied if place < len(sent)}
        silent = {sent[place] for place in step.silent if place < len(sent)}
        if step.raises is None and not step.repeated:
            # An answer that is not the repetition of another call tells the truth of what it mentions.
            effect = set(sent) - unapplied - {tunnel_id for tunnel_id in silent if step.effect is not None and sent.index(tunnel_id) not in step.effect}
        else:
            effect = {tunnel_id for place, tunnel_id in enumerate(sent) if step.effect is None or place in step.effect}
            if step.raises is None:
                effect |= set(sent) - unapplied - silent
        now = datetime.now(timezone.utc).isoformat()
        for tunnel_id in effect:
            self.in_force[tunnel_id] = keys[tunnel_id]
            self.generated[tunnel_id] = now
        self.look(keys)
        if step.raises is not None:
            raise step.raises
        applied: dict[str, str | None] = {tunnel_id: now for tunnel_id in sent if tunnel_id not in unapplied | silent}
        return Applied(applied, {tunnel_id: "locked" for tunnel_id in unapplied}, step.repeated)


class Site:
    """A vault file, and runs of fleets that keep their keys in it."""

    def __init__(self, folder, server, vault=None):
        self.path = f"{folder}/keys.yml"
        self.server = server
        self.vault = vault or QuickVault([("default", SECRET)])
        self.lines = []

    def entries(self):
        store = VaultFile(self.path, self.vault, PSKS, read_only=True)
        with store:
            return store.entries

    def write(self, entries):
        with VaultFile(self.path, self.vault, PSKS) as store:
            store.entries.update(entries)
            store.save()

    def fleet(self, store, check_mode=False, **options):
        chosen = {"names": None, "ipsec_tunnel_ids": None, "exclude": None, "psks": None}
        options = {**chosen, "rotate": "always", "max_age": None, "psk_length": 32, "batch_size": 50, "stage": False, **options}
        if not (options["psks"] or options["ipsec_tunnel_ids"]):
            options["names"] = options["names"] or ["*"]
        return Fleet(self.server, options, store, check_mode, self.lines.append)

    def run(self, check_mode=False, raises=None, **options):
        """Run a fleet and return it, also if it ends with the exception that there has to be."""
        with VaultFile(self.path, self.vault, PSKS, read_only=check_mode) as store:
            fleet = self.fleet(store, check_mode, **options)
            if raises is None:
                fleet.rotate()
            else:
                with pytest.raises(raises):
                    fleet.rotate()
            return fleet

    def lost(self):
        """Return the tunnels whose key in force came from here and is not in the file."""
        entries = self.entries()
        return [
            tunnel_id
            for tunnel_id, key in self.server.in_force.items()
            if not key.startswith(OLD) and key not in (entries.get(tunnel_id, {}).get("psk"), entries.get(tunnel_id, {}).get("pending_psk"))
        ]


@pytest.fixture
def site(tmp_path):
    def make(count, **options):
        return Site(str(tmp_path), Server(count, **options))

    return make


# --- which tunnels -------------------------------------------------------------------------------------------------

TUNNELS = [
    {"id": "1", "name": "paris-1"},
    {"id": "2", "name": "oslo-1"},
    {"id": "3", "name": "paris-2"},
    {"id": "4", "name": "twin"},
    {"id": "5", "name": "twin"},
]


@pytest.mark.parametrize(
    ("names", "wanted", "expected"),
    [
        (["*"], [], "12345"),
        (["paris-*"], [], "13"),
        (["paris-2", "paris-1"], [], "13"),
        (["paris-?", "paris-*", "paris-1"], [], "13"),
        (["*-[2-9]"], [], "3"),
        (["twin"], [], "45"),
        ([], ["3", "1"], "13"),
        (["oslo-1"], ["3", "2"], "23"),
    ],
)
def test_select(names, wanted, expected):
    assert "".join(tunnel["id"] for tunnel in Selection(names, wanted).choose(TUNNELS)) == expected


@pytest.mark.parametrize(
    ("tunnels", "names", "wanted", "words"),
    [
        (TUNNELS, ["paris-*", "rome-*"], [], ["names", "'rome-*'", "oslo-1, paris-1, paris-2", "account_id"]),
        (TUNNELS, ["Paris-*"], [], ["'Paris-*'"]),
        (TUNNELS, ["*"], ["1", "9", "8"], ["ipsec_tunnel_ids", "8, 9"]),
        ([], ["*"], [], ["'*'", "none"]),
    ],
)
def test_select_names_what_matches_nothing(tunnels, names, wanted, words):
    with pytest.raises(MagicError) as caught:
        Selection(names, wanted).choose(tunnels)
    for word in words:
        assert word in str(caught.value)


def test_supplied_by_name_and_id():
    keys, warnings = supplied(TUNNELS, {"paris-1": "a" * 32, "2": "b" * 32, "5": "c" * 32})
    assert keys == {"1": "a" * 32, "2": "b" * 32, "5": "c" * 32}
    assert warnings == []


def test_supplied_by_a_name_that_yaml_takes_for_a_number():
    assert supplied([{"id": "1", "name": "4711"}], {4711: "a" * 32})[0] == {"1": "a" * 32}


def test_excluded_tunnels_are_not_selected():
    def chosen(names, chosen_ids, exclude=()):
        return [tunnel["id"] for tunnel in Selection(names, chosen_ids, exclude).choose(TUNNELS)]

    assert chosen(["*"], [], ["paris-*"]) == [t["id"] for t in TUNNELS if not t["name"].startswith("paris-")]
    assert chosen(["*"], [], ["1", "oslo-1"]) == [t["id"] for t in TUNNELS if t["id"] != "1" and t["name"] != "oslo-1"]
    (paris_1, paris_2) = (t["id"] for t in TUNNELS if t["name"] in ("paris-1", "paris-2"))
    assert chosen(["paris-1"], [paris_2], ["paris-2"]) == [paris_1]
    assert chosen(["*"], [], ["*"]) == []


def test_supplied_warns_of_a_shared_key_without_showing_it():
    dummy, warnings = supplied(TUNNELS, {"paris-1": "a" * 32, "2": "b" * 32, "paris-2": "a" * 32})
    (warning,) = warnings
    assert "paris-1, paris-2" in warning
    assert "oslo-1" not in warning
    assert "aaaa" not in warning


@pytest.mark.parametrize(
    ("psks", "words"),
    [
        # What stands in the place of a name may be a key.
        ({"rome-1": "a" * 32}, ["psks", "entry 1", "paris-1"]),
        ({"paris-1": "b" * 32, "aaaaaaaaaaaaaaaa": "paris-2"}, ["psks", "entry 2", "paris-1"]),
        ({"twin": "a" * 32}, ["psks", "2 IPsec tunnels", "4, 5"]),
        ({"paris-1": "a" * 32, "1": "b" * 32}, ["psks", "'paris-1'", "twice"]),
    ],
)
def test_supplied_refuses(psks, words):
    with pytest.raises(MagicError) as caught:
        supplied(TUNNELS, psks)
    for word in words:
        assert word in str(caught.value)
    assert "aaaa" not in str(caught.value)


@settings(deadline=None)
@given(st.integers(32, 64))
def test_keys_are_of_letters_and_digits_without_a_leading_zero(length):
    keys = [make_key(length) for dummy in range(200)]
    assert set(ALPHABET) == set(string.ascii_letters + string.digits)
    assert {len(key) for key in keys} == {length}
    assert set("".join(keys)) <= set(ALPHABET)
    assert not any(key.startswith("0") for key in keys)
    assert any("0" in key for key in keys)
    assert len(set(keys)) == len(keys)


# --- half a run ----------------------------------------------------------------------------------------------------


def test_staged_keys_are_saved_and_not_sent_and_the_next_run_sends_them(site):
    here = site(3)
    before = dict(here.server.in_force)
    staged = here.run(stage=True)
    assert here.server.in_force == before
    assert (staged.made, len(staged.report.keys)) == (True, 3)
    assert {row["outcome"] for row in staged.table()} == {"staged"}
    assert {tunnel_id: entry["pending_psk"] for tunnel_id, entry in here.entries().items()} == staged.report.keys
    again = here.run(stage=True)
    assert (again.made, again.report.keys) == (False, staged.report.keys)
    assert here.server.in_force == before
    here.run()
    assert here.server.in_force == staged.report.keys
    assert {tunnel_id: entry["psk"] for tunnel_id, entry in here.entries().items()} == staged.report.keys
    assert not any("pending_psk" in entry for entry in here.entries().values())


def test_staging_makes_keys_for_what_is_due_alone(site):
    here = site(2)
    here.run()
    staged = here.run(stage=True, rotate="expired", max_age="1d")
    assert (staged.made, staged.report.keys, len(staged.not_due)) == (False, {}, 2)
    assert not any("pending_psk" in entry for entry in here.entries().values())


def test_staging_in_check_mode_makes_no_file(site):
    here = site(2)
    staged = here.run(check_mode=True, stage=True)
    assert staged.made
    assert not os.path.exists(here.path)


# --- one run -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "size", "batches"),
    [(1, 50, [1]), (50, 50, [50]), (51, 50, [50, 1]), (7, 3, [3, 3, 1]), (3, 1, [1, 1, 1])],
)
def test_batches(site, count, size, batches):
    here = site(count)
    fleet = here.run(batch_size=size)
    assert [len(keys) for keys in here.server.calls] == batches
    assert [tunnel_id for keys in here.server.calls for tunnel_id in keys] == ids(count)
    assert fleet.report.keys == here.server.in_force
    assert set(fleet.report.applied) == set(ids(count))
    assert {row["outcome"] for row in fleet.table()} == {"set"}
    assert len(here.lines) == (len(batches) if len(batches) > 1 else 0)
    assert not any(key in line for line in here.lines for key in here.server.in_force.values())


def test_progress_counts(site):
    here = site(7)
    here.server.steps = [Step(), Step(unapplied=(1,))]
    here.run(batch_size=3)
    numbers = [[int(word) for word in line.replace(",", " ").split() if word.isdigit()] for line in here.lines]
    assert numbers == [[3, 7, 1, 3, 4], [5, 7, 2, 3, 1], [6, 7, 3, 3, 0]]


@pytest.mark.parametrize(
    ("rotate", "max_age", "due"),
    [("always", None, [0, 1, 2]), ("missing", None, [2]), ("expired", "90d", [1, 2]), ("expired", "1d", [0, 1, 2]), ("expired", "52w", [2])],
)
def test_only_what_is_due(site, rotate, max_age, due):
    here = site(3, age_days={"id-0": 10, "id-1": 100, "id-2": None})
    fleet = here.run(rotate=rotate, max_age=max_age)
    assert [list(keys) for keys in here.server.calls] == [[f"id-{number}" for number in due]]
    assert fleet.not_due == [tunnel_id for number, tunnel_id in enumerate(ids(3)) if number not in due]
    again = here.run(rotate=rotate, max_age=max_age) if rotate != "always" else None
    if again:
        assert len(here.server.calls) == 1
        assert {row["outcome"] for row in again.table()} == {"not_due"}


def test_each_key_is_in_the_file_before_it_is_sent(site):
    here = site(6)
    here.write({"id-4": {"psk": "k" * 32}})
    seen = []

    def look(keys):
        entries = here.entries()
        seen.append(all(entries[tunnel_id]["pending_psk"] == key for tunnel_id, key in keys.items()))
        confirmed = [tunnel_id for earlier in here.server.calls[:-1] for tunnel_id in earlier]
        seen.append(all(entries[tunnel_id]["psk"] == here.server.in_force[tunnel_id] and "pending_psk" not in entries[tunnel_id] for tunnel_id in confirmed))
        later = set(ids(6)) - set(keys) - set(confirmed)
        seen.append(all("pending_psk" not in entries.get(tunnel_id, {}) for tunnel_id in later))

    here.server.look = look
    here.run(batch_size=2)
    assert seen == [True] * 18  # three batches, looked at before and after, three questions each
    assert {tunnel_id: entry["psk"] for tunnel_id, entry in here.entries().items()} == here.server.in_force
    assert not any("pending_psk" in entry for entry in here.entries().values())
    assert here.entries()["id-4"]["previous_psk"] == "k" * 32


def test_without_a_file(site):
    server = Server(3)
    fleet = Site("", server).fleet(None, batch_size=2)
    fleet.rotate()
    assert fleet.report.keys == server.in_force


def test_check_mode_writes_nothing(site):
    here = site(5, age_days={"id-0": 1})
    here.write({"id-3": {"psk": "k" * 32, "pending_psk": "p" * 32}})
    before = here.entries()
    fleet = here.run(check_mode=True, batch_size=2, rotate="missing")
    assert here.entries() == before
    assert [len(keys) for keys in here.server.calls] == [1, 2, 1]
    assert {row["ipsec_tunnel_id"]: row["outcome"] for row in fleet.table()} == {**dict.fromkeys(ids(5), "validated"), "id-0": "not_due"}


def test_check_mode_takes_an_answer_without_details_for_a_yes(site):
    here = site(2)
    here.server.steps = [Step(silent=(0, 1))]
    fleet = here.run(check_mode=True)
    assert fleet.report.unapplied == {}
    assert {row["outcome"] for row in fleet.table()} == {"validated"}
    assert set(fleet.report.applied) == set(ids(2))


def test_what_matches_nothing_sends_and_writes_nothing(site):
    here = site(2)
    here.run(raises=MagicError, names=["branch-0", "rome"])
    assert here.server.calls == []
    assert here.entries() == {}


# --- what can go wrong ---------------------------------------------------------------------------------------------


def test_a_clear_no_drops_the_pending_key(site):
    here = site(4)
    here.write({"id-1": {"psk": "k" * 32}})
    here.server.steps = [Step(unapplied=(1, 2))]
    fleet = here.run()
    assert fleet.report.unapplied == {"id-1": "locked", "id-2": "locked"}
    assert {row["ipsec_tunnel_id"]: row["outcome"] for row in fleet.table()} == {"id-0": "set", "id-1": "unapplied", "id-2": "unapplied", "id-3": "set"}
    assert here.entries()["id-1"] == {"psk": "k" * 32}
    assert "id-2" not in here.entries(), "an entry without a key is of no use to anyone who reads the file"
    assert here.lost() == []


def test_no_word_on_a_tunnel_keeps_the_pending_key(site):
    here = site(3)
    here.server.steps = [Step(silent=(1,))]
    fleet = here.run()
    assert "does not mention" in fleet.report.unapplied["id-1"]
    assert here.entries()["id-1"]["pending_psk"] == here.server.in_force["id-1"]
    key = here.server.in_force["id-1"]
    here.run(rotate="missing")
    assert here.server.calls[1:] == [{"id-1": key}]
    assert here.entries()["id-1"]["psk"] == key
    assert "pending_psk" not in here.entries()["id-1"]


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("failure", [error(400, code=1022), error(404, code=1032), error(500, UNKNOWN), error(502, UNKNOWN)], ids=["400", "404", "500", "502"])
def test_the_tunnel_that_spoils_a_batch_is_found(site, place, failure):
    here = site(8)
    bad = f"id-{place}"
    here.server.spoilers[bad] = failure
    fleet = here.run(batch_size=8)
    assert fleet.report.unapplied == {bad: str(failure)}
    assert set(fleet.report.applied) == set(ids(8)) - {bad}
    # The whole batch, the same once more, and both halves of whatever is spoiled.
    assert len(here.server.calls) <= 2 + 2 * 3
    assert here.server.calls[0] == here.server.calls[1], "the same keys again"
    keys = here.server.calls[0]
    assert all(keys[tunnel_id] == key for call in here.server.calls for tunnel_id, key in call.items())
    entry = here.entries().get(bad, {})
    assert entry.get("pending_psk") == (keys[bad] if failure.reached == UNKNOWN else None)
    assert here.lost() == []


def test_two_that_spoil(site):
    here = site(8)
    here.server.spoilers = {"id-0": error(400, code=1022), "id-7": error(500, UNKNOWN)}
    fleet = here.run(batch_size=8)
    assert set(fleet.report.unapplied) == {"id-0", "id-7"}
    assert len(fleet.report.applied) == 6


def test_a_failure_that_passes_is_none(site):
    here = site(4)
    here.server.steps = [Step(raises=error(500, UNKNOWN))]
    fleet = here.run()
    assert len(here.server.calls) == 2
    assert here.server.calls[0] == here.server.calls[1]
    assert set(fleet.report.applied) == set(ids(4))
    assert fleet.report.unapplied == {}
    assert not any("pending_psk" in entry for entry in here.entries().values())


@pytest.mark.parametrize(
    "failure",
    [
        error(None, UNKNOWN),
        error(401),
        error(403, code=10000),
        error(429, code=971),
        error(400, code=6003),
        error(404, code=7003),
        error(403, code=1012),
        MagicError("no call was made", reached=REFUSED),
    ],
    ids=["cut", "401", "403", "429", "6003", "7003", "1012", "nothing"],
)
def test_what_smaller_parts_cannot_mend_stops_the_run(site, failure):
    here = site(6)
    here.server.steps = [Step(), Step(raises=failure, effect=None if failure.reached == UNKNOWN else ())]
    fleet = here.run(batch_size=2, raises=MagicError)
    assert len(here.server.calls) == 2
    assert set(fleet.report.applied) == {"id-0", "id-1"}
    assert [row["outcome"] for row in fleet.table()] == ["set", "set", "not_tried", "not_tried", "not_tried", "not_tried"]
    assert here.entries()["id-0"]["psk"] == here.server.in_force["id-0"]
    assert "pending_psk" not in here.entries()["id-0"]
    assert "id-4" not in here.entries()
    assert here.lost() == []


def test_an_outage_stops_the_run(site):
    here = site(60)
    here.server.steps = [Step()] + [Step(raises=error(503, UNKNOWN), effect=()) for dummy in range(1000)]
    fleet = here.run(batch_size=20, raises=MagicError)
    assert len(here.server.calls) == 1 + 6, "six answers of that kind in a row are an outage"
    assert set(fleet.report.applied) == set(ids(20))
    assert not any(tunnel_id in call for call in here.server.calls for tunnel_id in ids(60)[40:])


@pytest.mark.parametrize("calls", range(1, 9))
@pytest.mark.parametrize("last", [error(503, UNKNOWN), error(401), error(400, code=1022)], ids=["503", "401", "400"])
def test_a_lost_answer_keeps_all_its_keys_whatever_comes_after(site, calls, last):
    """The first request has taken effect, and nothing that comes after says so."""
    here = site(8)
    here.server.steps = [Step(raises=error(500, UNKNOWN))] + [Step(raises=last, effect=()) for dummy in range(1000)]
    del here.server.steps[calls:]
    here.server.steps += [Step(raises=error(401), effect=()) for dummy in range(100)]
    here.run(batch_size=8, raises=MagicError)
    assert here.lost() == []
    assert {tunnel_id: entry["pending_psk"] for tunnel_id, entry in here.entries().items()} == here.server.in_force


def test_a_no_after_a_lost_answer_keeps_the_key(site):
    here = site(2)
    here.server.steps = [Step(raises=error(500, UNKNOWN)), Step(unapplied=(0, 1))]
    here.run()
    assert here.lost() == []


def test_a_no_to_a_repeated_request_keeps_the_key(site):
    """The client repeats by itself; the answer is that to the last request alone."""
    here = site(3)
    here.server.steps = [Step(unapplied=(0,), repeated=True)]
    fleet = here.run()
    assert set(fleet.report.unapplied) == {"id-0"}
    assert here.lost() == []
    assert here.entries()["id-0"]["pending_psk"] == here.server.in_force["id-0"]


class Interrupted(BaseException):
    """Such as Ctrl-C, and the task's timeout."""


@pytest.mark.parametrize("end", [Interrupted, KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("effect", [None, (), (1,)], ids=["all", "none", "one"])
def test_an_interruption_keeps_the_keys(site, end, effect):
    here = site(6)
    here.server.steps = [Step(), Step(raises=end(), effect=effect)]
    here.run(batch_size=2, raises=end)
    assert here.lost() == []
    entries = here.entries()
    assert {tunnel_id: entries[tunnel_id]["pending_psk"] for tunnel_id in ("id-2", "id-3")} == here.server.calls[1]
    assert entries["id-0"]["psk"] == here.server.in_force["id-0"]
    assert "pending_psk" not in entries["id-0"]


def test_pending_keys_are_sent_again_first(site):
    here = site(5, age_days={"id-3": 1})
    here.write({"id-3": {"psk": "k" * 32, "pending_psk": "p" * 32}, "id-4": {"pending_psk": "q" * 32}, "id-9": {"pending_psk": "gone" * 8}})
    fleet = here.run(rotate="missing", batch_size=2)
    assert here.server.calls[0] == {"id-3": "p" * 32, "id-4": "q" * 32}
    assert [list(call) for call in here.server.calls[1:]] == [["id-0", "id-1"], ["id-2"]]
    assert fleet.not_due == []
    assert fleet.report.total == 5
    assert here.entries()["id-3"]["previous_psk"] == "k" * 32
    assert here.entries()["id-9"] == {"pending_psk": "gone" * 8}
    assert {row["outcome"] for row in fleet.table()} == {"set"}


def test_pending_keys_of_others_are_left_alone(site):
    here = site(2)
    here.write({"id-1": {"pending_psk": "q" * 32}})
    here.run(names=["branch-0"])
    assert [list(call) for call in here.server.calls] == [["id-0"]]
    assert here.entries()["id-1"] == {"pending_psk": "q" * 32}


def test_a_supplied_key_follows_a_pending_one(site):
    here = site(2)
    here.write({"id-0": {"psk": "k" * 32, "pending_psk": "p" * 32}})
    fleet = here.run(psks={"branch-0": "m" * 32, "id-1": "n" * 32})
    assert here.server.calls == [{"id-0": "p" * 32}, {"id-0": "m" * 32, "id-1": "n" * 32}]
    assert here.entries()["id-0"]["psk"] == "m" * 32
    assert here.entries()["id-0"]["previous_psk"] == "p" * 32
    assert fleet.report.total == 2
    assert set(fleet.report.applied) == {"id-0", "id-1"}


def test_a_supplied_key_that_is_the_pending_one_is_sent_once(site):
    here = site(1)
    here.write({"id-0": {"pending_psk": "m" * 32}})
    here.run(psks={"branch-0": "m" * 32})
    assert here.server.calls == [{"id-0": "m" * 32}]


@pytest.mark.parametrize(
    "steps",
    [
        [Step(unapplied=(0,))],
        [Step(raises=error(400, code=1022), effect=())] * 2,
        [Step(silent=(0,), effect=())],
        [Step(raises=error(500, UNKNOWN), effect=())] * 2,
    ],
    ids=["unapplied", "refused", "silent", "lost"],
)
@pytest.mark.parametrize("psks", [None, {"id-0": "m" * 32, "id-1": "n" * 32}], ids=["made", "supplied"])
def test_a_pending_key_that_cannot_be_confirmed_is_not_written_over(site, steps, psks):
    """The interrupted run may have set it: then it is the only copy of the key in force."""
    here = site(2)
    here.server.in_force["id-0"] = "p" * 32
    here.write({"id-0": {"psk": "k" * 32, "pending_psk": "p" * 32}})
    here.server.steps = list(steps)
    fleet = here.run(psks=psks)
    assert "id-0" in fleet.report.unapplied
    assert here.entries()["id-0"]["pending_psk"] == "p" * 32
    assert here.lost() == []
    assert here.entries()["id-1"]["psk"] == here.server.in_force["id-1"]


# --- whatever happens ----------------------------------------------------------------------------------------------

PLACES = st.lists(st.integers(0, 5), max_size=6, unique=True).map(tuple)
STEPS = st.one_of(
    st.just(Step()),
    st.builds(Step, unapplied=PLACES),
    st.builds(Step, silent=PLACES, effect=PLACES),
    st.builds(Step, unapplied=PLACES, silent=PLACES, effect=PLACES, repeated=st.just(True)),
    st.sampled_from([400, 404, 401, 429]).map(lambda status: Step(raises=error(status), effect=())),
    st.builds(lambda status, effect: Step(raises=error(status, UNKNOWN), effect=effect), st.sampled_from([500, 502, None, 400]), st.none() | PLACES),
    st.builds(lambda kind, effect: Step(raises=kind(), effect=effect), st.sampled_from([Interrupted, RuntimeError]), st.none() | PLACES),
)
RUNS = st.lists(
    st.tuples(st.lists(STEPS, max_size=10), st.sampled_from(["always", "missing", "supplied"]), st.integers(1, 6)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 6), runs=RUNS)
def test_the_key_in_force_is_always_in_the_file(count, runs):
    server = Server(count)
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        here = Site(folder, server)
        looked = []

        def look(keys):
            # As if the process were killed here.
            assert here.lost() == []
            looked.append(keys)

        server.look = look
        for steps, kind, size in runs:
            server.steps = list(steps)
            options = {"psks": {tunnel_id: f"supplied-key-number-{next(numbers):020}" for tunnel_id in ids(count)}} if kind == "supplied" else {"rotate": kind}
            with VaultFile(here.path, here.vault, PSKS) as store:
                fleet = here.fleet(store, batch_size=size, **options)
                try:
                    fleet.rotate()
                except (MagicError, Interrupted, RuntimeError):
                    pass
            assert here.lost() == []
            for tunnel_id in fleet.report.applied:
                assert server.in_force[tunnel_id] == fleet.report.keys[tunnel_id] == here.entries()[tunnel_id]["psk"]
                assert tunnel_id not in fleet.report.unapplied
        server.steps = []
        before = len(looked)
        here.run(rotate="always")
        assert len(looked) > before
        assert {tunnel_id: entry["psk"] for tunnel_id, entry in here.entries().items()} == server.in_force
        assert not any("pending_psk" in entry for entry in here.entries().values())


# --- interrupted replacements, files that are behind, and checks that are carried out


def test_an_entry_with_an_interrupted_replacement_is_due(site):
    here = site(3, age_days=dict.fromkeys(ids(3), 1))
    here.write({"id-1": {"name": "n", "psk": "k" * 32, "replacing_since": "2026-11-23T14:28:47+00:00"}})
    fleet = here.run(rotate="missing")
    assert fleet.not_due == ["id-0", "id-2"] and list(fleet.report.applied) == ["id-1"]
    entry = here.entries()["id-1"]
    assert "replacing_since" not in entry and entry["psk"] == here.server.in_force["id-1"] and entry["previous_psk"] == "k" * 32
    assert here.run(rotate="missing").not_due == ids(3)


def test_a_file_that_is_behind_is_warned_of(site):
    here = site(2, age_days=dict.fromkeys(ids(2), 1))
    moment = here.server.generated["id-0"]
    here.write({"id-0": {"psk": "k" * 32, "last_generated_on": moment}, "id-1": {"psk": "k" * 32, "last_generated_on": "2020-01-01T00:00:00Z"}})
    (warning,) = here.run(rotate="missing").warnings
    assert "id-1" in warning and "id-0" not in warning and "not the ones in force" in warning and "kkkk" not in warning
    assert here.run(rotate="always").warnings == []


def test_a_key_from_the_future_is_said_to_be_one(site):
    here = site(1, age_days={"id-0": -400})
    (warning,) = here.run(rotate="missing").warnings
    assert "dated in the future" in warning


def test_a_check_that_is_carried_out_is_noticed(site):
    here = site(3)
    # The server in memory does not know of validate_only: whatever it is sent takes effect.
    fleet = here.run(check_mode=True)
    assert fleet.moved == set(ids(3)) and here.server.in_force == fleet.report.keys
    assert "although the request asked only for validation" in fleet.warnings[-1]
    assert not [key for key in fleet.report.keys.values() if key in str(fleet.warnings)]


@pytest.mark.parametrize("item", ["Branch-1", "branch-01", "ID-0", "nowhere"])
def test_an_excluded_tunnel_has_to_be_there(item):
    """A misspelled name would be rotated. A pattern may match nothing: such tunnels come and go."""
    tunnels = [{"id": "id-0", "name": "branch-1"}]
    with pytest.raises(MagicError, match=f"exclude: no IPsec tunnel has the name or id '{item}'"):
        Selection(["*"], [], [item]).choose(tunnels)
    for pattern in ("connector-*", "branch-?1", "branch-[2-9]"):
        assert Selection(["*"], [], [pattern]).choose(tunnels) == tunnels
    assert Selection(["*"], [], ["branch-1"]).choose(tunnels) == Selection(["*"], [], ["id-0"]).choose(tunnels) == []


@pytest.mark.parametrize("pending", ["********", "seven77", ["a", "b"], 12345678, "two\nlines-01234567890123456789"])
def test_what_somebody_wrote_as_a_pending_key_is_checked(tmp_path, pending):
    server = Server(2)
    site = Site(tmp_path, server)
    site.write({"id-0": {"name": "branch-0", "pending_psk": pending}})
    with pytest.raises(MagicError, match="vault_file: pending_psk of tunnel id-0") as caught:
        site.run()
    assert server.calls == [] and str(pending) not in str(caught.value)


@pytest.mark.parametrize("mine", [True, False])
def test_a_check_while_somebody_else_rotates(tmp_path, monkeypatch, mine):
    """The key of a check is delivered only if Cloudflare's response has the date that the tunnel has now."""
    server = Server(1)

    def look(keys):
        if len(server.calls) == 1 and server.in_force["id-0"] == keys["id-0"] and not mine:
            server.in_force["id-0"] = "made-elsewhere-0123456789"

    server.look = look
    answered = server.set_keys

    def set_keys(keys):
        answer = answered(keys)
        if not mine:
            server.generated["id-0"] = (datetime.now(timezone.utc) + timedelta(seconds=1)).isoformat()
        return answer

    monkeypatch.setattr(server, "set_keys", set_keys)
    fleet = Site(tmp_path, server).run(check_mode=True)
    assert fleet.moved == ({"id-0"} if mine else set())
    assert any("Another user or process replaced" in warning for warning in fleet.warnings) is not mine
