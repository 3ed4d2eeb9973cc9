# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Cloudflare's notifications by webhook: whether one is genuine, and the event that the alert of a tunnel's health becomes. Pure.

Cloudflare documents the members of a notification around its ``data``, and of this alert's data that it has the names and ids of account and tunnel, the
tunnel's status, the SLO and a time, but not what these are called. What users report of it is looked for as well:
https://developers.cloudflare.com/notifications/reference/webhook-payload-schema/ and
https://developers.cloudflare.com/cloudflare-wan/configuration/common-settings/configure-tunnel-health-alerts/
"""

from __future__ import annotations

import hmac
import re
import typing as t
from datetime import datetime, timezone

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._events import HEALTH as EVENT
from ansible_collections.cloudflare.magic.plugins.module_utils._events import Seen, event_of, health_details
from ansible_collections.cloudflare.magic.plugins.module_utils._health import DEGRADED, DOWN, HEALTHY, UNKNOWN, stamp

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    Json = dict[str, t.Any]

# A webhook's secret comes in this header, as it is.
SECRET_HEADER = "cf-webhook-auth"
ALERTS = ("magic_tunnel_health_check_event", "magic_wan_tunnel_health")

_SHORTEST_SECRET = 16

# Status texts end in one of these words, as in MAGIC_TUNNEL_STATUS_DOWN. Behind another word, such as NOT, they may mean something else.
_STATES = {"healthy": HEALTHY, "up": HEALTHY, "degraded": DEGRADED, "down": DOWN, "unhealthy": DOWN}
_BEFORE = frozenset({"magic", "wan", "transit", "tunnel", "health", "check", "status", "state", "type", "is"})


def is_genuine(headers: t.Any, secret: str | None) -> bool:
    """Return whether a request has the secret of the webhook.

    :raises MagicError: if there is no secret to compare it with: anyone could then send notifications.
    """
    if not isinstance(secret, str) or len(secret) < _SHORTEST_SECRET:
        raise MagicError(
            "The secret that identifies Cloudflare's notifications is missing, or it is shorter than "
            f"{_SHORTEST_SECRET} characters. Set a secret for the webhook at Cloudflare, and the same one in the "
            "environment variable CLOUDFLARE_WEBHOOK_SECRET."
        )
    given = [value for name, value in (headers.items() if isinstance(headers, dict) else ()) if str(name).lower() == SECRET_HEADER]
    return len(given) == 1 and hmac.compare_digest(str(given[0]).encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass"))


def event_of_alert(payload: t.Any, account_id: str | None) -> Json | None:
    """Return the event of a notification; None if it is about something else.

    :arg account_id: the account to accept alerts of; None for any.
    """
    if not isinstance(payload, dict) or payload.get("alert_type") not in ALERTS:
        return None
    data = payload["data"] if isinstance(payload.get("data"), dict) else {}
    account = _first(payload, "account_id") or _first(data, "account_id", "account_tag") or ""
    if account_id is not None and account != account_id:
        return None
    moment = _moment(payload.get("ts"))
    seen = Seen(account, "", moment, {})
    state, before = (_state(_first(data, *names)) for names in (("new_status", "tunnel_status", "status", "new_health"), ("previous_status", "old_status")))
    told = {"checked_until": stamp(moment), "worst": []}
    more = {"slo": _first(data, "slo", "alert_slo"), "alert_event": _first(payload, "alert_event"), "policy_name": _first(payload, "policy_name", "name")}
    tunnel_id, name = _first(data, "tunnel_id") or "", _first(data, "tunnel_name") or ""
    return event_of(seen, EVENT, None, tunnel_id, name, **health_details(state or UNKNOWN, before, told), **more)


def _first(several: Mapping[str, t.Any], *names: str) -> str | None:
    """Return the first of these members that exists, as text."""
    found = (several.get(name) for name in names)
    return next((str(value)[:1000] for value in found if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""), None)


def _state(status: str | None) -> str | None:
    words = re.findall("[a-z]+", (status or "").lower())
    return _STATES.get(words[-1]) if words and _BEFORE.issuperset(words[:-1]) else None


def _moment(seconds: t.Any) -> datetime:
    """Return the time of a notification, or the current time if it has none."""
    try:
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
            return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        pass
    return datetime.now(timezone.utc)
