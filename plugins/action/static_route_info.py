# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from functools import partial

from ansible_collections.cloudflare.magic.plugins.module_utils import _info
from ansible_collections.cloudflare.magic.plugins.module_utils._resource import ROUTE
from ansible_collections.cloudflare.magic.plugins.plugin_utils._action import ClientAction


class ActionModule(ClientAction):
    """Runs ``cloudflare.magic.static_route_info``."""

    MODULE = "cloudflare.magic.static_route_info"
    OPTIONS = ROUTE.info_options
    check = staticmethod(partial(_info.check, ROUTE))
    request = staticmethod(partial(_info.run, ROUTE))
