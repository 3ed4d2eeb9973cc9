# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role strongswan_edge against a real peer. The tests of this file run in their order."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudflare.magic.tests.ike import lab
from ansible_collections.cloudflare.magic.tests.ike.managed_site import TUNNELS, Site, only_at_night

# One tunnel with a key that the test chooses; the variables come with the command.
ONE = [
    {
        "name": "Configure one tunnel",
        "hosts": "paris_edge",
        "gather_facts": False,
        "tasks": [
            {"name": "Read it", "cloudflare.magic.ipsec_tunnel_info": {"name": "paris-1"}, "delegate_to": "localhost", "register": "account"},
            {"name": "Read the key", "ansible.builtin.include_vars": {"file": "own.yml", "name": "own"}, "no_log": True},
            {
                "name": "Stage and load the connection",
                "ansible.builtin.include_role": {"name": "cloudflare.magic.strongswan_edge"},
                "vars": {
                    "strongswan_edge_tunnel": "{{ account.ipsec_tunnels[0] }}",
                    "strongswan_edge_psk": "{{ own.key }}",
                    "strongswan_edge_if_id": 101,  # as in the README
                },
            },
        ],
    }
]


def configuration(site: Site) -> dict[str, bytes]:
    """Return the files of the edge's strongSwan."""
    folder = site.customer.folder
    return {str(path): path.read_bytes() for name in ("swanctl", "strongswan.d") for path in (folder / name).rglob("*") if path.is_file()}


def give(site: Site, key: str, at_cloudflare: bool = True) -> None:
    """Put a key of one's own into a file for the playbook, and by the API into Cloudflare."""
    site.secrets.add(key)
    # !unsafe keeps Ansible from taking braces for a template, as the vault file does it.
    site.write("own.yml", "key: !unsafe '" + key.replace("'", "''") + "'\n")
    if at_cloudflare:
        body = {"psks": [{"id": site.cloudflare.tunnel("paris-1")["id"], "psk": key}]}
        assert site.cloudflare.emulator.call("POST", "ipsec_tunnels/psk", body).json()["success"]
        site.cloudflare.mirror()
        assert site.cloudflare.key("paris-1") == key


def test_configured(site: Site) -> None:
    """The README's playbook has run: the tunnels are up with the keys that were delivered. Another run changes nothing."""
    for name in TUNNELS:
        assert len(site.ids(name)) == 1
        assert site.saved(name)["psk"] == site.cloudflare.key(name)
        assert site.up(name)
        files = {path.name: path for path in (site.customer.folder / "swanctl" / "conf.d").glob(f"cloudflare-{name}.*")}
        assert set(files) == {f"cloudflare-{name}.conf", f"cloudflare-{name}.secrets.conf"}
        secrets = files[f"cloudflare-{name}.secrets.conf"]
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
        assert lab.encoded(site.saved(name)["psk"]) in secrets.read_text(encoding="utf-8")
        assert site.saved(name)["psk"] not in files[f"cloudflare-{name}.conf"].read_text(encoding="utf-8")
    assert "make_before_break = yes" in (site.customer.folder / "strongswan.d" / "cloudflare-magic.conf").read_text(encoding="utf-8")
    # The customer's own connection has stayed.
    assert "other" in {name for message in site.customer.vici(lambda session: list(session.list_conns())) for name in message}

    before, ids = configuration(site), {name: site.ids(name) for name in TUNNELS}
    assert site.play("edge.yml").changed == 0
    assert before == configuration(site)
    assert ids == {name: site.ids(name) for name in TUNNELS}


def test_check_mode(site: Site) -> None:
    """Check mode says what would change, and shows the difference, without the key."""
    files, ids = configuration(site), {name: site.ids(name) for name in TUNNELS}
    site.write("one.yml", ONE)
    give(site, "a-key-that-only-check-mode-sees-0123456789", at_cloudflare=False)
    result = site.play("one.yml", "--check", "--diff", strongswan_edge_dpd_delay="17s")
    assert "+        dpd_delay = 17s" in result.output and "-        dpd_delay = 30s" in result.output
    assert result.changed == 2  # the key and the connection
    assert files == configuration(site)
    assert ids == {name: site.ids(name) for name in TUNNELS}


def test_keys_prove_themselves(site: Site) -> None:
    """Cloudflare's end refuses the old key after a change, and one tunnel's key for another tunnel; established SAs stay."""
    first, second = (site.cloudflare.tunnel(name) for name in TUNNELS)
    keys = {name: str(site.cloudflare.key(name)) for name in TUNNELS}
    ids = {name: site.ids(name) for name in TUNNELS}
    assert site.customer.authenticate(first) == site.customer.authenticate(second) == "ESTABLISHED"

    site.load_keys(dict(zip(TUNNELS, reversed(list(keys.values())))))
    assert site.customer.authenticate(first) == site.customer.authenticate(second) == "AUTHENTICATION_FAILED"

    site.load_keys(keys)
    assert site.customer.authenticate(first) == site.customer.authenticate(second) == "ESTABLISHED"

    site.secrets.add("a-key-of-which-the-device-knows-nothing-01")
    body = {"psks": [{"id": first["id"], "psk": "a-key-of-which-the-device-knows-nothing-01"}]}
    assert site.cloudflare.emulator.call("POST", "ipsec_tunnels/psk", body).json()["success"]
    site.cloudflare.mirror()
    assert site.customer.authenticate(first) == "AUTHENTICATION_FAILED"
    assert site.customer.authenticate(second) == "ESTABLISHED"
    assert ids == {name: site.ids(name) for name in TUNNELS}


