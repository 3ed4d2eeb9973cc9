# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import Constructable
from ansible.template import Templar

from ansible_collections.cloudflare.magic.plugins.plugin_utils import _core


@pytest.fixture
def compiled(monkeypatch):
    """What Jinja compiles during a test."""
    found = []
    compile_ = jinja2.Environment.compile

    def note(self, source, *args, **keywords):
        found.append(source)
        return compile_(self, source, *args, **keywords)

    monkeypatch.setattr(jinja2.Environment, "compile", note)
    return found


class Plugin(Constructable):
    """Evaluates expressions as inventory plugins do."""

    def __init__(self):
        super().__init__()
        self.templar = Templar(loader=DataLoader())

    def get_option(self, option, hostvars=None):
        return False

    def evaluate(self, expression, variables):
        return self._compose(_core.plain_text(expression), variables)


def test_an_expression_is_compiled_once_for_all_hosts(compiled):
    plugin = Plugin()
    _core.compile_once(plugin.templar)
    found = [plugin.evaluate("number + 1", {"number": number}) for number in range(100)]
    assert [int(one) for one in found] == list(range(1, 101))
    assert len(compiled) == 1


def test_what_is_compiled_once_would_be_compiled_for_each_host(compiled):
    plugin = Plugin()
    assert [int(plugin.evaluate("number + 1", {"number": number})) for number in range(3)] == [1, 2, 3]
    assert len(compiled) == 3


def test_an_expression_that_is_wrong_stays_wrong():
    plugin = Plugin()
    _core.compile_once(plugin.templar)
    for dummy in range(2):
        with pytest.raises(Exception, match="(?i)template|expected|unexpected"):
            plugin.evaluate("number +", {"number": 1})
        with pytest.raises(Exception, match="undefined"):
            plugin.evaluate("missing + 1", {"number": 1})


def test_a_copy_compiles_for_itself(compiled):
    """A copy may have another environment, with other folders of templates."""
    plugin = Plugin()
    _core.compile_once(plugin.templar)
    plugin.evaluate("number + 1", {"number": 1})
    copy = Plugin()
    copy.templar = plugin.templar.copy_with_new_env(searchpath=["/nowhere"])
    copy.evaluate("number + 1", {"number": 1})
    assert len(compiled) == 2


def test_an_engine_without_the_interface_is_left_alone():
    another: Any = SimpleNamespace(_engine=object())
    _core.compile_once(another)
    assert another._engine.__class__ is object
