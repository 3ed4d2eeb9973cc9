# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""License keys of connectors: which one is delivered, when one is provisioned, and that no answer, however odd, provisions one too many or shows one."""

from __future__ import annotations

import json

import pytest
import requests

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._licenses import OPTIONS, check, deliver, usable, why_due
from ansible_collections.cloudflare.magic.plugins.module_utils._objects import read_some
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import Keeper
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR, SITE
from ansible_collections.cloudflare.magic.tests.emulator.seed import default_seed
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import options_of
from ansible_collections.cloudflare.magic.tests.unit.kinds.test_scenarios import run as apply
from ansible_collections.cloudflare.magic.tests.unit.network.cloud import Cloud, Reply
from ansible_collections.cloudflare.magic.tests.unit.plugins.helpers import everything

OTHER = "mconn-of-someone-else-0123456789"
NOTES = "Lyon, virtual"


class Noted(Keeper):
    """Keeps what it is told."""

    def __init__(self, interrupted=False):
        self.told = []
        self._interrupted = interrupted

    def interrupted(self, dummy_tunnel_id):
        return self._interrupted

    def begin(self, object_id, name):
        self.told.append("begin")

    def unchanged(self, object_id):
        self.told.append("unchanged")


@pytest.fixture(name="cloud")
def _cloud():
    return Cloud(default_seed())


def run(cloud, check_mode=False, keeper=None, held=None, foreseen=None, **chosen):
    cloud.sent = []
    options = options_of(None, chosen or {"notes": NOTES}, OPTIONS)
    check(options)
    return deliver(cloud._client, options, check_mode, keeper or Keeper(), held or {}, foreseen)


def in_force(cloud, connector_id):
    return next(item["license_key"] for item in cloud.export()["connectors"] if item["id"] == connector_id)


def writes(cloud):
    return [(request.method, request.body) for request in cloud.sent if request.is_write]


REGISTER = ("POST", {"device": {"provision_license": True}, "notes": NOTES})
PROVISION = ("PATCH", {"provision_license": True})


@pytest.fixture(name="virtual")
def _virtual(cloud):
    """The id of a virtual appliance's connector."""
    return run(cloud)["connector_id"]


def test_a_virtual_appliance_is_registered_once(cloud):
    dry = run(cloud, check_mode=True)
    assert (dry["changed"], dry["validated"], dry["reason"], writes(cloud)) == (True, False, "registered", [])
    assert "license_key" not in dry and dry["connector_id"] == "(new: connectors Lyon, virtual)"
    first = run(cloud)
    assert (first["changed"], first["reason"], first["provisioned"], writes(cloud)) == (True, "registered", True, [REGISTER])
    assert first["license_key"] == in_force(cloud, first["connector_id"]) and first["diff"]["before"] == {"license_key": None}
    again = run(cloud)
    assert (again["changed"], again["reason"], again["license_key"], writes(cloud)) == (False, "existing", first["license_key"], [])
    saved = run(cloud, held={first["connector_id"]: first["license_key"]}, notes=NOTES, vault_file="keys.yml")
    assert (saved["changed"], saved["reason"], writes(cloud)) == (False, "not_due", []) and "license_key" not in saved


@pytest.mark.parametrize("chosen, reason", [({}, "existing"), ({"vault_file": "keys.yml"}, "not_due"), ({"rotate": "always"}, "always")])
def test_check_mode_builds_on_a_registration(cloud, chosen, reason):
    """As in a real run, which is done afterwards: the tasks that name the connector find it, and it is not registered again."""
    foreseen: list = []
    for check_mode in (True, False):
        first = run(cloud, check_mode, foreseen=foreseen, notes=NOTES)
        connector_id = first["connector_id"]
        tasks = [
            (SITE, {"name": "lyon", "connector": connector_id}),
            (CONNECTOR, {"connector_id": connector_id, "activated": True}),
        ]
        for kind, options in tasks:
            assert apply(cloud, kind, options, check_mode, foreseen)["changed"]
            assert not apply(cloud, kind, options, check_mode, foreseen)["changed"]
        held = {connector_id: first.get("license_key")}
        again = run(cloud, check_mode, held=held, foreseen=foreseen, notes=NOTES, **chosen)
        assert (again["connector_id"], again["reason"], again["changed"]) == (connector_id, reason, reason == "always")
        assert check_mode is (writes(cloud) == []) or reason != "always"
        with pytest.raises(MagicError, match="is also used by|belongs to another site"):
            apply(cloud, SITE, {"name": "nice", "connector": connector_id}, check_mode, foreseen)
    # Another account has not got it.
    other = [one._replace(account="elsewhere") for one in foreseen]
    assert run(Cloud(default_seed()), True, foreseen=other, notes=NOTES)["reason"] == "registered"


