# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnels
short_description: Tunnels, connectors and sites of Cloudflare WAN or Magic Transit as hosts
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Turns each IPsec and GRE tunnel of an account of Cloudflare WAN (formerly Magic WAN) or Magic Transit into an inventory host with the tunnel's
    name. With O(kinds), it does the same with connectors, which are Cloudflare's appliances, and with sites.
  - A connector's name is its serial number, or the id of its device if it has none. If objects of different kinds would get the same
    host name, it goes to the first of C(ipsec_tunnel), C(gre_tunnel), C(connector) and C(site), and C(_gre), C(_connector) or C(_site) is appended to
    the names of the others.
  - The name of the inventory file must end in C(magic.yml) or C(magic.yaml).
  - The hosts are in the groups C(ipsec_tunnels), C(gre_tunnels), C(connectors) and C(sites).
  - Each host has variables with the fields of its object that Cloudflare documents, as M(cloudflare.magic.ipsec_tunnel_info),
    M(cloudflare.magic.gre_tunnel_info), M(cloudflare.magic.connector_info) and M(cloudflare.magic.site_info) return them. Any other fields of a
    response are left out, and so are license keys. The name of the object is C(name) in O(compose), O(groups), O(keyed_groups) and O(hostnames). It is
    a variable only if O(hostvars_prefix) is set, because Ansible reserves the word.
  - All hosts also have the variable C(kind), which is one of O(kinds). Tunnels have C(tunnel_type), which is V(ipsec) or V(gre). IPsec tunnels have
    C(psk_age_days), the age of the pre-shared key (PSK) in full days by Cloudflare's clock, or null if Cloudflare never generated one. Connectors
    have C(last_heartbeat_age), the seconds since Cloudflare last heard from the device, or null if it never did. If a date is in the future, the
    age is negative, and there is a warning.
  - Sites have C(connector_serial_number) and C(secondary_connector_serial_number), which are null if there is no such connector.
  - With O(health), tunnels also have C(tunnel_health), C(tunnel_health_share) and C(tunnel_health_checked_until).
    M(cloudflare.magic.tunnel_health_info) describes them as C(state), C(healthy_share) and C(checked_until).
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
  - Credentials can be templates, for example V({{ lookup('ansible.builtin.file', '/run/secrets/cloudflare'\) }}), and are otherwise read from the
    environment.
  - Connectors need C(Magic WAN Read) or C(Magic WAN Write), also if they are read because O(kinds) contains V(site).
  - Sends one request for each of O(kinds). V(site) also requests the connectors. The cache contains what was read and the health of tunnels, but
    never credentials, pre-shared keys or license keys. A cache is used only for the account and the URL that it was filled from. If neither the
    options nor the environment have an account id, the cache is used as it is.
  - If this plugin cannot read the objects, Ansible continues without their hosts, and other inventory plugins report that they cannot read the file.
    Set C(any_unparsed_is_failed=true) in the section C([inventory]) of C(ansible.cfg), so that the run fails instead.
  - In host names, accents are dropped, and characters other than ASCII letters and digits, C(_), C(-) and C(.) are replaced by C(_).
  - No two objects share a host, and no host has the name of a group, or a name such as V(localhost) or V(all) that has another meaning in Ansible. If
    that would happen, C(_) and the first 8 characters of the id are appended to the names of the hosts, with a warning. If exactly one of the objects
    has the host name, unchanged, as its name at Cloudflare, it keeps the host name.
  - If several tunnels have the same name, there is a warning, because Cloudflare reports the health of tunnels by their names.
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
  kinds:
    description:
      - The kinds of objects to turn into hosts. Other kinds are not requested.
    type: list
    version_added: 1.1.0
    elements: str
    choices:
      - ipsec_tunnel
      - gre_tunnel
      - connector
      - site
    default:
      - ipsec_tunnel
      - gre_tunnel
  filters:
    description:
      - Limits which of the objects are turned into hosts. The values can be templates.
    type: dict
    version_added: 1.1.0
    default: {}
    suboptions:
      names:
        description:
          - Names or shell patterns such as V(branch-*). If not set, all objects are included. A name that no object has causes a warning.
        type: list
        elements: str
      exclude:
        description:
          - Names, shell patterns or ids of objects that are left out, such as tunnels that a connector created automatically.
        type: list
        elements: str
  hostnames:
    description:
      - Jinja expressions such as V(customer_endpoint) or V(notes), or templates such as V({{ kind }}-{{ name }}). The first one that works and does not
        result in an empty string is used as the host name. They use the fields of the object by Cloudflare's names, without O(hostvars_prefix).
      - If none works, the name of the object is used. With O(strict), this is an error instead.
    type: list
    version_added: 1.1.0
    elements: str
    default: []
  existing_hosts:
    description:
      - What to do if another inventory source has a host with the object's name. That source must be read before this one, because a plugin cannot
        see what is read later, and Ansible combines hosts with the same name. Therefore, put this source last, as in
        C(-i hosts.ini -i account.magic.yml).
      - V(separate) creates a separate host for the object, with a part of the object's id in its name.
      - V(combine) adds the object's variables and groups to the existing host.
      - A host that has the object's id as its variable C(id), such as one that another file for this plugin created, is always combined. A host that
        this plugin created for another object is never combined.
    type: str
    version_added: 1.1.0
    choices:
      - separate
      - combine
    default: separate
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
# Active connectors that Cloudflare has not heard from in the last ten minutes are in the group
# connector_silent. The others are in a group for the version of their software.
plugin: cloudflare.magic.tunnels
kinds:
  - connector
