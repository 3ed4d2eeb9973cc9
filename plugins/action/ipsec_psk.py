# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.cloudflare.magic.plugins.module_utils import _psk
from ansible_collections.cloudflare.magic.plugins.plugin_utils._secret_action import SecretAction


class ActionModule(SecretAction):
    """Runs ``cloudflare.magic.ipsec_psk``, and delivers the key without showing it."""

    MODULE = "cloudflare.magic.ipsec_psk"
    OPTIONS = _psk.OPTIONS
    CHECK = staticmethod(_psk.check)
    RUN = staticmethod(_psk.run)
