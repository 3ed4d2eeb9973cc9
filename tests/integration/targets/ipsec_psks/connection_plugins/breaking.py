# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: breaking
short_description: runs modules on this machine as if it were another one, and breaks when it should bring their answer
version_added: 1.0.0
author:
  - The cloudflare.magic contributors (@cloudflare)
description:
  - For tests. The file of the environment variable BREAKING has a line for each module that is still answered.
"""

import os
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    transport = "breaking"
    _remote_is_local = False
    has_pipelining = True

    def exec_command(self, cmd, in_data=None, sudoable=True):
        done = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        if in_data:
            counter = Path(os.environ["BREAKING"])
            left = counter.read_text(encoding="utf-8").splitlines()
            if not left:
                raise AnsibleConnectionFailure("the line went dead")
            counter.write_text("\n".join(left[1:]), encoding="utf-8")
        return done
