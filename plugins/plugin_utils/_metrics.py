# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The findings of an audit as metrics, in the text format of Prometheus, for node_exporter's textfile collector; pure.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format, version 0.0.4)
"""

from __future__ import annotations

import typing as t

from ansible_collections.cloudflare.magic.plugins.module_utils._health import STATES
from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# Each metric is a gauge: its name and its description.
_PREFIX = "cloudflare_magic_"
_HELP = {
    "psk_audit_timestamp_seconds": "When the audit ran, by the clock of the machine that it ran on, in seconds since 1970.",
    "ipsec_psk_max_age_seconds": "The age above which the audit calls a key overdue.",
    "ipsec_psk_age_seconds": "The age of the tunnel's pre-shared key when the audit ran. Absent if there is no key, or if its date cannot be read.",
    "ipsec_psk_due": "1 if the tunnel needs a new key, or has one that may not be the one in the file of keys; else 0.",
    "tunnel_health": "1 for the state of the tunnel by Cloudflare's health checks, 0 for the other states.",
    "tunnel_healthy_ratio": "The share of the data centers that see the tunnel healthy, of those that have reported. Absent if none has.",
}


def metrics(moment: int, account_id: str, limit: int, keys: Iterable[Mapping[str, t.Any]], health: Iterable[Mapping[str, t.Any]]) -> str:
    """Return the file of an audit. A collector rejects a file with a duplicate series, so only the first of several tunnels with the same labels counts.

    :arg moment: of the audit, in seconds since 1970.
    :arg keys: ``id``, ``name``, ``psk_age`` and ``due`` of each IPsec tunnel.
    :arg health: of tunnels, as ``tunnel_health_info`` returns it.
    """
    found: dict[str, dict[str, t.Any]] = {name: {} for name in _HELP}
    account = f'account_id="{_label(account_id)}"'
    found["psk_audit_timestamp_seconds"][account] = moment
    found["ipsec_psk_max_age_seconds"][account] = limit
    for key in keys:
        labels = f'{account},ipsec_tunnel_id="{_label(key["id"])}",tunnel="{_label(key["name"])}"'
        found["ipsec_psk_age_seconds"].setdefault(labels, key["psk_age"])
        found["ipsec_psk_due"].setdefault(labels, int(key["due"]))
    for tunnel in health:
        name = f'{account},tunnel="{_label(tunnel["name"])}"'
        if name not in found["tunnel_healthy_ratio"]:
            found["tunnel_healthy_ratio"][name] = tunnel["healthy_share"]
            found["tunnel_health"].update({f'{name},state="{state}"': int(state == tunnel["state"]) for state in STATES})
    return "".join(f"{line}\n" for name, series in found.items() for line in _lines(_PREFIX + name, _HELP[name], series))


def _lines(name: str, text: str, series: Mapping[str, t.Any]) -> Iterator[str]:
    present = {labels: value for labels, value in series.items() if value is not None}
    if present:
        yield f"# HELP {name} {text}"
        yield f"# TYPE {name} gauge"
    for labels, value in present.items():
        yield f"{name}{{{labels}}} {value}"


def _label(text: t.Any) -> str:
    """Return a text as the value of a label. Control characters are escaped before, so only the backslash and the quote need the format's own escapes."""
    return shown(str(text)).replace("\\", "\\\\").replace('"', '\\"')
