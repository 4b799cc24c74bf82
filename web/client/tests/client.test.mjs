// The client against a running server.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import {
  CallerRefused,
  Client,
  Denied,
  everyOne,
  Invalid,
  NotFound,
  parseKey,
  StoreUnavailable,
  VersionConflict,
} from "@tokenry/client";
import { issue, server, tk } from "./told.mjs";

// The operations that no table of management holds, and the method of each.
const OF_OTHER_PROGRAMS = ["leaks.github"]; // GitHub calls it, with a signature of its own

const OTHERS = {
  verify: "verify",
  "verify.batch": "verifyBatch",
  auth: "auth",
  "oauth.token": "exchange",
  "oauth.introspect": "introspect",
  "oauth.revoke": "revokeToken",
  "oauth.jwks": "jwks",
  "oauth.metadata": "metadata",
  healthz: "health",
  readyz: "ready",
  metrics: "metrics",
};
const camel = (text) => text.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

test("every operation of the OpenAPI document has a method", async () => {
  const { paths } = await (await fetch(`${server}/openapi.json`)).json();
  const missing = [];
  for (const { operationId } of Object.values(paths).flatMap((item) => Object.values(item))) {
    if (OF_OTHER_PROGRAMS.includes(operationId)) continue;
    const [noun, call] = operationId.split(".").map(camel);
    const method = OTHERS[operationId] ? tk[OTHERS[operationId]] : call ? tk[noun === "self" ? "me" : noun]?.[call] : tk[noun];
    if (typeof method !== "function") missing.push(operationId);
  }
  assert.deepEqual(missing, [], "run `make types`; for a route outside the management table write a method in client.ts");
});

test("a key is issued, verified, changed, rotated and revoked", async () => {
  const { key, secret } = await issue({ scopes: ["read:projects"] });
  const verdict = await tk.verify(secret, { scopes: "read:projects", ip: "203.0.113.7" });
  assert.equal(verdict.valid, true);
  assert.equal(verdict.key.id, key.id);
  assert.equal((await tk.verify(secret, { scopes: { any: ["write:projects"] } })).code, "insufficient_scope");
  const changed = await tk.keys.update({ id: key.id, name: "build", if_version: key.version });
  assert.equal(changed.name, "build");
  await assert.rejects(tk.keys.update({ id: key.id, name: "late", if_version: key.version }), VersionConflict);
  const rotated = await tk.keys.rotate({ id: key.id, grace_seconds: 60 });
  assert.notEqual(rotated.secret, secret);
  const both = await tk.verifyBatch([{ credential: secret }, { credential: rotated.secret }]);
  assert.deepEqual(both.map((one) => one.valid), [true, true]);
  assert.equal((await tk.keys.revoke({ id: key.id, reason: "test" })).status, "revoked");
  assert.equal((await tk.verify(secret)).code, "revoked");
  await assert.rejects(tk.require(secret), (error) => error instanceof Denied && error.verdict.code === "revoked");
});

test("a list is read page after page", async () => {
  const { key } = await issue();
  const { key: other } = await tk.keys.issue({ owner: key.owner, name: "second" });
  const found = [];
  for await (const one of everyOne(tk.keys.list, { owner: key.owner, limit: 1 })) found.push(one.id);
  assert.deepEqual(found.sort(), [key.id, other.id].sort());
});

test("the records of a tenant are exported line after line", async () => {
  const { key, secret } = await issue();
  const lines = [];
  for await (const one of everyOne(tk.exports.list, { limit: 100 })) lines.push(one);
  assert.equal(lines[0].kind, "tenant");
  assert.equal(lines.filter((one) => one.kind === "key" && one.record.id === key.id).length, 1);
  assert.equal(JSON.stringify(lines).includes(secret), false);
});

test("a repeat with the same idempotency key gets the same secret", async () => {
  const { key } = await issue();
  const asked = { owner: key.owner, name: "once", idempotency_key: "web-client-1" };
  assert.equal((await tk.keys.issue(asked)).secret, (await tk.keys.issue(asked)).secret);
});

test("the key itself asks about itself", async () => {
  const { key, secret } = await issue();
  const own = new Client({ server, key: secret });
  assert.equal((await own.me.get()).key.id, key.id);
});

test("a proxy's question is answered with the headers it passes on", async () => {
  const { key, secret } = await issue({ scopes: ["read:projects"] });
  const found = await tk.auth(secret, { scopes: ["read:projects"] });
  assert.equal(found.allowed, true);
  assert.equal(found.headers.get("x-auth-key-id"), key.id);
  assert.deepEqual((await tk.auth(secret, { scopes: ["write:projects"] })).status, 403);
});

test("a token is derived, told of and listed as what it is", async () => {
  const { key, secret } = await issue({ scopes: ["read:projects"] });
  const { access_token } = await tk.exchange(secret, { scopes: ["read:projects"], expires_in: 60 });
  assert.equal((await tk.introspect(access_token)).client_id, key.id);
  assert.equal((await tk.jwks()).keys.length > 0, true);
  assert.equal((await tk.metadata()).issuer, `${server}/t/default`);
  assert.equal((await tk.explain({ credential: access_token })).code, "valid");
});

