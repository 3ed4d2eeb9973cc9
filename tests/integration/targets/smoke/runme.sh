#!/usr/bin/env bash
# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# By hand:
# ANSIBLE_COLLECTIONS_PATH=/folder/above/ansible_collections PATH=/venv/bin:$PATH tests/integration/targets/smoke/runme.sh

set -eu
cd "$(dirname "$0")"
# ANSIBLE_COLLECTIONS_PATH is a list; the first folder is the one that ansible-test, and anyone who calls this by hand means.
export PYTHONPATH="${ANSIBLE_COLLECTIONS_PATH%%:*}${PYTHONPATH:+:$PYTHONPATH}"
exec "${ANSIBLE_TEST_PYTHON_INTERPRETER:-python}" -m pytest -p no:cacheprovider -rs --tb=short .
