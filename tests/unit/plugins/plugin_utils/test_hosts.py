# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects as hosts: documented fields in the documented form, filters, ages, and what a cache keeps."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path

import pytest
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR
from ansible_collections.cloudflare.magic.plugins.plugin_utils._core import KEEPS_MARKS, means_something
from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_kinds import KINDS, TUNNELS
from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Answer, Item, as_data, cached, filters_of, variable_names, warnings_of

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
ID = "0123456789abcdef" * 2
DESCRIPTION = Path(__file__).resolve().parents[3] / "emulator" / "magic-openapi.json"
TYPES = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}


def answer(**kinds):
    made = Answer("account", "https://cloudflare.example")
    for kind, objects in kinds.items():
        made.add(kind, objects)
    return made


def only(made, kind="ipsec_tunnel"):
    (item,) = made.items[kind].values()
    return item


def fields(kind="ipsec_tunnel", /, **given):
    return only(answer(**{kind: [{"id": ID, "name": "a", **given}]}), kind).fields


def form_of(schemas: dict, schema: dict):
    """The form, as the plugin has it, of a schema."""
    if "$ref" in schema:
        return form_of(schemas, schemas[schema["$ref"].rpartition("/")[2]])
    if "oneOf" in schema:
        return tuple(form_of(schemas, one) for one in schema["oneOf"])
    if "allOf" in schema:
        return {name: form for one in schema["allOf"] for name, form in form_of(schemas, one).items()}
    if "properties" in schema:
        return {name: form_of(schemas, one) for name, one in schema["properties"].items()}
    if schema["type"] == "array":
        return [form_of(schemas, schema["items"])]
    return TYPES[schema["type"]]


def types_of(form):
    """A form with the types of JSON, without what else is checked of a text."""
    if isinstance(form, dict):
        return {name: types_of(one) for name, one in form.items()}
    if isinstance(form, (list, tuple)):
        return type(form)(types_of(one) for one in form)
    return str if issubclass(form, str) else form


SCHEMAS = {"ipsec_tunnel": "magic_ipsec-tunnel", "gre_tunnel": "magic_gre-tunnel", "connector": "magic_tree_connector", "site": "magic_tree_site"}


@pytest.mark.parametrize("name", KINDS)
def test_the_fields_are_those_of_the_description_of_the_api(name):
    schemas = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["components"]["schemas"]
    own = KINDS[name]
    documented = form_of(schemas, schemas[SCHEMAS[name]])
    assert set(own.kind.hidden) < set(documented)
    assert types_of(own.documented) == {field: form for field, form in documented.items() if field not in own.kind.hidden}
    assert not set(own.documented) & set(own.further)
    # What can be set is among them, so that nothing that a task sets is missing.
    assert {field for field, one in own.kind.fields.items() if not one.stands_for} <= set(own.form)
    assert {*own.named_by, *own.refers.values()} <= set(own.form)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_documented_is_left_out(kind):
    hostile = {"ansible_connection": "local", "ansible_host": "192.0.2.1", "psk": "secret", "{{ 1 }}": 1, "account_id": "x", "tunnel_type": "y", "kind": "z"}
    hostile |= {"license_key": "secret", "later": {"license_key": "secret"}}
    found = fields(
        kind,
        description="kept",
        device={"id": "d", "license_key": "secret", "ansible_x": 1},
        location={"lat": "1", "license_key": "secret"},
        **hostile,
        health_check={"enabled": True, "ansible_x": 1, "{{ 2 }}": 2, "target": {"saved": "192.0.2.1", "other": 3}},
        bgp={"customer_asn": 1, "extra_prefixes": ["192.0.2.0/24", 5, None]},
    )
    assert set(found) <= set(KINDS[kind].form)
    assert "secret" not in json.dumps(found)
    assert found.get("device", {"id": "d"}) == {"id": "d"} and found.get("location", {"lat": "1"}) == {"lat": "1"}
    if kind not in TUNNELS:
        return
    assert found["description"] == "kept"
    assert found["health_check"] == {"enabled": True, "target": {"saved": "192.0.2.1"}}
    assert found["bgp"] == {"customer_asn": 1, "extra_prefixes": ["192.0.2.0/24"]}


def test_what_has_another_form_is_left_out_and_named():
    made = answer(
        ipsec_tunnel=[
            {
                "id": ID,
                "name": ["a"],
                "description": {"{{ 1 }}": 2},
                "replay_protection": "yes",
                "bgp": {"customer_asn": True},
                "health_check": {"target": 5, "rate": "mid"},
                "created_on": None,
            }
        ]
    )
    tunnel = only(made)
    assert made.others == {"name", "description", "replay_protection", "bgp.customer_asn", "health_check.target"}
    assert tunnel.name == ""
    assert not {"name", "description", "replay_protection"} & set(tunnel.fields)
    assert (tunnel.fields["bgp"], tunnel.fields["health_check"], tunnel.fields["created_on"]) == ({}, {"rate": "mid"}, None)


