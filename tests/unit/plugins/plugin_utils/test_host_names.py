# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of hosts: each belongs to one tunnel, and is only a name."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from ansible.inventory.group import Group
from ansible.inventory.host import Host

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_kinds import GROUPS, KINDS
from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_names import (
    group_beside_hosts,
    host_names,
    may_have,
    renamed_groups,
    safe_group_name,
    safe_name,
)
from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Item

A, B, C, D = "a1a1a1a1" * 4, "b2b2b2b2" * 4, "c3c3c3c3" * 4, "d4d4d4d4" * 4


def named(tunnels, taken=(), hosts=None):
    """The names of hosts by id, for tunnels (kind, id, name) in each order that they can come in; and the warnings."""
    found = None
    orders = list(itertools.permutations(tunnels)) if len(tunnels) < 5 else [tunnels, tunnels[::-1]]
    for order in orders:
        made = [Item(kind, {"id": tunnel_id, KINDS[kind].named_by[0]: name}) for kind, tunnel_id, name in order]
        warnings: list[str] = []

        def is_taken(tunnel, name):
            return name in taken or (hosts or {}).get(name, tunnel.id) != tunnel.id

        names = host_names(made, [tunnel.name for tunnel in made], is_taken, warnings)
        assert len(set(names)) == len(names)
        result = ({(tunnel.kind, tunnel.id): name for tunnel, name in zip(made, names)}, warnings)
        assert found is None or found == result, "the order plays a part"
        found = result
    assert found is not None
    return {tunnel_id: name for (dummy, tunnel_id), name in found[0].items()}, found[1]


CASES = {
    "nothing in the way": ([("ipsec_tunnel", A, "a"), ("gre_tunnel", B, "b")], {A: "a", B: "b"}, False),
    "IPsec and GRE of one name": ([("ipsec_tunnel", A, "a"), ("gre_tunnel", B, "a")], {A: "a", B: "a_gre"}, False),
    "the GRE tunnel's next name is an IPsec tunnel's": (
        [("ipsec_tunnel", A, "a"), ("gre_tunnel", B, "a"), ("ipsec_tunnel", C, "a_gre")],
        {A: "a", B: "a_b2b2b2b2", C: "a_gre"},
        True,
    ),
    "the GRE tunnel's next name is a GRE tunnel's": (
        [("ipsec_tunnel", A, "a"), ("gre_tunnel", B, "a"), ("gre_tunnel", C, "a_gre")],
        {A: "a", B: "a_b2b2b2b2", C: "a_gre"},
        True,
    ),
    "a_gre without need": ([("gre_tunnel", B, "a"), ("ipsec_tunnel", C, "a_gre")], {B: "a", C: "a_gre"}, False),
    "two pairs that meet": (
        [("ipsec_tunnel", A, "a"), ("gre_tunnel", B, "a"), ("ipsec_tunnel", C, "a_gre"), ("gre_tunnel", D, "a_gre")],
        {A: "a", B: "a_b2b2b2b2", C: "a_gre", D: "a_gre_gre"},
        True,
    ),
    "two of one name": ([("ipsec_tunnel", A, "a"), ("ipsec_tunnel", B, "a")], {A: "a_a1a1a1a1", B: "a_b2b2b2b2"}, True),
    "three of one name": (
        [("ipsec_tunnel", A, "a"), ("ipsec_tunnel", B, "a"), ("gre_tunnel", C, "a")],
        {A: "a_a1a1a1a1", B: "a_b2b2b2b2", C: "a_c3c3c3c3"},
        True,
    ),
    "two of one name, and one that is called like the way out": (
        [("ipsec_tunnel", A, "a"), ("ipsec_tunnel", B, "a"), ("ipsec_tunnel", C, "a_a1a1a1a1")],
        {A: f"a_{A}", B: "a_b2b2b2b2", C: "a_a1a1a1a1"},
        True,
    ),
    "ids that begin alike": ([("ipsec_tunnel", A, "a"), ("ipsec_tunnel", A[:-1] + "0", "a")], {A: f"a_{A}", A[:-1] + "0": f"a_{A[:-1]}0"}, True),
    "a name that becomes another's": ([("ipsec_tunnel", A, "a b"), ("ipsec_tunnel", B, "a_b")], {A: "a_b_a1a1a1a1", B: "a_b"}, True),
    "two names that become one": ([("ipsec_tunnel", A, "a b"), ("ipsec_tunnel", B, "a/b")], {A: "a_b_a1a1a1a1", B: "a_b_b2b2b2b2"}, True),
    "two kinds whose names become one": ([("ipsec_tunnel", A, "a b"), ("gre_tunnel", B, "a_b")], {A: "a_b_a1a1a1a1", B: "a_b"}, True),
    "no name": ([("ipsec_tunnel", A, ""), ("ipsec_tunnel", B, "...")], {A: "ipsec_tunnel_a1a1a1a1", B: "ipsec_tunnel_b2b2b2b2"}, True),
    "one name of each kind": (
        [("ipsec_tunnel", A, "a"), ("gre_tunnel", B, "a"), ("connector", C, "a"), ("site", D, "a")],
        {A: "a", B: "a_gre", C: "a_connector", D: "a_site"},
        False,
    ),
    "the first kind that is there": ([("connector", C, "a"), ("site", D, "a")], {C: "a", D: "a_site"}, False),
    "a site beside two tunnels of one name": (
        [("ipsec_tunnel", A, "a"), ("ipsec_tunnel", B, "a"), ("site", C, "a")],
        {A: "a_a1a1a1a1", B: "a_b2b2b2b2", C: "a_c3c3c3c3"},
        True,
    ),
    "a site that is called like the way out": (
        [("gre_tunnel", A, "a"), ("site", B, "a"), ("connector", C, "a_site")],
        {A: "a", B: "a_b2b2b2b2", C: "a_site"},
        True,
    ),
    "nothing that names them": ([("connector", A, ""), ("site", B, "..")], {A: "connector_a1a1a1a1", B: "site_b2b2b2b2"}, True),
    "large and small letters": ([("ipsec_tunnel", A, "a"), ("ipsec_tunnel", B, "A")], {A: "a", B: "A"}, False),
}


