# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nearby
short_description: a connection that is not called local, and runs modules on the controller as network_cli does
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - For tests.
"""

from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    transport = "nearby"
    _remote_is_local = True
