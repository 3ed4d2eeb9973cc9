# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of a rotation on both ends, its two proofs, and what each failure leaves behind.

Each run asks as many questions as it has hosts. From ansible-core 2.22 on, Ansible masks all values of an encrypted file, the names of tunnels too: so none of
them is looked for in messages.
"""

from __future__ import annotations

import json

from ansible_collections.cloudflare.magic.tests.integration.support.edge import DAY, Edges

HEALTH = {"rotate_edge_verify_health": True, "rotate_edge_health_timeout": "2s"}
NEW, BACK, SAME = "new key", "ROLLED BACK", "not changed"
NOT = "not asked"


def steps(tunnel: str, *names: str) -> list[str]:
    return [f"{tunnel} {name}" for name in names or ("stage", "load", "verify")]


def outcomes(edges: Edges, host: str) -> list[list[str]]:
    """Return what the table says of the tunnels: after, device, health. Whatever became of them, their keys were a hundred days old."""
    lines = edges.table(host)
    assert all(line[0] in ("100 days", "not read") for line in lines) and len(lines) == len(edges.tunnels(host))
    return [line[1:4] for line in lines]


def test_rotations(edges: Edges) -> None:
    # One that is listed twice has its turn once.
    edges.add("good", tunnels=2, rotate_edge_tunnels=["good-1", "good-2", "good-1"], **HEALTH)
    edges.add("early", rotate_edge_rotate="expired", rotate_edge_max_age="200d")
    edges.add("unable", break_at="stage")
    edges.add("refused")
    edges.add("load", break_at="load")
    edges.add("verify", break_at="verify")
    edges.add("sick", tunnels=2, health=0, **HEALTH)
    edges.add("repaired", health=1, rotate_edge_allow_down=True, **HEALTH)
    edges.begin()
    # Cloudflare says no to one of them.
    (refused,) = edges.ids("refused")
    edges.emulator.fault(kind="status", status=403, code=10000, message="Authentication error", path="ipsec_tunnels/psk$", sent=refused)
    edges.emulator.call("PUT", f"ipsec_tunnels/{edges.ids('good')[0]}", {"description": "a\nreload in 1 \\n {{ 1 + 1 }}"})
    edges.emulator.change_health(edges.tunnels("repaired")[0], 0, age_seconds=DAY)
    edges.emulator.clear_requests()
    edges.rotate(rc=2)

    # One tunnel after the other.
    first, second = edges.tunnels("good")
    looks = [f"{first} preflight", f"{second} preflight"]
    assert edges.steps("good") == [*looks, *steps(first), *reversed(looks), *steps(second)]
    assert edges.writes("good") == ["psk", "psk"] and edges.has_new_keys("good")
    assert edges.saved("good", "previous_psk") == edges.old("good")
    assert outcomes(edges, "good") == [[NEW, "ok", "ok"]] * 2
    assert all(0 <= float(line[4].lstrip("<")) < 60 for line in edges.table("good"))
    # Cloudflare is asked for the health of both before the first one's turn, and of the other one before its own. A proof counts data since the change alone.
    queries = edges.queries("good")
    assert [query["tunnels"] for query in queries if query["tunnels"] != [first]][:2] == [[first, second], [second]]
    assert queries[-1]["datetimeStart"] >= edges.changed("good")[second][:19]
    # A description may be any text, and reaches the device on one line.
    assert (edges.device("good") / f"{first}.said").read_text(encoding="utf-8") == "a\\nreload in 1 \\n {{ 1 + 1 }}"

    assert edges.is_as_before("early") and edges.steps("early") == []
    assert outcomes(edges, "early") == [["not due", NOT, NOT]]

    # Its reason, which quotes the key, is hidden by no_log and stays hidden.
    assert "Nothing has been changed at Cloudflare" in edges.said("unable")
    assert edges.is_as_before("unable")
    pending = edges.saved("unable", "pending_psk")
    assert all(pending.values())
    assert outcomes(edges, "unable") == [[SAME, NOT, NOT]]

    # The device has the key before Cloudflare: if that cannot be asked any more, the tunnel lives on with the one before.
    assert "Cloudflare has not confirmed the new key of" in edges.said("refused")
    assert "both ends use the previous key" in edges.said("refused")
    assert edges.steps("refused")[-1].endswith(" stage") and edges.keys("refused") == edges.loaded("refused") == edges.old("refused")
    assert outcomes(edges, "refused") == [["IN DOUBT", NOT, NOT]]

    for host, left in (("load", "The device is not up with that key either"), ("verify", "Nothing else needs to be fixed")):
        said = edges.said(host)
        assert "The proof by the device has failed: " in said and "is not up with the new key of" in said and left in said
        assert edges.writes(host) == ["psk", "psk"]
        assert edges.keys(host) == edges.loaded(host) == edges.saved(host) == edges.old(host)
    assert outcomes(edges, "load") == [["IN DOUBT", "FAILED", NOT]]
    assert outcomes(edges, "verify") == [[BACK, "FAILED", NOT]]
    # Nobody has asked for a proof by health.
    assert not edges.queries("verify")

    said = edges.said("sick")
    assert "The proof by Cloudflare's health checks has failed: they do not see" in said and "increase rotate_edge_health_timeout" in said
    assert "were rolled back to the previous key, the tunnel is up with it" in said
    assert edges.keys("sick") == edges.loaded("sick") == edges.saved("sick") == edges.old("sick")
    # The later one has not had its turn.
    assert outcomes(edges, "sick") == [[BACK, "ok", "FAILED"], [SAME, NOT, NOT]]
    assert {step for step in edges.steps("sick") if step.startswith(edges.tunnels("sick")[1])} == {f"{edges.tunnels('sick')[1]} preflight"}

    # It was down before, which is allowed here.
    assert edges.has_new_keys("repaired")
    assert outcomes(edges, "repaired") == [[NEW, "ok", "ok"]]

    # What a failure leaves, a second run goes on from.
    edges.rotate(hosts=["unable", "verify"], break_at="")
    assert edges.keys("unable") == pending and edges.has_new_keys("unable") and edges.has_new_keys("verify")
    assert edges.table("verify")[0][1:4] == [NEW, "ok", NOT]


def test_refusals(edges: Edges) -> None:
    """What cannot work is told before anything is changed."""
    edges.add("unknown")
    edges.add("down", tunnels=2)
    edges.add("pattern", rotate_edge_tunnels=["good*"])
    edges.add("bare")
    edges.add("line")
    edges.add("off", tunnels=2, **HEALTH)
    edges.add("other", tunnels=2, rotate_edge_allow_down=True, **HEALTH)
    edges.add("silent", **HEALTH)
    edges.add("blind", api_token=edges.emulator.blind_token, **HEALTH)
    edges.add("twin", **HEALTH)
    edges.add("late", **{**HEALTH, "rotate_edge_health_timeout": "soon"})
    edges.begin()
    emulator = edges.emulator
    state = emulator.state()
    state["settings"]["one_name_space"] = False
    state["gre_tunnels"][0]["name"] = edges.tunnels("twin")[0]
    emulator.set_state(state)
    # Someone else has made a key: there would be no way back.
    (unknown,) = edges.ids("unknown")
    emulator.call("POST", f"ipsec_tunnels/{unknown}/psk_generate")
    emulator.set_age(unknown, 5000)
    (edges.device("down") / edges.tunnels("down")[1]).write_text("another key", encoding="utf-8")
    (edges.device("bare") / "verify.yml").unlink()
    emulator.call("PUT", f"ipsec_tunnels/{edges.ids('off')[1]}", {"health_check": {"enabled": False}})
    emulator.change_health(edges.tunnels("other")[0], None, age_seconds=DAY)
    emulator.change_health(edges.tunnels("other")[1], 0, age_seconds=DAY)
    emulator.change_health(edges.tunnels("silent")[0], None, age_seconds=DAY)
    # One of Cloudflare's tunnels has an endpoint that is no value.
    tunnels = emulator.call("GET", "ipsec_tunnels").json()["result"]["ipsec_tunnels"]
    answer = [{**tunnel, "cloudflare_endpoint": "203.0.113.1\nreload in 1"} if tunnel["id"] in edges.ids("line") else tunnel for tunnel in tunnels]
    body = json.dumps({"success": True, "errors": [], "messages": [], "result": {"ipsec_tunnels": answer}})
    emulator.fault(kind="html", method="GET", path="ipsec_tunnels$", status=200, body=body, headers={"Content-Type": "application/json"}, times=1000)
    emulator.clear_requests()
    edges.rotate(rc=2, warns=["Several tunnels have the same name"])
    emulator.clear_faults()

    refused = {
        "unknown": ["is not in v/unknown.yml", "rotate_edge_require_previous: false"],
        "down": ["The device is not ready for a new key of"],
        "pattern": ["Cloudflare has no tunnel with the name good*"],
        "bare": ["has no verify.yml"],
        "line": ["Cloudflare's response contains values that must not be sent to a device: cloudflare_endpoint of the tunnel "],
        "off": ["The health check at Cloudflare is off for", "health_check.enabled"],
        "other": ["do not see all tunnels healthy before the new key of", "(down)", "the other tunnels must still be healthy"],
        "silent": ["do not see all tunnels healthy", "(unknown)", "no data from the last 5m", "rotate_edge_allow_down: true"],
        "blind": ["The health of", "cannot be read, so it could not prove the new key: ", "Account Analytics Read", "rotate_edge_verify_health: false"],
        "twin": ["A GRE tunnel or an interconnect also has the name", "rotate_edge_verify_health: false"],
        "late": ["rotate_edge_health_timeout: 'soon' is not an age"],
    }
    assert sorted(refused) == sorted(edges.hosts())
    for host, words in refused.items():
        said = edges.said(host)
        assert [text for text in words if text not in said] == [], said
        assert not edges.writes(host) and (host in ("unknown", "down") or edges.is_as_before(host)), host
        assert {step.split()[1] for step in edges.steps(host)} <= {"preflight"}
        if host != "bare":
            assert "Nothing has been changed" in said, said
            assert all(line[1:] == [SAME, NOT, NOT, "-"] for line in edges.table(host)), edges.table(host)
    assert "(unknown)" not in edges.said("other")
    assert all(edges.steps(host) == [] for host in ("unknown", "pattern", "bare", "line"))


def test_check_mode(edges: Edges) -> None:
    edges.add("good", tunnels=2, **HEALTH)
    edges.rotate("--check")
    assert edges.said("good").count(" would get a new key: saved in v/good.yml") == 2
    assert edges.said("good").count("and proven by a new IKE SA and by Cloudflare's health checks.") == 2
    assert outcomes(edges, "good") == [["would get a new key", NOT, NOT]] * 2
    assert edges.is_as_before("good")
    assert {step.split()[1] for step in edges.steps("good")} == {"preflight"}