ADDRESSES = ["customer_endpoint", "cloudflare_endpoint", "interface_address", "interface_address6"]


@pytest.mark.parametrize("text", ["-oProxyCommand=id", "{{ 1 }}", "192.0.2.1 ", "192.0.2.1;id", "fe80::1%;id", "example.com", "192.0.2.1\n"])
def test_what_is_no_address_is_left_out(text):
    """An address is what users make connections of."""
    made = answer(ipsec_tunnel=[{"id": ID, "name": "a", **dict.fromkeys(ADDRESSES, text), "health_check": {"target": text}, "bgp": {"extra_prefixes": [text]}}])
    tunnel = only(made)
    assert not set(ADDRESSES) & set(tunnel.fields)
    assert (tunnel.fields["health_check"], tunnel.fields["bgp"]) == ({"target": {}}, {"extra_prefixes": []})
    assert made.others == {*ADDRESSES, "health_check.target.saved", "bgp.extra_prefixes"}


@pytest.mark.parametrize("text", ["", "192.0.2.1", "192.0.2.1/31", "2001:db8::1/127", "2001:db8::1"])
def test_addresses(text):
    assert fields(customer_endpoint=text)["customer_endpoint"] == text


def test_a_text_that_cannot_be_written():
    assert fields(description="a\ud800b")["description"] == "a?b"


def test_the_older_form_of_a_target():
    assert fields(health_check={"target": "192.0.2.1"})["health_check"]["target"] == {"saved": "192.0.2.1"}


def test_the_address_of_the_customers_end_is_taken_where_there_is_one():
    assert fields(customer_address="10.0.0.1")["customer_address"] == "10.0.0.1"


@pytest.mark.parametrize("kind", KINDS)
def test_two_of_one_id(kind):
    with pytest.raises(MagicError, match="one id"):
        answer(**{kind: [{"id": ID, "name": "a"}, {"id": ID, "name": "b"}]})


# --- data


def is_plain(text) -> bool:
    """Tell whether Ansible shows a text as it is, which it does with what might be a template to it."""
    if find_spec("ansible.module_utils.datatag") is None:
        return text.__class__ is str
    from ansible.template import is_trusted_as_template

    return is_trusted_as_template(text)


# Templates, pieces of them, and expressions that call something, also without the brackets of a call.
CODE = ["{{ 1 }}", "a {% if x %}", "{# x #}", "[[ x ]]", "<% x %>", "${{ x }}", "(( x ))", "#{ x", "#jinja2: a", "lookup('pipe', 'id')", "q ('x')"]
CODE += ["{", "}", "%", "#", "{ (x)('y') }}", "(lookup)('pipe', 'id')", "lipsum.__globals__.os.popen ('id').read ()", "lipsum.x", "a.b.ipsec.cloudflare.com"]
CODE += ["x|first", "x is exists", "is", "a-is-b", "a\nb", "a\u2028b", "a\u202eb", "\u2474", "a\uff08b", "x[0]", "'a'", 'a"', "a\\b", "a\tb"]
CODE += ["-a", " a", "C#, $5 @home", "100% (main)!", "a <b>", "1.5", "v1.2", "a:b", "a/b", "192.0.2.1%x", "192.0.2.1;id", "2026-01-01T00:00:00Z()"]
HARMLESS = ["", "plain", "paris-1", "Office in Paris 2", "a ", "Zürich", "東京", "a_b", "7", ID, "this", "island"]
HARMLESS += ["198.51.100.1", "198.51.100.1/31", "2001:db8::1/127", "::", "2026-01-31T12:34:56Z", "2026-01-31T12:34:56.789012+01:00"]
HARMLESS += [f"{ID}.33145236.ipsec.cloudflare.com", "paris-1.33145236.custom.ipsec.cloudflare.com"]


@pytest.mark.parametrize("text", CODE)
def test_texts_are_marked(text):
    given = as_data({"x": [text, wrap_var(text)], text: 1})
    kept = text if KEEPS_MARKS else text.replace("{", r"\x7b")
    assert given == {"x": [kept, kept], kept: 1}
    assert not any(is_plain(item) for item in [*given["x"], list(given)[1]])