@pytest.mark.parametrize("label", CASES)
def test_names(label):
    tunnels, names, warned = CASES[label]
    found, warnings = named(tunnels)
    assert found == names
    assert bool(warnings) == warned
    for name in names.values():
        if re.search(r"_(a1a1|b2b2|c3c3)", name):
            assert name in warnings[0]


def test_names_that_are_somebody_elses():
    tunnels = [("ipsec_tunnel", A, "all"), ("ipsec_tunnel", B, "b"), ("gre_tunnel", C, "b")]
    assert named(tunnels, taken={"all", "b_gre"})[0] == {A: "all_a1a1a1a1", B: "b", C: "b_c3c3c3c3"}
    assert named(tunnels, taken={"all", "b"})[0] == {A: "all_a1a1a1a1", B: "b_b2b2b2b2", C: "b_gre"}
    # A host that is there already, and is this very tunnel's.
    assert named([("ipsec_tunnel", A, "a"), ("ipsec_tunnel", B, "b")], hosts={"a": A, "b": A})[0] == {A: "a", B: "b_b2b2b2b2"}


def host_of(groups, **variables):
    host = Host("a")
    host.vars.update(variables)
    for group in groups:
        host.add_group(Group(group))
    return host


@pytest.mark.parametrize("combine", [False, True])
def test_hosts_that_are_there_already(combine):
    """A host that the plugin created is that of one object, whatever else has its id; any other one can be combined."""
    connector, site = Item("connector", {"id": A}), Item("site", {"id": B})
    of_site = host_of([GROUPS["site"]], one_id=B, one_connector_id=A, one_kind="site")
    assert may_have(site, of_site, combine)
    assert not may_have(connector, of_site, combine) and not may_have(Item("site", {"id": C}), of_site, combine)
    of_connector = host_of([GROUPS["connector"]], id=A, device_id=D, kind="connector")
    assert may_have(connector, of_connector, combine) and not may_have(Item("connector", {"id": D}), of_connector, combine)
    # Groups of these names may be anybody's.
    for mine in (host_of(["sites"]), host_of(["sites"], kind="branch"), host_of([], kind="site"), host_of(["sites"], kind=["site"])):
        assert may_have(site, mine, combine) == combine
    assert may_have(connector, host_of(["routers"], connector_id=A), combine)
    # One that was combined belongs to the object that it was combined with.
    assert not may_have(Item("site", {"id": C}), host_of(["routers", "sites"], id=B, kind="site"), combine)


