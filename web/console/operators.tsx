// Operators: the keys that may use the console and `/v1`.

import type { Key } from "../client/operations.js";
import { chosenTenant, listKeys, may, session } from "./api.js";
import { OPERATORS } from "./key_form.js";
import { usePages } from "./loading.js";
import { Badge, Card, Empty, Link, Status, Time, Title } from "./parts.js";
import { address } from "./place.js";
import { List } from "./table.js";
import { counted } from "./words.js";

const SYSTEM = "system";
const PRESETS: Readonly<Record<string, string[]>> = {
  "For verifying": ["tokenry:verify"],
  "For reading": ["tokenry:keys:read", "tokenry:owners:read", "tokenry:usage:read", "tokenry:audit:read", "tokenry:events:read"],
};

export function Operators() {
  const isWhole = session.value?.tenant === SYSTEM;
  const tenant = chosenTenant() ?? (isWhole ? "default" : session.value?.tenant ?? "");
  const making = (of: string, scopes: string[]) => {
    const query = new URLSearchParams({ tenant: of, environment: OPERATORS });
    for (const scope of scopes) query.append("scope", scope);
    return `/console/issue?${query}`;
  };
  const make = (of: string) => may("keys:write") && Object.entries(PRESETS).map(([name, scopes]) => <Link key={name} to={making(of, scopes)} class="button small">{name}</Link>);
  return (
    <>
      <Title text="Operators" lead="Keys for the console, the command line and your services. An operator of a tenant reaches that tenant alone." />
      {isWhole && <Card title="Of the installation" actions={make(SYSTEM)}><OperatorList tenant={SYSTEM} /></Card>}
      {tenant !== SYSTEM && <Card title={`Of the tenant ${tenant}`} actions={make(tenant)}><OperatorList tenant={tenant} /></Card>}
    </>
  );
}

function OperatorList({ tenant }: { tenant: string }) {
  const keys = usePages((cursor) => listKeys({ tenant, environment: OPERATORS, limit: 50, ...(cursor ? { cursor } : {}) }), [tenant]);
  const all = session.value?.scopes.length ?? 0;
  const power = (key: Key) => (key.scopes.length >= all ? <Badge tone="warn">Everything</Badge> : counted(key.scopes.length, "scope"));
  return (
    <List
      of={keys}
      label={`Operators of ${tenant}`}
      id={(key) => key.id}
      empty={<Empty title="No operators" />}
      columns={[
        { name: "Key", cell: (key) => <><Link to={address(`/keys/${key.id}`, { tenant })}><bdi>{key.name}</bdi></Link> {key.id === session.value?.key_id && <Badge tone="quiet">you</Badge>}</> },
        { name: "Owner", cell: (key) => <bdi>{key.owner}</bdi> },
        { name: "May", cell: (key) => <span title={key.scopes.join(" ")}>{power(key)}</span> },
        { name: "Status", cell: (key) => <Status of={key} /> },
        { name: "Last used", cell: (key) => <Time at={key.last_used_at} more={key.last_used_ip ? `from ${key.last_used_ip}` : ""} /> },
        { name: "Expires", cell: (key) => <Time at={key.expires_at} /> },
      ]}
    />
  );
}