@pytest.mark.parametrize("text", HARMLESS)
def test_texts_of_a_harmless_form_are_plain(text):
    assert as_data(wrap_var(text)) == text and is_plain(as_data(wrap_var(text)))
    found = as_data([wrap_var({"a": (text, None, 1, True)}), {text}, {text: 1}])
    assert found == [{"a": [text, None, 1, True]}, [text], {text: 1}] and is_plain(found[0]["a"][0])


def told(made, items=None):
    """The warnings of hosts: by default of all that there is."""
    return warnings_of(made, list(made.all()) if items is None else items)


def test_texts_that_cannot_be_given_as_they_are_on_an_old_ansible():
    several = [{"id": ID, "name": "a{"}, {"id": "1" * 32, "name": "b"}, {"id": "2" * 32, "name": "c", "custom_remote_identities": {"fqdn_id": "{"}}]
    warnings = told(answer(ipsec_tunnel=several, connector=[{"id": "3" * 32, "notes": "{"}]))
    assert len(warnings) == (0 if KEEPS_MARKS else 1)
    assert all(ID in warning and "2" * 32 in warning and "3" * 32 in warning and "1" * 32 not in warning for warning in warnings)


def test_several_tunnels_of_one_name():
    """Also where only one of them becomes a host. A site of that name does not count."""
    one, other = {"id": ID, "name": "a"}, {"id": "1" * 32, "name": "b"}
    made = answer(ipsec_tunnel=[one, other], gre_tunnel=[{"id": "2" * 32, "name": "a"}], site=[{"id": "3" * 32, "name": "b"}])
    for items in (None, [made.items["gre_tunnel"]["2" * 32]]):
        (warning,) = told(made, items)
        assert warning.startswith("Several tunnels have the same name: a.")
    assert told(made, [made.items["ipsec_tunnel"]["1" * 32], made.items["site"]["3" * 32]]) == []
    assert told(answer(ipsec_tunnel=[{"id": ID}, {"id": "1" * 32}])) == []


@pytest.mark.parametrize("prefix", ["magic_", "_", "M", "x1_"])
def test_prefixes(prefix):
    names = variable_names(prefix, means_something)
    assert names["name"] == f"{prefix}name" and names["psk_age_days"] == f"{prefix}psk_age_days"


@pytest.mark.parametrize("prefix", ["ansible_", "ansible_ssh_", "role_", "magic-", "1_", "{{ x }}", "a b", "\u00e4_", "a."])
def test_prefixes_that_are_refused(prefix):
    with pytest.raises(MagicError, match="hostvars_prefix"):
        variable_names(prefix, means_something)


def test_without_a_prefix_no_variable_means_something_to_ansible():
    names = variable_names("", means_something)
    assert "name" not in names and not any(means_something(variable) for variable in names.values())
    assert {"id", "description", "tunnel_type", "psk_age_days", "mtu", "replay_protection", "kind", "connector_serial_number", "last_heartbeat_age"} <= set(
        names
    )


# --- ages


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(Answer, "now", lambda self: NOW)


def made_at(**ago):
    return (NOW - timedelta(**ago)).isoformat()


@pytest.mark.parametrize(
    ("timestamp", "days"),
    [
        (None, None),
        ("", None),
        (made_at(days=10), 10),
        (made_at(days=10, seconds=-1), 9),
        (made_at(seconds=1), 0),
        (made_at(seconds=-30), 0),
        (made_at(minutes=-5), -1),
        (made_at(days=-10), -10),
        ("some day", None),
    ],
)
def test_ages(timestamp, days, clock):
    made = answer(ipsec_tunnel=[{"id": ID, "name": "a", "psk_metadata": {"last_generated_on": timestamp}}])
    assert made.variables_of(only(made))["psk_age_days"] == days
    warnings = told(made)
    assert bool(warnings) == (timestamp == "some day" or (days is not None and days < 0))
    assert all(ID in warning and "psk_age_days" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("timestamp", "seconds"), [(None, None), (made_at(minutes=10), 600), (made_at(seconds=-30), 0), (made_at(hours=-1), -3600), ("x", None)]
)
def test_the_age_of_a_heartbeat(timestamp, seconds, clock):
    heard = {} if timestamp is None else {"last_heartbeat": timestamp, "last_seen_version": "2026.1"}
    made = answer(connector=[{"id": ID, "device": {"id": "d", "serial_number": "MC-1"}, **heard}])
    variables = made.variables_of(only(made, "connector"))
    assert (variables["last_heartbeat_age"], variables.get("last_seen_version")) == (seconds, "2026.1" if heard else None)
    assert [("last_heartbeat_age" in warning, ID in warning) for warning in told(made)] == [(True, True)] * (timestamp == "x" or (seconds or 0) < 0)


