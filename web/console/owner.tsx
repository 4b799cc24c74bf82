// One owner: its keys and sessions, and how it leaves.

import { useSignal } from "@preact/signals";
import type { Key, Owner, OwnerHandOver } from "../client/operations.js";
import { deleteOwner, disableOwner, enableOwner, endSessions, getOwner, handOver, listKeys, listOwners, listSessions, may } from "./api.js";
import { Form, Text } from "./form.js";
import { inWords } from "./limits.js";
import { all, useAnswer } from "./loading.js";
import { OwnerForm } from "./owners.js";
import { Badge, Card, Dialog, Do, Empty, Facts, Link, Loading, Problem, Status, Time, Title, toast } from "./parts.js";
import { address, go } from "./place.js";
import { SessionTable } from "./sessions.js";
import { Table } from "./table.js";
import { counted, sentence } from "./words.js";

const KEYS_MAX = 200;

export function OwnerPage({ id }: { id: string }) {
  const owner = useAnswer(() => getOwner({ external_id: id }), [id]);
  const keys = useAnswer(async () => (await all((page) => listKeys({ owner: id, ...page }), KEYS_MAX)).items, [id]);
  const sessions = useAnswer(async () => (may("sessions:read") ? (await listSessions({ owner: id, limit: 100 })).items : []), [id]);
  const open = useSignal<"" | "edit" | "leave">("");
  const found = owner.value.value;
  if (!found) return <><Title text="Owner" /><Problem error={owner.error.value} />{!owner.error.value && <Loading />}</>;
  const living = keys.value.value?.filter((key) => key.status === "active" || key.status === "disabled") ?? [];
  const signedIn = sessions.value.value?.filter((one) => one.status === "active") ?? [];
  const reload = () => Promise.all([owner.load(), keys.load(), sessions.load()]);
  return (
    <>
      <Title text={found.external_id} above={<Link to={address("/owners")}>Owners</Link>}>
        {may("keys:write") && <Link to={address("/issue", { owner: id })} class="button primary">New key</Link>}
        {may("owners:write") && <button type="button" onClick={() => (open.value = "edit")}>Edit</button>}
        {may("owners:write") && <button type="button" class="danger" onClick={() => (open.value = "leave")}>Offboard…</button>}
      </Title>
      <Facts of={{
        Status: <Badge tone={found.status === "active" ? "good" : "warn"}>{found.status === "active" ? "Active" : "Disabled"}</Badge>,
        Name: found.name && <bdi>{found.name}</bdi>,
        Mail: found.email && <bdi>{found.email}</bdi>,
        Roles: [...(found.admin ? ["administrator"] : []), ...found.roles].join(", "),
        Since: <Time at={found.created_at} />,
        "Each key": found.default_limits.map(inWords).join(", "),
        "All keys together": found.shared_limits.map(inWords).join(", "),
      }} />
      <Card title="Keys" actions={<Link to={address("/", { owner: id })}>In the list</Link>}>
        <Problem error={keys.error.value} />
        {keys.value.value?.length === 0 ? <Empty title="No keys" /> : <OwnersKeys of={keys.value.value ?? []} />}
      </Card>
      {sessions.value.value && sessions.value.value.length > 0 && (
        <Card
          title="Sessions"
          actions={signedIn.length > 0 && may("sessions:write") && <Do small danger label="End all" said="All sessions ended." does={async () => { await endSessions({ owner: id, reason: "ended in the console" }); await sessions.load(); }} />}
        >
          <SessionTable of={sessions.value.value} onChange={sessions.load} />
        </Card>
      )}
      {open.value === "edit" && <OwnerForm of={found} onEnd={() => (open.value = "")} onDone={(now) => { open.value = ""; owner.value.value = now; toast("Saved."); }} />}
      {open.value === "leave" && <Offboard of={found} living={living} sessions={signedIn.length} onEnd={() => { open.value = ""; reload(); }} />}
    </>
  );
}