def test_wrong_key(site: Site) -> None:
    """A key that Cloudflare does not have fails, and leaves the old IKE SA; the right one then makes a new one."""
    ids = site.ids("paris-1")
    give(site, "not-the-key-that-cloudflare-has-0123456789", at_cloudflare=False)
    refused = site.cloudflare.charon.events("AUTH_FAILED|AUTHENTICATION_FAILED|authentication failed")
    result = site.play("one.yml", fails=True, strongswan_edge_retries=5)
    assert result.says("The connection cloudflare-paris-1 has no new IKE SA.")
    assert result.says("still uses its old IKE SA")
    assert len(site.cloudflare.charon.events("AUTH_FAILED|AUTHENTICATION_FAILED|authentication failed")) > len(refused)
    assert site.ids("paris-1") == ids


def assert_it_arrives(site: Site, identity: str) -> None:
    """The key that was given is loaded by the role, and the tunnel is up with it under an identity of this kind."""
    ids = site.ids("paris-1")
    result = site.play("one.yml", strongswan_edge_identity=identity)
    assert result.changed >= 2
    assert len(site.ids("paris-1")) == 1
    assert not site.ids("paris-1") & ids
    peer = [sa for message in site.customer.vici(lambda session: list(session.list_sas())) for name, sa in message.items() if name == "cloudflare-paris-1"]
    wanted = site.cloudflare.tunnel("paris-1")["remote_identities"]
    spelled = {"fqdn": wanted["fqdn_id"], "user_id": wanted["user_id"], "key_id": bytes.fromhex(wanted["hex_id"]).decode()}[identity]
    assert [sa["local-id"].decode() for sa in peer] == [spelled]


@only_at_night
@pytest.mark.parametrize(
    ("identity", "key"), [("fqdn", "0x6b65792d74686174-looks-like-hexadecimal"), ("user_id", "0sa2V5IHRoYXQgbG9va3MgbGlrZSBiYXNlNjQ=")], ids=["fqdn", "user_id"]
)
def test_awkward_keys(site: Site, identity: str, key: str) -> None:
    """Keys that a configuration file could take for something else arrive as they are. The next test but one has the most awkward one."""
    give(site, key)
    assert_it_arrives(site, identity)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"strongswan_edge_ike_proposals": ["aes256-sha1-modp1024"]}, "Cloudflare does not support aes256-sha1-modp1024."),
        ({"strongswan_edge_child_rekey_time": "9h"}, "Cloudflare requires child SAs to be rekeyed after 30 minutes to 8 hours."),
        (
            {"strongswan_edge_remote_ts": ["0.0.0.0/0"], "strongswan_edge_if_id": 0},
            "the tunnel would capture all traffic of this host, including your SSH connection.",
        ),
        ({"strongswan_edge_connection": "with a blank"}, "Use letters, digits, '-' and '_' only."),
        ({"strongswan_edge_identity": "custom"}, "no identity of the kind 'custom'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refused(site: Site, variables: dict[str, Any], message: str) -> None:
    """What cannot work is refused before a file is written."""
    files = configuration(site)
    assert site.play("one.yml", fails=True, **variables).says(message)
    assert files == configuration(site)


def test_syntax_error_elsewhere(site: Site) -> None:
    """A file that strongSwan cannot read makes it forget all keys, and still end with 0. The role says so, and repairs it once the file is fixed."""
    broken = site.customer.folder / "swanctl" / "conf.d" / "broken.conf"
    key = " \\a key{with} all: of #them, \"quoted\" 'twice' {{ none }} ${HOME} = {% x %} \\ "
    broken.write_text('secrets {\n    ike-other {\n        secret = "a-secret-that-swanctl-shows\n', encoding="utf-8")
    site.secrets.add("a-secret-that-swanctl-shows")
    give(site, key)
    result = site.play("one.yml", fails=True)
    assert result.says("strongSwan has not loaded the key of the connection cloudflare-paris-1.")
    broken.unlink()
    assert_it_arrives(site, "key_id")


def test_nothing_leaks(site: Site) -> None:
    """Comes last: no key, in no encoding, in anything that was printed or logged."""
    assert len(site.printed) >= 10
    assert len(site.secrets) >= 5
    assert (site.folder / "ansible.log").stat().st_size > 10_000
    assert site.leaks() == {}
    assert Path(site.vault_file).read_bytes().startswith(b"$ANSIBLE_VAULT")
