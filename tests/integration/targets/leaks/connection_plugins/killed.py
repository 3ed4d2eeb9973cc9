# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: killed
short_description: A connection during which the machine dies
description:
  - Like P(elsewhere#connection), and as soon as the file that M(ansible.builtin.copy) has made of its content has been transferred, all of Ansible is killed.
options:
  remote_user:
    description: Not used.
    type: str
"""

import os
import signal

from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    """Like ``local``, but modules travel, and the way ends."""

    transport = "killed"
    _remote_is_local = False

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        if os.path.basename(out_path).startswith(".source"):
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
