# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data that the emulator starts with, and its settings."""

from __future__ import annotations

import hashlib
from typing import Any

from .values import Json

ACCOUNT_ID = "023e105f4ecef8ad9ca31a8372d0c353"
OTHER_ACCOUNT_ID = "9a7806061c88ada191ed06f989cc3dac"
WRITE_TOKEN = "emulator-write-token"
READ_TOKEN = "emulator-read-token"
# May all but read analytics.
BLIND_TOKEN = "emulator-blind-token"
EMAIL = "engineer@example.com"
GLOBAL_KEY = "emulator-global-key"
_DAY = 86400

DEFAULT_SETTINGS: Json = {
    # What `psk_generate?validate_only=true` answers; nobody documents it. Choice: a key that looks usable and never
    # is, so that a client which takes it for one is found out. "null" answers `result: null`.
    "validate_only_psk": "decoy",
    # Choice: `POST .../ipsec_tunnels/psk` counts as generating, because its answer carries psk_metadata.
    "psk_set_moves_last_generated_on": True,
    # Length of generated keys; Cloudflare's format is not documented, its samples have 32 letters and digits.
    "psk_length": 32,
    # Answer a create by a list with the new object in it, such as `{"routes": [...]}`: so it was until 2024.
    "legacy_create_shape": False,
    # Choice: a name belongs to one tunnel or interconnect, of whatever kind. The description says "another GRE tunnel" for one kind and
    # "other tunnels" for the rest; a client that keeps to the stricter reading is right under both.
    "one_name_space": True,
    # Choice: tunnels whose insides overlap are refused; someone reports that Cloudflare takes them.
    "overlapping_insides": False,
    # Choice: what stands behind the label of a custom identity: "account_id", as the documentation says, "number", the one in
    # remote_identities, as someone reports, or "either".
    "custom_identity": "either",
    # Choice: what becomes of the target of a health check in both directions, which the description calls ignored: it is "saved", and counts
    # again when the direction changes, or "dropped", so that a client that compares it never comes to an end.
    "bidirectional_target": "saved",
    # A connector that is up makes tunnels and routes for its site by itself. Not by default, so that nothing appears that a test has not made.
    "connectors_make_tunnels": False,
    # How answers write the duration of a rule of network monitoring: "short" (5m), as the description says, or "full" (5m0s), as people report.
    "mnm_durations": "short",
    # Choice: errors of GraphQL come with status 200, as the standard has it; with true, with the statuses in Cloudflare's list of them.
    "graphql_statuses": False,
}


def _object(number: int, identity: str, **fields: Any) -> Json:
    moment = f"2025-01-{10 + number}T09:30:00.123456Z"
    return {"account_id": ACCOUNT_ID, "id": hashlib.sha256(identity.encode()).hexdigest()[:32], "created_on": moment, "modified_on": moment, **fields}


def _tunnel(number: int, name: str, what: str, **fields: Any) -> Json:
    health_check = {"enabled": True, "rate": "mid", "type": "reply", "direction": "bidirectional", "target": ""}
    description = "{} of the branch office in {}".format(what, name.split("-", maxsplit=1)[0].capitalize())
    inside = f"10.213.0.{8 + 2 * number}/31"
    return _object(number, name, name=name, interface_address=inside, description=description, health_check=health_check, **fields)


def _ipsec(number: int, name: str, age_days: int | None, **fields: Any) -> Json:
    result = _tunnel(number, name, "Tunnel", cloudflare_endpoint=f"203.0.113.{1 + number % 2}", customer_endpoint=f"198.51.100.{10 + number}")
    if age_days is not None:
        # Derived from the name, so that a run can be repeated; a key in a test is never a real one.
        result["psk"] = hashlib.sha256(b"psk of " + name.encode()).hexdigest()[:40]
        result["psk_age_seconds"] = age_days * _DAY
    return dict(result, **fields)


def _gre(number: int, name: str, **fields: Any) -> Json:
    outside = {"cloudflare_gre_endpoint": f"203.0.113.{1 + number % 2}", "customer_gre_endpoint": f"198.51.100.{10 + number}"}
    return _tunnel(number, name, "GRE tunnel", ttl=64, mtu=1476, **outside, **fields)


def _interconnect(number: int, name: str, **fields: Any) -> Json:
    result = _tunnel(number, name, "Interconnect", colo_name="fra01", mtu=1476, version="1", gre={"cloudflare_endpoint": "203.0.113.3"}, **fields)
    del result["health_check"]["direction"]
    return result


def _route(number: int, prefix: str, nexthop: str, **fields: Any) -> Json:
    return _object(number, f"{prefix} {nexthop}", prefix=prefix, nexthop=nexthop, **fields)


# One that is in use, and one that is not; and what a site has.
SITE_CONNECTOR, FREE_CONNECTOR, SITE = "EMU-0001", "EMU-0002", "porto"


