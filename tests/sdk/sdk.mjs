// Copyright (c) 2026, cloudflare.magic contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Does with Cloudflare's TypeScript SDK what test_sdks.py asks for, and prints what came back as JSON.
// Usage: node sdk.mjs <base URL> <account id> <token> <tunnel id>; run in the folder that has the SDK in node_modules.
import { createRequire } from "node:module";
import { join } from "node:path";

const Cloudflare = createRequire(join(process.cwd(), "package.json"))("cloudflare").default;
const [baseURL, account_id, apiToken, tunnelId] = process.argv.slice(2);
const client = new Cloudflare({ baseURL, apiToken, maxRetries: 0 });
const magic = client.magicTransit;

const generated = await magic.ipsecTunnels.pskGenerate(tunnelId, { account_id, body: {} });

const resources = {
  ipsec_tunnels: [magic.ipsecTunnels, { name: "typescript-1", cloudflare_endpoint: "203.0.113.1", interface_address: "10.213.2.0/31" }],
  gre_tunnels: [
    magic.greTunnels,
    {
      name: "typescript-gre",
      cloudflare_gre_endpoint: "203.0.113.1",
      customer_gre_endpoint: "198.51.100.77",
      interface_address: "10.213.2.2/31",
    },
  ],
  routes: [magic.routes, { prefix: "10.30.0.0/16", nexthop: "10.213.0.11", priority: 100 }],
};
const kinds = {};
for (const [kind, [resource, body]] of Object.entries(resources)) {
  const listed = await resource.list({ account_id });
  const created = await resource.create({ account_id, ...body });
  const updated = await resource.update(created.id, { account_id, ...body, description: "by the SDK" });
  const found = await resource.get(created.id, { account_id });
  const deleted = await resource.delete(created.id, { account_id });
  let missing;
  try {
    await resource.get(created.id, { account_id });
  } catch (error) {
    missing = { kind: error.constructor.name, status: error.status, codes: error.errors.map((item) => item.code) };
  }
  kinds[kind] = { listed, created, updated, found, deleted, missing };
}

const listed = await magic.cfInterconnects.list({ account_id });
const updated = await magic.cfInterconnects.update(listed.interconnects[0].id, { account_id, mtu: 1500 });
console.log(JSON.stringify({ generated, kinds, interconnects: { listed, updated } }));
