#!/usr/bin/python

# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connector_license
short_description: Deliver or provision the license key of a connector of Cloudflare WAN
version_added: 1.1.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - Delivers the license key with which a virtual appliance becomes a connector of Cloudflare WAN (formerly Magic WAN). If the connector has no license
    key, or if the task asks for a new one, Cloudflare provisions one. The connector of a virtual appliance can also be registered.
  - With each such request, Cloudflare provisions another license key, and the previous one is no longer valid. Therefore, this module does not
    provision a key that nobody would receive, and never shows a key on the screen, in logs or in job events.
  - A license key activates one appliance. Configure it on the appliance before the first boot.
notes:
  - The module works in loops. Loop over serial numbers, ids or notes, but never over license keys or over registered results that contain them,
    because Ansible shows loop items.
  - If the response with a new license key is lost, for example because the connection broke, the module reads the connector. If the connector has
    another license key than before, this is the new one. Otherwise, the module provisions one more and confirms that the connector has it. If this
    is not possible, the task fails. To fix this, run the task again.
  - The registration of a connector is never sent twice by one task, because a second connector would be registered. If the response is lost, the
    module looks for the new connector. If it cannot be found, the task fails. To fix this, run the task again.
  - The API token needs the permission C(Magic WAN Write). Permissions for Magic Transit are not enough. To read a license key,
    C(Magic WAN Read) is sufficient.
  - In a loop, the fact alone does not count as a receiver, because Ansible discards the facts of all items if one item fails. Use C(register) or
    O(vault_file).
  - A result that contains a license key is censored, as with C(no_log), on every supported version of ansible-core. A notice on standard error says
    what happened. Failures and results without a license key remain readable.
  - On ansible-core 2.22 and later, license keys are also registered as secrets, and Ansible masks them in later output. Before 2.22, a later task
    that prints the variable shows the license key, so use C(no_log=true) on tasks that handle it.
  - The work is done on the controller, regardless of the connection of the host, and of C(become) and C(delegate_to). To reach Cloudflare through
    another machine, set C(HTTPS_PROXY) in the task's C(environment).
requirements:
  - requests >= 2.25 (with urllib3 >= 1.26), on the controller
extends_documentation_fragment:
  - cloudflare.magic.options
  - cloudflare.magic.attributes
  - cloudflare.magic.attributes.client
  - cloudflare.magic.attributes.actiongroup_all
attributes:
  async:
    details:
      - Ansible would write the license key to a file.
  check_mode:
    support: full
    details:
      - Reads the connectors and sends nothing else, because the API does not support C(validate_only) here. Nothing is delivered. If a license key
        would be provisioned, the task returns C(validated=false).
  diff_mode:
    support: full
    details:
      - Shows that a new license key is provisioned. Never shows a license key.
  idempotent:
    support: partial
    details:
      - With O(rotate=missing), the default, a second run changes nothing. With V(always), each run provisions a license key.
