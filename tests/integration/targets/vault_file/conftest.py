# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixtures of this target; what they are made of is in vault_site.py, which the target ipsec_psks uses, too."""

from __future__ import annotations

from vault_site import _emulator, emulator, site

__all__ = ["_emulator", "emulator", "site"]
