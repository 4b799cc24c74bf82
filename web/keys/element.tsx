// `<tokenry-keys src="/keys">`: the keys of whoever is signed in at the host.

import { signal } from "@preact/signals";
import { render } from "preact";
import type { Issued } from "./api.js";
import { App } from "./app.js";
import style from "./style.css";

const sheet = new CSSStyleSheet();
sheet.replaceSync(style);

type Texts = Readonly<Record<string, Readonly<Record<string, string>>>>;

export class TokenryKeys extends HTMLElement {
  static readonly observedAttributes = ["src", "lang"];
  #texts: Texts = {};
  #round = 0;
  // Outlives a new round: a secret that is shown once must not vanish because a framework sets a property again.
  readonly #issued = signal<Issued | null>(null);

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
  }

  /** Where the host serves the key page. */
  get src(): string {
    return this.getAttribute("src") ?? "";
  }
  set src(value: string) {
    this.setAttribute("src", value);
  }

  /** Texts by language and name, in place of those of the page. */
  get texts(): Texts {
    return this.#texts;
  }
  set texts(value: Texts) {
    const isSame = JSON.stringify(value ?? {}) === JSON.stringify(this.#texts);
    this.#texts = value ?? {};
    if (!isSame) this.refresh();
  }

  /** Ask the server again. */
  refresh(): void {
    this.#round++;
    this.attributeChangedCallback();
  }

  connectedCallback(): void {
    this.attributeChangedCallback();
  }

  disconnectedCallback(): void {
    if (this.shadowRoot) render(null, this.shadowRoot);
  }

  attributeChangedCallback(): void {
    if (!this.isConnected || !this.shadowRoot || !this.src) return;
    const tell = (name: string, detail: object) =>
      this.dispatchEvent(new CustomEvent(`tokenry-${name}`, { detail, bubbles: true, composed: true }));
    const colour = (text: string) => {
      const own = new CSSStyleSheet();
      own.replaceSync(text);
      if (this.shadowRoot) this.shadowRoot.adoptedStyleSheets = [sheet, own];
    };
    const about = { src: this.src, lang: this.getAttribute("lang"), texts: this.#texts, whole: this.hasAttribute("whole-page"), byLink: this.hasAttribute("by-link"), issued: this.#issued };
    render(<App key={`${this.#round} ${about.src} ${about.lang}`} {...about} tell={tell} colour={colour} />, this.shadowRoot);
  }
}

if (!customElements.get("tokenry-keys")) customElements.define("tokenry-keys", TokenryKeys);
