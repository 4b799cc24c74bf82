// The console: operators look at keys here, and change them.

import { signal } from "@preact/signals";
import { render } from "preact";
import { useEffect } from "preact/hooks";
import type { TenantDocument } from "../client/operations.js";
import { listTenants, lookUpSession, may, session, signOut } from "./api.js";
import { Explain } from "./explain.js";
import { Issue } from "./issue.js";
import { KeyPage } from "./key.js";
import { Keys } from "./keys.js";
import { Link, Missing, Toasts } from "./parts.js";
import { address, go, place } from "./place.js";
import { SignIn, SignInAgain } from "./sign_in.js";

const tenants = signal<TenantDocument[]>([]);

function Screen() {
  const { path } = place.value;
  if (path === "/" || path === "/keys") return <Keys />;
  if (path === "/issue") return <Issue />;
  if (path === "/explain") return <Explain />;
  const id = /^\/keys\/([^/]+)$/.exec(path)?.[1];
  return id ? <KeyPage key={id} id={decodeURIComponent(id)} /> : <Missing />;
}

function Header() {
  const { path, query } = place.value;
  const current = (found: boolean) => (found ? ("page" as const) : undefined);
  useEffect(() => {
    if (session.value?.tenant === "system" && may("tenants:read")) {
      listTenants({ limit: 100 }).then((page) => (tenants.value = page.items), () => {});
    }
  }, [session.value?.key_id]);
  return (
    <header class="bar">
      <Link to={address("/")} class="brand">Tokenry</Link>
      <nav aria-label="Console">
        <Link to={address("/")} aria-current={current(path === "/" || path.startsWith("/keys"))}>Keys</Link>
        <Link to={address("/explain")} aria-current={current(path === "/explain")}>Explain</Link>
      </nav>
      {tenants.value.length > 1 && (
        <select
          aria-label="Tenant"
          value={query.get("tenant") ?? "default"}
          onChange={(event) => go(address("/", { tenant: event.currentTarget.value }))}
        >
          {tenants.value.map((one) => <option key={one.id} value={one.slug}>{one.name || one.slug}</option>)}
        </select>
      )}
      <span class="who"><bdi>{session.value?.name}</bdi></span>
      <button type="button" class="small" onClick={signOut}>Sign out</button>
    </header>
  );
}

function App() {
  if (session.value === undefined) return null;
  if (session.value === null) return <SignIn />;
  return (
    <>
      <a class="skip" href="#main">To the content</a>
      <Header />
      <main id="main" key={place.value.query.get("tenant") ?? ""}><Screen /></main>
      <SignInAgain />
      <Toasts />
    </>
  );
}

/** `/` searches, `n` makes a key. Neither counts while somebody types. */
addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog") || !session.value) return;
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("search")?.focus();
  } else if (event.key === "n" && may("keys:write")) {
    go(address("/issue"));
  }
});

lookUpSession().then(() => render(<App />, document.body));