def test_a_gre_tunnel_has_no_key():
    assert answer().variables_of(Item("gre_tunnel", {"id": ID})) == {"id": ID, "kind": "gre_tunnel", "tunnel_type": "gre"}


# --- connectors and sites


DEVICES: list[tuple[dict, str]] = [
    ({"device": {"id": "d1", "serial_number": "MC-1"}, "notes": "Lyon, rack 3"}, "MC-1"),
    ({"device": {"id": "d2", "serial_number": ""}, "notes": "virtual"}, "d2"),
    ({"device": {"id": "d3"}, "name": "not a field of connectors"}, "d3"),
    ({"notes": "alone"}, ""),
]


@pytest.mark.parametrize(("connector", "name"), DEVICES)
def test_what_a_connector_is_called(connector, name):
    # As the client hands it over.
    made = answer(connector=[CONNECTOR.received({"id": ID, **connector})])
    item = only(made, "connector")
    assert item.name == name
    variables = made.variables_of(item)
    assert variables.get("name", "") == name and variables["kind"] == "connector"
    assert not {"tunnel_type", "psk_age_days"} & set(variables)


def test_a_site_knows_its_connectors():
    connectors = [CONNECTOR.received({"id": digit * 32, **connector}) for digit, (connector, dummy) in zip("1234", DEVICES)]
    location = {"lat": "45.76", "lon": "4.83"}
    sites = [{"id": ID, "name": "lyon", "location": location, "connector_id": "1" * 32, "secondary_connector_id": "4" * 32}]
    made = answer(connector=connectors, site=[*sites, {"id": "5" * 32, "name": "oslo", "connector_id": "9" * 32}])
    lyon, oslo = (made.variables_of(item) for item in made.items["site"].values())
    assert (lyon["connector_serial_number"], lyon["secondary_connector_serial_number"], lyon["location"]) == ("MC-1", None, location)
    assert (oslo["connector_serial_number"], oslo["secondary_connector_serial_number"], oslo["connector_id"]) == (None, None, "9" * 32)
    assert lyon["kind"] == "site" and lyon["name"] == "lyon" and "tunnel_type" not in lyon


# --- filters


def chosen(written, names=("paris-1", "paris-2", "oslo"), kinds=("ipsec_tunnel", "gre_tunnel")):
    warnings: list[str] = []
    made = answer(
        ipsec_tunnel=[{"id": f"{number:032x}", "name": name} for number, name in enumerate(names)], gre_tunnel=[{"id": "f" * 32, "name": "paris-gre"}]
    )
    return [item.name for item in filters_of(written, kinds).choose(made, warnings)], warnings


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ({}, ["paris-1", "paris-2", "oslo", "paris-gre"]),
        ({"names": ["paris-*"]}, ["paris-1", "paris-2", "paris-gre"]),
        ({"names": "oslo, paris-1"}, ["paris-1", "oslo"]),
        ({"names": ["Paris-*"]}, []),
        ({"names": []}, []),
        ({"names": None, "exclude": ["paris-?"]}, ["oslo", "paris-gre"]),
        ({"names": ["paris-*"], "exclude": ["paris-1", "f" * 32]}, ["paris-2"]),
    ],
)
def test_filters(written, names):
    assert chosen(written) == (names, [])


@pytest.mark.parametrize(
    ("kinds", "read"),
    [
        ([], []),
        (["gre_tunnel", "ipsec_tunnel"], ["ipsec_tunnel", "gre_tunnel"]),
        (["connector"], ["connector"]),
        # Sites have the serial numbers of connectors.
        (["site"], ["connector", "site"]),
        (["site", "gre_tunnel", "connector"], ["gre_tunnel", "connector", "site"]),
    ],
)
def test_only_what_is_needed_is_read(kinds, read):
    filters = filters_of({}, kinds)
    assert filters.read == read and set(filters.kinds) == set(kinds)


def test_filters_of_connectors_and_sites():
    connectors = [CONNECTOR.received({"id": digit * 32, "device": {"id": digit, "serial_number": f"MC-{digit}"}}) for digit in "12"]
    made = answer(connector=connectors, site=[{"id": "3" * 32, "name": "MC"}, {"id": "4" * 32, "name": "lyon"}])

    def names(written, kinds=("connector", "site")):
        return [item.name for item in filters_of(written, kinds).choose(made, [])]

    assert names({"names": ["MC*"], "exclude": ["1" * 32]}) == ["MC-2", "MC"]
    assert names({"exclude": ["MC-1", "lyon"]}) == ["MC-2", "MC"]
    assert names({}, ["site"]) == ["MC", "lyon"]


