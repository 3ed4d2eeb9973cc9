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
  - Turns each IPsec and GRE tunnel of an account of Cloudflare WAN (formerly Magic WAN) or Magic Transit into an inventory host with the tunnel's
    name. If an IPsec and a GRE tunnel have the same name, the host of the GRE tunnel has C(_gre) appended.
  - The name of the inventory file must end in C(magic.yml) or C(magic.yaml).
  - The hosts are in the groups C(ipsec_tunnels) and C(gre_tunnels).
  - Each host has variables with the fields of the tunnel that Cloudflare documents, as M(cloudflare.magic.ipsec_tunnel_info) and
    M(cloudflare.magic.gre_tunnel_info) return them. Any other fields of a response are left out. The field C(name) is left out unless
    O(hostvars_prefix) is set, because Ansible reserves the word. You can use it in O(compose), O(groups), O(keyed_groups) and O(hostnames).
  - There are also the variables C(tunnel_type), which is V(ipsec) or V(gre), and for IPsec tunnels C(psk_age_days), the age of the pre-shared key
    (PSK) in full days by Cloudflare's clock, or null if Cloudflare never generated one. It is below 0, with a warning, if the key is dated in the
    future.
  - With O(health), there are also C(tunnel_health), C(tunnel_health_share) and C(tunnel_health_checked_until). M(cloudflare.magic.tunnel_health_info)
    describes them as C(state), C(healthy_share) and C(checked_until).
  - Values from Cloudflare are data and never templates, also in the results of O(compose). C(ansible-inventory --list) shows text as
    C(__ansible_unsafe), except for plain words, addresses, times and IKE identities, which cannot be templates. With ansible-core 2.18, each C({) of
    such text is C(\x7b) in the variables, with a warning.
  - A tunnel is not a computer that Ansible can log in to. Either run the tasks with C(connection=local), or use O(compose) to set C(ansible_host) to
    the device at the end of the tunnel.
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - cloudflare.magic.options
  - cloudflare.magic.options.health
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26)
notes:
  - The API token needs one of the permissions C(Magic WAN Read), C(Magic Transit Read), C(Magic WAN Write) or C(Magic Transit Write) for the account.
  - The account needs Cloudflare WAN or Magic Transit, which are part of Cloudflare's Enterprise plan. The emulator needs no account.
  - Credentials can be templates, for example C({{ lookup('ansible.builtin.file', '/run/secrets/cloudflare') }}), and are otherwise read from the
    environment.
  - Sends one request for each of O(tunnel_types). The cache contains the tunnels and their health, but never the credentials. Cloudflare never shows
    keys. A cache is used only for the account and the URL that it was filled from. If neither the options nor the environment have an account id, the
    cache is used as it is.
  - In host names, accents are dropped, and characters other than ASCII letters and digits, C(_), C(-) and C(.) are replaced by C(_).
  - No two tunnels share a host, and no host has the name of a group, or a name such as V(localhost) or V(all) that has another meaning in Ansible. If
    that would happen, C(_) and the first 8 characters of the tunnel's id are appended to the names of the hosts, with a warning. A tunnel whose name
    at Cloudflare is exactly the host name keeps it, if it is the only one.
  - In names of groups that O(groups) and O(keyed_groups) create, characters other than letters, digits, C(_), C(-) and C(.) are replaced by C(_). If
    a new group would have the name of a host from another source, C(_group) is appended to its name, with a warning.
  - Either all hosts are added or, if there is an error, none.
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
      - The types of tunnels to turn into hosts.
    type: list
    elements: str
    choices:
      - ipsec
      - gre
    default:
      - ipsec
      - gre
  filters:
    description:
      - Limits which of the tunnels are turned into hosts. The values can be templates.
    type: dict
    default: {}
    suboptions:
      names:
        description:
          - Names or shell patterns such as V(branch-*). If not set, all tunnels are included. A name that no tunnel has gives a warning.
        type: list
        elements: str
      exclude:
        description:
          - Names, shell patterns or ids of tunnels that are left out, such as those that a connector created automatically.
        type: list
        elements: str
      kinds:
        description:
          - Kinds of tunnels, within O(tunnel_types). Other kinds are not requested.
        type: list
        elements: str
        choices:
          - ipsec
          - gre
    version_added: 1.0.0
  hostnames:
    description:
      - Jinja expressions such as V(customer_endpoint), or templates such as V({{ tunnel_type }}-{{ name }}). The first one that works and does not
        result in an empty string is used as the host name. They use the tunnel's fields by Cloudflare's names, without O(hostvars_prefix).
      - If none works, the tunnel's name is used. With O(strict), this is an error instead.
    type: list
    elements: str
    default: []
    version_added: 1.0.0
  existing_hosts:
    description:
      - What to do if another inventory source has a host with the tunnel's name. That source must be read before this one, because a plugin cannot
        see what is read later, and Ansible combines hosts with the same name. Therefore, put this source last, as in
        C(-i hosts.ini -i account.magic.yml).
      - V(separate) creates a separate host for the tunnel, with a part of the tunnel's id in its name.
      - V(combine) adds the tunnel's variables and groups to the existing host.
      - A host that has the tunnel's id as its variable C(id), such as one that another file for this plugin created, is always combined. A host that
        this plugin created for another tunnel is never combined.
    type: str
    choices:
      - separate
      - combine
    default: separate
    version_added: 1.0.0
  hostvars_prefix:
    description:
      - A prefix for the name of each variable. A prefix is rejected if one of the resulting variables would have a meaning in Ansible itself.
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
# Tunnels that Cloudflare's health checks see down are in the group tunnel_down.
plugin: cloudflare.magic.tunnels
health: true
groups:
  tunnel_down: tunnel_health == 'down'

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
filters:
  names:
    - paris-*
    - oslo-1
  exclude:
    - "*-lab-*"
