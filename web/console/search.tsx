// A field to search a list with. A pasted key is looked up on every screen, and never becomes a part of a URL.

import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { holdsCredential } from "../client/key.js";
import { findKey } from "./api.js";
import { told, toast } from "./parts.js";
import { address, go } from "./place.js";

/** Go to the page of the key that has a secret. */
export async function goToKey(secret: string): Promise<void> {
  try {
    go(address(`/keys/${(await findKey({ secret })).id}`));
  } catch (problem) {
    toast(`No key of this tenant has this secret. ${told(problem)}`, "bad");
  }
}

export function Search({ label, hint, value, onSearch, children }: { label: string; hint?: string; value: string; onSearch: (text: string) => void; children?: ComponentChildren }) {
  const input = useRef<HTMLInputElement>(null);
  const search = (event: SubmitEvent) => {
    event.preventDefault();
    const text = input.current?.value.trim() ?? "";
    if (!holdsCredential(text)) return onSearch(text);
    if (input.current) input.current.value = value;
    goToKey(text);
  };
  return (
    <form class="filters" role="search" onSubmit={search}>
      <input id="search" ref={input} key={value} type="search" aria-label={label} placeholder={hint ?? label} autoComplete="off" spellcheck={false} defaultValue={value} />
      {children}
      <button class="hidden">Search</button>
    </form>
  );
}
