// The middleware in Express, in Hono, and around a handler of Next.js, and tokens that are checked without the server.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { Client } from "@tokenry/client";
import { requireKey as expressKey } from "@tokenry/client/express";
import { requireKey as honoKey } from "@tokenry/client/hono";
import { tokenVerifier } from "@tokenry/client/jwks";
import { withKey } from "@tokenry/client/next";
import express from "express";
import { Hono } from "hono";
import { issue, server, tk } from "./told.mjs";

const scopes = ["read:projects"];
const nobody = new Client({ server: "http://127.0.0.1:1", key: "k", retries: 0 });

/** Serve an Express application until the test ends; return a function that asks it. */
const inExpress = async (context, client) => {
  const app = express();
  app.get("/", expressKey(client, { scopes }), (request, response) => response.json({ key: request.tokenry.key.id }));
  const http = await new Promise((done) => {
    const listening = app.listen(0, "127.0.0.1", () => done(listening));
  });
  context.after(() => http.close());
  return (headers) => fetch(`http://127.0.0.1:${http.address().port}/`, { headers });
};

const inHono = (_, client) => {
  const app = new Hono();
  app.get("/", honoKey(client, { scopes, ip: () => "203.0.113.7" }), (c) => c.json({ key: c.get("tokenry").key.id }));
  return (headers) => app.request("/", { headers });
};

const inNext = (_, client) => {
  const GET = withKey(client, { scopes }, (request, verdict) => Response.json({ key: verdict.key.id }));
  return (headers) => GET(new Request("http://localhost/", { headers }));
};

for (const [name, serving] of Object.entries({ express: inExpress, hono: inHono, next: inNext })) {
  test(`${name} lets a good key in and answers every other request`, async (context) => {
    const ask = await serving(context, tk);
    const { key, secret } = await issue({ scopes, limits: [{ name: "minute", limit: 3, window_seconds: 60 }] });

    const good = await ask({ "X-API-Key": secret });
    assert.equal(good.status, 200);
    assert.deepEqual(await good.json(), { key: key.id });
    assert.match(good.headers.get("ratelimit"), /^"minute";r=2;t=\d+$/);

    const none = await ask({});
    assert.equal(none.status, 401);
    assert.equal(none.headers.get("www-authenticate"), "Bearer");
    assert.match(none.headers.get("content-type"), /^application\/problem\+json/);
    assert.equal((await none.json()).code, "credential_missing");

    assert.equal((await ask({ Authorization: `Bearer ${secret}`, "X-API-Key": "another" })).status, 400);
    assert.equal((await ask({ Authorization: `Bearer ${secret}`, "X-API-Key": secret })).status, 200);
    assert.equal((await (await ask({ Authorization: "Bearer nonsense" })).json()).code, "malformed");

    const { secret: narrow } = await issue({ scopes: ["read:other"] });
    const beyond = await ask({ Authorization: `Bearer ${narrow}` });
    assert.equal(beyond.status, 403);
    assert.equal(beyond.headers.get("www-authenticate"), 'Bearer error="insufficient_scope", scope="read:projects"');

    await ask({ "X-API-Key": secret });
    const spent = await ask({ "X-API-Key": secret });
    assert.equal(spent.status, 429);
    assert(Number(spent.headers.get("retry-after")) > 0);
  });

  test(`${name} lets nobody in when the server cannot be asked`, async (context) => {
    const ask = await serving(context, nobody);
    const answer = await ask({ Authorization: "Bearer anything" });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get("retry-after"), "1");
  });
}

test("a token is checked with the public keys of its tenant", async () => {
  const { secret } = await issue({ scopes });
  const verify = tokenVerifier({ server });
  const { access_token: token } = await tk.exchange(secret, { scopes });
  const verdict = await verify(token);
  assert.equal(verdict.valid, true);
  assert.deepEqual(verdict.scopes, scopes);
  const [head, payload, signature] = token.split(".");
  const wider = Buffer.from(Buffer.from(payload, "base64url").toString().replace("read:", "write")).toString("base64url");
  assert.deepEqual(await verify([head, wider, signature].join(".")), { valid: false, code: "malformed" });
  assert.deepEqual(await verify(secret), { valid: false, code: "malformed" });
  const elsewhere = tokenVerifier({ server, audience: "https://api.example.com" });
  assert.deepEqual(await elsewhere(token), { valid: false, code: "not_found" });
  const { access_token: theirs } = await tk.exchange(secret, { audience: "https://api.example.com" });
  assert.equal((await elsewhere(theirs)).valid, true);
  assert.equal((await tokenVerifier({ server, issuer: "https://other.example.com" })(token)).valid, false);
  await assert.rejects(tokenVerifier({ server: "http://127.0.0.1:1", issuer: `${server}/t/default` })(token));
});

test("a token gets the same verdict in every language", async (context) => {
  const file = new URL("../../../tests/vectors/tokens.json", import.meta.url);
  const { issuer, tenant, jwks, tokens } = JSON.parse(await readFile(file, "utf8"));
  const http = createServer((_, response) => response.end(JSON.stringify(jwks)));
  await new Promise((listening) => http.listen(0, "127.0.0.1", listening));
  context.after(() => http.close());
  const verify = tokenVerifier({ server: `http://127.0.0.1:${http.address().port}`, issuer, tenant });
  for (const { why, token, code } of tokens) {
    const verdict = await verify(token);
    assert.equal(verdict.valid ? "valid" : verdict.code, code, why);
  }
});
