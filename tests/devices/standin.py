# Copyright (c) 2026, cloudflare.magic contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action plugin in the place of a vendor's modules: a device in a file, which answers in the form that the vendor's documents show.

``standin_file`` of the host names a JSON file with ``key`` (in force on the device), ``candidate``, ``accepted`` (the key that the peer has), ``sa``, the
number of the IKE SA, 0 if there is none, and ``broken`` if no key will do but ``accepted``. With ``standin_keys``, the peer's keys by tunnel come from
this address.
A refused key leaves the old SA up, which is the case that is easily overlooked.
The results hold the key wherever the real modules' do.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from ansible.plugins.action import ActionBase

SHOWN = {
    "ios": "Tunnel-id Local Remote fvrf/ivrf Status\n1 192.0.2.2/500 {endpoint}/500 none/none {up}\n      Encr: AES-CBC, keysize: 256\n"
    "      Life/Active Time: 86400/103 sec\n      Local spi: {spi}       Remote spi: FEDCBA0987654321\n",
    "junos": "IKE peer {endpoint}, Index 6226807, Gateway Name: {name}\n  Role: Initiator, State: {up}\n"
    "  Initiator cookie: {spi}, Responder cookie: 2dfe60279d917d73\n",
    "panos": "<response><result>IKE Gateway {name}, ID 35 192.0.2.2 => {endpoint} IKE SA: SPI: {spi}:CABD66D702C02131 Init State: {up} SN: 4</result>"
    "</response>",
    "vyos": "{name}: #{number}, {up}, IKEv2, {spi}_i* fedcba0987654321_r\n  local  '192.0.2.2' @ 192.0.2.2[500]\n",
}
UP = {"ios": "READY", "junos": "UP", "panos": "Established", "vyos": "ESTABLISHED"}
CONFIGURATION = {
    "ios": "crypto ikev2 keyring CLOUDFLARE\n peer other\n  address 203.0.113.99\n  pre-shared-key {key}\n !\n"
    " peer {name}\n  description to Cloudflare\n  address {endpoint}\n  pre-shared-key {key}\n !\n",
    "junos": "set security ike gateway {name} ike-policy {name}\nset security ike gateway {name} address {endpoint}",
    "vyos": "set vpn ipsec site-to-site peer {name} remote-address '{endpoint}'",
}
# These are skipped in check mode; of the commands, those that do not begin with "show" are.
WITHOUT_CHECK_MODE = ("fortios_configuration_fact", "fortios_monitor", "fortios_monitor_fact", "panos_commit_firewall", "panos_op")
KEY = re.compile(r"""(?:pre-shared-key (?:ascii-text )?|secret '|"psksecret": "|<key>)([^"'<]+)""")


class ActionModule(ActionBase):
    """The stand-in, under the name of each module."""

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        module = self._task.action.rsplit(".", 1)[1]
        family = module.split("_")[0]
        path = Path(self._templar.template(task_vars["standin_file"]))
        device = json.loads(path.read_text(encoding="utf-8"))
        tunnel = self._templar.template(task_vars["edge_tunnel"])
        arguments = self._task.args
        key = KEY.search(json.dumps(arguments, default=str))
        asked = json.dumps(arguments)
        result: dict[str, Any]
        if self._task.check_mode and (module in WITHOUT_CHECK_MODE or not all(text.startswith("show") for text in arguments.get("commands") or [])):
            return {"skipped": True} if module in WITHOUT_CHECK_MODE else {"changed": False, "stdout": [], "warnings": ["Only show commands"]}
        if module == "panos_commit_firewall":
            device["key"] = device["candidate"]
            result = {"changed": True}
        elif key:
            result = self._set(module, device, key.group(1))
        elif re.search(r"\bclear\b|--rekey|--initiate|<test>", asked):
            if self._accepted(device, tunnel, task_vars):
                device["sa"] += 1
                device["born"] = time.time()
            result = {"changed": True}
        elif module == "fortios_configuration_fact":
            result = {"meta": {"results": [{"name": tunnel["name"], "remote-gw": tunnel["cloudflare_endpoint"], "ike-version": "2"}]}}
        elif module == "fortios_monitor_fact":
            # The SA of the beginning is a day old.
            age = {"creation_time": int(time.time() - device.get("born", time.time() - 86400))} if device["sa"] else {}
            result = {"meta": {"results": [{"name": tunnel["name"], "proxyid": [], **age}, {"name": "other", "creation_time": 5}]}}
        else:
            result = self._show(family, device, tunnel, arguments)
        path.write_text(json.dumps(device), encoding="utf-8")
        return result

    def _accepted(self, device, tunnel, task_vars):
        if device.get("broken") and device["key"] != device["accepted"]:
            return False
        if "standin_keys" not in task_vars:
            return device["key"] == device["accepted"]
        asked = Request(self._templar.template(task_vars["standin_keys"]), headers=self._templar.template(task_vars["standin_headers"]))
        with build_opener(ProxyHandler({})).open(asked, timeout=10) as answer:
            return device["key"] == json.load(answer)[tunnel["id"]]

    def _set(self, module, device, key):
        if not self._task.check_mode and not self._task.args.get("check_commit"):
            device["candidate" if module == "panos_config_element" else "key"] = key
        return {"changed": True, "commands": [key], "meta": {"psksecret": key}, "diff": {"before": "", "after": key}}

    @staticmethod
    def _show(family, device, tunnel, arguments):
        shown = []
        for command in arguments.get("commands") or [arguments.get("cmd")]:
            known = {"name": tunnel["name"], "endpoint": tunnel["cloudflare_endpoint"]}
            if "configuration" in command or "running-config" in command:
                shown.append(CONFIGURATION[family].format(key=device["key"], **known))
                continue
            spi = f"{device['sa']:016x}"
            state = {**known, "up": UP[family] if device["sa"] else "DOWN", "spi": spi.upper() if family == "ios" else spi, "number": device["sa"]}
            shown.append(SHOWN[family].format(**state))
        return {"changed": False, "stdout": shown, "stdout_lines": [text.splitlines() for text in shown], "stdout_xml": shown[0]}
