# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role rotate_edge with real ends, and with every way in which a rotation can fail. Each test leaves both ends in agreement."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.cloudflare.magic.tests.ike import lab
from ansible_collections.cloudflare.magic.tests.ike.managed_site import TUNNELS, Json, Site, block, only_at_night

# How long a new authentication would have failed, in each rotation that these tests made.
WINDOWS: list[float] = []


def state(site: Site) -> Json:
    """Return what a rotation can change."""
    folder = site.customer.folder / "swanctl"
    return {
        "keys": {name: site.cloudflare.key(name) for name in TUNNELS},
        "file": site.vault_file.read_bytes(),
        "device": {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()},
        "sas": {name: site.ids(name) for name in TUNNELS},
    }


def until(what: Callable[[], Any]) -> None:
    """Wait until it is so, for at most so many tries that the machine's load does not matter."""
    for _try in range(3000):
        if what():
            return
        time.sleep(0.02)
    raise AssertionError("it never happened")


def table(result: Any) -> list[str]:
    """Return what the table at the end says of each tunnel behind its name and the age of its key."""
    return [" ".join(line.split()) for line in re.findall(r'"(?:\S+) +(?:\d+ \w+|no key|not read)  (.*)  +\S+",?\n', result.output)]


def rotate(site: Site, *options: str, fails: bool = False, tunnels: list[str] | None = None, **variables: Any) -> Any:
    """Run the README's playbook with more variables of the role."""
    text = (site.folder / "rotate.yml").read_text(encoding="utf-8")
    lines = "".join(f"        {name}: {value}\n" for name, value in variables.items())
    if tunnels:
        text = text.replace("[paris-1, paris-2]", f"[{', '.join(tunnels)}]")
    # Requests that fail are not to be repeated for long.
    defaults = "  module_defaults:\n    group/cloudflare.magic.all:\n      max_retries: 0\n"
    site.write("try.yml", text.replace("  gather_facts: false\n", "  gather_facts: false\n" + defaults) + lines)
    return site.play("try.yml", *options, fails=fails)


def agree(site: Site, name: str) -> bool:
    """Return whether the file, Cloudflare and the device have the same key, the tunnel is up, and nothing waits."""
    entry = site.saved(name)
    secrets = site.customer.folder / "swanctl" / "conf.d" / f"cloudflare-{name}.secrets.conf"
    staged = secrets.with_name(secrets.name + ".new")
    same = entry["psk"] == site.cloudflare.key(name) and lab.encoded(entry["psk"]) in secrets.read_text(encoding="utf-8")
    return same and "pending_psk" not in entry and not staged.exists() and site.up(name)


def window(site: Site, name: str, since: float) -> tuple[float, float]:
    """Return when Cloudflare's end and then the device got the key of a tunnel's first rotation after a moment, by their own logs."""
    there = next(at for at in site.cloudflare.charon.events(f"loaded IKE shared key with id '{site.cloudflare.tunnel(name)['id']}'") if at > since)
    here = next(at for at in site.customer.events(f"loaded IKE shared key with id 'ike-cloudflare-{name}'") if at >= there)
    WINDOWS.append(here - there)
    return there, here


def last_event(site: Site) -> float:
    """Return the time of the last line in either log."""
    return max(site.cloudflare.charon.events("")[-1], site.customer.events("")[-1])


def test_check_mode(site: Site) -> None:
    """Check mode says what would happen, has Cloudflare check it, and changes nothing."""
    before = state(site)
    site.cloudflare.emulator.clear_requests()
    result = rotate(site, "--check")
    for name in TUNNELS:
        assert result.says(f"{name} would get a new key: saved in ipsec_psks.yml, staged on paris_edge, set at Cloudflare")
    assert result.changed == 2
    sent = [request for request in site.cloudflare.emulator.requests() if request["method"] != "GET"]
    assert sent and all("validate_only=true" in request["query_string"] for request in sent)
    assert state(site) == before


def check_losses(site: Site, counted: list[Any]) -> int:
    """Return how many packets were lost. At most one of each tunnel, which was on its way in the very moment at which the ends changed to the new IKE SA."""
    for name, (sent, lost) in zip(TUNNELS, counted):
        assert sent > 300 and len(lost) <= 1, f"{name}: {len(lost)} of {sent} packets are lost"
        changes = site.customer.events(rf"CHILD_SA cloudflare-{name}\{{\d+\}} established")
        assert all(any(abs(at - change) < 0.02 for change in changes) for at in lost), f"{name}: a packet is lost that was sent at {lost}, not at {changes}"
    return sum(len(lost) for sent, lost in counted)


