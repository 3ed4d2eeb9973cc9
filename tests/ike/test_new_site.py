# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide "From nothing to a working tunnel", from its first playbook to a ping through each tunnel, against a real peer.

The playbooks are those of the page. Where the kernel has no XFRM interfaces, a cable takes the place of each interface, the tunnel carries the traffic
between its two addresses, and everything else is the same. test_machine.py runs this file with a kernel that has them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import yaml

from ansible_collections.cloudflare.magic.tests.emulator.client import running
from ansible_collections.cloudflare.magic.tests.ike import lab
from ansible_collections.cloudflare.magic.tests.ike.managed_site import PASSWORD, Site, block
from ansible_collections.cloudflare.magic.tests.ike.quick_python import quick_python
from ansible_collections.cloudflare.magic.tests.integration.support import preloaded

PAGE = "docs/tunnels.md"
NAMES = ["lyon-1", "lyon-2"]
MUST_HAVE_INTERFACES = "IKE_XFRM"

# As the device's own, which this machine need not have: one echo request, and whether it is answered.
PING = """
import os, socket, struct, sys
mine, theirs = sys.argv[sys.argv.index("-I") + 1], sys.argv[-1]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as end:
    end.bind((mine, 0))
    end.settimeout(2)
    request = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xffff, 1)
    total = sum(struct.unpack("!4H", request))
    total = (total & 0xffff) + (total >> 16)
    end.sendto(struct.pack("!BBHHH", 8, 0, ~total & 0xffff, os.getpid() & 0xffff, 1), (theirs, 0))
    while True:
        answer, sender = end.recvfrom(2048)
        if sender[0] == theirs and answer[20] == 0 and struct.unpack("!H", answer[24:26])[0] == os.getpid() & 0xffff:
            print("1 received")
            break
"""


def provide_programs(site: Site, interfaces: bool) -> None:
    """Have ``ip`` and ``ping`` of the edge work in its namespace."""
    folder = site.customer.folder / "bin"
    enter = " ".join(site.customer.namespace.command())
    (folder / "ping.py").write_text(PING, encoding="utf-8")
    instead = "" if interfaces else 'case "$*" in "link add "*" type xfrm "*) set -- link add "$3" type veth peer name "$3-peer" ;; esac\n'
    for name, text in (("ip", f'{instead}exec {enter} {shutil.which("ip")} "$@"\n'), ("ping", f'exec {enter} {sys.executable} {folder}/ping.py "$@"\n')):
        (folder / name).write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
        (folder / name).chmod(0o755)


def check_interfaces(site: Site, pairs: dict[str, tuple[str, str]]) -> None:
    """Check that each tunnel's traffic goes through its own interface, in both directions, and that there is no other way to the peer."""
    run = site.customer.namespace.run
    for name, (peer, mine) in pairs.items():
        link = json.loads(run("ip", "-json", "-details", "-statistics", "link", "show", "dev", name))[0]
        assert link["linkinfo"]["info_kind"] == "xfrm"
        counted = link["stats64"]
        assert counted["rx"]["packets"] >= 1 and counted["tx"]["packets"] >= 1, counted
        routes = json.loads(run("ip", "-json", "route", "show", "table", "all", "match", peer))
        assert [route["dev"] for route in routes if route.get("type", "unicast") == "unicast"] == [name], routes
        assert json.loads(run("ip", "-json", "route", "get", peer, "from", mine))[0]["dev"] == name


def test_from_nothing_to_a_ping(packages: Path | None, tmp_path: Path) -> None:
    """Each playbook of the page runs as it is. A second run of the last one changes nothing, and no key is in what was printed."""
    managed = tmp_path / "managed"
    (managed / "group_vars" / "all").mkdir(parents=True)
    with running() as emulator, quick_python(tmp_path) as python:
        for name in ("group_vars/all/site.yml", "site.yml", "edge.yml"):
            (managed / name).write_text(block(PAGE, name), encoding="utf-8")
        collections = tmp_path / "collections" / "ansible_collections" / "cloudflare"
        collections.mkdir(parents=True)
        (collections / "magic").symlink_to(Path(__file__).resolve().parents[2])
        (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            **emulator.environment(),
            "HOME": str(tmp_path),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "password"),
        }
        done = preloaded.run(["ansible.cli.playbook", "site.yml"], managed, environment, merged=True)
        assert done.returncode == 0, done.stdout
        interfaces = lab.has_xfrm_interfaces()
        assert interfaces or MUST_HAVE_INTERFACES not in os.environ, "this kernel has no XFRM interfaces"
        ends = lab.Lab(tmp_path / "lab", packages, emulator, NAMES, xfrm=interfaces)
        try:
            site = Site(managed, ends, python)
            inventory = yaml.safe_load((managed / "inventory.yml").read_text(encoding="utf-8"))
            variables = inventory["all"]["hosts"].pop("paris_edge")
            pairs = {name: ends.inner(ends.cloudflare.tunnel(name)) for name in NAMES}
            variables.update(uplink="cable", ansible_become=False)
            variables["inner"] = {name: {"local_ts": [f"{mine}/32"], "remote_ts": [f"{peer}/32"]} for name, (peer, mine) in pairs.items()}
            if interfaces:
                del variables["strongswan_edge_local_ts"], variables["strongswan_edge_remote_ts"]
            inventory["all"]["hosts"]["lyon_edge"] = variables
            site.write("inventory.yml", inventory)
            provide_programs(site, interfaces)

            with ends.on_the_cable() as seen:
                result = site.play("edge.yml")
            assert re.search(r"Ping Cloudflare's end through each tunnel", result.output)
            for name in NAMES:
                assert [sa["children"] for sa in site.customer.sas(f"cloudflare-{name}")] == [1]
                assert site.up(name)
            # That it was the tunnels that carried the requests, each its own.
            carried = json.dumps(list(site.customer.vici(lambda session: list(session.list_sas()))), default=lambda value: value.decode())
            assert len([packets for packets in re.findall(r'"packets-in": "(\d+)"', carried) if int(packets) > 0]) == len(NAMES), carried
            # Outside, there was nothing but the tunnels: a request and an answer through each.
            assert set(seen) <= {"IKE", "ESP", "keepalive"} and seen["ESP"] >= 2 * len(NAMES), seen
            if interfaces:
                check_interfaces(site, pairs)
            assert site.play("edge.yml").changed == 0
            assert site.leaks() == {}
        finally:
            ends.close()
