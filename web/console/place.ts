// Where the console is: the path below `/console`, and the query, which holds filters and never a credential.

import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
}

const ROOT = "/console";

const read = (): Place => ({
  path: location.pathname.slice(ROOT.length) || "/",
  query: new URLSearchParams(location.search),
});

export const place = signal<Place>(read());

/** Asked before the place changes: a text that says what would be lost, or null. */
export const guard = signal<string | null>(null);

let here = location.href;

/** Whether the console has changed its place since it was loaded: then a new heading takes the focus. */
export let hasMoved = false;

function arrive(): void {
  guard.value = null;
  hasMoved = true;
  here = location.href;
  place.value = read();
}

addEventListener("popstate", () => {
  // The browser has moved already. Go back if the user chooses to stay.
  if (guard.value !== null && !confirm(guard.value)) history.pushState(null, "", here);
  else arrive();
});
addEventListener("beforeunload", (event) => {
  if (guard.value !== null) event.preventDefault();
});

/** Return the address of a place. The tenant goes along. */
export function address(path: string, query: Record<string, string | undefined> = {}): string {
  const found = new URLSearchParams();
  const tenant = place.value.query.get("tenant");
  for (const [name, value] of Object.entries({ tenant: tenant ?? undefined, ...query })) {
    if (value) found.set(name, value);
  }
  const text = found.toString();
  return ROOT + (path === "/" ? "" : path) + (text ? `?${text}` : "");
}

/** Go to a place, unless leaving would lose something and the user stays. */
export function go(url: string, options: { replace?: boolean } = {}): void {
  if (guard.value !== null && !confirm(guard.value)) return;
  const before = place.value.path;
  if (options.replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  arrive();
  if (before !== place.value.path) scrollTo(0, 0);
}

/** Change filters in the query of this place. */
export function filter(changes: Record<string, string>): void {
  const now = Object.fromEntries(place.value.query);
  go(address(place.value.path, { ...now, ...changes }), { replace: true });
}
