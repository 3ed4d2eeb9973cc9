# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
short_description: Turn Cloudflare's tunnel health notifications into events
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Turns what P(ansible.eda.webhook#event_source) receives from Cloudflare's notifications, the I(Tunnel Health Alert) of Cloudflare WAN and Magic Transit,
    into the event C(tunnel_health) that P(cloudflare.magic.tunnels#event_source) emits.
  - A request without the secret of the webhook (header C(cf-webhook-auth)) is dropped, with a warning in the log. Every other notification is dropped
    as well. The header itself and all other parts of the request are never part of the event.
  - If a notification has no readable tunnel status, the state is V(unknown). Text from outside is never a template.
requirements:
  - ansible-rulebook >= 1.2
  - ansible-core >= 2.18 and requests, in the Python that runs ansible-rulebook
options:
  secret:
    description:
      - The secret of the webhook, at least 16 characters.
      - If not set, the environment variable E(CLOUDFLARE_WEBHOOK_SECRET) is used. Prefer the environment variable, because ansible-rulebook does not
        fill in variables here.
    type: str
  account_id:
    description:
      - The id of the account. Only notifications about this account become events.
      - If not set, the environment variable E(CLOUDFLARE_ACCOUNT_ID) is used. If that is not set either, notifications about any account become
        events.
    type: str
"""

EXAMPLES = r"""
- ansible.eda.webhook:
    host: 127.0.0.1
    port: 5000
  filters:
    - cloudflare.magic.tunnel_alert:
"""

import logging
import os
import sys
import typing as t
from pathlib import Path


def _find_own_collection() -> None:
    """Let Python find the collection of this file: ansible-rulebook runs it by its path, and does not search Ansible's collection paths."""
    above = Path(__file__).absolute().parents
    if [folder.name for folder in above[4:7]] != ["magic", "cloudflare", "ansible_collections"]:
        return
    if str(above[7]) not in sys.path:
        sys.path.append(str(above[7]))
    import ansible_collections

    if str(above[6]) not in ansible_collections.__path__:
        ansible_collections.__path__.append(str(above[6]))


try:
    _find_own_collection()
    from ansible_collections.cloudflare.magic.plugins.module_utils._alerts import event_of_alert, is_genuine
except ImportError as exc:
    raise ImportError(
        "This plugin needs its collection, cloudflare.magic, installed as a whole, and ansible-core >= 2.18 in the Python that runs ansible-rulebook "
        f"({sys.executable}): {exc}"
    ) from None

_LOG = logging.getLogger("cloudflare.magic.tunnel_alert")


def main(event: dict[str, t.Any], secret: str | None = None, account_id: str | None = None) -> dict[str, t.Any] | list[dict[str, t.Any]]:
    """Return the event of a notification; no event at all if it is not Cloudflare's, or about something else."""
    meta = event.get("meta")
    headers = meta.get("headers") if isinstance(meta, dict) else None
    if not is_genuine(headers, secret or os.environ.get("CLOUDFLARE_WEBHOOK_SECRET")):
        _LOG.warning("A request without the secret of the webhook was dropped.")
        return []
    found = event_of_alert(event.get("payload"), account_id or os.environ.get("CLOUDFLARE_ACCOUNT_ID") or None)
    if found is None:
        _LOG.info("A notification about something else was dropped.")
        return []
    return found
