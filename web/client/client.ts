// The client: every operation of a server is a method of it.

import { Denied, isRecord, TokenryError } from "./errors.js";
import { type Groups, OPERATIONS } from "./operations.js";
import { type CallOptions, Sender, type SenderOptions, sendingOf } from "./sending.js";
import type { Ask, Valid, Verdict } from "./verdict.js";

export interface ClientOptions extends Omit<SenderOptions, "server"> {
  /** The address of the server; `TOKENRY_SERVER` by default. */
  server?: string;
  /** The key of the caller; `TOKENRY_KEY` by default. */
  key?: string;
  /** The default tenant of all calls. */
  tenant?: string;
}

/** A token that was derived from a key. */
export interface DerivedToken {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  scope: string;
}

export interface ExchangeAsk {
  scopes?: readonly string[];
  audience?: string | readonly string[];
  expires_in?: number;
  tenant?: string;
}

/** The answer of `/oauth/introspect` (RFC 7662). */
export interface Introspection extends Record<string, unknown> {
  active: boolean;
}

export interface JsonWebKeySet {
  keys: Record<string, unknown>[];
}

/** The answer of `/v1/auth` to a proxy. */
export interface ProxyAnswer {
  allowed: boolean;
  status: number;
  headers: Headers;
}

// The groups are made of the table, so the class has them without a declaration of its own.
export interface Client extends Groups {}

export class Client {
  private readonly sender: Sender;
  private readonly tenant: string | undefined;

  constructor(options: ClientOptions = {}) {
    const server = options.server ?? environment("TOKENRY_SERVER");
    const key = options.key ?? environment("TOKENRY_KEY");
    if (!server || !/^https?:\/\/[^/?#@\s]+[^?#@\s]*$/.test(server.trim())) {
      throw new TypeError("server: pass an address such as https://tokenry.example.com, or set TOKENRY_SERVER");
    }
    if (!/^[\x21-\x7e]*$/.test(key.trim())) {
      throw new TypeError("key: it holds characters that no key has. Is it the right file?");
    }
    this.sender = new Sender({ ...options, server, key });
    this.tenant = options.tenant;
    Object.assign(this, groupsOf(this.sender, options.tenant));
  }

  /** Answer whether a credential holds. A verification is sent once, since it takes from limits. */
  async verify(credential: string, ask: Ask = {}, options?: CallOptions): Promise<Verdict> {
    const body = { credential, ...ask };
    return verdictOf(await this.sender.send({ method: "POST", path: "/v1/verify", body }, options));
  }

  /** Verify, and throw Denied in place of a refusal. */
  async require(credential: string, ask: Ask = {}, options?: CallOptions): Promise<Valid> {
    const verdict = await this.verify(credential, ask, options);
    if (!verdict.valid) throw new Denied(verdict);
    return verdict;
  }

  /** Answer up to 100 questions in their order. */
  async verifyBatch(questions: readonly (Ask & { credential: string })[], options?: CallOptions): Promise<Verdict[]> {
    const found = await this.sender.send({ method: "POST", path: "/v1/verify/batch", body: { questions } }, options);
    if (!isRecord(found) || !Array.isArray(found.verdicts)) throw notUnderstood("/v1/verify/batch");
    return found.verdicts.map(verdictOf);
  }

  /** Ask as a proxy does: the answer has the headers that it would pass on. */
  async auth(
    credential: string,
    ask: { scopes?: readonly string[]; environment?: string } = {},
    options?: CallOptions,
  ): Promise<ProxyAnswer> {
    const query = { scopes: ask.scopes?.join(" "), environment: ask.environment };
    const { status, headers } = await this.sender.reply({ method: "GET", path: "/v1/auth", query, credential }, options);
    return { allowed: status === 200, status, headers };
  }

  /** Derive a short-lived access token from a key, which does at most what the key does and ends with it. */
  async exchange(credential: string, ask: ExchangeAsk = {}, options?: CallOptions): Promise<DerivedToken> {
    const form = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: credential,
      subject_token_type: "urn:tokenry:token-type:key",
    });
    if (ask.scopes) form.set("scope", ask.scopes.join(" "));
    for (const one of [ask.audience ?? []].flat()) form.append("audience", one);
    if (ask.expires_in !== undefined) form.set("expires_in", String(ask.expires_in));
    const path = `${this.issuer(ask.tenant)}/oauth/token`;
    return (await this.sender.send({ method: "POST", path, form }, options)) as DerivedToken;
  }

  /** Say whether a token is active, with its claims (RFC 7662). */
  async introspect(token: string, options?: CallOptions & { tenant?: string }): Promise<Introspection> {
    const path = `${this.issuer(options?.tenant)}/oauth/introspect`;
    const form = new URLSearchParams({ token });
    return (await this.sender.send({ method: "POST", path, form }, options)) as Introspection;
  }

  /** End the session of a refresh token, or of the access token beside it (RFC 7009). */
  async revokeToken(token: string, options?: CallOptions & { tenant?: string }): Promise<void> {
    const path = `${this.issuer(options?.tenant)}/oauth/revoke`;
    // With the key of the client the server would end sessions of that key alone.
    await this.sender.send({ method: "POST", path, form: new URLSearchParams({ token }), credential: "" }, options);
  }

  /** Return the public keys that the access tokens of a tenant are verified with. */
  async jwks(options?: CallOptions & { tenant?: string }): Promise<JsonWebKeySet> {
    return (await this.get(`${this.issuer(options?.tenant)}/.well-known/jwks.json`, options)) as JsonWebKeySet;
  }

  /** Return where the OAuth endpoints of a tenant are (RFC 8414). */
  async metadata(options?: CallOptions & { tenant?: string }): Promise<Record<string, unknown>> {
    const path = `/.well-known/oauth-authorization-server${this.issuer(options?.tenant)}`;
    return (await this.get(path, options)) as Record<string, unknown>;
  }

  /** Tell whether the server runs. */
  async health(options?: CallOptions): Promise<Record<string, unknown>> {
    return (await this.get("/healthz", options)) as Record<string, unknown>;
  }

  /** Tell whether the server is ready; throw StoreUnavailable when its database does not answer. */
  async ready(options?: CallOptions): Promise<Record<string, unknown>> {
    return (await this.get("/readyz", options)) as Record<string, unknown>;
  }

  /** Return the metrics of the server in the text format of Prometheus. */
  async metrics(options?: CallOptions): Promise<string> {
    return (await this.get("/metrics", options)) as string;
  }

  private get(path: string, options?: CallOptions): Promise<unknown> {
    return this.sender.send({ method: "GET", path }, options);
  }

  private issuer(tenant = this.tenant ?? "default"): string {
    return `/t/${encodeURIComponent(tenant)}`;
  }
}

