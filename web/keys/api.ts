// The calls of the page. The cookie of the host's own sign-in goes with each of them.

export interface Key {
  id: string;
  name: string;
  description: string;
  status: "active" | "disabled" | "expired" | "revoked";
  scopes: string[];
  roles: string[];
  environment: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  revoke_reason: string;
  last_used_at: string | null;
  last_used_ip: string | null;
  use_count: number;
  secrets: { kid: string; ends_at: string | null; last_used_at: string | null }[];
}

export interface Issued {
  key: Key;
  secret: string;
}

export interface Detail {
  key: Key;
  use: { day: string; valid: number; refused: number }[];
  calls_24h: number;
  limits: { name: string; limit: number; remaining: number; reset_at: string; of: string }[];
  credits: { amount: number; remaining: number; held: number; reset_at: string | null } | null;
}

export interface Session {
  id: string;
  status: string;
  device: Record<string, unknown>;
  created_at: string;
  refreshed_at: string;
  current: boolean;
}

export interface PageFacts {
  title: string;
  logo: string | null;
  colours: string[] | null;
  language: string | null;
  texts: Record<string, Record<string, string>>;
  sessions: boolean;
  permissions: ("make" | "rotate" | "revoke")[];
  status: "active" | "disabled";
  scopes: string[];
  expiry: { default_seconds: number; max_seconds: number; never: boolean };
  return_to?: string | null;
}

export interface Listed<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Making {
  name: string;
  scopes: string[];
  description: string;
  expires_in_seconds: number | null;
}

/** An answer that is no success. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly refreshUrl: string | null = null,
  ) {
    super(detail);
  }
}

const TIMEOUT = 20_000;
const TRIES = 2;

/** The page's calls, below the address that the element is given. */
export class Api {
  readonly #base: string;
  #refreshing: Promise<boolean> | undefined;

  constructor(source: string) {
    this.#base = new URL(`${source.replace(/\/*$/, "")}/api/`, document.baseURI).href;
  }

  /** Exchange the code of a link for the cookie of a visit. A code works once, so that this is sent once. */
  enter = (code: string) => this.#send<object>("POST", "enter", { code }, 1);
  page = () => this.#send<PageFacts>("GET", "page");
  keys = (cursor = "") => this.#send<Listed<Key>>("GET", `keys${cursor && `?cursor=${encodeURIComponent(cursor)}`}`);
  key = (id: string) => this.#send<Detail>("GET", `keys/${id}`);
  make = (asked: Making) => this.#send<Issued>("POST", "keys", { ...asked, idempotency_key: once() });
  rotate = (id: string, seconds: number) =>
    this.#send<Issued>("POST", `keys/${id}/rotate`, { grace_seconds: seconds, idempotency_key: once() });
  revoke = (id: string) => this.#send<Key>("POST", `keys/${id}/revoke`, {});
  sessions = () => this.#send<Listed<Session>>("GET", "sessions");
  endSession = (id: string) => this.#send<Session>("POST", `sessions/${id}/end`, {});
  leak = (secret: string, url: string) => this.#send<{ action: string }>("POST", "leaks", { secret, url });

  async #send<T>(method: string, path: string, body?: object, most = TRIES): Promise<T> {
    let mayRefresh = true;
    for (let tries = 1; ; tries++) {
      try {
        const answer = await fetch(this.#base + path, {
          method,
          headers: { "tokenry-page": "1", ...(body && { "content-type": "application/json" }) },
          credentials: "same-origin",
          cache: "no-store",
          redirect: "error",
          signal: AbortSignal.timeout(TIMEOUT),
          ...(body && { body: JSON.stringify(body) }),
        });
        const found = answer.status === 204 ? {} : await answer.json().catch(() => null);
        if (answer.status === 401 && found?.refresh_path && mayRefresh) {
          mayRefresh = false;
          if (await this.#refresh(found.refresh_path)) {
            tries -= 1;
            continue;
          }
        }
        if (!answer.ok || found === null) {
          throw new Refused(answer.status, found?.code ?? "", found?.detail ?? "", found?.refresh_url ?? null);
        }
        return found as T;
      } catch (error) {
        // A lost answer: the same request again gets the same secret, or changes nothing.
        if (error instanceof Refused || tries === most) throw error;
      }
    }
  }

  /** Refresh the session of the host's visitor; calls that are refused at the same moment share one request. */
  #refresh(path: string): Promise<boolean> {
    const options: RequestInit = { method: "POST", credentials: "same-origin", redirect: "error" };
    this.#refreshing ??= fetch(path, { ...options, signal: AbortSignal.timeout(TIMEOUT) })
      .then((answer) => answer.ok, () => false)
      .finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }
}

function once(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
