# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples for devices in docs/devices: checked against the vendors' real collections, and run against stand-ins for the devices."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudflare.magic.tests.awx import field
from ansible_collections.cloudflare.magic.tests.emulator.client import running
from ansible_collections.cloudflare.magic.tests.integration.targets.leaks.search import Secret, count

DEVICES = field.ROOT / "docs" / "devices"
STEPS = ("preflight", "stage", "load", "verify")
# The namespace of its collection, and the modules for which there is a stand-in.
COLLECTIONS = {
    "cisco_ios_xe": ("cisco.ios", ("ios_command", "ios_config")),
    "juniper_srx": ("junipernetworks.junos", ("junos_command", "junos_config")),
    "fortigate": (
        "fortinet.fortios",
        ("fortios_configuration_fact", "fortios_monitor", "fortios_monitor_fact", "fortios_vpn_ipsec_phase1_interface"),
    ),
    "pan_os": ("paloaltonetworks.panos", ("panos_commit_firewall", "panos_config_element", "panos_op")),
    "vyos": ("vyos.vyos", ("vyos_command", "vyos_config")),
}
VARIABLES: dict[str, dict[str, Any]] = {
    "cisco_ios_xe": {"edge_keyring": "CLOUDFLARE"},
    "pan_os": {"edge_provider": {"ip_address": "192.0.2.1", "api_key": "not-a-real-api-key"}, "edge_admin": "ansible"},
}
# The ansible package does not have this collection. These are the options, after its source code, that matter here.
PANOS = {
    "panos_commit_firewall": {
        "provider": "dict",
        "admins": "list",
        "description": "str",
        "exclude_policy_and_objects": "bool",
        "force": "bool",
        "sync": "bool",
    },
    "panos_config_element": {"provider": "dict", "xpath": "str", "element": "str", "edit": "bool", "state": "str"},
    "panos_op": {"provider": "dict", "cmd": "str", "cmd_is_xml": "bool", "ignore_disconnect": "bool", "vsys": "str"},
}
OLD = "oldKey0aZ4tM7qWcV2pR9xLb6sJ3kN8gHdTfYuE5iQ1oCvBnX"
NEW = "nEwKey7bX3rL9vQeT5wK2mPz8hGcJ6sDfA4yUoN1iRtVkMbSq"


def content_of(device: str, step: str) -> Any:
    content = field.load((DEVICES / device / f"{step}.yml").read_text(encoding="utf-8"))
    assert content
    return content


