// The table of screens: where each is, what it is called, and which scopes it needs.

import type { ComponentChildren } from "preact";
import { may, session } from "./api.js";
import { Attention } from "./attention.js";
import { Audit } from "./audit.js";
import { Doctor } from "./doctor.js";
import { Explain } from "./explain.js";
import type { IconName } from "./icons.js";
import { Imports } from "./imports.js";
import { Issue } from "./issue.js";
import { KeyPage } from "./key.js";
import { KeyPageScreen } from "./key_page.js";
import { Keys } from "./keys.js";
import { Live } from "./live.js";
import { OwnerPage } from "./owner.js";
import { Owners } from "./owners.js";
import { Operators } from "./operators.js";
import { Scopes } from "./scopes.js";
import { Sessions } from "./sessions.js";
import { SigningKeys } from "./signing_keys.js";
import { TenantPage } from "./tenant.js";
import { Tenants } from "./tenants.js";
import { Usage } from "./usage.js";
import { WebhookPage } from "./webhook.js";
import { Webhooks } from "./webhooks.js";

export interface Route {
  /** The path below `/console`; `*` is an id. */
  path: string;
  name: string;
  /** The part of the navigation that it is in; without one another screen leads here. */
  group?: string;
  icon?: IconName;
  needs: string;
  /** For operators of the installation alone. */
  isOfWhole?: true;
  /** The key to press after `g`. */
  letter?: string;
  show: (id: string) => ComponentChildren;
}

export const ROUTES: readonly Route[] = [
  { path: "/", name: "Keys", group: "Credentials", icon: "keys", needs: "keys:read", letter: "k", show: () => <Keys /> },
  { path: "/keys/*", name: "Key", needs: "keys:read", show: (id) => <KeyPage key={id} id={id} /> },
  { path: "/issue", name: "New key", needs: "keys:write", show: () => <Issue /> },
  { path: "/attention", name: "Attention", group: "Credentials", icon: "attention", needs: "keys:read", letter: "t", show: () => <Attention /> },
  { path: "/owners", name: "Owners", group: "Credentials", icon: "owners", needs: "owners:read", letter: "o", show: () => <Owners /> },
  { path: "/owners/*", name: "Owner", needs: "owners:read", show: (id) => <OwnerPage key={id} id={id} /> },
  { path: "/sessions", name: "Sessions", group: "Credentials", icon: "sessions", needs: "sessions:read", letter: "s", show: () => <Sessions /> },
  { path: "/scopes", name: "Scopes and roles", group: "Credentials", icon: "scopes", needs: "scopes:read", letter: "r", show: () => <Scopes /> },
  { path: "/explain", name: "Explain", group: "What happens", icon: "explain", needs: "keys:read", letter: "e", show: () => <Explain /> },
  { path: "/usage", name: "Usage", group: "What happens", icon: "usage", needs: "usage:read", letter: "u", show: () => <Usage /> },
  { path: "/audit", name: "Audit", group: "What happens", icon: "audit", needs: "audit:read", letter: "a", show: () => <Audit /> },
  { path: "/live", name: "Live", group: "What happens", icon: "live", needs: "events:read", letter: "l", show: () => <Live /> },
  { path: "/webhooks", name: "Webhooks", group: "Connections", icon: "webhooks", needs: "webhooks:read", letter: "w", show: () => <Webhooks /> },
  { path: "/webhooks/*", name: "Webhook", needs: "webhooks:read", show: (id) => <WebhookPage key={id} id={id} /> },
  { path: "/imports", name: "Imports", group: "Connections", icon: "imports", needs: "keys:write", letter: "i", show: () => <Imports /> },
  { path: "/key-page", name: "Key page", group: "Installation", icon: "page", needs: "tenants:read", show: () => <KeyPageScreen /> },
  { path: "/tenants", name: "Tenants", group: "Installation", icon: "tenants", needs: "tenants:read", show: () => <Tenants /> },
  { path: "/tenants/*", name: "Tenant", needs: "tenants:read", show: (id) => <TenantPage key={id} id={id} /> },
  { path: "/operators", name: "Operators", group: "Installation", icon: "operators", needs: "keys:read", show: () => <Operators /> },
  { path: "/signing-keys", name: "Signing keys", group: "Installation", icon: "signing", needs: "signing_keys:read", show: () => <SigningKeys /> },
  { path: "/doctor", name: "Doctor", group: "Installation", icon: "doctor", needs: "audit:read", isOfWhole: true, letter: "d", show: () => <Doctor /> },
];

/** Tell whether the signed-in key may see a screen. */
export const opens = ({ needs, isOfWhole }: Route): boolean => may(needs) && (!isOfWhole || session.value?.tenant === "system");

/** Return the screen of a path and the id in it. */
export function found(path: string): [Route, string] | null {
  for (const route of ROUTES) {
    const [before, after] = route.path.split("*");
    if (after === undefined ? path === before : path.startsWith(before ?? "") && /^[^/]+$/.test(path.slice(before?.length))) {
      const id = decoded(path.slice(before?.length));
      return id === null ? null : [route, after === undefined ? "" : id];
    }
  }
  return null;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
