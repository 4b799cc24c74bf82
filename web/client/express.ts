// Middleware for Express, and for anything with the same shape.

import type { Client } from "./client.js";
import { admit, type GuardOptions } from "./guard.js";
import type { Valid } from "./verdict.js";

interface Asked {
  headers: Record<string, string | string[] | undefined>;
  ip?: string | undefined;
  tokenry?: Valid;
}

interface Answering {
  status(status: number): unknown;
  set(headers: Record<string, string>): unknown;
  send(body: string): unknown;
}

/** Let a request through when its credential holds; the route finds the verdict in `request.tokenry`. */
export function requireKey(client: Client, options: GuardOptions = {}) {
  return (request: Asked, response: Answering, next: (error?: unknown) => void): void => {
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      for (const one of [value ?? []].flat()) headers.append(name, one);
    }
    // Express answers for `ip`: its setting `trust proxy` says which addresses count.
    admit(client, headers, request.ip, options).then((found) => {
      response.set(found.refusal?.headers ?? found.headers ?? {});
      if (found.refusal) {
        response.status(found.refusal.status);
        response.send(found.refusal.body);
      } else {
        request.tokenry = found.verdict;
        next();
      }
    }, next);
  };
}
