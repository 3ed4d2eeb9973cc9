# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# make check                the checks that take less than two minutes, to run while you work
# make test                 everything that proves a change, on every ansible-core that this machine has a Python for
# make test CORES="2.19"    only these ansible-cores
# make test-all             every integration target on every ansible-core, and the long crash tests
# make core, sanity         the tests on each ansible-core, ansible-test sanity of each; with CORES as above
# make checks, emulator, boundaries, docs-examples, events, sdk, ike, field, release   other parts of it
# make description          compare the emulator's description of the API with Cloudflare's newest SDKs
# make site                 the documentation, as web pages in the folder site
# make format               format the Python code
# make demo                 a demonstration on the emulator
# JOBS=1                    one session at a time, instead of one more than there are processors (at most 3)

PYTHON ?= python3
CORES ?=
JOBS ?=
VENV := .venv
READY := $(VENV)/.ready-1
# CI=true: checks report problems, and do not change files.
RUN := CI=true $(VENV)/bin/python tests/tools/run_sessions.py $(if $(CORES),--cores "$(CORES)") $(if $(JOBS),--jobs "$(JOBS)")

.PHONY: help check test test-all core sanity checks emulator boundaries docs-examples events sdk ike field release description format site demo clean

help:
	@sed -n '/^# make/p; /^# JOBS/p' Makefile | sed 's/^# //'

check: $(READY)
	@$(RUN) --reuse check

test test-all core sanity checks emulator boundaries docs-examples events sdk ike field release description: $(READY)
	@$(RUN) $@

site: $(READY)
	@$(VENV)/bin/nox --session site

format: $(READY)
	@env -u CI $(VENV)/bin/nox --session formatters

demo:
	@$(PYTHON) docs/demo/run.py

clean:
	rm -rf .nox $(VENV) .venv-demo .mypy_cache .pytest_cache .ruff_cache tests/output site

$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'The tests need Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'This Python cannot create virtual environments. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Setting up $(VENV)'
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'antsibull-nox>=1.10.0' 'nox>=2025.02.09' uv
	@touch $@