def test_pair_under_traffic(site: Site) -> None:
    """Both tunnels get new keys, one after the other, and no packet is lost. The old keys are refused."""
    # A packet that meets the change itself may arrive before the SA that it needs: some milliseconds in which none happens to be on its way are enough.
    for _attempt in range(3):
        before, since = state(site), last_event(site)
        with site.lab.traffic() as counted:
            result = rotate(site)
        if check_losses(site, counted) == 0:
            break
    else:
        pytest.fail("each of three rotations has lost packets")
    for name in TUNNELS:
        assert agree(site, name)
        assert site.saved(name)["previous_psk"] == before["keys"][name] != site.cloudflare.key(name)
        assert len(site.ids(name)) == 1 and not site.ids(name) & before["sas"][name]
    # One tunnel after the other, and each in the right order.
    steps = [
        "Create a key and save it for",
        "Stage the key",
        "Set at Cloudflare the key of",
        "Install and load the staged key",
        "Wait for a new IKE SA",
    ]
    positions = [result.output.index(f" : {step}") for step in steps]
    assert positions == sorted(positions)
    established = [site.customer.events(rf"IKE_SA cloudflare-{name}\[\d+\] established") for name in TUNNELS]
    first, second = (window(site, name, since) for name in TUNNELS)
    done = [next(at for at in times if at > since) for times in established]
    assert first[0] <= first[1] <= done[0] < second[0] <= second[1] <= done[1]

    for keys, expected in ((before["keys"], "AUTHENTICATION_FAILED"), (state(site)["keys"], "ESTABLISHED")):
        site.load_keys(keys)
        assert [site.customer.authenticate(site.cloudflare.tunnel(name)) for name in TUNNELS] == [expected, expected]


def test_not_due(site: Site) -> None:
    """A run that finds nothing due changes nothing, and asks the device nothing."""
    before = state(site)
    result = rotate(site, rotate_edge_rotate="expired", rotate_edge_max_age="90d")
    assert result.changed == 0
    assert "List the IKE SAs" not in result.output
    assert state(site) == before


def test_device_refuses(site: Site) -> None:
    """Cloudflare's end has another key than its API says: both ends get the key before back, the tunnel stays up, and the other one is not touched."""
    before = state(site)
    site.cloudflare.spoil = 1
    with site.lab.traffic() as counted:
        result = rotate(site, fails=True)
    after = state(site)
    assert site.cloudflare.spoil == 0
    assert result.says("paris_edge is not up with the new key of paris-1: The connection cloudflare-paris-1 has no new IKE SA.")
    assert result.says("Both ends were rolled back to the previous key, the tunnel is up with it, and ipsec_psks.yml has it as psk.")
    assert after["keys"] == before["keys"]
    assert site.saved("paris-1")["previous_psk"] not in before["keys"].values()
    assert not after["sas"]["paris-1"] & before["sas"]["paris-1"] and after["sas"]["paris-2"] == before["sas"]["paris-2"]
    assert agree(site, "paris-1") and agree(site, "paris-2")
    check_losses(site, counted)


# A device that has no way to have the new IKE SA beside the old one, and whose own proof does not look at it.
CARELESS = {
    "load": """
- name: Load the key
  ansible.builtin.shell: |
    file=/etc/swanctl/conf.d/cloudflare-{{ edge_tunnel.name }}.secrets.conf
    mv "$file.new" "$file" && swanctl --load-creds --noprompt
  no_log: true

- name: End the IKE SA, and begin another one
  ansible.builtin.shell: |
    swanctl --terminate --ike cloudflare-{{ edge_tunnel.name }}
    swanctl --initiate --child cloudflare-{{ edge_tunnel.name }} --timeout 10
  failed_when: false
""",
    "verify": """
- name: The key is loaded
  ansible.builtin.stat:
    path: "/etc/swanctl/conf.d/cloudflare-{{ edge_tunnel.name }}.secrets.conf"
  register: careless_file
  failed_when: not careless_file.stat.exists
""",
}


