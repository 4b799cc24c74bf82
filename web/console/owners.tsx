// Owners: who keys belong to.

import { useSignal } from "@preact/signals";
import { listOwners, listRoles, may, putOwner } from "./api.js";
import { Check, entries, FormDialog, type Reader, Text } from "./form.js";
import { useAnswer, usePages } from "./loading.js";
import { Badge, Empty, Link, Time, Title } from "./parts.js";
import { address, filter, go, place } from "./place.js";
import { Search } from "./search.js";
import { List } from "./table.js";
import type { Owner } from "../client/operations.js";

export const ownerAddress = (owner: string): string => address(`/owners/${encodeURIComponent(owner)}`);

export function Owners() {
  const text = place.value.query.get("text") ?? "";
  const owners = usePages((cursor) => listOwners({ limit: 50, ...(text ? { text } : {}), ...(cursor ? { cursor } : {}) }), [text]);
  const isNew = useSignal(false);
  return (
    <>
      <Title text="Owners" lead="Users and services of yours that keys belong to.">
        {may("owners:write") && <button type="button" class="primary" onClick={() => (isNew.value = true)}>New owner</button>}
      </Title>
      <Search label="Search owners" value={text} onSearch={(wanted) => filter({ text: wanted })} />
      <List
        of={owners}
        label="Owners"
        id={(one) => one.id}
        empty={text ? <Empty title="No owner fits" /> : <Empty title="No owners yet"><p>An owner appears with its first key, or is made here.</p></Empty>}
        columns={[
          { name: "Owner", cell: (one) => <Link to={ownerAddress(one.external_id)}><bdi>{one.external_id}</bdi></Link> },
          { name: "Name", cell: (one) => <bdi>{one.name || "–"}</bdi> },
          { name: "Mail", cell: (one) => <bdi>{one.email ?? "–"}</bdi> },
          { name: "Roles", cell: (one) => <bdi>{[...(one.admin ? ["administrator"] : []), ...one.roles].join(", ") || "–"}</bdi> },
          { name: "Status", cell: (one) => <Badge tone={one.status === "active" ? "good" : "warn"}>{one.status === "active" ? "Active" : "Disabled"}</Badge> },
          { name: "Since", cell: (one) => <Time at={one.created_at} /> },
        ]}
      />
      {isNew.value && <OwnerForm onEnd={() => (isNew.value = false)} onDone={(owner) => go(ownerAddress(owner.external_id))} />}
    </>
  );
}

export function OwnerForm({ of, onEnd, onDone }: { of?: Owner; onEnd: () => void; onDone: (owner: Owner) => void }) {
  const roles = useAnswer(() => listRoles({ limit: 100 }));
  const save = async (read: Reader) =>
    onDone(
      await putOwner({
        external_id: of?.external_id ?? read("external_id"),
        name: read("name"),
        email: read("email") || null,
        roles: entries(read("roles")),
        ...(of?.admin || read("admin") ? { admin: Boolean(read("admin")) } : {}),
      }),
    );
  return (
    <FormDialog title={of ? "Edit owner" : "New owner"} submit="Save" onEnd={onEnd} onSubmit={save}>
      {!of && <Text name="external_id" label="Id" hint="Of the user or the service in your own system." required maxLength={255} />}
      <Text name="name" label="Name" value={of?.name} maxLength={200} />
      <Text name="email" label="Mail address" type="email" value={of?.email} />
      <Text name="roles" label="Roles" hint={roles.value.value?.items.length ? `There are ${roles.value.value.items.map((role) => role.name).join(", ")}.` : "Separated by blanks."} value={of?.roles.join(" ")} />
      <Check name="admin" label="Administrator of the tenant" checked={of?.admin ?? false} />
    </FormDialog>
  );
}
