# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The local connection under another name, so that modules are transferred as to a remote host. Without the time that SSH would take."""

from __future__ import annotations

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = r"""
name: elsewhere
short_description: Run modules as on a remote host
description:
  - For the benchmark only.
author: cloudflare.magic contributors
options: {}
"""


class Connection(LocalConnection):  # pylint: disable=too-many-ancestors
    """Runs commands here, and does not say so."""

    transport = "elsewhere"
    _remote_is_local = False