def test_cloudflares_health_checks(site: Site) -> None:
    """A tunnel whose IKE SA is down is down at Cloudflare. A rotation that passes both proofs, and one whose device is content with a tunnel that is down."""
    for step in ("preflight", "stage", "load", "verify"):
        path = site.folder / "careless" / f"{step}.yml"
        path.parent.mkdir(exist_ok=True)
        text = CARELESS.get(step) or block("docs/both_ends.md", f"my_device/{step}.yml")
        path.write_text(text.replace("/etc/swanctl", str(site.customer.folder / "swanctl")), encoding="utf-8")
    health: Json = {"rotate_edge_verify_health": True, "rotate_edge_health_window": "5s"}
    with site.lab.health_checks() as found:
        until(lambda: all(found(name) == 1 for name in TUNNELS))
        before = state(site)
        result = rotate(site, tunnels=["paris-2"], **health)
        assert table(result) == ["new key ok ok"]
        assert agree(site, "paris-2") and site.cloudflare.key("paris-2") != before["keys"]["paris-2"]

        before = state(site)
        site.cloudflare.spoil = 1
        result = rotate(site, fails=True, rotate_edge_device_path="careless", rotate_edge_health_timeout="8s", **health)
        assert site.cloudflare.spoil == 0
        assert result.says(
            "The proof by Cloudflare's health checks has failed: they do not see paris-1 healthy with its new key, although paris_edge is up with it"
        )
        assert result.says("not yet: paris-1 (down).")
        assert result.says("Both ends were rolled back to the previous key, the tunnel is up with it")
        assert table(result) == ["ROLLED BACK ok FAILED", "not changed not asked not asked"]
        after = state(site)
        assert after["keys"] == before["keys"] and after["sas"]["paris-2"] == before["sas"]["paris-2"]
        assert agree(site, "paris-1")
        until(lambda: found("paris-1") == 1)

        # Without the IKE SA of the device, nobody answers.
        site.customer.vici(lambda session: list(session.terminate({"ike": "cloudflare-paris-1", "timeout": "5000"})))
        until(lambda: found("paris-1") == 0)
        assert found("paris-2") == 1
        site.customer.vici(lambda session: list(session.initiate({"child": "cloudflare-paris-1", "timeout": "5000"})))
        until(lambda: found("paris-1") == 1)


def test_cloudflare_does_not_confirm(site: Site) -> None:
    """Cloudflare says no, or its answer is lost: the run says what each end has, and the next one brings the same key to both."""
    before = state(site)
    emulator = site.cloudflare.emulator
    emulator.fault(kind="status", status=400, code=1022, message="too weak", path="ipsec_tunnels/psk", method="POST", times=2)
    result = rotate(site, fails=True, tunnels=["paris-1"])
    assert not emulator.faults()
    assert result.says("too weak") and result.says("If Cloudflare rejected it, both ends use the previous key.")
    assert (state(site)["keys"], state(site)["sas"]) == (before["keys"], before["sas"])
    assert site.up("paris-1")
    pending = site.saved("paris-1")["pending_psk"]

    emulator.fault(kind="disconnect", when="after", path="ipsec_tunnels/psk", method="POST", times=5)
    result = rotate(site, fails=True, tunnels=["paris-1"])
    emulator.clear_faults()
    assert result.says("Cloudflare has not confirmed the new key of paris-1")
    assert result.says("The new key is in ipsec_psks.yml as pending_psk, and the device has it staged but does not use it.")
    assert site.cloudflare.key("paris-1") == site.saved("paris-1")["pending_psk"] == pending
    assert state(site)["sas"] == before["sas"]
    assert site.customer.authenticate(site.cloudflare.tunnel("paris-1")) == "AUTHENTICATION_FAILED"

    since = last_event(site)
    rotate(site, tunnels=["paris-1"])
    assert site.saved("paris-1")["psk"] == site.cloudflare.key("paris-1") == pending
    assert site.saved("paris-1")["previous_psk"] == before["keys"]["paris-1"]
    assert agree(site, "paris-1") and not site.ids("paris-1") & before["sas"]["paris-1"]
    assert not [at for at in site.cloudflare.charon.events(f"loaded IKE shared key with id '{site.cloudflare.tunnel('paris-1')['id']}'") if at > since]