test("an owner's sessions end by their token", async () => {
  const { key } = await issue();
  const { refresh, session } = await tk.sessions.start({ owner: key.owner });
  await tk.revokeToken(refresh);
  assert.equal((await tk.sessions.get({ id: session.id })).status, "revoked");
});

test("the server tells of itself", async () => {
  assert.equal((await tk.health()).status, "ok");
  assert.equal((await tk.ready()).status, "ready");
  assert.match(await tk.metrics(), /^# HELP tokenry_/m);
});

test("errors are those of the library, with what the server said", async () => {
  await assert.rejects(tk.keys.get({ id: "key_none" }), NotFound);
  await assert.rejects(tk.keys.issue({ owner: "", name: "" }), (error) => {
    assert(error instanceof Invalid);
    assert.deepEqual(error.errors.map((one) => one.field).sort(), ["name", "owner"]);
    assert.match(error.requestId, /^\w+/);
    return true;
  });
  const stranger = new Client({ server, key: (await issue()).secret });
  await assert.rejects(stranger.keys.list(), (error) => error.status === 401 || error.status === 403);
  await assert.rejects(new Client({ server, key: "nonsense" }).keys.list(), CallerRefused);
  await assert.rejects(new Client({ server: "http://127.0.0.1:1", key: "x", retries: 0 }).keys.list(), StoreUnavailable);
});

test("a server that is no address, and a key that is no key, are refused at once", () => {
  assert.throws(() => new Client({ server: "tokenry.example.com" }), /https:/);
  assert.throws(() => new Client({ server: "https://ada:secret@example.com" }), /https:/);
  assert.throws(() => new Client({ server, key: "ключ" }), /characters/);
});

test("a credential is never a part of a URL", async () => {
  const { secret } = await issue();
  await assert.rejects(tk.keys.get({ id: secret }), Invalid);
  await assert.rejects(tk.keys.list({ text: secret }), Invalid);
  await assert.rejects(tk.keys.get({ id: ".." }), Invalid);
});

test("what a key says by itself is read as the library reads it", async () => {
  const vectors = JSON.parse(await readFile(new URL("../../../tests/vectors/keys.json", import.meta.url), "utf8"));
  for (const { text, parsed } of vectors) assert.deepEqual(parseKey(text), parsed, text);
});

/** Serve statuses, the next one to each request; return the address and how many came. */
const answering = async (context, ...answers) => {
  const came = [];
  const http = createServer((request, response) => {
    came.push(request.method);
    const [status, headers = {}] = answers[came.length - 1] ?? [200];
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end("{}");
  });
  await new Promise((listening) => http.listen(0, "127.0.0.1", listening));
  context.after(() => http.close());
  return { came, at: new Client({ server: `http://127.0.0.1:${http.address().port}`, key: "k" }) };
};

test("only what does the same twice is sent again", async (context) => {
  const read = await answering(context, [503, { "Retry-After": "0" }], [429, { "Retry-After": "0" }]);
  await read.at.keys.list();
  assert.equal(read.came.length, 3);

  const change = await answering(context, [503, { "Retry-After": "0" }]);
  await assert.rejects(change.at.owners.disable({ external_id: "ada" }), StoreUnavailable);
  assert.equal(change.came.length, 1);

  const once = await answering(context, [503, { "Retry-After": "0" }]);
  await once.at.keys.issue({ owner: "ada", name: "CI", idempotency_key: "a" });
  assert.equal(once.came.length, 2);

  const verifying = await answering(context, [503, { "Retry-After": "0" }]);
  await assert.rejects(verifying.at.verify("k"), StoreUnavailable);
  assert.equal(verifying.came.length, 1);

  const patient = await answering(context, [503, { "Retry-After": "60" }]);
  await assert.rejects(patient.at.keys.list(), StoreUnavailable);
  assert.equal(patient.came.length, 1, "60 s is longer than a caller waits");

  const stubborn = await answering(context, ...Array(9).fill([503, { "Retry-After": "0" }]));
  await assert.rejects(stubborn.at.keys.list(), StoreUnavailable);
  assert.equal(stubborn.came.length, 3);
});

test("an answer that the server may hold back is waited for", async () => {
  const held = async (url, { signal }) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    signal.throwIfAborted();
    return Response.json({ items: [], next_cursor: null });
  };
  const patient = new Client({ server, key: process.env.TOKENRY_KEY, timeout: 100, retries: 0, fetch: held });
  assert.deepEqual((await patient.events.list({ after: 0, wait: 30 })).items, []);
  await assert.rejects(patient.events.list({ after: 0 }), StoreUnavailable);
});

test("a call that is ended is not sent again", async (context) => {
  const { came, at } = await answering(context, [503, { "Retry-After": "5" }]);
  const ending = new AbortController();
  const call = at.keys.list({}, { signal: ending.signal });
  while (came.length === 0) await new Promise(setImmediate);
  ending.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  assert.equal(came.length, 1);
});

test("a redirect is not followed: it would carry the key elsewhere", async (context) => {
  const elsewhere = await answering(context);
  const { at } = await answering(context, ...Array(3).fill([302, { Location: "http://127.0.0.1:1/" }]));
  await assert.rejects(at.keys.list(), StoreUnavailable);
  assert.equal(elsewhere.came.length, 0);
});