groups:
  connector_silent: activated and (last_heartbeat_age is none or last_heartbeat_age > 600)
keyed_groups:
  - key: last_seen_version | replace('.', '_')
    prefix: version

---
# Hosts are the customer's devices at the ends of the IPsec tunnels.
plugin: cloudflare.magic.tunnels
kinds:
  - ipsec_tunnel
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

from ansible import constants as C
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import to_safe_group_name
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._module import settings_for
from ansible_collections.cloudflare.magic.plugins.module_utils._options import SHARED
from ansible_collections.cloudflare.magic.plugins.module_utils._text import shown
from ansible_collections.cloudflare.magic.plugins.plugin_utils import _host_answers, _host_names
from ansible_collections.cloudflare.magic.plugins.plugin_utils._core import compile_once, means_something
from ansible_collections.cloudflare.magic.plugins.plugin_utils._host_kinds import GROUPS, KINDS
from ansible_collections.cloudflare.magic.plugins.plugin_utils._hosts import Answer, Filters, Item, as_data, cached, filters_of, variable_names, warnings_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible.parsing.dataloader import DataLoader

# Names with another meaning in Ansible.
_NEVER = {"all", "ungrouped", *C.LOCALHOST}

# Ansible tries other plugins on the file, shows their errors next to this one, and continues by default.
_GOES_ON = " What other inventory plugins report about this file does not matter." + (
    "" if C.INVENTORY_ANY_UNPARSED_IS_FAILED else " Ansible continues without these hosts, unless any_unparsed_is_failed is set in ansible.cfg."
)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Turns each object into a host."""

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
            filters = filters_of(self.templar.template(self._option("filters") or {}), self._option("kinds"))
            self._names = variable_names(self._option("hostvars_prefix") or "", means_something)
            answer = self._answer(self.get_cache_key(path), cache, filters)
            items = filters.choose(answer, warnings)
            warnings += warnings_of(answer, items)
            built, hosts = self._build(inventory, items, answer, warnings)
        except MagicError as error:
            raise AnsibleParserError(f"{error}{_GOES_ON}") from None
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
        rules = _host_answers.rules_of(self._option, self.templar.template)
        if self._option("cache") and cache:
            answer = cached(self._cache.get(key), *self._wanted_origin(options), filters.read)
            if answer is not None and (rules is None or _host_answers.is_usable(answer.health, rules, filters.choose(answer, []))):
                return answer
        settings = settings_for(self._templated(options))
        answer = _host_answers.read(settings, filters, rules, lambda text: self.display.display(f"{self.NAME}: {shown(text)}", stderr=True))
        if self._option("cache"):
            self._cache[key] = answer.content()
        return answer

    def _wanted_origin(self, options: dict[str, t.Any]) -> tuple[str | None, str | None]:
        """Return the requested account and URL; None if they are not set. This needs no credentials, and neither does a cache."""
        if options["account_id"] is None and not os.environ.get("CLOUDFLARE_ACCOUNT_ID"):
            return None, None
        settings = settings_for(self._templated({**options, "api_token": "not needed", "api_key": None, "api_email": None}))
        return settings.account_id, settings.api_url

    def _templated(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        return {name: self.templar.template(value) if isinstance(value, str) else value for name, value in options.items()}

    # --- the hosts

    def _build(self, inventory: InventoryData, items: list[Item], answer: Answer, warnings: list[str]) -> tuple[InventoryData, list[str]]:
        """Return an inventory of these objects alone, and the names of their hosts: errors occur before the first host is added.

        The groups are known only after they were created, and a host must not have the name of a group. So names are assigned repeatedly until they fit.
        """
        health = answer.health if self._option("health") else None
        fields = [wrap_var({**answer.variables_of(item), **_host_answers.variables_of(health, item)}) for item in items]
        wishes = [self._wish(item, variables) for item, variables in zip(items, fields)]
        groups: set[str] = {*inventory.groups, *GROUPS.values()}
        self._before = inventory
        self._renamed_groups = {}
        combine = self._option("existing_hosts") == "combine"

        def taken(item: Item, name: str) -> bool:
            host = inventory.hosts.get(name)
            return name in groups or name in _NEVER or (host is not None and not _host_names.may_have(item, host, combine))

        while True:
            heard: list[str] = []
            names = _host_names.host_names(items, wishes, taken, heard)
            built = self._construct(inventory, items, fields, names)
            if not set(built.groups) & set(names):
                warnings += [*heard, *_host_names.renamed_groups(self._renamed_groups)]
                return built, names
            groups |= set(built.groups)

    def _wish(self, item: Item, variables: dict[str, t.Any]) -> str:
        """Return the name that the host should have: the first of ``hostnames`` that works, or the object's."""
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
            raise AnsibleParserError(f"hostnames: none works for the {KINDS[item.kind].kind.noun} with the id {shown(item.id)}: {shown(str(problem))}")
        return item.name

    def _host_name(self, template: str, variables: dict[str, t.Any]) -> t.Any:
        if "{{" not in template and "{%" not in template:
            compose: Callable[..., t.Any] = self._compose
            return compose(template, variables)
        self.templar.available_variables = {**variables, **(self._vars or {})} if self._option("use_extra_vars") else variables
        return self.templar.template(template)

    def _construct(self, inventory: InventoryData, items: list[Item], fields: Sequence[dict[str, t.Any]], names: list[str]) -> InventoryData:
        """Return an inventory of these hosts alone, with their variables and groups."""
        constructed: dict[str, Callable[..., None]] = {
            "compose": self._set_composite_vars,
            "groups": self._add_host_to_composed_groups,
            "keyed_groups": self._add_host_to_keyed_groups,
        }
        built = InventoryData()
        built.current_source = inventory.current_source
        self.inventory = built
        for item, variables, name in zip(items, fields, names):
            built.add_host(name, built.add_group(GROUPS[item.kind]))
            before = inventory.hosts.get(name)
            if before is not None:
                # Conditions also see the earlier variables of the host.
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
                # A host with the name of a new group may be the reason. It gets another name.
                if not set(built.groups) & set(names):
                    raise
        return built

    def _take_over(self, inventory: InventoryData, built: InventoryData, names: list[str]) -> None:
        """Add what has been built to Ansible's inventory. Groups come first: only they can be rejected, if they would contain each other."""
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
