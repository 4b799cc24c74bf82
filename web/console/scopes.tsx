// The catalogue of scopes, and roles, which are named sets of them.

import { useSignal } from "@preact/signals";
import type { FacetCount, KeyFacets, Role } from "../client/operations.js";
import { defineScopes, deleteRole, keyFacets, listRoles, listScopes, may, putRole } from "./api.js";
import { entries, FormDialog, type Reader, Text } from "./form.js";
import { useAnswer, usePages } from "./loading.js";
import { Card, Dialog, Do, Empty, Link, Loading, Problem, Title, toast } from "./parts.js";
import { address } from "./place.js";
import { List, Table } from "./table.js";
import { COUNT, counted, sentence } from "./words.js";

type Open = { kind: "" } | { kind: "catalogue" } | { kind: "role" | "delete"; role: Role | null };

const countOf = (of: readonly FacetCount[] | undefined, value: string): number => of?.find((one) => one.value === value)?.count ?? 0;

/** How many keys hold each scope, and of how many it was asked for: one that is granted and never asked for can go. */
function InUse({ of, catalogue }: { of: KeyFacets; catalogue: readonly string[] }) {
  const names = [...new Set([...of.scopes.map((one) => one.value), ...of.asked_scopes.map((one) => one.value), ...catalogue.filter((scope) => !scope.includes("*"))])];
  if (of.counted_count === 0 || names.length === 0) return null;
  const share = (scope: string): number => countOf(of.asked_scopes, scope) / Math.max(1, countOf(of.scopes, scope));
  return (
    <Card title="In use">
      <p class="quiet">Of {of.is_complete ? "all" : "the newest"} {counted(of.counted_count, "active key")}: how many hold a scope themselves, and of how many it was asked for within 90 days.</p>
      <Table
        label="Grants"
        rows={names}
        id={(scope) => scope}
        columns={[
          { name: "Scope", cell: (scope) => <Link to={address("/", { scope })}><code>{scope}</code></Link> },
          { name: "Granted to", kind: "number", cell: (scope) => COUNT.format(countOf(of.scopes, scope)) },
          { name: "Asked for of", kind: "number", cell: (scope) => COUNT.format(countOf(of.asked_scopes, scope)) },
          { name: "Share", kind: "fit", cell: (scope) => <meter min={0} max={1} value={Math.min(1, share(scope))} aria-label={`Share of ${scope}`} /> },
        ]}
      />
    </Card>
  );
}

export function Scopes() {
  const scopes = useAnswer(() => listScopes({}));
  const facets = useAnswer(async () => (may("keys:read") ? keyFacets({ status: "active" }) : null));
  const roles = usePages((cursor) => listRoles({ limit: 50, ...(cursor ? { cursor } : {}) }));
  const open = useSignal<Open>({ kind: "" });
  const close = () => (open.value = { kind: "" });
  const done = async (said: string) => {
    close();
    toast(said);
    await Promise.all([scopes.load(), roles.load(), facets.load()]);
  };
  const catalogue = scopes.value.value?.scopes;
  const is = open.value;
  return (
    <>
      <Title text="Scopes and roles" lead="What keys may do. A role is a named set of scopes: keys that hold it do what it says now." />
      <Card title="Catalogue" actions={may("scopes:write") && <button type="button" class="small" onClick={() => (open.value = { kind: "catalogue" })}>Edit the catalogue</button>}>
        <Problem error={scopes.error.value} />
        {!catalogue ? !scopes.error.value && <Loading /> : catalogue.length === 0 ? (
          <Empty title="No catalogue"><p>Any well-formed scope may be granted. With a catalogue only what it names may be.</p></Empty>
        ) : (
          <ul class="chips">{catalogue.map((scope) => <li key={scope}><Link to={address("/", { scope })} class="chip"><code>{scope}</code></Link></li>)}</ul>
        )}
      </Card>
      {facets.value.value && <InUse of={facets.value.value} catalogue={catalogue ?? []} />}
      <Card title="Roles" actions={may("roles:write") && <button type="button" class="small" onClick={() => (open.value = { kind: "role", role: null })}>New role</button>}>
        <List
          of={roles}
          label="Roles"
          id={(role) => role.name}
          empty={<Empty title="No roles yet"><p>A role saves you from granting the same scopes to many keys one by one.</p></Empty>}
          columns={[
            { name: "Role", cell: (role) => <bdi>{role.name}</bdi> },
            { name: "May", kind: "wide", cell: (role) => sentence(role.scopes) },
            { name: "Scopes", kind: "wide", cell: (role) => <code>{role.scopes.join(" ")}</code> },
            ...(facets.value.value ? [{ name: "Keys", kind: "number" as const, cell: (role: Role) => COUNT.format(countOf(facets.value.value?.roles, role.name)) }] : []),
            {
              name: "",
              kind: "fit",
              cell: (role) => may("roles:write") && (
                <span class="actions">
                  <button type="button" class="small" onClick={() => (open.value = { kind: "role", role })}>Edit</button>
                  <button type="button" class="small danger" onClick={() => (open.value = { kind: "delete", role })}>Delete</button>
                </span>
              ),
            },
          ]}
        />
      </Card>
      {is.kind === "catalogue" && (
        <FormDialog title="Edit the catalogue" submit="Save" onEnd={close} onSubmit={async (read) => { await defineScopes({ scopes: entries(read("scopes")) }); await done("The catalogue is saved."); }}>
          <Text name="scopes" label="Scopes" rows={10} value={catalogue?.join("\n")} hint="One a line, verb:noun. Patterns such as read:* are possible. Keys keep what they hold." />
        </FormDialog>
      )}
      {is.kind === "role" && <RoleForm of={is.role} onEnd={close} onSave={async (read) => { await putRole({ name: is.role?.name ?? read("name"), scopes: entries(read("scopes")) }); await done("The role is saved."); }} />}
      {is.kind === "delete" && is.role && (
        <Dialog title={`Delete the role ${is.role.name}`} onEnd={close}>
          <p>It grants nothing any more at once, and is removed from owners and keys.</p>
          <p><Do danger label="Delete the role" does={async () => { await deleteRole({ name: is.role?.name ?? "" }); await done("The role is deleted."); }} /></p>
        </Dialog>
      )}
    </>
  );
}

function RoleForm({ of, onEnd, onSave }: { of: Role | null; onEnd: () => void; onSave: (read: Reader) => Promise<void> }) {
  return (
    <FormDialog title={of ? `Edit the role ${of.name}` : "New role"} submit="Save" onEnd={onEnd} onSubmit={onSave}>
      {!of && <Text name="name" label="Name" required maxLength={100} />}
      <Text name="scopes" label="Scopes" rows={6} value={of?.scopes.join("\n")} hint={of ? "Keys and owners with this role hold the new ones at once." : "One a line."} />
    </FormDialog>
  );
}