function OwnersKeys({ of }: { of: readonly Key[] }) {
  return (
    <Table
      label="Keys of the owner"
      rows={of}
      id={(key) => key.id}
      columns={[
        { name: "Key", cell: (key) => <Link to={address(`/keys/${key.id}`)}><bdi>{key.name}</bdi></Link> },
        { name: "May", cell: (key) => <span class="scopes">{sentence(key.scopes, key.roles)}</span>, kind: "wide" },
        { name: "Status", cell: (key) => <Status of={key} /> },
        { name: "Last used", cell: (key) => <Time at={key.last_used_at} /> },
      ]}
    />
  );
}

/** How an owner leaves: what stops, and the ways to end it. */
function Offboard({ of, living, sessions, onEnd }: { of: Owner; living: readonly Key[]; sessions: number; onEnd: () => void }) {
  const used = living.filter((key) => key.last_used_at && Date.now() - Date.parse(key.last_used_at) < 86_400_000);
  return (
    <Dialog title={`Offboard ${of.external_id}`} onEnd={onEnd}>
      <p>What stops:</p>
      <ul class="impact">
        <li><b>{counted(living.length, "key")}</b>, of which {used.length} {used.length === 1 ? "was" : "were"} used in the last 24 hours</li>
        {used.slice(0, 5).map((key) => <li key={key.id}><bdi>{key.name}</bdi>, last used <Time at={key.last_used_at} />{key.last_used_ip && <> from <code>{key.last_used_ip}</code></>}</li>)}
        <li><b>{counted(sessions, "session")}</b>, and every token of them</li>
      </ul>
      {living.length > 0 && may("keys:write") && <HandOver of={of} onEnd={onEnd} />}
      {of.status === "active" ? (
        <Form submit="Disable" onSubmit={async () => { await disableOwner({ external_id: of.external_id }); toast("Since now no credential of this owner answers valid."); onEnd(); }}>
          <p><b>Disable:</b> its keys and sessions are refused from now on. You can enable it again.</p>
        </Form>
      ) : (
        <Form submit="Enable again" onSubmit={async () => { await enableOwner({ external_id: of.external_id }); toast("The owner is enabled."); onEnd(); }}>
          <p>It is disabled: its keys and sessions are refused.</p>
        </Form>
      )}
      <Form submit="Delete the owner and revoke its keys" danger onSubmit={async () => { await deleteOwner({ external_id: of.external_id }); toast("The owner is deleted, its keys are revoked."); go(address("/owners")); }}>
        <p><b>Delete:</b> every key is revoked for good.</p>
      </Form>
    </Dialog>
  );
}

/** Gives the owner's keys to another owner, after a dry run that says how many go and which stay. */
function HandOver({ of, onEnd }: { of: Owner; onEnd: () => void }) {
  const owners = useAnswer(() => listOwners({ limit: 100 }));
  const trial = useSignal<OwnerHandOver | null>(null);
  const found = trial.value;
  const send = async (to: string) => {
    const done = await handOver({ external_id: of.external_id, to, dry_run: found?.to !== to || found.handed_count === 0 });
    if (done.dry_run) {
      trial.value = done;
      return;
    }
    toast(`${counted(done.handed_count, "key")} handed over to ${done.to}.`);
    onEnd();
  };
  return (
    <Form
      submit={found && found.handed_count > 0 ? `Hand ${counted(found.handed_count, "key")} over` : "See which keys would go"}
      onInput={() => (trial.value = null)}
      onSubmit={(read) => send(read("to"))}
    >
      <p><b>Hand over:</b> its keys go on as they are, and belong to another owner.</p>
      <Text name="to" label="New owner" list="receivers" required maxLength={255} />
      <datalist id="receivers">{owners.value.value?.items.filter((one) => one.id !== of.id).map((one) => <option key={one.id} value={one.external_id}>{one.name}</option>)}</datalist>
      {found && (
        <ul class="impact" role="status">
          <li><b>{counted(found.handed_count, "key")}</b> would belong to <bdi>{found.to}</bdi></li>
          {found.skipped.slice(0, 8).map((one) => <li key={one.key}><bdi>{one.name}</bdi> stays: {one.message}</li>)}
          {found.skipped_count > 8 && <li>and {found.skipped_count - 8} more stay</li>}
        </ul>
      )}
    </Form>
  );
}
