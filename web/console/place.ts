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

addEventListener("popstate", () => {
  guard.value = null;
  place.value = read();
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
  guard.value = null;
  if (options.replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  const before = place.value.path;
  place.value = read();
  if (before !== place.value.path) {
    scrollTo(0, 0);
    document.querySelector<HTMLElement>("h1")?.focus();
  }
}

/** Change filters in the query of this place. */
export function filter(changes: Record<string, string>): void {
  const now = Object.fromEntries(place.value.query);
  go(address(place.value.path, { ...now, ...changes }), { replace: true });
}
