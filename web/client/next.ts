// For route handlers of Next.js, and for anything that answers a `Request` with a `Response`.

import type { Client } from "./client.js";
import { admit, type GuardOptions } from "./guard.js";
import type { Valid } from "./verdict.js";

export interface HandlerOptions extends GuardOptions {
  /** The address of the client. Without it a key with a list of addresses is refused. */
  ip?: (request: Request) => string | null | undefined;
}

/** Return a handler that is called with the verdict when the credential of a request holds. */
export function withKey<R extends Request, Rest extends unknown[]>(
  client: Client,
  options: HandlerOptions,
  handler: (request: R, verdict: Valid, ...rest: Rest) => Response | Promise<Response>,
) {
  const { ip, ...asked } = options;
  return async (request: R, ...rest: Rest): Promise<Response> => {
    const found = await admit(client, request.headers, ip?.(request), asked);
    if (found.refusal) {
      return new Response(found.refusal.body, { status: found.refusal.status, headers: found.refusal.headers });
    }
    const answer = await handler(request, found.verdict, ...rest);
    const headers = new Headers(answer.headers);
    for (const [name, value] of Object.entries(found.headers)) headers.set(name, value);
    return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
  };
}
