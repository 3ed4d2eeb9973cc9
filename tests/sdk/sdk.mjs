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
const tunnels = client.magicTransit.ipsecTunnels;

const listed = await tunnels.list({ account_id });
const generated = await tunnels.pskGenerate(tunnelId, { account_id, body: {} });
const created = await tunnels.create({
  account_id,
  name: "typescript-1",
  cloudflare_endpoint: "203.0.113.1",
  interface_address: "10.213.2.0/31",
});
const updated = await tunnels.update(created.id, {
  account_id,
  name: created.name,
  cloudflare_endpoint: created.cloudflare_endpoint,
  interface_address: created.interface_address,
  description: "by the SDK",
});
const deleted = await tunnels.delete(created.id, { account_id });
let missing;
try {
  await tunnels.get(created.id, { account_id });
} catch (error) {
  missing = { kind: error.constructor.name, status: error.status, codes: error.errors.map((item) => item.code) };
}
console.log(JSON.stringify({ listed, generated, created, updated, deleted, missing }));
