// The frame of every screen: the navigation, the tenant, and the keyboard shortcuts.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { TenantDocument } from "../client/operations.js";
import { chosenTenant, listTenants, may, session, signOut } from "./api.js";
import { Icon } from "./icons.js";
import { help } from "./keyboard.js";
import { Link } from "./parts.js";
import { address, go, place } from "./place.js";
import { found, opens, ROUTES, type Route } from "./routes.js";

const tenants = signal<TenantDocument[]>([]);
const isOpen = signal(false);

const groups = [...new Set(ROUTES.map((route) => route.group))].filter((name) => name !== undefined);

export function Side() {
  const { path } = place.value;
  useEffect(() => {
    if (session.value?.tenant === "system" && may("tenants:read")) {
      listTenants({ limit: 100 }).then((page) => (tenants.value = page.items), () => {});
    }
  }, [session.value?.key_id]);
  useEffect(() => {
    isOpen.value = false;
  }, [path]);
  const current = found(path)?.[0];
  return (
    <header class={isOpen.value ? "side open" : "side"}>
      <div class="top">
        <Link to={address("/")} class="brand"><Icon name="keys" />Tokenry</Link>
        <button type="button" class="small menu" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>Menu</button>
      </div>
      <div class="fold">
        {tenants.value.length > 1 && <Tenant />}
        <nav aria-label="Console">
          {groups.map((group) => <Group key={group} name={group} current={current} />)}
        </nav>
        <div class="who">
          <span><bdi>{session.value?.name}</bdi></span>
          <button type="button" class="small" onClick={() => (help.value = true)} aria-label="Keys of the keyboard">?</button>
          <button type="button" class="small" onClick={signOut}>Sign out</button>
        </div>
      </div>
    </header>
  );
}

function Group({ name, current }: { name: string; current: Route | undefined }) {
  const shown = ROUTES.filter((route) => route.group === name && opens(route));
  if (shown.length === 0) return null;
  // The page of a record belongs to the list that it is in.
  const isCurrent = ({ path }: Route) => path === current?.path || (current?.path.endsWith("/*") && path === (current.path === "/keys/*" ? "/" : current.path.slice(0, -2)));
  return (
    <div class="group">
      <span class="name">{name}</span>
      <ul>
        {shown.map((route) => (
          <li key={route.path}>
            <Link to={address(route.path)} aria-current={isCurrent(route) ? "page" : undefined}>
              {route.icon && <Icon name={route.icon} />}{route.name}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Tenant() {
  return (
    <select
      class="tenant"
      aria-label="Tenant"
      value={chosenTenant() ?? "default"}
      onChange={(event) => go(address("/", { tenant: event.currentTarget.value }))}
    >
      {tenants.value.map((one) => <option key={one.id} value={one.slug}>{one.name || one.slug}</option>)}
    </select>
  );
}
