# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What users write to mean some of the objects: names, shell patterns and ids. Pure."""

from __future__ import annotations

import typing as t
from fnmatch import fnmatchcase

if t.TYPE_CHECKING:
    from collections.abc import Iterable


def is_pattern(item: str) -> bool:
    """Tell whether this can mean objects of several names."""
    return bool(set("*?[") & set(item))


def by_name(items: Iterable[str], name: str) -> bool:
    """Tell whether names or shell patterns mean an object of this name."""
    return any(fnmatchcase(name, item) for item in items)


def by_name_or_id(items: Iterable[str], name: str, object_id: str) -> bool:
    """Tell whether names, shell patterns or ids mean this object."""
    return any(item == object_id or fnmatchcase(name, item) for item in items)
