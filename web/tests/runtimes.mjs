// What the client does on a runtime that is not Node: the same calls, and the same errors.
import { CallerRefused, Client, everyOne, NotFound, parseKey } from "../client/dist/index.js";

const environment = globalThis.Deno ? Deno.env.toObject() : process.env;
const server = environment.TOKENRY_SERVER;
const tk = new Client({ server, key: environment.TOKENRY_KEY });

function assert(isTrue, what) {
  if (!isTrue) throw new Error(`not so: ${what}`);
}

async function raised(kind, call) {
  const error = await call().catch((found) => found);
  assert(error instanceof kind, `${kind.name}, but ${error}`);
}

const owner = `runtime-${crypto.randomUUID()}`;
await tk.owners.put({ external_id: owner });
const { key, secret } = await tk.keys.issue({ owner, name: "CI", scopes: ["read:projects"] });
assert(parseKey(secret)?.kid === key.secrets[0].kid, "the key is parsed");
const verdict = await tk.verify(secret, { scopes: ["read:projects"] });
assert(verdict.valid && verdict.owner.external_id === owner, "the key is valid");
assert((await tk.verify(secret, { scopes: ["write:projects"] })).code === "insufficient_scope", "its scope is checked");
const names = [];
for await (const one of everyOne(tk.keys.list, { owner, limit: 1 })) names.push(one.name);
assert(names.join() === "CI", "its owner has one key");
await tk.keys.revoke({ id: key.id });
assert((await tk.verify(secret)).code === "revoked", "it is revoked");
await raised(NotFound, () => tk.keys.get({ id: "key_0000000000000000000000" }));
await raised(CallerRefused, () => new Client({ server, key: secret }).keys.list({}));
console.log("all of it");
