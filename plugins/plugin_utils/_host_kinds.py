# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The kinds of objects that can be inventory hosts, as declarations: the fields that a host gets, and what it is called. Add a kind here."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import timedelta

from ansible_collections.cloudflare.magic.plugins.module_utils._kinds import GRE_TUNNEL, IPSEC_TUNNEL
from ansible_collections.cloudflare.magic.plugins.module_utils._site_kinds import CONNECTOR, SITE
from ansible_collections.cloudflare.magic.plugins.module_utils._times import last_generated_on

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible_collections.cloudflare.magic.plugins.module_utils._kind import Kind

    Json = dict[str, t.Any]


class Address(str):
    """The form of an IP address, with or without a prefix length, or of none: it may become a connection's, and ``-oProxyCommand=...`` must not."""

    __slots__ = ()


class Age(t.NamedTuple):
    """How long ago something happened, as a variable of a host.

    :ivar variable: its name.
    :ivar unit: of its number.
    :ivar what: the thing that has a date, for messages.
    :ivar dated: from the fields of an object to the timestamp.
    :ivar advice: what to do if the date lies in the future.
    """

    variable: str
    unit: timedelta
    what: str
    dated: Callable[[Mapping[str, t.Any]], str | None]
    advice: str


@dataclass(frozen=True)
class HostKind:
    """A kind of objects that can be hosts.

    :ivar kind: in the API.
    :ivar documented: the fields that Cloudflare documents, each with its form: a type, a list of one form, the members of an object, or alternatives.
    :ivar further: the same for fields that the modules return in addition.
    :ivar named_by: the fields that can hold its name; the first one that is not empty does.
    :ivar suffix: what the name of a host ends in if an object of an earlier kind has the same name.
    :ivar tunnel_type: the variable of that name; empty for what is not a tunnel, and has no health.
    :ivar ages: computed from its fields.
    :ivar refers: variables with the serial number of a connector, by the field with its id. The connectors are read for that.
    """

    kind: Kind
    documented: Json
    further: Json = field(default_factory=dict)
    named_by: tuple[str, ...] = ("name",)
    suffix: str = ""
    tunnel_type: str = ""
    ages: tuple[Age, ...] = ()
    refers: Mapping[str, str] = field(default_factory=dict)

    @property
    def form(self) -> Json:
        """The fields of a host, each with its form."""
        return {**self.documented, **self.further}

    @property
    def group(self) -> str:
        """The group of all hosts of this kind."""
        return self.kind.several


_BGP = {"customer_asn": int, "extra_prefixes": [Address], "md5_key": str, "import_filter_id": str, "export_filter_id": str}
_BGP_STATUS = {
    "bgp_state": str,
    "cf_speaker_ip": Address,
    "cf_speaker_port": int,
    "customer_speaker_ip": Address,
    "customer_speaker_port": int,
    "state": str,
    "tcp_established": bool,
    "updated_at": str,
}
_HEALTH_CHECK = {"enabled": bool, "rate": str, "target": ({"effective": Address, "saved": Address}, Address), "type": str, "direction": str}
_TUNNEL = {
    "id": str,
    "name": str,
    "description": str,
    "interface_address": Address,
    "interface_address6": Address,
    "health_check": _HEALTH_CHECK,
    "automatic_return_routing": bool,
    "bgp": _BGP,
    "bgp_status": _BGP_STATUS,
    "created_on": str,
    "modified_on": str,
}
# The addresses of the customer's end are computed by this collection.
_COMPUTED = {"customer_address": Address, "customer_address6": Address}
_NUMBER = (int, float)

_ALL = (
    HostKind(
        IPSEC_TUNNEL,
        {
            **_TUNNEL,
            "cloudflare_endpoint": Address,
            "customer_endpoint": Address,
            "replay_protection": bool,
            "allow_null_cipher": bool,
            "custom_remote_identities": {"fqdn_id": str},
            "psk_metadata": {"last_generated_on": str},
        },
        # The identities are in the samples of Cloudflare's documentation.
        {"remote_identities": {"fqdn_id": str, "hex_id": str, "user_id": str}, **_COMPUTED},
        tunnel_type="ipsec",
        ages=(Age("psk_age_days", timedelta(days=1), "keys", last_generated_on, "Their age is unknown. Replace them."),),
    ),
    HostKind(
        GRE_TUNNEL,
        {**_TUNNEL, "cloudflare_gre_endpoint": Address, "customer_gre_endpoint": Address, "mtu": int, "ttl": int},
        _COMPUTED,
        suffix="_gre",
        tunnel_type="gre",
    ),
    HostKind(
        CONNECTOR,
        # Cloudflare also documents the license key, which is a secret.
        {
            "id": str,
            "activated": bool,
            "device": {"id": str, "serial_number": str, "type": str},
            "interrupt_window_days_of_week": [str],
            "interrupt_window_duration_hours": _NUMBER,
            "interrupt_window_embargo_dates": [str],
            "interrupt_window_hour_of_day": _NUMBER,
            "last_heartbeat": str,
            "last_seen_version": str,
            "last_updated": str,
            "notes": str,
            "timezone": str,
        },
        {"serial_number": str, "device_id": str},
        named_by=("serial_number", "device_id"),
        suffix="_connector",
        ages=(
            Age(
                "last_heartbeat_age",
                timedelta(seconds=1),
                "last heartbeats",
                lambda fields: fields.get("last_heartbeat"),
                "Check the time of the devices.",
            ),
        ),
    ),
    HostKind(
        SITE,
        {
            "id": str,
            "name": str,
            "description": str,
            "connector_id": str,
            "secondary_connector_id": str,
            "ha_mode": bool,
            "location": {"lat": str, "lon": str},
        },
        suffix="_site",
        refers={"connector_serial_number": "connector_id", "secondary_connector_serial_number": "secondary_connector_id"},
    ),
)

# By the names that users write.
KINDS = {one.kind.single: one for one in _ALL}
TUNNELS = [name for name, one in KINDS.items() if one.tunnel_type]
GROUPS = {name: one.group for name, one in KINDS.items()}
