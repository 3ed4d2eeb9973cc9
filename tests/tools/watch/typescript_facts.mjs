// Copyright (c) 2026, cloudflare.magic contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What Cloudflare's TypeScript SDK knows of the API: each operation with the fields it sends and those that it reads, as JSON.
// It calls every method of the SDK with made-up arguments; nothing is sent. Run in a folder that has cloudflare and typescript in node_modules.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const Cloudflare = require("cloudflare").default;
const ts = require("typescript");
const folder = join(process.cwd(), "node_modules", "cloudflare");
const GROUPS = [
  ["magicTransit", "magic-transit/magic-transit", "MagicTransit"],
  ["magicNetworkMonitoring", "magic-network-monitoring/magic-network-monitoring", "MagicNetworkMonitoring"],
];

let sent;
const client = new Cloudflare({
  apiToken: "x",
  maxRetries: 0,
  baseURL: "http://127.0.0.1:1",
  fetch: async (url, init) => {
    sent = { method: init.method.toUpperCase(), path: decodeURIComponent(new URL(url).pathname) };
    return new Response('{"result": null}', { headers: { "content-type": "application/json" } });
  },
});

const files = GROUPS.map(([, file]) => join(folder, "resources", `${file}.d.ts`));
const program = ts.createProgram(files, { strict: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, moduleResolution: ts.ModuleResolutionKind.NodeJs });
const checker = program.getTypeChecker();
const nothing = (type) => (type.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)) !== 0;

/** Return a type of the SDK as a schema; in an answer, null only says that a field may be absent. */
function schemaOf(type, isSent, depth = 0) {
  if (depth > 12) return {};
  if (type.isUnion()) {
    const parts = type.types.filter((part) => !nothing(part));
    const nullable = isSent && type.types.some((part) => part.flags & ts.TypeFlags.Null) ? { nullable: true } : {};
    if (parts.every((part) => part.isStringLiteral())) return { type: "string", enum: parts.map((part) => part.value), ...nullable };
    if (parts.every((part) => part.flags & ts.TypeFlags.BooleanLiteral)) return { type: "boolean", ...nullable };
    const schemas = [...new Map(parts.map((part) => schemaOf(part, isSent, depth + 1)).map((item) => [JSON.stringify(item), item])).values()];
    return schemas.length === 1 ? { ...schemas[0], ...nullable } : { anyOf: schemas, ...nullable };
  }
  if (type.isStringLiteral()) return { type: "string", enum: [type.value] };
  if (type.flags & ts.TypeFlags.StringLike) return { type: "string" };
  if (type.flags & ts.TypeFlags.NumberLike) return { type: "number" };
  if (type.flags & ts.TypeFlags.BooleanLike) return { type: "boolean" };
  if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.Never)) return {};
  if (checker.isArrayType(type)) return { type: "array", items: schemaOf(checker.getTypeArguments(type)[0], isSent, depth + 1) };
  const free = checker.getIndexInfoOfType(type, ts.IndexKind.String);
  const properties = checker.getPropertiesOfType(type);
  if (free && !properties.length) return { type: "object", additionalProperties: schemaOf(free.type, isSent, depth + 1) };
  return objectOf(properties.map((property) => [property, schemaOf(checker.getTypeOfSymbol(property), isSent, depth + 1)]));
}

function objectOf(pairs) {
  const required = pairs.filter(([property]) => !(property.flags & ts.SymbolFlags.Optional)).map(([property]) => property.name);
  return { type: "object", properties: Object.fromEntries(pairs.map(([property, schema]) => [property.name, schema])), ...(required.length ? { required } : {}) };
}

/** Return what an answer is read as: the type inside the promise, or a list of what a page has. */
function answerOf(type) {
  const inner = type.aliasTypeArguments ?? checker.getTypeArguments(type);
  const page = (type.aliasSymbol ?? type.symbol).name === "PagePromise";
  if (page) return { type: "array", items: schemaOf(inner[1], false) };
  const [result] = inner;
  return result.flags & (ts.TypeFlags.Void | ts.TypeFlags.Unknown) || result.symbol?.name === "Response" ? undefined : schemaOf(result, false);
}

async function operationOf(resource, symbol, signature) {
  const parameters = signature.getParameters().filter((item) => item.name !== "options");
  const named = new Set();
  // Says which parts of the parameters are taken out by name; what is left over is the body, or the query.
  const params = new Proxy({}, { get: (_object, name) => (named.add(name), `{${String(name)}}`), ownKeys: () => [], has: () => true });
  sent = undefined;
  await resource[symbol.name](...parameters.map((item) => (item.name === "params" ? params : `{${item.name}}`))).catch(() => undefined);
  if (!sent) return undefined;
  const found = { query: {} };
  const parameter = parameters.find((item) => item.name === "params");
  if (parameter) {
    const type = checker.getNonNullableType(checker.getTypeOfSymbol(parameter));
    const body = [];
    for (const property of checker.getPropertiesOfType(type)) {
      const about = ts.displayPartsToString(property.getDocumentationComment(checker));
      if (sent.path.includes(`{${property.name}}`) || about.startsWith("Path param") || about.startsWith("Header param") || property.name.startsWith("x-")) continue;
      const schema = schemaOf(checker.getTypeOfSymbol(property), true);
      if (property.name === "body") found.body = schema;
      else if (sent.method === "GET" || about.startsWith("Query param"))
        found.query[property.name] = { ...schema, ...(property.flags & ts.SymbolFlags.Optional ? {} : { required: true }) };
      else body.push([property, schema]);
    }
    if (body.length) found.body = objectOf(body);
  }
  const answer = answerOf(signature.getReturnType());
  if (answer) found.answer = answer;
  return [`${sent.method} ${sent.path}`, found];
}

const operations = {};
async function walk(resource, type) {
  for (const property of checker.getPropertiesOfType(type)) {
    const declaration = property.valueDeclaration;
    if (!declaration || property.name.startsWith("_")) continue;
    if (ts.isMethodDeclaration(declaration)) {
      const signatures = checker.getTypeOfSymbol(property).getCallSignatures();
      const operation = signatures.length === 1 && (await operationOf(resource, property, signatures[0]));
      if (operation) operations[operation[0]] = operation[1];
    } else if (typeof resource[property.name] === "object") {
      await walk(resource[property.name], checker.getTypeOfSymbol(property));
    }
  }
}
for (const [index, [name, , className]] of GROUPS.entries()) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(files[index]));
  const found = checker.getExportsOfModule(module).find((symbol) => symbol.name === className);
  await walk(client[name], checker.getDeclaredTypeOfSymbol(found));
}
const { version } = require(join(folder, "package.json"));
console.log(JSON.stringify({ version, operations }, undefined, 1));