hostnames:
  - custom_remote_identities.fqdn_id | split('.') | first
  - name
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: .inventory_cache
cache_timeout: 600
"""

import os
import typing as t
from itertools import chain

from ansible import constants as C
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import to_safe_group_name
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.module_utils._calls import list_all
from ansible_collections.cloudflare.magic.plugins.module_utils._client import Client
from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import settings_for
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED
from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _host_health, _host_names
from ansible_collections.cloudflare.magic.plugins.plugin_utils._core import compile_once, means_something
from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import (
    KINDS,
    Answer,
    Filters,
    Tunnel,
    as_data,
    cached,
    changed_texts,
    filters_of,
    future_keys,
    other_forms,
    variable_names,
    variables_of,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible.parsing.dataloader import DataLoader

# Names that all of Ansible takes for something else.
_NEVER = {"all", "ungrouped", *C.LOCALHOST}


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Turns each tunnel into an inventory host."""

    NAME = "cloudflare.magic.tunnels"

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[str, str] = {}
        self._before = InventoryData()
        self._renamed_groups: dict[str, str] = {}

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("magic.yml", "magic.yaml"))  # type: ignore[no-untyped-call]

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)  # type: ignore[no-untyped-call]
        compile_once(self.templar)
        warnings: list[str] = []
        try:
            if self._option("use_extra_vars"):
                self.templar.available_variables = self._vars or {}
            types = self._option("tunnel_types")
            filters = filters_of(self.templar.template(self._option("filters") or {}), KINDS if types is None else types)
            self._names = variable_names(self._option("hostvars_prefix") or "", means_something)
            answer = self._answer(self.get_cache_key(path), cache, filters)
            tunnels = filters.choose(answer, warnings)
            warnings += [*other_forms(answer), *changed_texts(tunnels), *future_keys(tunnels, answer.now())]
            built, hosts = self._build(inventory, tunnels, answer, warnings)
        except MagicError as error:
            raise AnsibleParserError(str(error)) from None
        finally:
            self.inventory = inventory
        for warning in warnings:
            self.display.warning(warning)
        self._take_over(inventory, built, hosts)

    def _option(self, name: str) -> t.Any:
        read: Callable[[str], t.Any] = self.get_option
        return read(name)

    # --- the answer

    def _answer(self, key: str, cache: bool, filters: Filters) -> Answer:
        options = {name: self._option(name) for name in SHARED.argument_spec}
        rules = _host_health.rules_of(self._option, self.templar.template)
        if self._option("cache") and cache:
            answer = cached(self._cache.get(key), *self._wanted_origin(options), filters.kinds)
            if answer is not None and (rules is None or _host_health.is_usable(answer.health, rules, filters.choose(answer, []))):
                return answer
        settings = settings_for(self._templated(options))
        answer = Answer(settings.account_id, settings.api_url)
        # A client of its own, closed before Ansible forks its workers from this process.
        client = Client(settings)
        client.tell = lambda text: self.display.display(f"{self.NAME}: {shown(text)}", stderr=True)
        try:
            for kind in filters.kinds:
                answer.add(kind, list_all(client, KINDS[kind]))
            answer.ahead = float(round((client.now() - answer.now()).total_seconds()))
            if rules is not None:
                answer.health = _host_health.ask(client, rules, filters.choose(answer, []), chain(*answer.tunnels.values()))
        finally:
            client.close()
        if self._option("cache"):
            self._cache[key] = answer.content()
        return answer

    def _wanted_origin(self, options: dict[str, t.Any]) -> tuple[str | None, str | None]:
        """Return whose tunnels are wanted, and from which URL; None where nothing says so. That needs no credentials, and a cache needs none either."""
        if options["account_id"] is None and not os.environ.get("CLOUDFLARE_ACCOUNT_ID"):
            return None, None
        settings = settings_for(self._templated({**options, "api_token": "not needed", "api_key": None, "api_email": None}))
        return settings.account_id, settings.api_url

    def _templated(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        return {name: self.templar.template(value) if isinstance(value, str) else value for name, value in options.items()}

    # --- the hosts

    def _build(self, inventory: InventoryData, tunnels: list[Tunnel], answer: Answer, warnings: list[str]) -> tuple[InventoryData, list[str]]:
        """Return an inventory of these tunnels alone, and the names of their hosts: what fails, fails before there is the first host.

        Which groups there are is known only when they have been made, and a host must not have the name of one. So names are given again until they fit.
        """
        health = answer.health if self._option("health") else None
        fields = [wrap_var({**variables_of(tunnel, answer.now()), **_host_health.variables_of(health, tunnel)}) for tunnel in tunnels]
        wishes = [self._wish(tunnel, variables) for tunnel, variables in zip(tunnels, fields)]
        groups: set[str] = {*inventory.groups, *_host_names.GROUPS.values()}
        self._before = inventory
        self._renamed_groups = {}
        separate = self._option("existing_hosts") != "combine"

        def taken(tunnel: Tunnel, name: str) -> bool:
            if name in groups or name in _NEVER:
                return True
            host = inventory.hosts.get(name)
            return host is not None and not _host_names.is_of(host.vars, tunnel) and (separate or _host_names.is_a_tunnel(host.get_groups()))

        while True:
            heard: list[str] = []
            names = _host_names.host_names(tunnels, wishes, taken, heard)
            built = self._construct(inventory, tunnels, fields, names)
            if not set(built.groups) & set(names):
                warnings += [*heard, *_host_names.renamed_groups(self._renamed_groups)]
                return built, names
            groups |= set(built.groups)

    def _wish(self, tunnel: Tunnel, variables: dict[str, t.Any]) -> str:
        """Return the name that the host should have: the first of ``hostnames`` that works, or the tunnel's."""
        templates = self._option("hostnames") or []
        problem: Exception | str = "they give no text"
        for template in templates:
            try:
                found = self._host_name(template, variables)
            except Exception as error:  # pylint: disable=broad-exception-caught # whatever a template of the user's raises, on any ansible-core
                problem = error
                continue
            if isinstance(found, (str, int)) and not isinstance(found, bool) and str(found).strip():
                return str.__str__(str(found)).strip()
        if templates and self._option("strict"):
            raise AnsibleParserError(f"hostnames: none works for the tunnel with the id {shown(tunnel.id)}: {shown(str(problem))}")
        return tunnel.name

    def _host_name(self, template: str, variables: dict[str, t.Any]) -> t.Any:
        if "{{" not in template and "{%" not in template:
            compose: Callable[..., t.Any] = self._compose
            return compose(template, variables)
        self.templar.available_variables = {**variables, **(self._vars or {})} if self._option("use_extra_vars") else variables
        return self.templar.template(template)

    def _construct(self, inventory: InventoryData, tunnels: list[Tunnel], fields: Sequence[dict[str, t.Any]], names: list[str]) -> InventoryData:
        """Return an inventory of these hosts alone, with their variables and groups."""
        constructed: dict[str, Callable[..., None]] = {
            "compose": self._set_composite_vars,
            "groups": self._add_host_to_composed_groups,
            "keyed_groups": self._add_host_to_keyed_groups,
        }
        built = InventoryData()
        built.current_source = inventory.current_source
        self.inventory = built
        for tunnel, variables, name in zip(tunnels, fields, names):
            built.add_host(name, built.add_group(_host_names.GROUPS[tunnel.kind]))
            before = inventory.hosts.get(name)
            if before is not None:
                # Conditions see what the host was before, too.
                for variable, value in before.vars.items():
                    built.set_variable(name, variable, value)
                for group in before.get_groups():
                    built.add_child(built.add_group(group.name), name)
            for field, variable in self._names.items():
                if field in variables:
                    built.set_variable(name, variable, variables[field])
            try:
                for option, construct in constructed.items():
                    construct(self._option(option), variables, name, self._option("strict"))
            except Exception:  # pylint: disable=broad-exception-caught # Ansible raises that, too
                # A host that is called like a new group may be the reason. It gets another name.
                if not set(built.groups) & set(names):
                    raise
        return built

    def _take_over(self, inventory: InventoryData, built: InventoryData, names: list[str]) -> None:
        """Add what has been built to Ansible's inventory. Groups come first: only they can be refused, when they would hold each other."""
        groups = [group for group in built.groups.values() if group.name not in ("all", "ungrouped")]
        for group in groups:
            inventory.add_group(group.name)
        for group in groups:
            for child in group.child_groups:
                inventory.add_child(group.name, child.name)
        ours = {*self._names.values(), *(self._option("compose") or {})}
        for name in names:
            inventory.add_host(name)
            before = dict(inventory.hosts[name].vars)
            for variable, value in built.hosts[name].vars.items():
                if variable in ours and not (variable in before and value is before[variable]):
                    inventory.set_variable(name, variable, as_data(value))
        for group in groups:
            for host in group.hosts:
                inventory.add_child(group.name, host.name)

    def _sanitize_group_name(self, name: str, *args: t.Any, **keywords: t.Any) -> str:
        """Return the name of a group that is only a name, which may come from Cloudflare, and no name of a host that another source has made."""
        plain = str(to_safe_group_name(_host_names.safe_group_name(str(name)), *args, **keywords))
        free = _host_names.group_beside_hosts(f"{plain}_" if plain in C.LOCALHOST else plain, self._before.hosts, self._before.groups)
        if free != plain and plain not in C.LOCALHOST:
            self._renamed_groups[plain] = free
        return free
