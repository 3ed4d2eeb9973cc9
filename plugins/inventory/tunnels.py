# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnels
short_description: The tunnels of Cloudflare WAN or Magic Transit as hosts
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Makes a host of each IPsec and GRE tunnel of an account of Cloudflare WAN (formerly Magic WAN) or Magic Transit, with the tunnel's name.
    If an IPsec and a GRE tunnel have the same name, the host of the GRE tunnel has C(_gre) appended.
  - The name of the inventory file has to end in C(magic.yml) or C(magic.yaml).
  - The hosts are in the groups C(ipsec_tunnels) and C(gre_tunnels).
  - Each host has the tunnel's fields as variables, as M(cloudflare.magic.ipsec_tunnel_info) and M(cloudflare.magic.gre_tunnel_info) return them.
    The field C(name) is left out unless O(hostvars_prefix) is set, because Ansible reserves the word. It can be used in
    O(compose), O(groups) and O(keyed_groups).
  - In addition there are C(tunnel_type), which is V(ipsec) or V(gre), and for IPsec tunnels C(psk_age_days), the age of the key in full days, or null
    if Cloudflare never generated one.
  - A tunnel is no computer that Ansible could log in to. Either run the tasks with C(connection=local), or set C(ansible_host) to the
    device at the tunnel's end with O(compose).
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - cloudflare.magic._options
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26)
notes:
  - The API token needs one of the permissions C(Magic WAN Read), C(Magic Transit Read), C(Magic WAN Write) or C(Magic Transit Write) for the account.
  - The account needs Cloudflare WAN or Magic Transit, which are part of Cloudflare's Enterprise plan. The emulator in this collection
    needs no account.
  - Credentials can be templates, for example C({{ lookup('ansible.builtin.file', '/run/secrets/cloudflare') }}), and are otherwise taken from the environment.
  - Costs one request for each of O(tunnel_types). Cached are the tunnels, never the credentials. Cloudflare never shows keys.
options:
  plugin:
    description:
      - The name of this plugin.
    type: str
    required: true
    choices:
      - cloudflare.magic.tunnels
  tunnel_types:
    description:
      - Which tunnels to make hosts of.
    type: list
    elements: str
    choices:
      - ipsec
      - gre
    default:
      - ipsec
      - gre
  hostvars_prefix:
    description:
      - What to put in front of the name of each variable.
    type: str
    default: ""
"""

EXAMPLES = r"""
---
# All tunnels, with the credentials from the environment (CLOUDFLARE_API_TOKEN, CLOUDFLARE_ACCOUNT_ID).
# Tunnels whose key is at least 90 days old, or that never got a key, are in the group psk_stale.
plugin: cloudflare.magic.tunnels
groups:
  psk_stale: psk_age_days is none or psk_age_days >= 90
keyed_groups:
  - key: name | split('-') | first
    prefix: site

---
# Hosts are the customer's devices at the ends of the IPsec tunnels.
plugin: cloudflare.magic.tunnels
tunnel_types:
  - ipsec
api_token: "{{ lookup('ansible.builtin.env', 'MAGIC_READ_TOKEN') }}"
account_id: 023e105f4ecef8ad9ca31a8372d0c353
hostvars_prefix: magic_
compose:
  ansible_host: customer_endpoint
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: .inventory_cache
cache_timeout: 600
"""

import typing as t
from datetime import datetime, timezone

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import settings_for
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED
from ansible_collections.cloudflare.magic.plugins.module_utils._psk import last_generated_on
from ansible_collections.cloudflare.magic.plugins.module_utils._resource import GRE_TUNNEL, IPSEC_TUNNEL, list_all, normal
from ansible_collections.cloudflare.magic.plugins.module_utils._times import age

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

_KINDS = {"ipsec": IPSEC_TUNNEL, "gre": GRE_TUNNEL}
_DAY = 86400


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Makes a host of each tunnel."""

    NAME = "cloudflare.magic.tunnels"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("magic.yml", "magic.yaml"))  # type: ignore[no-untyped-call]

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)  # type: ignore[no-untyped-call]
        option: Callable[[str], t.Any] = self.get_option
        key = self.get_cache_key(path)
        tunnels: dict[str, list[dict[str, t.Any]]] | None = self._cache.get(key) if option("cache") and cache else None
        if tunnels is None or set(option("tunnel_types")) - set(tunnels):
            tunnels = self._read_tunnels(option)
            if option("cache"):
                self._cache[key] = tunnels
        names: set[str] = set()
        for tunnel_type in sorted(option("tunnel_types"), reverse=True):  # IPsec first
            for tunnel in tunnels[tunnel_type]:
                name = str(tunnel.get("name"))
                name = f"{name}_{tunnel_type}" if name in names else name
                names.add(name)
                self._add(inventory, inventory.add_host(name, inventory.add_group(f"{tunnel_type}_tunnels")), tunnel_type, tunnel)

    def _read_tunnels(self, option: Callable[[str], t.Any]) -> dict[str, list[dict[str, t.Any]]]:
        if option("use_extra_vars"):
            self.templar.available_variables = self._vars or {}
        options = {name: option(name) for name in SHARED.argument_spec}
        try:
            settings = settings_for({name: self.templar.template(value) if isinstance(value, str) else value for name, value in options.items()})
            # A client of its own, closed before Ansible forks its workers from this process.
            client = Client(settings)
            try:
                return {tunnel_type: list_all(client, _KINDS[tunnel_type]) for tunnel_type in option("tunnel_types")}
            finally:
                client.close()
        except MagicError as error:
            raise AnsibleParserError(str(error)) from None

    def _add(self, inventory: InventoryData, host: str, tunnel_type: str, tunnel: dict[str, t.Any]) -> None:
        """Give a host its variables and groups. What comes from the API is data, and never a template."""
        option: Callable[[str], t.Any] = self.get_option
        fields: dict[str, t.Any] = wrap_var({**normal(_KINDS[tunnel_type], tunnel), "tunnel_type": tunnel_type})
        if tunnel_type == "ipsec":
            seconds = age(last_generated_on(tunnel), datetime.now(timezone.utc))
            fields["psk_age_days"] = None if seconds is None else seconds // _DAY
        prefix = option("hostvars_prefix")
        for name, value in fields.items():
            if prefix or name != "name":
                inventory.set_variable(host, f"{prefix}{name}", value)
        constructed: dict[str, Callable[..., None]] = {
            "compose": self._set_composite_vars,
            "groups": self._add_host_to_composed_groups,
            "keyed_groups": self._add_host_to_keyed_groups,
        }
        for name, construct in constructed.items():
            construct(option(name), fields, host, option("strict"))
