# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use it from other collections!

from __future__ import annotations


class ModuleDocFragment:
    # Each module documents its own support, platforms and limits.
    DOCUMENTATION = r"""
options: {}
attributes:
  action:
    description:
      - An action plugin with the same name does the work on the controller.
  async:
    description:
      - Can run in the background with the C(async) keyword.
  check_mode:
    description:
      - Can run in check mode, and reports whether something would change without changing anything.
  diff_mode:
    description:
      - Reports in diff mode what changed, or, in check mode, what would change.
  idempotent:
    description:
      - If you run the module a second time with the same options, it changes nothing, unless something else made a change in between.
      - This assumes that the options themselves do not ask for a change on each run.
  platform:
    description:
      - The systems of the hosts that the module runs on.
    support: full
"""

    # Modules whose work is done by an action plugin
    CLIENT = r"""
options: {}
attributes:
  action:
    support: full
  async:
    support: none
    details:
      - The work is done in Ansible's own process on the controller.
  platform:
    platforms: all
"""

    # Modules that bring an object to a state
    STATE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - Asks Cloudflare to validate the request with C(validate_only=true), unless nothing would change. This needs the same permission as the change.
  diff_mode:
    support: full
    details:
      - Shows the fields that change, before and after.
  idempotent:
    support: full
"""

    # The same, where Cloudflare's API cannot validate a request
    STATE_UNCHECKED = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - Reads the current state and sends nothing else, because the API does not support C(validate_only) here. Only the collection has checked the
        request, so the task returns C(validated=false). Read permission is sufficient.
  diff_mode:
    support: full
    details:
      - Shows the fields that change, before and after.
  idempotent:
    support: full
"""

    # Modules that only read
    READS = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module never changes anything.
  diff_mode:
    support: N/A
    details:
      - The module never changes anything.
  idempotent:
    support: full
"""

    # Membership in the action group that C(module_defaults) can set options for
    ACTIONGROUP_ALL = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/cloudflare.magic.all) in C(module_defaults) to set the options that all modules of this collection share in one place.
    support: full
    membership:
      - cloudflare.magic.all
"""