def test_a_kind_that_cannot_be_read():
    """Only where something else could be read, the kind may be what is asked too much."""
    failure = {"method": "GET", "path": "/accounts/x/magic/connectors", "status": 403, "errors": [], "ray_id": None}
    error = MagicError("It failed.", failure=failure)
    text = str(filters_of({}, ["connector"]).not_read("connector", True, error))
    assert text == "The connectors of the account cannot be read, so this source adds no hosts. It failed. Or remove connector from kinds."
    assert str(filters_of({}, ["site"]).not_read("connector", True, error)).endswith("Or remove site from kinds.")
    assert "remove" not in str(filters_of({}, ["connector"]).not_read("connector", False, error))
    assert "remove" not in str(filters_of({}, ["connector"]).not_read("connector", True, MagicError("No answer.")))


def test_a_name_that_there_is_not():
    names, warnings = chosen({"names": ["oslo", "rome", "lima-*"]})
    assert names == ["oslo"]
    assert len(warnings) == 1 and "rome" in warnings[0] and "lima" not in warnings[0]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (["paris-1"], "dictionary"),
        ("paris-1", "dictionary"),
        ({"name": ["a"]}, "no filter 'name'"),
        ({"names": {"a": 1}}, "filters.names: must be a list"),
        ({"names": [["a"]]}, "filters.names: must be a list"),
        ({"exclude": [True]}, "filters.exclude: must be a list"),
        ({"names": ["a", " "]}, "filters.names: has an empty item"),
        ({"kinds": ["gre_tunnel"]}, "no filter 'kinds'"),
    ],
)
def test_filters_that_are_refused(written, words):
    with pytest.raises(MagicError, match=words):
        filters_of(written, KINDS)


# --- the cache


def test_a_cache_gives_back_what_it_got():
    connector = {"id": ID, "device": {"id": "d", "license_key": "secret"}, "license_key": "secret", "last_heartbeat": made_at(days=1)}
    made = answer(
        ipsec_tunnel=[{"id": ID, "name": "a", "psk": "secret", "psk_metadata": {"last_generated_on": made_at(days=1)}}],
        gre_tunnel=[],
        connector=[CONNECTOR.received(connector)],
        site=[{"id": ID, "connector_id": ID, "license_key": "secret"}],
    )
    made.ahead = 3600.0
    content = json.loads(json.dumps(made.content()))
    assert "secret" not in json.dumps(content)
    assert cached(content, "account", "https://cloudflare.example", KINDS) == made
    assert cached(content, None, None, KINDS) == made


BROKEN: dict[str, dict[str, object]] = {
    "another account": {"account_id": "other"},
    "another URL": {"api_url": "https://elsewhere.example"},
    "no account": {"account_id": None},
    "no objects": {"items": None},
    "a kind is missing": {"items": {"ipsec_tunnel": []}},
    "no list": {"items": {"ipsec_tunnel": {}, "gre_tunnel": []}},
    "a tunnel without an id": {"items": {"ipsec_tunnel": [{"name": "a"}], "gre_tunnel": []}},
    "a tunnel that is a text": {"items": {"ipsec_tunnel": ["a"], "gre_tunnel": []}},
    "two tunnels of one id": {"items": {"ipsec_tunnel": [{"id": ID}, {"id": ID}], "gre_tunnel": []}},
    "no time": {"ahead": None},
    "no number": {"ahead": True},
    "neither end": {"ahead": float("inf")},
    "no sense": {"ahead": float("nan")},
}


@pytest.mark.parametrize("label", BROKEN)
def test_a_cache_that_is_not_taken(label):
    content = {**answer(ipsec_tunnel=[], gre_tunnel=[]).content(), **BROKEN[label]}
    assert cached(content, "account", "https://cloudflare.example", TUNNELS) is None


@pytest.mark.parametrize("content", [None, [], "text", {}, {"ipsec_tunnel": [], "gre_tunnel": []}])
def test_something_else_in_the_cache(content):
    assert cached(content, "account", "https://cloudflare.example", TUNNELS) is None
    assert cached(content, None, None, TUNNELS) is None


def test_a_cache_is_checked_like_an_answer():
    content = answer(ipsec_tunnel=[{"id": ID, "name": "a"}]).content()
    content["items"]["ipsec_tunnel"][0].update(ansible_connection="local", description=["{{ 1 }}"])
    made = cached(content, "account", "https://cloudflare.example", ["ipsec_tunnel"])
    assert made is not None
    assert not {"ansible_connection"} & set(only(made).fields)
    assert made.others == {"description"}
