# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: elsewhere
short_description: runs modules on this machine as if it were another one, packed, sent and unpacked
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - For tests.
"""

from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    transport = "elsewhere"
    _remote_is_local = False
    has_pipelining = True
