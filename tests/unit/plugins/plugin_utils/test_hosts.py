# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnels as hosts: documented fields in the documented form, filters, ages, and what a cache keeps."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path

import pytest
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils._core import KEEPS_MARKS, means_something
from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import (
    DOCUMENTED,
    FURTHER,
    KINDS,
    Answer,
    Tunnel,
    as_data,
    cached,
    changed_texts,
    filters_of,
    future_keys,
    variable_names,
    variables_of,
)

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
ID = "0123456789abcdef" * 2
DESCRIPTION = Path(__file__).resolve().parents[3] / "emulator" / "magic-openapi.json"
TYPES = {"string": str, "integer": int, "boolean": bool}


def answer(**kinds):
    made = Answer("account", "https://cloudflare.example")
    for kind, objects in kinds.items():
        made.add(kind, objects)
    return made


def fields(kind="ipsec", **given):
    (tunnel,) = answer(**{kind: [{"id": ID, "name": "a", **given}]}).tunnels[kind]
    return tunnel.fields


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


@pytest.mark.parametrize(("kind", "name"), [("ipsec", "magic_ipsec-tunnel"), ("gre", "magic_gre-tunnel")])
def test_the_fields_are_those_of_the_description_of_the_api(kind, name):
    schemas = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["components"]["schemas"]
    assert types_of(DOCUMENTED[kind]) == form_of(schemas, schemas[name])
    assert not set(DOCUMENTED[kind]) & set(FURTHER[kind])
    # What can be set is among them, so that nothing that a task sets is missing.
    assert set(KINDS[kind].fields) <= set(DOCUMENTED[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_documented_is_left_out(kind):
    hostile = {"ansible_connection": "local", "ansible_host": "192.0.2.1", "psk": "secret", "{{ 1 }}": 1, "account_id": "x", "tunnel_type": "y"}
    found = fields(
        kind,
        description="kept",
        **hostile,
        health_check={"enabled": True, "ansible_x": 1, "{{ 2 }}": 2, "target": {"saved": "192.0.2.1", "other": 3}},
        bgp={"customer_asn": 1, "extra_prefixes": ["192.0.2.0/24", 5, None]},
    )
    assert set(found) <= set(DOCUMENTED[kind]) | set(FURTHER[kind])
    assert found["description"] == "kept"
    assert found["health_check"] == {"enabled": True, "target": {"saved": "192.0.2.1"}}
    assert found["bgp"] == {"customer_asn": 1, "extra_prefixes": ["192.0.2.0/24"]}


def test_what_has_another_form_is_left_out_and_named():
    made = answer(
        ipsec=[
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
    (tunnel,) = made.tunnels["ipsec"]
    assert made.others == {"name", "description", "replay_protection", "bgp.customer_asn", "health_check.target"}
    assert tunnel.name == ""
    assert not {"name", "description", "replay_protection"} & set(tunnel.fields)
    assert (tunnel.fields["bgp"], tunnel.fields["health_check"], tunnel.fields["created_on"]) == ({}, {"rate": "mid"}, None)


ADDRESSES = ["customer_endpoint", "cloudflare_endpoint", "interface_address", "interface_address6"]


@pytest.mark.parametrize("text", ["-oProxyCommand=id", "{{ 1 }}", "192.0.2.1 ", "192.0.2.1;id", "fe80::1%;id", "example.com", "192.0.2.1\n"])
def test_what_is_no_address_is_left_out(text):
    """An address is what users make connections of."""
    made = answer(ipsec=[{"id": ID, "name": "a", **dict.fromkeys(ADDRESSES, text), "health_check": {"target": text}, "bgp": {"extra_prefixes": [text]}}])
    (tunnel,) = made.tunnels["ipsec"]
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
def test_two_tunnels_of_one_id(kind):
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


def test_texts_that_cannot_be_given_as_they_are_on_an_old_ansible():
    several = [{"id": ID, "name": "a{"}, {"id": "1" * 32, "name": "b"}, {"id": "2" * 32, "name": "c", "custom_remote_identities": {"fqdn_id": "{"}}]
    warnings = changed_texts(answer(ipsec=several).tunnels["ipsec"])
    assert len(warnings) == (0 if KEEPS_MARKS else 1)
    assert all(ID in warning and "2" * 32 in warning and "1" * 32 not in warning for warning in warnings)


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
    assert {"id", "description", "tunnel_type", "psk_age_days", "mtu", "replay_protection"} <= set(names)


# --- ages


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
def test_ages(timestamp, days):
    tunnel = Tunnel("ipsec", {"id": ID, "psk_metadata": {"last_generated_on": timestamp}})
    assert variables_of(tunnel, NOW)["psk_age_days"] == days
    warnings = future_keys([tunnel], NOW)
    assert bool(warnings) == (timestamp == "some day" or (days is not None and days < 0))
    assert all(ID in warning for warning in warnings)


def test_a_gre_tunnel_has_no_key():
    assert variables_of(Tunnel("gre", {"id": ID}), NOW) == {"id": ID, "tunnel_type": "gre"}


# --- filters


def chosen(written, names=("paris-1", "paris-2", "oslo"), types=("ipsec", "gre")):
    warnings: list[str] = []
    made = answer(ipsec=[{"id": f"{number:032x}", "name": name} for number, name in enumerate(names)], gre=[{"id": "f" * 32, "name": "paris-gre"}])
    return [tunnel.name for tunnel in filters_of(written, types).choose(made, warnings)], warnings


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
        ({"kinds": ["gre"]}, ["paris-gre"]),
        ({"kinds": "ipsec", "exclude": ["*-1"]}, ["paris-2", "oslo"]),
    ],
)
def test_filters(written, names):
    assert chosen(written) == (names, [])


def test_kinds_are_within_the_types_of_tunnels():
    assert filters_of({"kinds": ["gre", "ipsec"]}, ["ipsec"]).kinds == ["ipsec"]
    assert chosen({"kinds": ["gre"]}, types=["ipsec"])[0] == []


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
        ({"kinds": ["wireguard"]}, "filters.kinds: 'wireguard' is not a kind of tunnel"),
    ],
)
def test_filters_that_are_refused(written, words):
    with pytest.raises(MagicError, match=words):
        filters_of(written, KINDS)