def test_other_tunnel_is_down(site: Site) -> None:
    """While the other tunnel of the pair is down, nothing is begun. The one that is down can be repaired."""
    site.customer.vici(lambda session: list(session.terminate({"ike": "cloudflare-paris-2", "timeout": "5000"})))
    before = state(site)
    result = rotate(site, fails=True)
    assert result.says("The device is not ready for a new key of paris-1: The connection cloudflare-paris-2 is not up.")
    assert result.says("Nothing has been changed.")
    assert state(site) == before

    since = last_event(site)
    rotate(site, tunnels=["paris-2"], rotate_edge_allow_down=True)
    window(site, "paris-2", since)
    assert agree(site, "paris-2")


def test_no_way_back(site: Site) -> None:
    """The key in force is not in the file, because someone has made another one: refused, unless it is asked for."""
    tunnel = site.cloudflare.tunnel("paris-1")
    assert site.cloudflare.emulator.call("POST", f"ipsec_tunnels/{tunnel['id']}/psk_generate").json()["success"]
    site.cloudflare.emulator.set_age(tunnel["id"], -5)
    site.cloudflare.mirror()
    before = state(site)
    result = rotate(site, fails=True, tunnels=["paris-1"])
    assert result.says("The key of paris-1 that is in force is not in ipsec_psks.yml")
    assert state(site) == before

    since = last_event(site)
    rotate(site, tunnels=["paris-1"], rotate_edge_require_previous=False)
    window(site, "paris-1", since)
    assert agree(site, "paris-1")


