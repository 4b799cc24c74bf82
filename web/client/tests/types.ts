// The types that callers see: `tsc --strict` reads this file, and nothing runs it.
import { Client, everyOne, type IssuedDocument, type Key, parseKey, type Verdict } from "@tokenry/client";
import { requireKey as expressKey } from "@tokenry/client/express";
import { requireKey as honoKey } from "@tokenry/client/hono";
import { withKey } from "@tokenry/client/next";
import { Hono } from "hono";

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
const same = <A, B>(_: Same<A, B>) => {};

const tk = new Client({ server: "https://tokenry.example.com", key: "k", tenant: "acme" });

const issued = tk.keys.issue({ owner: "ada", name: "CI", scopes: ["read:*"], expires_in_seconds: null });
same<typeof issued, Promise<IssuedDocument>>(true);
// @ts-expect-error a key needs a name
tk.keys.issue({ owner: "ada" });
// @ts-expect-error there is no such field
tk.keys.issue({ owner: "ada", name: "CI", scope: "read:*" });
// @ts-expect-error there is no such status
tk.keys.list({ status: "gone" });

const told = (verdict: Verdict): string => {
  if (!verdict.valid) return verdict.code;
  if (verdict.kind === "session") return verdict.session.id;
  same<typeof verdict.key, Key>(true);
  return verdict.key.owner;
};
told(await tk.verify("k", { scopes: { any: ["read:*", { all: ["write:a", "write:b"] }] } }));
for await (const key of everyOne(tk.keys.list, { owner: "ada" })) same<typeof key, Key>(true);
parseKey("k")?.kid.toUpperCase();
// @ts-expect-error a text may be no key
parseKey("k").kid;

expressKey(tk, { scopes: "read:*" });
new Hono<{ Variables: { tokenry: Verdict } }>().get("/", honoKey(tk), (c) => c.text(c.get("tokenry").code));
export const GET = withKey(tk, {}, (_request: Request, verdict) => new Response(verdict.owner.external_id));

import type { TokenryKeysElement } from "@tokenry/client/element";

declare const page: Document;
const element: TokenryKeysElement | null = page.querySelector("tokenry-keys");
element?.addEventListener("tokenry-made", ({ detail }) => detail.name satisfies string);
// @ts-expect-error: no event tells a secret
element?.addEventListener("tokenry-made", ({ detail }) => detail.secret);