def test_notes_with_a_slash_stand_for_a_connector_too(cloud):
    foreseen: list = []
    first = run(cloud, True, foreseen=foreseen, notes="Lyon 50%/2")
    assert first["connector_id"] == "(new: connectors Lyon 50%25%2F2)"
    assert apply(cloud, CONNECTOR, {"connector_id": first["connector_id"], "activated": True}, True, foreseen)["connector"]["notes"] == "Lyon 50%/2"


@pytest.mark.parametrize("by", ["notes", "connector"])
def test_always_provisions_each_time(cloud, virtual, by):
    chosen = {by: NOTES if by == "notes" else virtual, "rotate": "always"}
    before, keeper = in_force(cloud, virtual), Noted()
    dry = run(cloud, True, keeper, **chosen)
    assert (dry["changed"], dry["validated"], writes(cloud), keeper.told) == (True, False, [], []) and "license_key" not in dry
    done = run(cloud, keeper=keeper, **chosen)
    assert done["license_key"] == in_force(cloud, virtual) != before and writes(cloud) == [PROVISION] and keeper.told == ["begin"]
    assert before not in json.dumps(done) and done["license_key"] not in json.dumps({**done, "license_key": None})


REASONS = [
    # rotate, what Cloudflare reports, what the file has, interrupted; reason and whether a key is provisioned
    ("always", "k", "k", False, "always", True),
    ("always", None, None, True, "always", True),
    ("missing", "k", "k", False, "not_due", False),
    ("missing", "k", "other", False, "replaced", False),
    ("missing", "k", None, False, "existing", False),
    ("missing", "k", "k", True, "interrupted", False),
    ("missing", None, "k", False, "not_due", False),
    ("missing", None, "k", True, "interrupted", True),
    ("missing", None, None, True, "interrupted", True),
    ("missing", None, None, False, "missing", True),
]


@pytest.mark.parametrize("rotate, reported, held, interrupted, reason, new", REASONS)
def test_when_a_key_is_provisioned(rotate, reported, held, interrupted, reason, new):
    assert why_due(rotate, reported, held, interrupted) == (reason, new)


MALFORMED = [None, 5, "", "a", "seven77", ["mconn-0123456789"], "mconn-\n0123456789", "********", "mconn-****6789", "••••••••6789", "mconn-0123…", "$REDACTED$"]


@pytest.mark.parametrize("key", MALFORMED, ids=repr)
def test_what_cannot_be_a_license_key_is_none(key):
    assert usable(key) is None


def test_what_is_one_is_taken_as_it_is():
    assert usable("eyJhbGciOi.{{ x }}_-=/+ 9") == "eyJhbGciOi.{{ x }}_-=/+ 9"


WRONG = {
    "nobody": ({"connector": "EMU-0009"}, "connector: there is no connector 'EMU-0009'. These exist: EMU-0001, EMU-0002"),
    "a device": ({"connector": "EMU-0001"}, "connector: 'EMU-0001' is a physical device, which needs no license key. Nothing was changed."),
    "a device, always": ({"connector": "EMU-0001", "rotate": "always"}, "is a physical device"),
    "empty": ({"connector": " "}, "connector and notes are empty."),
    "no notes": ({"notes": ""}, "connector and notes are empty."),
    "vault_id alone": ({"notes": "x", "vault_id": "prod"}, "vault_id has no effect without vault_file."),
    "an empty file": ({"notes": "x", "vault_file": " "}, "vault_file is empty."),
}


