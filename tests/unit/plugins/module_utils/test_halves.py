# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Anyone who spoils a request for all is found by halves, and the rest gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudflare.magic.plugins.module_utils._errors import MagicError
from ansible_collections.cloudflare.magic.plugins.module_utils._halves import halves, send_in_parts


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_the_culprits_are_found_and_the_rest_gets_through(spoils):
    sent, done, left = [], [], []

    def send(part):
        sent.append(part)
        if any(spoils[number] for number in part):
            raise MagicError("no")
        done.extend(part)

    def failed(dummy, part):
        if len(part) > 1:
            return halves(part)
        left.extend(part)
        return []

    send_in_parts(range(len(spoils)), send, failed)
    assert sorted(left) == [number for number, spoilt in enumerate(spoils) if spoilt]
    assert sorted([*done, *left]) == list(range(len(spoils)))
    # For each culprit no more than two requests on each level, and one for all.
    assert len(sent) <= 1 + 2 * len(left) * max(1, (len(spoils) - 1).bit_length())


@pytest.mark.parametrize("count", range(2, 20))
def test_halves_are_all_of_it_in_order(count):
    first, second = halves(range(count))
    assert [*first, *second] == list(range(count)) and 0 <= len(second) - len(first) <= 1


def test_what_the_verdict_raises_ends_it():
    sent = []

    def send(part):
        sent.append(part)
        raise MagicError("no")

    def failed(error, dummy):
        raise error

    with pytest.raises(MagicError):
        send_in_parts([1, 2, 3], send, failed)
    assert sent == [[1, 2, 3]]


def test_all_of_it_can_be_sent_once_more():
    answers = [MagicError("later"), None]
    sent = []

    def send(part):
        sent.append(part)
        if (error := answers.pop(0)) is not None:
            raise error

    send_in_parts([1, 2], send, lambda dummy, part: [part])
    assert sent == [[1, 2], [1, 2]]
