# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: design_from_terraform
author:
  - The cloudflare.magic contributors (@cloudflare)
version_added: 1.1.0
short_description: Turn a Terraform state into a design
description:
  - Turns the objects of a Terraform state into the design that O(cloudflare.magic.network#module:config) accepts, so that you can use this
    collection to manage a network that Terraform created. With O(cloudflare.magic.network#module:state=merged), the design changes nothing as long as
    the state is up to date.
  - Supports C(cloudflare_magic_wan_ipsec_tunnel), C(cloudflare_magic_wan_gre_tunnel) and C(cloudflare_magic_wan_static_route) as in versions 4 and 5
    of Cloudflare's provider, and the older C(cloudflare_ipsec_tunnel), C(cloudflare_gre_tunnel) and C(cloudflare_static_route).
  - Supports C(cloudflare_magic_transit_site), C(cloudflare_magic_transit_site_lan), C(cloudflare_magic_transit_site_wan),
    C(cloudflare_magic_transit_site_acl), C(cloudflare_magic_transit_connector), C(cloudflare_magic_transit_cf1_site),
    C(cloudflare_magic_network_monitoring_configuration) and C(cloudflare_magic_network_monitoring_rule) as in version 5.
  - The LANs, WANs and ACLs of a site are in its item. The design refers to connectors by serial number, and to LANs by name. An ID stays an ID if the
    state does not contain the object.
  - Keys, license keys and everything else that Terraform treats as sensitive are left out, as are defaults and values that Cloudflare computes.
options:
  _input:
    description: The output of C(terraform show -json), as text or parsed. The output of C(tofu show -json) works as well.
    type: raw
    required: true
  account_id:
    description: The account whose objects to use. Required if the state has objects of several accounts.
    type: str
seealso:
  - plugin: cloudflare.magic.network
    plugin_type: module
  - plugin: cloudflare.magic.ipsec_psks
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: Convert a state into a design
  ansible.builtin.set_fact:
    network: "{{ state | cloudflare.magic.design_from_terraform }}"
  vars:
    # In practice: "{{ lookup('ansible.builtin.pipe', 'terraform show -json') }}"
    state:
      format_version: "1.0"
      values:
        root_module:
          resources:
            - address: cloudflare_magic_wan_gre_tunnel.lyon
              mode: managed
              type: cloudflare_magic_wan_gre_tunnel
              values:
                name: lyon-gre-1
                cloudflare_gre_endpoint: 203.0.113.1
                customer_gre_endpoint: 198.51.100.61
                interface_address: 10.213.0.60/31
                ttl: 64

- name: Show what was left out, and why
  ansible.builtin.debug:
    msg: "{{ network.left_out }}"

- name: Show what would change
  cloudflare.magic.network:
    config: "{{ network.network_config }}"
  check_mode: true
  diff: true
"""

RETURN = r"""
_value:
  description: The design, and what was left out of it.
  type: dict
  contains:
    network_config:
      description: The design. It does not contain kinds that are not in the state.
      type: dict
      sample: {"gre_tunnels": [{"name": "lyon-gre-1", "cloudflare_gre_endpoint": "203.0.113.1"}]}
    left_out:
      description: What was left out of the design.
      type: list
      elements: dict
      contains:
        what:
          description: A field, such as V(psk), a kind of object, or a type of resource.
          type: str
        reason:
          description: Why it was left out, and what to do.
          type: str
        addresses:
          description: The resource addresses in Terraform.
          type: list
          elements: str
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.plugin_utils._terraform import design_of


def design_from_terraform(state: t.Any, account_id: str | None = None) -> dict[str, t.Any]:
    """Return the design and what is not in it. All of it is data, not templates.

    :raises AnsibleFilterError: if this is not a state, or one of several accounts.
    """
    try:
        config, left_out = design_of(state, account_id)
    except MagicError as error:
        raise AnsibleFilterError(f"design_from_terraform: {error}") from None
    except (AttributeError, TypeError, RecursionError):
        # Their text could quote the state, which has keys in it.
        raise AnsibleFilterError("design_from_terraform: this does not have the format of a state. Give what 'terraform show -json' prints.") from None
    result: dict[str, t.Any] = wrap_var({"network_config": config, "left_out": left_out})
    return result


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Any]:
        """Return the filter by its name."""
        return {"design_from_terraform": design_from_terraform}