def _id(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def _own(identity: str, **fields: Any) -> Json:
    """Return an object that has no times."""
    return {"account_id": ACCOUNT_ID, "id": _id(identity), **fields}


def _connector(serial_number: str, **fields: Any) -> Json:
    device = {"id": _id("device " + serial_number), "serial_number": serial_number, "type": "MANAGED"}
    moment = 1736847000
    event = {"t": moment, "a": moment, "k": "Init", "n": 0}
    return _own(serial_number, device=device, last_updated="2025-01-14T09:30:00.123456Z", **({"events": [event]} if fields.get("activated") else {}), **fields)


def _snapshot() -> Json:
    counts = {f"count_{name}": 0 for name in ("reclaim_failures", "reclaimed_paths", "record_failed", "transmit_failures")}
    interfaces = [{"name": name, "operstate": "up", "speed": 1000} for name in ("eth0", "eth1")]
    return {"t": 1736847060, "a": 1736847061, "v": "2026.11.2", **counts, "uptime_total_ms": 60000, "interfaces": interfaces}


def _tree() -> Json:
    """Return what is beside tunnels and routes: two filters, two connectors, a site with one of them, an app of the account and one of Cloudflare's."""
    site = _id(SITE)
    office, guests = _id("porto office"), _id("porto guests")
    static = {"address": "192.168.10.1/24", "dhcp_server": {"dhcp_pool_start": "192.168.10.100", "dhcp_pool_end": "192.168.10.200"}}
    return {
        "bgp_filter_profiles": [
            _object(1, "", name="allow-branches", description="Routes of the branch offices", match_action="allow", targets=["10.0.0.0/8{16,24}"])
            | {"id": "a1b2c3d4e5f60718293a4b5c6d7e8f90"},
            _object(2, "", name="deny-default", description="", match_action="deny", targets=["0.0.0.0/0"]) | {"id": "0f9e8d7c6b5a493827160f5e4d3c2b1a"},
        ],
        "connectors": [
            _connector(SITE_CONNECTOR, activated=True, powered=True, notes="Porto, rack 2", timezone="Europe/Lisbon", snapshots=[_snapshot()]),
            _connector(FREE_CONNECTOR, notes="In stock"),
        ],
        "sites": [_own(SITE, name=SITE, description="Branch office in Porto", connector_id=_id(SITE_CONNECTOR), location={"lat": "41.1496", "lon": "-8.6109"})],
        "lans": [
            {**_own("porto office", name="office", physport=2, static_addressing=static), "site_id": site},
            {**_own("porto guests", name="guests", physport=2, vlan_tag=20, is_breakout=True), "site_id": site},
        ],
        "wans": [{**_own("porto fibre", name="fibre", physport=1, priority=1), "site_id": site}],
        "acls": [
            {
                **_own("porto printers", name="printers", description="Guests may print", protocols=["tcp"]),
                "site_id": site,
                "lan_1": {"lan_id": guests},
                "lan_2": {"lan_id": office, "ports": [631]},
            }
        ],
        "apps": [
            {"account_id": ACCOUNT_ID, "account_app_id": _id("intranet"), "name": "intranet", "type": "Internal", "hostnames": ["intranet.example.com"]},
            {"account_id": ACCOUNT_ID, "managed_app_id": _id("meetings"), "name": "Example Meetings", "type": "Collaboration"},
        ],
    }


def default_seed() -> Json:
    """Return the data the emulator starts with, in the form that ``--seed`` reads."""
    both = [ACCOUNT_ID, OTHER_ACCOUNT_ID]
    return {
        "settings": {},
        "accounts": [
            {"id": ACCOUNT_ID, "name": "Example Corporation", "number": 123456789, "onboarded": True, "magic_wan_subscribed": True},
            {"id": OTHER_ACCOUNT_ID, "name": "Example Laboratory", "number": 987654321, "onboarded": False, "magic_wan_subscribed": False},
        ],
        "tokens": [
            {"token": WRITE_TOKEN, "permission": "write", "accounts": both},
            {"token": READ_TOKEN, "permission": "read", "accounts": both},
            {"token": BLIND_TOKEN, "permission": "write", "accounts": both, "analytics": False},
        ],
        "key_pairs": [{"email": EMAIL, "key": GLOBAL_KEY, "permission": "write", "accounts": both}],
        # Everything is healthy until someone says otherwise.
        "health": {"data_centers": ["ams01", "arn02", "cdg01", "fra03", "lhr05"], "default": 1},
        "ipsec_tunnels": [
            _ipsec(1, "paris-1", 10),
            _ipsec(2, "paris-2", 100, replay_protection=True),
            _ipsec(3, "berlin-1", 400, bgp={"customer_asn": 65010, "extra_prefixes": ["192.0.2.0/25"]}),
            _ipsec(4, "oslo-1", None),
            _ipsec(5, "lisbon-1", 45, interface_address6="fd00:213::a/127", customer_endpoint=""),
        ],
        "gre_tunnels": [
            _gre(11, "vienna-gre-1"),
            _gre(12, "vienna-gre-2", interface_address6="fd00:213::20/127", bgp={"customer_asn": 65020}),
        ],
        "interconnects": [_interconnect(16, "frankfurt-1")],
        "routes": [
            _route(1, "10.10.0.0/16", "10.213.0.11", priority=100, weight=64, description="Paris by its first tunnel"),
            _route(2, "10.10.0.0/16", "10.213.0.13", priority=100, weight=32, description="Paris by its second tunnel"),
            _route(3, "10.20.0.0/24", "10.213.0.31", priority=200, scope={"colo_regions": ["WEUR"]}),
        ],
        **_tree(),
    }
