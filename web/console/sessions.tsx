// Sessions: where owners are signed in.

import type { Session } from "../client/operations.js";
import { endSession, listSessions, may } from "./api.js";
import { usePages } from "./loading.js";
import { ownerAddress } from "./owners.js";
import { Badge, Do, Empty, Link, Time, Title } from "./parts.js";
import { filter, place } from "./place.js";
import { Search } from "./search.js";
import { type Column, List, Table } from "./table.js";
import { sentence } from "./words.js";

const TONES = { active: "good", expired: "quiet", revoked: "bad" } as const;
const NAMES = { active: "Active", expired: "Expired", revoked: "Ended" } as const;

const device = ({ device: found, client_id }: Session): string =>
  [...Object.values(found).filter((value) => typeof value === "string"), ...(client_id ? [client_id] : [])].join(", ") || "–";

const columns = (onChange: () => void): Column<Session>[] => [
  { name: "Owner", cell: (one) => <Link to={ownerAddress(one.owner)}><bdi>{one.owner}</bdi></Link> },
  { name: "Device", cell: (one) => <bdi>{device(one)}</bdi> },
  { name: "May", cell: (one) => <span class="scopes">{one.scopes ? sentence(one.scopes) : "what its owner may"}</span>, kind: "wide" },
  { name: "Status", cell: (one) => <><Badge tone={TONES[one.status]}>{NAMES[one.status]}</Badge> {one.revoke_reason && <small>{one.revoke_reason}</small>}</> },
  { name: "Signed in", cell: (one) => <Time at={one.created_at} /> },
  { name: "Refreshed", cell: (one) => <Time at={one.refreshed_at} /> },
  { name: "", kind: "fit", cell: (one) => one.status === "active" && may("sessions:write") && <Do small danger label="End" said="The session ended." does={async () => { await endSession({ id: one.id, reason: "ended in the console" }); onChange(); }} /> },
];

export function SessionTable({ of, onChange }: { of: readonly Session[]; onChange: () => void }) {
  return <Table label="Sessions" rows={of} id={(one) => one.id} columns={columns(onChange).slice(1)} />;
}

export function Sessions() {
  const owner = place.value.query.get("owner") ?? "";
  const sessions = usePages((cursor) => listSessions({ limit: 50, ...(owner ? { owner } : {}), ...(cursor ? { cursor } : {}) }), [owner]);
  return (
    <>
      <Title text="Sessions" lead="Where owners are signed in. Ending one refuses each of its tokens." />
      <Search label="Sessions of an owner" hint="Id of an owner" value={owner} onSearch={(wanted) => filter({ owner: wanted })} />
      <List of={sessions} label="Sessions" id={(one) => one.id} columns={columns(sessions.load)} empty={<Empty title="No sessions"><p>Sessions begin with <code>tk.sessions.start(…)</code>, or with a sign-in by OAuth.</p></Empty>} />
    </>
  );
}