options:
  connector:
    description:
      - The serial number, id or device id of the connector. It is an error if there is no such connector.
      - Exactly one of O(connector) and O(notes) is required.
    type: str
  notes:
    description:
      - The notes of the connector of a virtual appliance, which often has no serial number. It is an error if several connectors of virtual appliances
        have these notes.
      - If there is no such connector, one is registered with these notes.
    type: str
  rotate:
    description:
      - When to provision a new license key.
    type: str
    choices:
      missing: >-
        Only if there is none. If Cloudflare reports the license key that is valid, this one is delivered, and nothing is provisioned. If O(vault_file)
        has a different one, it is replaced. If Cloudflare reports none, a new one is provisioned, unless O(vault_file) or, without it, the fact has
        one. A license key in O(vault_file) does not count if the file says that a run was interrupted while it provisioned another one.
      always: Each time the task runs. The previous license key is then no longer valid.
    default: missing
  set_fact:
    description:
      - Whether to also store the license key in the fact C(cloudflare_magic_connector_licenses) of the host, which is a dictionary with connector ids
        as keys. Its values have the keys C(license_key), C(serial_number) (or null) and C(saved_on). With O(vault_file), the fact also contains the
        license keys from the file.
      - The fact lasts until the end of the run. With a fact cache other than C(memory), it would be stored in plain text. In this case, the fact is
        not set, and a warning is issued.
    type: bool
    default: true
  vault_file:
    description:
      - A YAML file on the controller, encrypted as a whole with Ansible Vault, that stores the license key. A relative path is relative to the folder
        of the playbook.
      - It contains the variable C(cloudflare_magic_connector_licenses), a dictionary with connector ids as keys, as in O(set_fact). Its values also
        have C(previous_license_key) after a change. While a license key is being provisioned, the entry has C(replacing_since). Use the file with
        C(vars_files) or M(ansible.builtin.include_vars), and view it with C(ansible-vault view).
      - It can be the same file that stores pre-shared keys, as in O(cloudflare.magic.ipsec_psk#module:vault_file). Each kind of keys has its own
        variable.
      - The file is created if it does not exist. Entries of other connectors, other variables, and comments outside the variable are kept.
      - Everything that can fail (the folder, the vault password, the content, the disk space) is checked before anything is requested. The file is
        replaced as a whole and has the mode 0600. It is locked in the meantime. For this lock, an empty file with the suffix C(.lock) remains next to
        it.
    type: path
  vault_id:
    description:
      - The vault identity to encrypt O(vault_file) with. It must be one of those that the run was started with.
      - By default, an existing file keeps its identity, and a new file gets the identity that Ansible itself would use (C(vault_encrypt_identity), or
        otherwise the first identity).
    type: str
seealso:
  - module: cloudflare.magic.connector
  - module: cloudflare.magic.connector_info
  - name: Cloudflare's API
    description: The requests that this module sends.
    link: https://developers.cloudflare.com/api/resources/magic_transit/subresources/connectors/
"""

EXAMPLES = r"""
---
- name: Register the connector of a virtual appliance, or find it, and keep its license key
  cloudflare.magic.connector_license:
    notes: Lyon, virtual
    vault_file: connector_licenses.yml
    vault_id: prod
  register: lyon

- name: Read the file, because the registered result has no license key if nothing changed
  ansible.builtin.include_vars:
    file: connector_licenses.yml
  no_log: true

- name: Write the license key to the file that the appliance reads at its first boot
  ansible.builtin.copy:
    content: "{{ cloudflare_magic_connector_licenses[lyon.connector_id].license_key }}"
    dest: /etc/lyon.license
    owner: root
    group: root
    mode: "0600"
  no_log: true
  diff: false

- name: Provision a new license key, because the appliance was replaced
  cloudflare.magic.connector_license:
    notes: Lyon, virtual
    rotate: always
    vault_file: connector_licenses.yml
    vault_id: prod
"""

RETURN = r"""
connector_id:
  description:
    - The id of the connector. For one that would be registered in check mode, a text that later tasks of the same run can use as its id.
  returned: success
  type: str
  sample: c4a7362d577a6c3019a474fd6f485821
serial_number:
  description: The serial number of the connector.
  returned: success, if Cloudflare reports one
  type: str
  sample: MC-2209-0417
license_key:
  description:
    - The license key that is valid.
    - The whole result that contains the license key is censored in all output, but the registered value is usable. On ansible-core 2.22 and later, the
      license key is also masked in the output of later tasks. Before 2.22, a later task that prints the license key shows it.
  returned: when a license key was provisioned, or read because O(vault_file) did not have it or is not set; not in check mode
  type: str
reason:
  description:
    - Why a license key is provisioned or delivered. V(always) and V(missing) are those of O(rotate).
    - V(registered) means that the connector was registered.
    - V(existing) means that the connector had a license key, which was read. V(replaced) means the same, and that O(vault_file) had a different one.
    - V(interrupted) means that, according to O(vault_file), an earlier run ended while it provisioned a license key.
    - V(not_due) means that nothing had to be done.
  returned: success
  type: str
  sample: existing
provisioned:
  description: Whether a new license key was or, in check mode, would be provisioned. The previous license key is then no longer valid.
  returned: success
  type: bool
  sample: false
validated:
  description: Always V(false). The API cannot validate this kind of request, so only the collection has checked it.
  returned: in check mode, when a license key would be provisioned
  type: bool
  sample: false
delivered_to:
  description:
    - The receivers that certainly got the license key, out of V(register), V(fact) and V(vault_file).
    - V(fact) is not included in a loop, because Ansible discards the facts of a loop if an item fails.
  returned: success
  type: list
  elements: str
  sample:
    - register
    - fact
failure:
  description: What is known about the failed request, in the same form as in M(cloudflare.magic.ipsec_psk).
  returned: failure, when a request was sent
  type: dict
"""

from ansible_collections.cloudflare.magic.plugins.module_utils._licenses import OPTIONS
from ansible_collections.cloudflare.magic.plugins.module_utils._module import refuse


def main() -> None:
    refuse(OPTIONS)


if __name__ == "__main__":
    main()