@pytest.fixture(scope="session")
def collections(tmp_path_factory) -> str:
    """The folder for what the ansible package lacks: modules of PAN-OS with documentation alone, unless the real collection is installed."""
    if importlib.util.find_spec("ansible_collections.paloaltonetworks"):
        return ""
    folder = tmp_path_factory.mktemp("panos")
    modules = field.make_collection(folder, "paloaltonetworks.panos") / "plugins" / "modules"
    modules.mkdir(parents=True)
    for name, options in PANOS.items():
        documentation = {
            "module": name,
            "short_description": "stand-in",
            "description": ["A stand-in."],
            "author": ["nobody (@nobody)"],
            "options": {option: {"description": ["An option."], "type": kind} for option, kind in options.items()},
        }
        specification = {option: {"type": kind} for option, kind in options.items()}
        modules.joinpath(f"{name}.py").write_text(
            f"DOCUMENTATION = r'''\n{yaml.safe_dump(documentation)}'''\nfrom ansible.module_utils.basic import AnsibleModule\n\n\n"
            f"def main():\n    AnsibleModule({specification!r}).exit_json()\n\n\nif __name__ == '__main__':\n    main()\n",
            encoding="utf-8",
        )
    return str(folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, and a playbook that imports them."""
    folder = tmp_path_factory.mktemp("project")
    plays = ["---"]
    for device in COLLECTIONS:
        shutil.copytree(DEVICES / device, folder / "devices" / device)
        plays.append("- name: Rotate\n  hosts: all\n  gather_facts: false\n  tasks:")
        plays += [f"    - name: {step.capitalize()}\n      ansible.builtin.import_tasks: devices/{device}/{step}.yml" for step in STEPS]
    (folder / "rotate.yml").write_text("\n".join(plays) + "\n", encoding="utf-8")
    return folder


def test_all_devices_are_here():
    assert sorted(path.name for path in DEVICES.iterdir()) == sorted(COLLECTIONS)
    assert all(sorted(path.stem for path in (DEVICES / device).iterdir()) == sorted(STEPS) for device in COLLECTIONS)


def test_syntax(project, collections):
    assert field.syntax(project, "rotate.yml", collections=collections) == ""


def test_lint(project, collections):
    assert field.lint(project, ["rotate.yml"], collections) == ""


def test_lint_sees_what_it_has_to_see(project, collections, tmp_path):
    content = (project / "devices" / "vyos" / "load.yml").read_text(encoding="utf-8")
    (tmp_path / "load.yml").write_text(content.replace("Set the key", "set the key"), encoding="utf-8")
    play = "---\n- name: Rotate\n  hosts: all\n  tasks:\n    - name: Load\n      ansible.builtin.import_tasks: load.yml\n"
    (tmp_path / "rotate.yml").write_text(play, encoding="utf-8")
    assert "name[casing]" in field.lint(tmp_path, ["rotate.yml"], collections)


@pytest.mark.parametrize("device", COLLECTIONS)
def test_options(device, collections):
    """The options are those of the real modules; and a wrong one would be noticed."""
    checked = set()
    for step in STEPS:
        for task, _protected in field.tasks_of(content_of(device, step)):
            assert field.task_mistakes(task, collections) == []
            module = field.module_of(task)
            checked.add(module)
            if not module.startswith("ansible.builtin."):
                assert field.task_mistakes({**task, module: {**task[module], "made_up": 1}}, collections) != []
    name, modules = COLLECTIONS[device]
    assert {f"{name}.{module}" for module in modules} <= checked


@pytest.mark.parametrize("device", COLLECTIONS)
def test_every_task_with_the_key_has_no_log(device):
    with_key = 0
    for step in STEPS:
        content = content_of(device, step)
        assert field.unprotected(content, r"\bedge_psk\b") == []
        for task, _protected in field.tasks_of(content):
            without = {key: value for key, value in task.items() if key != "no_log"}
            if "edge_psk" in json.dumps(without[field.module_of(task)]).replace("edge_psk_name", ""):
                with_key += 1
                # The check itself works.
                assert field.unprotected([without], r"\bedge_psk\b") == [task["name"]]
                # A task that writes would show it with --diff.
                assert task.get("diff") is False or field.module_of(task) == "ansible.builtin.assert"
    assert with_key


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory) -> str:
    """The folder of collections with stand-ins for all modules."""
    folder = tmp_path_factory.mktemp("stand_ins")
    for name, modules in COLLECTIONS.values():
        actions = field.make_collection(folder, name) / "plugins" / "action"
        actions.mkdir(parents=True)
        for module in modules:
            shutil.copy2(Path(__file__).with_name("standin.py"), actions / f"{module}.py")
    return str(folder)


@pytest.fixture
def rotate(tmp_path, stand_ins):
    """A function that runs all steps of a device on several hosts, as rotate_edge does; it returns the screen, and what became of the hosts."""

    def start(device: str, hosts: dict[str, dict[str, Any]], *args: str, steps: tuple[str, ...] = STEPS, key: str = NEW) -> tuple[str, dict[str, Any]]:
        inventory: dict[str, Any] = {
            "all": {"vars": {"ansible_connection": "local", "standin_file": str(tmp_path / "{{ inventory_hostname }}.json")}, "hosts": {}}
        }
        for host, state in hosts.items():
            (tmp_path / f"{host}.json").write_text(json.dumps({"key": OLD, "candidate": OLD, "sa": 1, **state}), encoding="utf-8")
            inventory["all"]["hosts"][host] = {}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        keys = {"saved": {"psk": key}}
        (tmp_path / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
        tunnel = {"name": "paris-1", "cloudflare_endpoint": "203.0.113.1", "remote_identities": {"fqdn_id": "1.2.ipsec.cloudflare.com"}}
        variables = {"edge_tunnel": tunnel, "edge_retries": 1, "edge_delay": 0, **VARIABLES.get(device, {})}
        read = {"name": "Read the keys", "ansible.builtin.include_vars": {"file": str(tmp_path / "keys.json"), "name": "keys"}, "no_log": True}
        include = [
            {
                "name": step.capitalize(),
                "ansible.builtin.include_tasks": str(DEVICES / device / f"{step}.yml"),
                "vars": {"edge_psk": "{{ keys.saved.psk }}"} if step != "preflight" else {},
            }
            for step in steps
        ]
        play = {"name": "Rotate", "hosts": "all", "gather_facts": False, "vars": variables, "tasks": [read, *include]}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        done = field.run(
            "ansible-playbook", "-i", "hosts.yml", "play.yml", "-vvv", "--diff", *args, at=tmp_path, env=field.environ(stand_ins, HOME=str(tmp_path))
        )
        screen = done.stdout + done.stderr
        assert "PLAY RECAP" in screen, screen
        return screen, {host: json.loads((tmp_path / f"{host}.json").read_text(encoding="utf-8")) for host in hosts}

    return start


def failed_at(screen: str, host: str) -> str:
    """Return the name of the task in which a host failed, or nothing."""
    name = ""
    for line in screen.splitlines():
        if line.startswith("TASK ["):
            name = line[6:].split("]")[0]
        elif line.startswith((f"fatal: [{host}]", f"failed: [{host}]")):
            return name
    return ""


@pytest.mark.parametrize("device", COLLECTIONS)
def test_a_rotation(device, rotate):
    hosts = {"good": {"accepted": NEW}, "refused": {"accepted": "another"}, "down": {"accepted": NEW, "sa": 0}}
    screen, after = rotate(device, hosts)
    assert failed_at(screen, "good") == "", screen
    assert after["good"] == {**after["good"], "key": NEW, "sa": after["good"]["sa"]} and after["good"]["sa"] > 1
    # The old IKE SA is still up there.
    assert "Check that there is a new IKE SA" in failed_at(screen, "refused") or "Check that the tunnel came up again" in failed_at(screen, "refused"), screen
    assert after["refused"]["sa"] == 1
    assert "Check that the tunnel is up" in failed_at(screen, "down"), screen
    assert after["down"]["key"] == OLD
    assert count(screen.encode(), [Secret(NEW), Secret(OLD)]) == {}


@pytest.mark.parametrize("device", COLLECTIONS)
def test_a_first_key(device, rotate):
    """The tunnel is not up before, so rotate_edge leaves preflight out."""
    screen, after = rotate(device, {"new": {"accepted": NEW, "sa": 0}}, steps=STEPS[1:])
    assert failed_at(screen, "new") == "", screen
    assert after["new"]["key"] == NEW and after["new"]["sa"] > 0


@pytest.mark.parametrize("device", COLLECTIONS)
def test_check_mode_and_staging_have_no_effect(device, rotate):
    screen, after = rotate(device, {"good": {"accepted": NEW}}, "--check")
    assert failed_at(screen, "good") == "", screen
    assert (after["good"]["key"], after["good"]["sa"]) == (OLD, 1)
    assert count(screen.encode(), [Secret(NEW), Secret(OLD)]) == {}
    screen, after = rotate(device, {"good": {"accepted": NEW}}, steps=("preflight", "stage"))
    assert failed_at(screen, "good") == "", screen
    assert (after["good"]["key"], after["good"]["sa"]) == (OLD, 1)
    assert count(screen.encode(), [Secret(NEW), Secret(OLD)]) == {}


@pytest.mark.parametrize("device", ["cisco_ios_xe", "juniper_srx", "vyos"])
@pytest.mark.parametrize("end", ["\n", "\nreload in 1", "' | save x"])
def test_a_key_that_would_be_more_than_one_on_a_command_line(device, rotate, end):
    screen, after = rotate(device, {"good": {"accepted": NEW}}, key=NEW + end)
    assert "Check the characters of the key" in failed_at(screen, "good"), screen
    assert (after["good"]["key"], after["good"]["candidate"], after["good"]["sa"]) == (OLD, OLD, 1)
    assert count(screen.encode(), [Secret(NEW)]) == {}


def test_with_rotate_edge(tmp_path, stand_ins):
    """Five devices, each with a tunnel of its own, rotate at the same time; then they refuse a key, and both ends have the one before again."""
    with running() as emulator:
        tunnels = dict(zip(COLLECTIONS, emulator.tunnels()))
        hosts = {
            device: {
                "ansible_connection": "local",
                "standin_file": str(tmp_path / f"{device}.json"),
                "rotate_edge_device_path": str(DEVICES / device),
                "rotate_edge_tunnels": [tunnel["name"]],
                **VARIABLES.get(device, {}),
            }
            for device, tunnel in tunnels.items()
        }
        common = {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "edge_retries": 1,
            "edge_delay": 0,
            "rotate_edge_vault_file": str(tmp_path / "psks.yml"),
            "standin_keys": emulator.control_url + "keys",
            "standin_headers": emulator.control_headers,
        }
        play = {"name": "Rotate", "hosts": "all", "gather_facts": False, "roles": ["cloudflare.magic.rotate_edge"]}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": common}}), encoding="utf-8")
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
        (tmp_path / "password").write_text("only for tests\n", encoding="utf-8")

        def run(states: dict[str, dict[str, Any]], *args: str) -> tuple[int, str]:
            for device, state in states.items():
                (tmp_path / f"{device}.json").write_text(json.dumps({"candidate": "", **state}), encoding="utf-8")
            command = ["ansible-playbook", "-i", "hosts.yml", "play.yml", "--vault-id", "prod@password", "-vvv", "--diff", *args]
            done = field.run(*command, at=tmp_path, env=field.environ(stand_ins, HOME=str(tmp_path), **emulator.environment()))
            return done.returncode, done.stdout + done.stderr

        def at_device(device: str) -> str:
            return str(json.loads((tmp_path / f"{device}.json").read_text(encoding="utf-8"))["key"])

        first = {tunnel["id"]: tunnel.get("psk") or "" for tunnel in tunnels.values()}
        states = {device: {"key": first[tunnel["id"]], "sa": 1} for device, tunnel in tunnels.items()}
        status, screen = run(states, "-e", '{"rotate_edge_require_previous": false}')
        assert status == 0, screen
        second = emulator.keys()
        assert all(second[tunnel["id"]] == at_device(device) != first[tunnel["id"]] for device, tunnel in tunnels.items())

        status, refused = run({device: {"key": at_device(device), "sa": 2, "broken": True, "accepted": at_device(device)} for device in tunnels})
        assert status == 2 and refused.count("were rolled back to the previous key, the tunnel is up with it") >= len(tunnels), refused
        assert emulator.keys() == second
        assert all(second[tunnel["id"]] == at_device(device) for device, tunnel in tunnels.items())
        keys = {entry["psk"] for entry in emulator.key_log()}
        assert len(keys) >= 2 * len(tunnels)
        assert count((screen + refused).encode(), [Secret(key) for key in keys]) == {}
