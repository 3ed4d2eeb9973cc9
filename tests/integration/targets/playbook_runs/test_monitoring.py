# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/monitoring has for Prometheus and Grafana: by Prometheus's own tool, by a schema, and against the metrics that there are."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from ansible_collections.cloudflare.magic.plugins.plugin_utils._metrics import metrics

HERE = Path(__file__).parent
MONITORING = Path(__file__).resolve().parents[4] / "docs" / "monitoring"
DASHBOARD = json.loads((MONITORING / "grafana_dashboard.json").read_text(encoding="utf-8"))
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
HEALTH = [{"name": name, "state": "down", "healthy_share": 0.25} for name in ("a", 'a"} 1\nforged{b="', "a\\", "\x1b[2J", "\u202e", "é日本")]
WRITTEN = metrics(1, "an account", 2, [{"id": one["name"], "name": one["name"], "psk_age": 1, "due": True} for one in HEALTH], HEALTH)


@pytest.fixture
def promtool(tmp_path):
    """A function that runs Prometheus's own tool, and returns what it says; it has to find nothing wrong."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool here (Debian: apt-get install prometheus)")

    def run(*args: str, text: str = "") -> str:
        done = subprocess.run([program, *args], cwd=tmp_path, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_prometheus_reads_the_metrics(promtool):
    """It says nothing, of names that nobody should have, too."""
    assert WRITTEN.count("\ncloudflare_magic_ipsec_psk_due{") == len(HEALTH)
    assert promtool("check", "metrics", text=WRITTEN) == ""


def test_alerts_come_when_they_should(promtool, tmp_path):
    for file in (MONITORING / "alerts.yml", HERE / "alerts_test.yml"):
        shutil.copy(file, tmp_path)
    assert "SUCCESS: 5 rules found" in promtool("check", "rules", "alerts.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")
    tested = {
        test["alertname"] for group in yaml.safe_load((tmp_path / "alerts_test.yml").read_text(encoding="utf-8"))["tests"] for test in group["alert_rule_test"]
    }
    assert tested == {rule["alert"] for rule in rules()}


def test_expressions_of_the_dashboard(promtool, tmp_path):
    """As rules that record: they are read, and the panels of states tell them apart."""
    record = [{"record": f"panel:{number}", "expr": text.replace("$account", ".*")} for number, text in enumerate(EXPRESSIONS)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": record}]}), encoding="utf-8")
    assert f"{len(EXPRESSIONS)} rules found" in promtool("check", "rules", "panels.yml")
    number = next(number for number, text in enumerate(EXPRESSIONS) if "ignoring" in text)
    states = ["unknown", "down", "degraded", "healthy"]
    series = [
        {"series": f'cloudflare_magic_tunnel_health{{account_id="a",tunnel="{name}",state="{state}"}}', "values": str(int(name == state))}
        for name in states
        for state in states
    ]
    samples = [{"labels": f'panel:{number}{{tunnel="{name}"}}', "value": value} for value, name in enumerate(states)]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [{"expr": f"panel:{number}", "eval_time": "0m", "exp_samples": samples}]}
    (tmp_path / "panels_test.yml").write_text(yaml.safe_dump({"rule_files": ["panels.yml"], "tests": [test]}), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", "panels_test.yml")


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def test_there_are_such_metrics_and_labels():
    there = {name: set(re.findall(r'(\w+)="', line)) for line in WRITTEN.splitlines() for name in re.findall(r"^(\w+)\{", line)}
    assert len(there) == 6
    texts = [*EXPRESSIONS, *(variable.get("definition", "") for variable in DASHBOARD["templating"]["list"]), *(rule["expr"] for rule in rules())]
    used = [match for text in texts for match in re.findall(r"(cloudflare_magic_\w+)(?:\{([^}]*)\})?", text)]
    assert {name for name, dummy in used} == set(there), "each metric is used, and no other"
    assert [labels for name, labels in used if not set(re.findall(r"(\w+)=", labels)) <= there[name]] == []
    states = {state for text in texts for state in re.findall(r'state="(\w+)"', text)}
    assert states == set(re.findall(r'state="(\w+)"', WRITTEN))
    named = {label for rule in rules() for text in rule["annotations"].values() for label in re.findall(r"\$labels\.(\w+)", text)}
    assert named == {"tunnel"}


def test_the_dashboard_is_one():
    """By a schema of our own, after Grafana's description of the model; panels do not lie on each other, and use variables that there are."""
    schema = json.loads((HERE / "grafana_dashboard.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(DASHBOARD, schema, jsonschema.Draft202012Validator)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells = [
        cell
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for cell in itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
    ]
    assert len(cells) == len(set(cells)) and max(x for x, dummy in cells) < 24
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD["panels"]))) == {variable["name"] for variable in DASHBOARD["templating"]["list"]}
