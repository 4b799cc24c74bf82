// Middleware for Hono.

import type { Client } from "./client.js";
import { admit, type GuardOptions } from "./guard.js";
import type { Valid } from "./verdict.js";

interface Context {
  req: { raw: Request };
  res: Response;
  set(name: "tokenry", verdict: Valid): void;
}

export interface HonoOptions<C> extends GuardOptions {
  /** The address of the client, which differs from runtime to runtime. Without it a key with a list of addresses is refused. */
  ip?: (context: C) => string | null | undefined;
}

/** Let a request through when its credential holds; the route finds the verdict with `c.get("tokenry")`. */
export function requireKey<C extends Context>(client: Client, options: HonoOptions<C> = {}) {
  const { ip, ...asked } = options;
  return async (context: C, next: () => Promise<void>): Promise<Response | void> => {
    const found = await admit(client, context.req.raw.headers, ip?.(context), asked);
    if (found.refusal) {
      return new Response(found.refusal.body, { status: found.refusal.status, headers: found.refusal.headers });
    }
    context.set("tokenry", found.verdict);
    await next();
    for (const [name, value] of Object.entries(found.headers)) context.res.headers.set(name, value);
  };
}
