# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of keys with Ansible's own vault. What the others try, with a quick one, is in test_fleet.py."""

from __future__ import annotations

from ansible.parsing.vault import VaultLib

from ansible_collections.cloudflare.magic.tests.unit.crash.world import SECRET
from ansible_collections.cloudflare.magic.tests.unit.plugins.plugin_utils.test_fleet import Server, Site


def test_real_vault_and_what_the_entries_say(tmp_path):
    server = Server(2)
    here = Site(str(tmp_path), server, VaultLib([("default", SECRET)]))
    here.write({"id-0": {"name": "older name", "psk": "k" * 32, "note": "ours"}, "other": {"psk": "o" * 32}})
    here.run(batch_size=1)
    entries = here.entries()
    assert {name: value for name, value in entries["id-0"].items() if name != "saved_on"} == {
        "name": "branch-0",
        "psk": server.in_force["id-0"],
        "previous_psk": "k" * 32,
        "note": "ours",
        "last_generated_on": server.generated["id-0"],
    }
    assert entries["id-1"]["psk"] == server.in_force["id-1"]
    assert "previous_psk" not in entries["id-1"]
    assert entries["other"] == {"psk": "o" * 32}