# --- the cache


def test_a_cache_gives_back_what_it_got():
    made = answer(ipsec=[{"id": ID, "name": "a", "psk": "secret", "psk_metadata": {"last_generated_on": made_at(days=1)}}], gre=[])
    made.ahead = 3600.0
    content = json.loads(json.dumps(made.content()))
    assert "secret" not in json.dumps(content)
    assert cached(content, "account", "https://cloudflare.example", KINDS) == made
    assert cached(content, None, None, KINDS) == made


BROKEN: dict[str, dict[str, object]] = {
    "another account": {"account_id": "other"},
    "another URL": {"api_url": "https://elsewhere.example"},
    "no account": {"account_id": None},
    "no tunnels": {"tunnels": None},
    "a kind is missing": {"tunnels": {"ipsec": []}},
    "no list": {"tunnels": {"ipsec": {}, "gre": []}},
    "a tunnel without an id": {"tunnels": {"ipsec": [{"name": "a"}], "gre": []}},
    "a tunnel that is a text": {"tunnels": {"ipsec": ["a"], "gre": []}},
    "two tunnels of one id": {"tunnels": {"ipsec": [{"id": ID}, {"id": ID}], "gre": []}},
    "no time": {"ahead": None},
    "no number": {"ahead": True},
    "neither end": {"ahead": float("inf")},
    "no sense": {"ahead": float("nan")},
}


@pytest.mark.parametrize("label", BROKEN)
def test_a_cache_that_is_not_taken(label):
    content = {**answer(ipsec=[], gre=[]).content(), **BROKEN[label]}
    assert cached(content, "account", "https://cloudflare.example", KINDS) is None


@pytest.mark.parametrize("content", [None, [], "text", {}, {"ipsec": [], "gre": []}])
def test_something_else_in_the_cache(content):
    assert cached(content, "account", "https://cloudflare.example", KINDS) is None
    assert cached(content, None, None, KINDS) is None


def test_a_cache_is_checked_like_an_answer():
    content = answer(ipsec=[{"id": ID, "name": "a"}]).content()
    content["tunnels"]["ipsec"][0].update(ansible_connection="local", description=["{{ 1 }}"])
    made = cached(content, "account", "https://cloudflare.example", ["ipsec"])
    assert made is not None
    assert not {"ansible_connection"} & set(made.tunnels["ipsec"][0].fields)
    assert made.others == {"description"}
