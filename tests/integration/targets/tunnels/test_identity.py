# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A custom IKE identity has the number that the documentation of the option says, and no other one."""

from __future__ import annotations

from conftest import start_again, task


def test_the_number_is_where_the_option_says(emulator, play):
    start_again(emulator)
    state = emulator.state()
    state["settings"]["custom_identity"] = "number"
    emulator.set_state(state)
    number = "{{ read.ipsec_tunnels[0].remote_identities.fqdn_id.split('.')[1] }}"

    def identity(owner: str) -> dict:
        return {"name": "paris-1", "custom_remote_identities": {"fqdn_id": f"lyon.{owner}.custom.ipsec.cloudflare.com"}}

    tasks = [
        task("ipsec_tunnel_info", {"name": "paris-1"}, "read"),
        task("ipsec_tunnel", identity(number), "check", check_mode=True),
        task("ipsec_tunnel", identity(number), "first"),
        task("ipsec_tunnel", identity(number), "again"),
        task("ipsec_tunnel", identity(emulator.account_id), "refused", ignore_errors=True),
    ]
    played = play(tasks, env=emulator.environment())
    assert played.rc == 0, played.screen
    results = played["here"]
    assert [results[name]["changed"] for name in ("check", "first", "again")] == [True, True, False]
    account = next(one for one in emulator.state()["accounts"] if one["id"] == emulator.account_id)
    expected = f"lyon.{account['number']}.custom.ipsec.cloudflare.com"
    assert emulator.tunnel("paris-1")["custom_remote_identities"]["fqdn_id"] == expected
    assert results["again"]["ipsec_tunnel"]["custom_remote_identities"] == {"fqdn_id": expected}
    assert results["refused"]["failed"] is True and "at /custom_remote_identities/fqdn_id" in results["refused"]["msg"]
