# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: elsewhere
short_description: The controller, treated as a host of its own
description:
  - Copies modules into a folder and runs them there, as SSH does, so that they do not see what the controller's process has.
options:
  remote_user:
    description: Not used.
    type: str
"""

from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    """Like ``local``, but modules travel."""

    transport = "elsewhere"
    _remote_is_local = False