/** Yield every record of a list, page after page, as in `for await (const key of everyOne(tk.keys.list, {}))`. */
export async function* everyOne<T, G extends object>(
  list: (given?: G, options?: CallOptions) => Promise<{ items: T[]; next_cursor: string | null }>,
  given: NoInfer<G>,
  options?: CallOptions,
): AsyncGenerator<T> {
  let asked = given;
  for (;;) {
    const page = await list(asked, options);
    yield* page.items;
    if (!page.next_cursor) return;
    asked = { ...given, cursor: page.next_cursor };
  }
}

type Call = (given?: Record<string, unknown>, options?: CallOptions) => Promise<unknown>;

function groupsOf(sender: Sender, tenant: string | undefined): Record<string, unknown> {
  const groups: Record<string, Call | Record<string, Call>> = {};
  for (const [name, route] of Object.entries(OPERATIONS)) {
    const call: Call = async (given = {}, options) => sender.send(sendingOf(route, given, tenant), options);
    const [group = "", method] = name.split(".");
    if (method === undefined) groups[group] = call;
    else ((groups[group] ??= {}) as Record<string, Call>)[method] = call;
  }
  return groups;
}

function verdictOf(found: unknown): Verdict {
  if (!isRecord(found) || typeof found.valid !== "boolean") throw notUnderstood("/v1/verify");
  return found as unknown as Verdict;
}

function notUnderstood(path: string): TokenryError {
  return new TokenryError(
    `the answer to ${path} is not one that this client understands: is that a Tokenry server, of a version that fits?`,
  );
}

function environment(name: string): string {
  const process = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process;
  return process?.env?.[name] ?? "";
}
