// Asking the server for what a screen shows.

import { type Signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

export interface Answer<T> {
  value: Signal<T | null>;
  error: Signal<unknown>;
  load: () => Promise<void>;
}

/** Ask once, and again whenever one of `keys` changes. An answer that comes too late is dropped. */
export function useAnswer<T>(ask: () => Promise<T>, keys: readonly unknown[] = []): Answer<T> {
  const value = useSignal<T | null>(null);
  const error = useSignal<unknown>(null);
  const turn = useRef(0);
  const load = async () => {
    const mine = ++turn.current;
    try {
      const found = await ask();
      if (mine !== turn.current) return;
      value.value = found;
      error.value = null;
    } catch (problem) {
      if (mine === turn.current) error.value = problem;
    }
  };
  // Before the frame is painted: an effect of after it would ask some 30 ms later.
  useLayoutEffect(() => {
    load();
    return () => {
      turn.current++;
    };
  }, keys);
  return { value, error, load };
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Pages<T> extends Answer<Page<T>> {
  more: () => Promise<void>;
}

/** Ask for the first page of a list; `more` adds the next one. */
export function usePages<T>(ask: (cursor?: string) => Promise<Page<T>>, keys: readonly unknown[] = []): Pages<T> {
  const answer = useAnswer(() => ask(), keys);
  const more = async () => {
    const before = answer.value.value;
    if (!before?.next_cursor) return;
    try {
      const page = await ask(before.next_cursor);
      // The list may have been asked for anew in between.
      if (answer.value.value === before) answer.value.value = { ...page, items: [...before.items, ...page.items] };
    } catch (problem) {
      answer.error.value = problem;
    }
  };
  return { ...answer, more };
}

const PAGE = 100;

/** Return the items of every page of a list that is asked in pages of 100, at most `most` of them. */
export async function all<T>(ask: (page: { limit: number; cursor?: string }) => Promise<Page<T>>, most: number): Promise<{ items: T[]; isWhole: boolean }> {
  const items: T[] = [];
  let cursor: string | undefined;
  // A page of a filtered list may be empty, so it is the pages that are counted.
  for (let pages = 0; pages * PAGE < most; pages++) {
    const page = await ask({ limit: PAGE, ...(cursor ? { cursor } : {}) });
    items.push(...page.items);
    if (!page.next_cursor) return { items, isWhole: true };
    cursor = page.next_cursor;
  }
  return { items, isWhole: false };
}
