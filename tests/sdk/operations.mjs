// Copyright (c) 2026, cloudflare.magic contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Calls the operations of a list with Cloudflare's TypeScript SDK, and prints what came back as JSON; test_operations.py does the same with Python.
// Usage: node operations.mjs <base URL> <account id> <token> <file with the list> <id of a connector>; run in the folder with the SDK in node_modules.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const Cloudflare = createRequire(join(process.cwd(), "package.json"))("cloudflare").default;
const [baseURL, account_id, apiToken, file, porto] = process.argv.slice(2);
const client = new Cloudflare({ baseURL, apiToken, maxRetries: 0 });
const saved = { porto };

const camel = (name) => name.replace(/_([a-z])/g, (_all, letter) => letter.toUpperCase());
const filled = (value) => JSON.parse(JSON.stringify(value), (_key, item) => (typeof item === "string" && item.startsWith("$") ? saved[item.slice(1)] : item));
// A page of a list has them in "result"; other answers are what they are.
const plain = (answer) => JSON.parse(JSON.stringify(answer?.getPaginatedItems ? answer.getPaginatedItems() : (answer ?? null)));

const answers = [];
for (const step of JSON.parse(readFileSync(file, "utf-8"))) {
  const resource = step.of.split(".").reduce((object, name) => object[camel(name)], client);
  const own = "id" in step ? [filled({ id: step.id }).id] : [];
  const answer = plain(await resource[camel(step.do)](...own, { account_id, ...filled(step.in ?? {}), ...filled(step.send ?? {}) }));
  if (step.save) {
    const first = [answer, answer?.interconnects].find(Array.isArray)?.[0] ?? answer;
    saved[step.save] = first.id ?? first.account_app_id;
  }
  answers.push(answer);
}
console.log(JSON.stringify(answers));