@pytest.mark.parametrize("chosen, words", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_and_nothing_is_sent(cloud, chosen, words):
    with pytest.raises(MagicError) as caught:
        run(cloud, **chosen)
    assert words in str(caught.value) and writes(cloud) == []


def test_a_device_is_found_by_its_device_id(cloud):
    device = next(item["device"]["id"] for item in cloud.export()["connectors"] if item["device"].get("serial_number") == "EMU-0001")
    with pytest.raises(MagicError, match="is a physical device"):
        run(cloud, connector=device)


def test_two_with_the_same_notes_are_not_told_apart(cloud, virtual):
    cloud._client.request("POST", ["connectors"], body={"device": {"provision_license": True}, "notes": NOTES})
    with pytest.raises(MagicError, match="2 connectors of virtual appliances have the notes"):
        run(cloud)
    assert writes(cloud) == [] and run(cloud, connector=virtual)["connector_id"] == virtual


# --- answers that are lost, wrong, or quote a key


def meddle(cloud, change, method="PATCH", times=1):
    """Have the results of the first answers to writes changed."""
    left = [times]

    def between(request, forward):
        reply = forward()
        if request.method != method or not left[0]:
            return reply
        left[0] -= 1
        answer = json.loads(reply.body)
        answer["result"] = change(answer["result"])
        return Reply(reply.status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    cloud.between = between


def lose(cloud, method, arrives, times=1):
    """Have writes lost: before they arrive, or their answers."""
    left = [times]

    def between(request, forward):
        if request.method != method or not left[0]:
            return forward()
        left[0] -= 1
        if arrives:
            forward()
        raise requests.ConnectionError("lost")

    cloud.between = between


def without_keys_in_lists(cloud):
    """Have lists come without license keys."""
    before = cloud.between

    def between(request, forward):
        reply = before(request, forward)
        if request.is_write:
            return reply
        answer = json.loads(reply.body)
        for item in answer["result"]:
            item.pop("license_key", None)
        return Reply(reply.status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    cloud.between = between


@pytest.mark.parametrize("arrives, sent", [(True, 1), (False, 2)])
def test_a_lost_answer_is_read_and_only_then_asked_for_again(cloud, virtual, arrives, sent):
    lose(cloud, "PATCH", arrives)
    keeper = Noted()
    done = run(cloud, keeper=keeper, connector=virtual, rotate="always")
    assert done["license_key"] == in_force(cloud, virtual) and writes(cloud) == [PROVISION] * sent and keeper.told == ["begin"]
    (warning,) = done["warnings"]
    assert ("was read from the connector" if arrives else "one more was provisioned") in warning and done["license_key"] not in warning


def test_what_cannot_be_confirmed_fails_and_stays_noted(cloud, virtual):
    lose(cloud, "PATCH", True)
    without_keys_in_lists(cloud)
    keeper = Noted()
    with pytest.raises(MagicError) as caught:
        run(cloud, keeper=keeper, connector=virtual, rotate="always")
    assert "does not confirm" in str(caught.value) and "rotate: always" in str(caught.value)
    assert writes(cloud) == [PROVISION] * 2 and keeper.told == ["begin"]
    assert in_force(cloud, virtual) not in everything(caught.value)


def test_lists_without_keys(cloud, virtual):
    """Then only the one who keeps a key knows whether there is one."""
    without_keys_in_lists(cloud)
    held = {virtual: in_force(cloud, virtual)}
    assert run(cloud, held=held, connector=virtual)["reason"] == "not_due" and writes(cloud) == []
    done = run(cloud, connector=virtual)
    assert (done["reason"], done["license_key"], writes(cloud)) == ("missing", in_force(cloud, virtual), [PROVISION])
    assert run(cloud, keeper=Noted(True), held=held, connector=virtual, vault_file="x")["reason"] == "interrupted" and writes(cloud) == [PROVISION]


def test_a_refusal_is_no_doubt(cloud, virtual):
    def between(request, forward):
        if not request.is_write:
            return forward()
        return Reply(403, {"Content-Type": "application/json"}, b'{"success": false, "errors": [{"code": 10000, "message": "no"}], "result": null}')

    cloud.between = between
    keeper = Noted()
    with pytest.raises(MagicError, match="Magic WAN Write|10000"):
        run(cloud, keeper=keeper, connector=virtual, rotate="always")
    assert keeper.told == ["begin", "unchanged"] and len(writes(cloud)) == 1


BAD_ANSWERS = {
    "of another connector": lambda result: {**result, "id": "f" * 32, "license_key": OTHER},
    "without a key": lambda result: {name: value for name, value in result.items() if name != "license_key"},
    "with half a key": lambda result: {**result, "license_key": "mconn-****"},
    "with a number": lambda result: {**result, "license_key": 12345678},
    "a list": lambda result: [result],
    "nothing": lambda dummy: None,
}


@pytest.mark.parametrize("change", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_answer_that_is_not_the_one_is_taken_for_lost(cloud, virtual, change):
    meddle(cloud, change)
    done = run(cloud, connector=virtual, rotate="always")
    assert done["license_key"] == in_force(cloud, virtual) and writes(cloud) == [PROVISION] and OTHER not in json.dumps(done)


def test_the_key_from_before_is_no_new_one(cloud, virtual):
    before = in_force(cloud, virtual)
    meddle(cloud, lambda result: {**result, "license_key": before}, times=9)
    done = run(cloud, connector=virtual, rotate="always")
    assert done["license_key"] == in_force(cloud, virtual) != before and writes(cloud) == [PROVISION]


@pytest.mark.parametrize("then", ["read", "lost", "quoted"])
def test_an_error_that_quotes_the_new_key(cloud, virtual, then):
    """The answer to the request says no, with the key that it has provisioned; those that follow may do the same, or not come."""
    quoted: list[str] = []

    def between(request, forward):
        reply = forward()
        first = request.method == "PATCH" and not quoted
        if first:
            quoted.append(json.loads(reply.body)["result"]["license_key"])
        if first or (quoted and then == "quoted"):
            errors = [{"code": 1, "message": f"the license {quoted[0]} was not sent"}]
            return Reply(500, {"Content-Type": "application/json"}, json.dumps({"success": False, "errors": errors, "result": None}).encode())
        if quoted and then == "lost":
            raise requests.ConnectionError("lost")
        return reply

    cloud.between = between
    if then == "read":
        text = json.dumps({**run(cloud, connector=virtual, rotate="always"), "license_key": None})
    else:
        with pytest.raises(MagicError) as caught:
            run(cloud, connector=virtual, rotate="always")
        text = everything(caught.value)
    assert quoted and quoted[0] not in text


@pytest.mark.parametrize("arrives", [True, False])
def test_a_registration_is_never_sent_twice(cloud, arrives):
    lose(cloud, "POST", arrives)
    if arrives:
        done = run(cloud)
        assert done["license_key"] == in_force(cloud, done["connector_id"]) and "read instead" in done["warnings"][0]
    else:
        with pytest.raises(MagicError, match="The connector may exist. Run the task again"):
            run(cloud)
    assert writes(cloud) == [REGISTER]
    assert run(cloud)["reason"] == ("existing" if arrives else "registered")


BAD_REGISTRATIONS = {
    "one that was there": lambda result: {**result, "id": default_seed()["connectors"][0]["id"]},
    "of others": lambda result: {**result, "notes": "another"},
    "without a key": lambda result: {**result, "license_key": None},
    "no id": lambda result: {**result, "id": 5},
    "nothing": lambda dummy: None,
}


@pytest.mark.parametrize("change", BAD_REGISTRATIONS.values(), ids=BAD_REGISTRATIONS)
def test_an_answer_to_a_registration_that_is_not_the_one(cloud, change):
    meddle(cloud, change, "POST")
    done = run(cloud)
    assert done["license_key"] == in_force(cloud, done["connector_id"]) and writes(cloud) == [REGISTER]


def test_a_connector_whose_type_is_not_told_is_not_registered_again(cloud, virtual):
    def between(request, forward):
        reply = forward()
        answer = json.loads(reply.body)
        for item in answer["result"]:
            del item["device"]["type"]
            item["notes"] = f" {item['notes']}\n"
        return Reply(reply.status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    cloud.between = between
    done = run(cloud)
    assert (done["connector_id"], done["reason"], writes(cloud)) == (virtual, "existing", [])


def test_a_key_in_the_notes_comes_out_nowhere(cloud, virtual):
    """A user has written the license key beside it."""
    key = in_force(cloud, virtual)
    cloud._client.request("PATCH", ["connectors", virtual], body={"notes": f"key: {key}"})
    found = read_some(CONNECTOR, cloud._client, options_of(CONNECTOR, {}, CONNECTOR.info_options))
    assert key not in json.dumps(found) and "key: ********" in json.dumps(found)
    assert run(cloud, held={virtual: key}, connector=virtual, vault_file="x")["reason"] == "not_due"


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_rejection_may_quote_a_key_that_nobody_knows(cloud, virtual, method):
    """Neither a message nor its details show it, and all else of the answer stays readable."""
    unknown, serial_number = "mconn-0f3a9c1d2b4e5f60718293a4b5c6d7e8f9012345", "MC-2209-0417-2209-0417-2209"
    text = f"{unknown} of {virtual} ({serial_number}) is in the way"

    def between(request, forward):
        error = {"code": 1022, "message": text, "source": {"pointer": f"/device/{unknown}"}, "error_chain": [{"code": 1, "message": text}]}
        body = json.dumps({"success": False, "errors": [error], "messages": [], "result": None}).encode()
        return Reply(400, {"Content-Type": "application/json"}, body) if request.method == method else forward()

    tasks = {
        "GET": [lambda: run(cloud), lambda: apply(cloud, CONNECTOR, {"serial_number": serial_number})],
        "POST": [lambda: run(cloud, notes="another"), lambda: apply(cloud, CONNECTOR, {"serial_number": serial_number})],
        "PATCH": [lambda: run(cloud, connector=virtual, rotate="always"), lambda: apply(cloud, CONNECTOR, {"connector_id": virtual, "activated": True})],
        "DELETE": [lambda: apply(cloud, CONNECTOR, {"connector_id": virtual, "state": "absent"})],
    }
    cloud.between = between
    for task in tasks[method]:
        with pytest.raises(MagicError) as caught:
            task()
        assert "mconn-" not in everything(caught.value) and f"[1022] ******** of {virtual} (" in str(caught.value)
        assert "(at /device/********; because of [1] ******** of" in str(caught.value)
    # What the request has is shown.
    assert (serial_number in str(caught.value)) is (method == "POST")
