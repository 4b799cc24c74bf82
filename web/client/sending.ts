// One request on its way and back: what is sent, when it is sent again, what the answer means.

import { errorOf, Invalid, retryAfter, StoreUnavailable, TokenryError } from "./errors.js";
import { holdsCredential } from "./key.js";

export interface CallOptions {
  /** Ends the call, and its attempts. */
  signal?: AbortSignal;
}

export interface SenderOptions {
  server: string;
  key?: string;
  /** How long one attempt may take, in milliseconds. */
  timeout?: number;
  retries?: number;
  fetch?: typeof fetch;
}

export interface Sending {
  method: string;
  path: string;
  query?: Record<string, unknown>;
  body?: unknown;
  form?: URLSearchParams;
  headers?: Record<string, string>;
  /** Presented instead of the key of the client; an empty one presents nothing. */
  credential?: string;
}

export interface Reply {
  status: number;
  headers: Headers;
  body: unknown;
}

const AGAIN = new Set([429, 502, 503, 504]);
const PAUSE_MAX = 5;

export class Sender {
  private readonly server: string;
  private readonly key: string;
  private readonly timeout: number;
  private readonly retries: number;
  private readonly fetch: typeof fetch;

  constructor(options: SenderOptions) {
    this.server = options.server.trim().replace(/\/+$/, "");
    this.key = (options.key ?? "").trim();
    this.timeout = options.timeout ?? 5000;
    this.retries = options.retries ?? 2;
    this.fetch = options.fetch ?? ((...given) => fetch(...given));
  }

  /** Send, and send again where that is safe. Return the body of the answer, or throw the error that it describes. */
  async send(sending: Sending, options: CallOptions = {}): Promise<unknown> {
    const { status, headers, body } = await this.reply(sending, options);
    if (status < 200 || status > 299) throw errorOf(status, body, headers);
    return body;
  }

  /** Send as `send` does, and return the answer whatever its status is. */
  async reply(sending: Sending, options: CallOptions = {}): Promise<Reply> {
    const headers = new Headers({ Accept: "application/json", ...sending.headers });
    const credential = sending.credential ?? this.key;
    if (credential) headers.set("Authorization", `Bearer ${credential}`);
    let body: string | undefined;
    if (sending.form) {
      headers.set("Content-Type", "application/x-www-form-urlencoded");
      body = sending.form.toString();
    } else if (sending.body !== undefined) {
      headers.set("Content-Type", "application/json");
      body = JSON.stringify(sending.body);
    }
    const request = { method: sending.method, headers, ...(body === undefined ? {} : { body }) };
    // The server holds an answer back for as long as `wait` says.
    const timeout = this.timeout + 1000 * Number(sending.query?.["wait"] ?? 0);
    return this.attempts(this.server + sending.path + queryOf(sending.query), request, timeout, options);
  }

  private async attempts(
    url: string,
    request: RequestInit & { headers: Headers },
    timeout: number,
    options: CallOptions,
  ): Promise<Reply> {
    // Only a read, or what carries an idempotency key, does the same when it is sent twice.
    const repeatable = request.method === "GET" || request.headers.has("Idempotency-Key");
    for (let attempt = 0; ; attempt++) {
      let reply: Reply | null = null;
      let failure: unknown;
      try {
        reply = await this.once(url, request, timeout, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        failure = error;
      }
      const again = reply === null || AGAIN.has(reply.status);
      const pause = again && repeatable && attempt < this.retries ? pauseOf(attempt, reply?.headers) : null;
      if (pause !== null) {
        await waited(pause * 1000, options.signal);
      } else if (reply !== null) {
        return reply;
      } else {
        throw unreachable(failure);
      }
    }
  }

  private async once(url: string, request: RequestInit, timeout: number, { signal }: CallOptions): Promise<Reply> {
    const limit = AbortSignal.timeout(timeout);
    const answer = await this.fetch(url, {
      ...request,
      redirect: "error",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    return { status: answer.status, headers: answer.headers, body: read(await answer.text(), answer.headers) };
  }
}

function read(text: string, headers: Headers): unknown {
  if (!text) return undefined;
  if (!/[/+]json\b/.test(headers.get("content-type") ?? "")) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new TokenryError("the answer is not the JSON it says it is: is that a Tokenry server?");
  }
}

/** Return how long to wait, in seconds: what the server asks for, else longer each time; null when that is too long. */
function pauseOf(attempt: number, headers?: Headers): number | null {
  const asked = headers ? retryAfter(headers) : null;
  if (asked !== null) return asked <= PAUSE_MAX ? asked : null;
  return (0.05 + 0.05 * Math.random()) * 2 ** attempt;
}

function waited(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function unreachable(failure: unknown): TokenryError {
  if (failure instanceof TokenryError) return failure;
  const reason = failure instanceof Error ? failure.name : String(failure);
  return new StoreUnavailable(
    `the server cannot be reached (${reason}): does it run, and is its address right?`,
  );
}

function queryOf(query: Record<string, unknown> = {}): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) found.append(name, inUrl(name, one));
  }
  const text = found.toString();
  return text ? `?${text}` : "";
}

/** Return a value as a part of a URL. A credential is refused: every log on the way would hold it. */
function inUrl(name: string, value: unknown): string {
  const text = value instanceof Date ? value.toISOString() : String(value);
  if (holdsCredential(text)) throw new Invalid(`${name}: a key or a token is never a part of a URL`);
  return text;
}

const HEADERS: Readonly<Record<string, (value: unknown) => [string, string]>> = {
  idempotency_key: (value) => ["Idempotency-Key", String(value)],
  if_version: (value) => ["If-Match", `"${String(value)}"`],
};

/** Return the request of a call; `route` is a line of the table of operations. */
export function sendingOf(route: string, given: Record<string, unknown>, tenant?: string): Sending {
  const [method = "", rest = ""] = route.split(" ");
  const [template = "", mark] = rest.split("?");
  const fields = { ...given };
  const query: Record<string, unknown> = {};
  const headers: Record<string, string> = {};
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const text = inUrl(name, fields[name] ?? "");
    delete fields[name];
    if (["", ".", ".."].includes(text)) throw new Invalid(`${name}: an id cannot be empty, "." or ".."`);
    return encodeURIComponent(text);
  });
  if (mark) {
    query.tenant = fields.tenant ?? tenant;
    delete fields.tenant;
  }
  for (const [name, header] of Object.entries(HEADERS)) {
    if (fields[name] === undefined) continue;
    const [field, value] = header(fields[name]);
    headers[field] = value;
    delete fields[name];
  }
  if (method === "GET" || method === "DELETE") return { method, path, headers, query: { ...fields, ...query } };
  return { method, path, headers, query, body: fields };
}
