# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which next hops lead somewhere, whatever Cloudflare says of the tunnels."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._nexthops import Insides, customer_end, mismatch, through

PARIS: dict[str, Any] = {"id": "1" * 32, "name": "paris-1", "interface_address": "10.213.0.10/31", "interface_address6": "fd00:213::a/127"}
WIDE: dict[str, Any] = {"id": "2" * 32, "name": "wide-1", "interface_address": "10.214.0.1/30"}
STRANGE: dict[str, Any] = {"id": "3" * 32, "name": None, "interface_address": "nonsense", "interface_address6": ["fd00::1/127"]}
MIRROR: dict[str, Any] = {"id": "4" * 32, "name": "mirror", "interface_address": "10.213.0.11/31"}


def tunnels(*items):
    return [("IPsec tunnel", item) for item in items]


# The next hop, the tunnels, and what is wrong with it: None if it is in none of them, empty if it is right.
LOOKS: list[Any] = [
    ("10.213.0.11", [PARIS], ""),
    ("10.213.0.10", [PARIS], "Cloudflare's end of the IPsec tunnel paris-1"),
    ("10.213.0.10", [STRANGE, WIDE, PARIS], "Use 10.213.0.11, the customer's end"),
    ("fd00:213::b", [PARIS], ""),
    ("FD00:213:0::A", [PARIS], "Use fd00:213::b"),
    ("10.214.0.2", [WIDE], ""),
    ("10.214.0.1", [WIDE], "Cloudflare's end of the IPsec tunnel wide-1"),
    ("10.214.0.0", [WIDE], "is neither end of the IPsec tunnel wide-1"),
    ("10.214.0.3", [WIDE], "Use 10.214.0.2"),
    ("10.99.0.1", [PARIS, WIDE, STRANGE], None),
    ("10.213.0.11", [], None),
    ("10.213.0.11", [MIRROR, PARIS], ""),  # of one tunnel the own end, and of another one the customer's
    ("10.213.0.11", [PARIS, MIRROR], ""),
    (None, [PARIS], None),
    ("", [PARIS], None),
    ("nowhere", [PARIS], None),
]


@pytest.mark.parametrize(("nexthop", "items", "wrong"), LOOKS)
def test_a_look_at_a_next_hop(nexthop, items, wrong):
    found, said = Insides(tunnels(*items)).look_for(nexthop)
    assert found is (wrong is not None)
    assert (said == "") if not wrong else (wrong in said and "carries no traffic" in said)


@pytest.mark.parametrize(
    ("prefix", "nexthop", "wrong"),
    [
        ("2001:db8::/32", "10.213.0.11", True),
        ("2001:db8::/32", "fd00::1", False),
        ("192.0.2.0/24", "10.213.0.11", False),
        ("192.0.2.0/24", "fd00::1", False),
        ("::/0", "10.213.0.11", True),
        (None, "10.213.0.11", False),
        ("2001:db8::/32", None, False),
        ("nonsense", "nonsense", False),
    ],
)
def test_ipv6_over_ipv4(prefix, nexthop, wrong):
    assert ("is IPv6" in mismatch(prefix, nexthop)) is wrong


def test_a_tunnel_leads_to_its_customers_end():
    assert through("nexthop_tunnel", "paris-1", "192.0.2.0/24", tunnels(PARIS, WIDE)) == "10.213.0.11"
    assert through("nexthop_tunnel", "paris-1", "2001:db8::/32", tunnels(PARIS, WIDE)) == "fd00:213::b"
    assert through("nexthop_tunnel", "paris", "192.0.2.0/24", tunnels(PARIS, STRANGE)) is None


@pytest.mark.parametrize(
    ("tunnel", "prefix", "words"),
    [
        (WIDE, "2001:db8::/32", ("no inner IPv6 addresses", "Set interface_address6")),
        ({**WIDE, "interface_address": "10.214.0.1/29"}, "192.0.2.0/24", ("cannot be determined", "Give nexthop")),
        ({**WIDE, "interface_address": None}, "192.0.2.0/24", ("no inner IPv4 addresses",)),
        (WIDE, "None", ("cannot be read", "Give nexthop")),
    ],
)
def test_a_tunnel_without_such_an_end_is_an_error(tunnel, prefix, words):
    with pytest.raises(MagicError) as caught:
        through("nexthop_tunnel", "wide-1", prefix, tunnels(tunnel))
    for word in ("nexthop_tunnel", *words):
        assert word in str(caught.value)


@settings(deadline=None)
@given(st.one_of(st.ip_addresses(v=4).map(lambda one: (one, 31)), st.ip_addresses(v=6).map(lambda one: (one, 127))))
def test_two_ends_face_each_other(pair):
    address, length = pair
    other = customer_end(f"{address}/{length}")
    assert other is not None and other != str(address)
    assert customer_end(f"{other}/{length}") == str(address)
    assert ipaddress.ip_address(other) in ipaddress.ip_interface(f"{address}/{length}").network
