// The types of `<tokenry-keys>`. The element itself is the script `tokenry-keys.js`, which the key page of a host serves.

/** The events of the element and what each tells. A secret is in none of them. */
export interface TokenryKeysEvents {
  "tokenry-ready": CustomEvent<{ count: number }>;
  "tokenry-made": CustomEvent<{ id: string; name: string }>;
  "tokenry-rotated": CustomEvent<{ id: string; name: string }>;
  "tokenry-revoked": CustomEvent<{ id: string; name: string }>;
  "tokenry-session-ended": CustomEvent<{ id: string }>;
  "tokenry-leak-reported": CustomEvent<{ action: string }>;
  "tokenry-signed-out": CustomEvent<Record<string, never>>;
}

/** `<tokenry-keys src="/keys">`: the keys of whoever is signed in at the host. */
export interface TokenryKeysElement extends HTMLElement {
  /** Where the host serves the key page. */
  src: string;
  /** Texts by language and name, in place of those of the page. */
  texts: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Ask the server again. */
  refresh(): void;
  addEventListener<K extends keyof TokenryKeysEvents>(
    type: K,
    listener: (this: TokenryKeysElement, event: TokenryKeysEvents[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (this: HTMLElement, event: HTMLElementEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** The attributes of the element, for the JSX of a framework. */
export interface TokenryKeysAttributes {
  src: string;
  lang?: string;
  texts?: TokenryKeysElement["texts"];
}

declare global {
  interface HTMLElementTagNameMap {
    "tokenry-keys": TokenryKeysElement;
  }
}
