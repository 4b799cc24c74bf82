// The whole of the page: it finds out about the host and the owner, then shows keys, sessions and the report of a leak.

import { createContext } from "preact";
import { useContext, useEffect } from "preact/hooks";
import { signal, useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { Api, type Issued, type Key, type Listed, type PageFacts, Refused } from "./api.js";
import { KeyCard } from "./card.js";
import { Leak } from "./leak.js";
import { Make } from "./make.js";
import { Problem } from "./parts.js";
import { Secret } from "./secret.js";
import { Sessions } from "./sessions.js";
import { type TextName, Words } from "./words.js";

export interface About {
  src: string;
  lang: string | null;
  texts: Readonly<Record<string, Readonly<Record<string, string>>>>;
  whole: boolean;
  byLink: boolean;
  issued: Signal<Issued | null>;
  tell: (name: string, detail: object) => void;
  colour: (style: string) => void;
}

/** The context of every part of the page. */
export interface Page {
  api: Api;
  facts: PageFacts;
  words: Words;
  keys: Signal<Listed<Key> | null>;
  issued: Signal<Issued | null>;
  said: Signal<string>;
  tell: About["tell"];
}

const Context = createContext<Page | null>(null);

export function usePage(): Page {
  const page = useContext(Context);
  if (!page) throw new Error("outside of the page");
  return page;
}

/** Return the function that gives a text of the page. */
export function useText(): (name: TextName, values?: Record<string, string | number>) => string {
  const { words } = usePage();
  return (name, values) => words.of(name, values);
}

export function App(about: About) {
  const page = useSignal<Page | null>(null);
  const words = useSignal(new Words(about.lang, about.texts));
  const error = useSignal<unknown>(null);
  useEffect(() => {
    const api = new Api(about.src);
    const load = async () => {
      const code = about.byLink ? takeCode() : null;
      if (code) await api.enter(code);
      const [facts, keys] = await Promise.all([api.page(), api.keys()]);
      words.value = new Words(about.lang || facts.language, merged(facts.texts, about.texts));
      if (facts.colours) about.colour(coloured(facts.colours));
      if (about.whole) {
        document.title = facts.title || words.value.of("title");
        document.documentElement.lang = words.value.language;
      }
      const state = { keys: signal(keys), issued: about.issued, said: signal("") };
      page.value = { api, facts, words: words.value, tell: about.tell, ...state };
      about.tell("ready", { count: keys.items.length });
    };
    load().catch((problem) => {
      error.value = problem;
      if (problem instanceof Refused && problem.status === 401) about.tell("signed-out", {});
    });
  }, []);
  if (page.value) {
    return (
      <Context.Provider value={page.value}>
        <Whole page={page.value} />
      </Context.Provider>
    );
  }
  const refused = error.value instanceof Refused ? error.value : null;
  const isOut = refused?.status === 401;
  const again = refused?.refreshUrl;
  return (
    <div class="page" lang={words.value.language}>
      {!error.value && <p role="status" class="quiet">{words.value.of("loading")}</p>}
      {isOut && <p role="alert" class="problem" part="problem">{words.value.of(about.byLink ? "visit_over" : "signed_out")}</p>}
      {isOut && again && <p><a href={again}>{words.value.of("new_link")}</a></p>}
      {isOut && !about.byLink && <p><button type="button" part="button" onClick={() => location.reload()}>{words.value.of("sign_in_again")}</button></p>}
      {!isOut && <Problem error={error.value} words={words.value} />}
    </div>
  );
}

function Whole({ page }: { page: Page }) {
  const { facts, words, keys, issued, said } = page;
  const making = useSignal(false);
  const error = useSignal<unknown>(null);
  const living = keys.value?.items.filter((key) => key.status === "active" || key.status === "disabled") ?? [];
  const ended = keys.value?.items.filter((key) => !living.includes(key)) ?? [];
  const cursor = keys.value?.next_cursor;
  const more = async () => {
    try {
      const next = await page.api.keys(cursor ?? "");
      keys.value = { items: [...(keys.value?.items ?? []), ...next.items], next_cursor: next.next_cursor };
    } catch (problem) {
      error.value = problem;
    }
  };
  return (
    <div class="page" part="page" lang={words.language}>
      <header>
        {facts.logo && <img src={facts.logo} alt="" part="logo" />}
        <div>
          <h1 part="title">{facts.title || words.of("title")}</h1>
          <p class="quiet">{words.of("lead")}</p>
        </div>
        {facts.status === "active" && facts.permissions.includes("make") && (
          <button type="button" class="primary" part="button primary" onClick={() => (making.value = true)}>{words.of("new_key")}</button>
        )}
      </header>
      {facts.return_to && <p><a href={facts.return_to}>{words.of("back")}</a></p>}
      {facts.status === "disabled" && <p role="alert" class="problem" part="problem">{words.of("account_disabled")}</p>}
      <Problem error={error.value} />
      <p role="status" class="said">{said.value}</p>
      {living.length === 0 && <p class="quiet empty">{words.of("no_keys")}</p>}
      <ul class="keys">{living.map((key) => <KeyCard key={key.id} of={key} />)}</ul>
      {ended.length > 0 && (
        <details>
          <summary>{words.of("ended_keys", { count: ended.length })}</summary>
          <ul class="keys">{ended.map((key) => <KeyCard key={key.id} of={key} />)}</ul>
        </details>
      )}
      {cursor && <p><button type="button" part="button" onClick={more}>{words.of("more")}</button></p>}
      {facts.sessions && <Sessions />}
      <Leak />
      {making.value && <Make onEnd={() => (making.value = false)} />}
      {issued.value && <Secret issued={issued.value} onEnd={() => (issued.value = null)} />}
    </div>
  );
}

/** Put a key into the list in place of what was there. */
export function changed({ keys }: Page, key: Key): void {
  const items = keys.value?.items ?? [];
  const others = items.some((one) => one.id === key.id) ? items.map((one) => (one.id === key.id ? key : one)) : [key, ...items];
  keys.value = { items: others, next_cursor: keys.value?.next_cursor ?? null };
}

/** Return the code of the link that led here, and take it out of the address and the history. */
function takeCode(): string | null {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code) history.replaceState(null, "", location.pathname);
  return code;
}

function merged(...all: About["texts"][]): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {};
  for (const texts of all) {
    for (const [language, named] of Object.entries(texts)) found[language] = { ...found[language], ...named };
  }
  return found;
}

function coloured([light, onLight, dark, onDark]: string[]): string {
  return `:host{--tokenry-accent:light-dark(${light},${dark});--tokenry-on-accent:light-dark(${onLight},${onDark})}`;
}