def test_no_name_left():
    tunnel = Item("ipsec_tunnel", {"id": A, "name": "a"})
    with pytest.raises(MagicError, match="There is no free host name.*prefix"):
        host_names([tunnel], ["a"], lambda dummy, name: True, [])


def test_any_names_at_all():
    """Whatever the names are: each tunnel has a host of its own, the order plays no part, and who asks for a free name gets it."""
    dice = random.Random(7)
    ids = [A, B, C, D, A[:-1] + "0", A[:8] + "9" * 24]
    words = ["a", "a_gre", "a b", "a_b", "", "ä", "a_gre_gre", f"a_{A[:8]}", f"a_{A}", "b"]
    for dummy in range(200):
        tunnels = [(dice.choice(list(KINDS)), tunnel_id, dice.choice(words)) for tunnel_id in dice.sample(ids, dice.randint(1, 4))]
        found, dummy_warnings = named(tunnels, taken={"b"})
        for kind, tunnel_id, name in tunnels:
            alone = sum(safe_name(other) == safe_name(name) for dummy_kind, dummy_id, other in tunnels) == 1
            if alone and safe_name(name) == name and name not in ("", "b"):
                assert found[tunnel_id] == name, (tunnels, kind)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("paris-1.example", "paris-1.example"),
        ("Zürich 1", "Zurich_1"),
        ("{{ lookup('pipe', 'id') }}", "___lookup__pipe____id_____"),
        ("\uff5b\uff5b x \uff5d\uff5d", "___x___"),
        ("-oProxyCommand=id", "_oProxyCommand_id"),
        ("../../etc", "__.._etc"),
        ("..", ""),
        ("...", ""),
        ("@!&~*[1:3],;", "______1_3___"),
        ("a\nb\x1b[31m\u202e", "a_b__31m_"),
        ("a\ud800", "a_"),
        ("\u6771\u4eac", ""),
    ],
)
def test_safe_names(text, name):
    assert safe_name(text) == name


@pytest.mark.parametrize(("text", "name"), [("site_a-b.c", "site_a-b.c"), ("zürich", "zürich"), ("{{ 1 }}", "___1___"), ("../x", "__x"), ("a:b", "a_b")])
def test_safe_names_of_groups(text, name):
    assert safe_group_name(text) == name


@pytest.mark.parametrize(
    ("hosts", "groups", "name"),
    [
        ([], [], "a"),
        (["b"], [], "a"),
        (["a"], [], "a_group"),
        (["a", "a_group"], [], "a_group_group"),
        # What is a group already stays one, whatever Ansible says of a host of that name.
        (["a"], ["a"], "a"),
        (["a", "a_group"], ["a_group"], "a_group"),
    ],
)
def test_a_new_group_beside_hosts_of_another_source(hosts, groups, name):
    assert group_beside_hosts("a", hosts, groups) == name


def test_groups_that_are_renamed_are_named():
    assert renamed_groups({}) == []
    (warning,) = renamed_groups({"a": "a_group"})
    assert "a_group" in warning and "another source" in warning