class Recorder:
    """A device of one's own: four files of tasks that write down what they are asked, and fail where they should."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        folder.mkdir(exist_ok=True)
        self.notes.write_text("", encoding="utf-8")
        for step in ("preflight", "stage", "load", "verify"):
            key = "" if step == "preflight" else " {{ edge_psk | hash('sha256') }}"
            text = f"- name: Note {step}\n  ansible.builtin.lineinfile:\n    path: {self.notes}\n"
            text += f'    line: "{{{{ 99999 | random }}}} {step} {{{{ edge_tunnel.name }}}}{key}"\n  no_log: true\n'
            text += f'\n- name: Fail\n  ansible.builtin.fail:\n    msg: "no {step} today"\n  when: "\'{step}\' in recorder_fails_at | default([])"\n'
            if step == "load":
                text += "  no_log: true\n"
            (folder / f"{step}.yml").write_text(text, encoding="utf-8")

    def steps(self) -> list[tuple[str, ...]]:
        """Return what was asked: step, tunnel, and the hash of the key."""
        return [tuple(line.split()[1:]) for line in self.notes.read_text(encoding="utf-8").splitlines()]


def sha256(key: str | None) -> str:
    """Return how the recorder notes a key."""
    return hashlib.sha256(str(key).encode()).hexdigest()


@pytest.fixture
def recorder(site: Site) -> Recorder:
    """A device that notes what it is asked."""
    return Recorder(site.folder / "recorder")


def test_device_of_ones_own(site: Site, recorder: Recorder) -> None:
    """A folder of task files is a device. If it cannot take a key, Cloudflare is not asked, and the key is kept for the next run."""
    before = state(site)
    result = rotate(site, fails=True, rotate_edge_device_path="recorder", recorder_fails_at=["stage"])
    pending = site.saved("paris-1")["pending_psk"]
    assert result.says("could not be created, or not staged on paris_edge: no stage today Nothing has been changed at Cloudflare")
    assert recorder.steps() == [("preflight", "paris-1"), ("preflight", "paris-2"), ("stage", "paris-1", sha256(pending))]
    assert state(site)["keys"] == before["keys"]

    # The device of the guide goes on with this key.
    guide = "docs/both_ends.md"
    for step in ("preflight", "stage", "load", "verify"):
        path = site.folder / "my_device" / f"{step}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(block(guide, f"my_device/{step}.yml").replace("/etc/swanctl", str(site.customer.folder / "swanctl")), encoding="utf-8")
    site.write("rotate-mine.yml", block(guide, "rotate-mine.yml").replace("become: true", "become: false").replace("[paris-1, paris-2]", "[paris-1]"))
    since = last_event(site)
    result = site.play("rotate-mine.yml")
    assert "Wait for a new IKE SA" in result.output
    window(site, "paris-1", since)
    assert site.cloudflare.key("paris-1") == pending
    assert agree(site, "paris-1")


def test_device_cannot_go_back(site: Site, recorder: Recorder) -> None:
    """The device takes neither the new key nor the one before: Cloudflare has the one before, and the run says how to repair the device."""
    before = state(site)
    result = rotate(site, fails=True, rotate_edge_device_path=str(recorder.folder), recorder_fails_at=["verify"])
    new, old = sha256(site.saved("paris-1")["previous_psk"]), sha256(before["keys"]["paris-1"])
    assert recorder.steps()[2:] == [(step, "paris-1", key) for key in (new, old) for step in ("stage", "load", "verify")]
    assert result.says("Cloudflare has the previous key again, and ipsec_psks.yml has it as psk. The device is not up with that key either: no verify today")
    assert state(site)["keys"] == before["keys"]
    assert agree(site, "paris-1")


def test_cloudflare_cannot_go_back(site: Site, recorder: Recorder) -> None:
    """The device refuses the key, and Cloudflare cannot be reached any more: the run says where both keys are."""
    before = state(site)
    fault = {"kind": "status", "status": 403, "code": 10000, "message": "no permission", "path": "ipsec_tunnels/psk", "method": "POST"}
    site.cloudflare.emulator.fault(**fault, skip=1, times=5)
    result = rotate(site, fails=True, tunnels=["paris-1"], rotate_edge_device_path="recorder", recorder_fails_at=["load"])
    site.cloudflare.emulator.clear_faults()
    assert [step[0] for step in recorder.steps()] == ["preflight", "stage", "load"]
    assert result.says("Cloudflare has not confirmed the previous key either:")
    assert result.says("failed, whose output is hidden.")
    assert result.says("ipsec_psks.yml has them as psk and previous_psk.")
    assert site.saved("paris-1")["psk"] == site.cloudflare.key("paris-1") != before["keys"]["paris-1"]
    assert site.saved("paris-1")["previous_psk"] == before["keys"]["paris-1"]

    since = last_event(site)
    rotate(site, tunnels=["paris-1"], rotate_edge_allow_down=True, rotate_edge_require_previous=False)
    window(site, "paris-1", since)
    assert agree(site, "paris-1")


UNSTAGED = """
- name: Rotate without staging
  hosts: paris_edge
  gather_facts: false
  tasks:
    - name: Read the tunnel
      cloudflare.magic.ipsec_tunnel_info:
        name: paris-1
      delegate_to: localhost
      register: account

    - name: Have Cloudflare create a key
      cloudflare.magic.ipsec_psk:
        name: paris-1
        vault_file: ipsec_psks.yml
      delegate_to: localhost
      register: rotation

    - name: Bring it to the device
      ansible.builtin.include_role:
        name: cloudflare.magic.strongswan_edge
      vars:
        strongswan_edge_tunnel: "{{ account.ipsec_tunnels[0] }}"
        strongswan_edge_psk: "{{ rotation.psk }}"
        strongswan_edge_if_id: 101
"""


def test_window() -> None:
    """From the moment at which Cloudflare's end has a key to the one at which the device has it, less than a second goes by."""
    assert len(WINDOWS) >= 5 and 0 <= min(WINDOWS) < 1


@only_at_night
def test_window_without_staging(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Without staging it is more."""
    staged = sorted(WINDOWS)
    site.write("unstaged.yml", UNSTAGED)
    since = last_event(site)
    site.play("unstaged.yml")
    there, here = window(site, "paris-1", since)
    with capsys.disabled():
        times = ", ".join(f"{seconds:.2f}" for seconds in staged)
        print(f"\nA new authentication would have failed for {staged[0]:.2f} s at best (all rotations: {times}), without staging for {here - there:.2f} s.")
    assert agree(site, "paris-1")
    assert staged[0] < here - there


def test_nothing_leaks(site: Site) -> None:
    """Comes last: no key, in no encoding, in anything that was printed or logged."""
    assert len(site.printed) >= 15
    assert len(site.cloudflare.emulator.key_log()) >= 8
    assert (site.folder / "ansible.log").stat().st_size > 10_000
    assert site.leaks() == {}
