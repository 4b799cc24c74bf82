// Tenants: the customers of the installation.

import { useSignal } from "@preact/signals";
import type { Limit, TenantDocument } from "../client/operations.js";
import { createTenant, listTenants, may, updateTenant } from "./api.js";
import { Check, Choice, FormDialog, type Reader, Text } from "./form.js";
import { LimitRows } from "./limits.js";
import { usePages } from "./loading.js";
import { Badge, Empty, Link, Time, Title } from "./parts.js";
import { address, go } from "./place.js";
import { List } from "./table.js";
import { counted } from "./words.js";

const DAY = 86_400;

export const inDays = (seconds: number): string => counted(Math.round(seconds / DAY), "day");

export function Tenants() {
  const tenants = usePages((cursor) => listTenants({ limit: 50, ...(cursor ? { cursor } : {}) }));
  const isNew = useSignal(false);
  return (
    <>
      <Title text="Tenants" lead="Everything belongs to exactly one of them.">
        {may("tenants:write") && <button type="button" class="primary" onClick={() => (isNew.value = true)}>New tenant</button>}
      </Title>
      <List
        of={tenants}
        label="Tenants"
        id={(one) => one.id}
        empty={<Empty title="No tenants" />}
        columns={[
          { name: "Tenant", cell: (one) => <Link to={address(`/tenants/${one.slug}`)}><bdi>{one.name || one.slug}</bdi></Link> },
          { name: "Slug", cell: (one) => <code>{one.slug}</code> },
          { name: "Prefix", cell: (one) => <code>{one.prefix}</code> },
          { name: "Keys live", cell: (one) => inDays(one.expires_in_default_seconds) },
          { name: "Status", cell: (one) => <TenantStatus of={one} /> },
          { name: "Since", cell: (one) => <Time at={one.created_at} /> },
        ]}
      />
      {isNew.value && <TenantForm onEnd={() => (isNew.value = false)} onDone={(tenant) => go(address(`/tenants/${tenant.slug}`))} />}
    </>
  );
}

export function TenantStatus({ of }: { of: TenantDocument }) {
  return of.status === "active" ? <Badge tone="good">Active</Badge> : <Badge tone="warn">Suspended</Badge>;
}

export function TenantForm({ of, onEnd, onDone }: { of?: TenantDocument; onEnd: () => void; onDone: (tenant: TenantDocument) => void }) {
  const each = useSignal<Limit[]>(of?.default_limits ?? []);
  const together = useSignal<Limit[]>(of?.shared_limits ?? []);
  const save = async (read: Reader) => {
    const fields = {
      name: read("name") || read("slug"),
      expires_in_default_seconds: Number(read("expires_default")) * DAY,
      expires_in_max_seconds: Number(read("expires_max")) * DAY,
      never_allowed: Boolean(read("never_allowed")),
      self_rotation_allowed: Boolean(read("self_rotation_allowed")),
      default_limits: each.value,
      shared_limits: together.value,
      time_zone: read("time_zone"),
      on_leak: read("on_leak") === "revoke" ? ("revoke" as const) : ("flag" as const),
      max_idle_seconds: read("max_idle") ? Number(read("max_idle")) * DAY : null,
      contact: read("contact") || null,
    };
    const prefix = read("prefix");
    onDone(of ? await updateTenant({ ...fields, slug: of.slug, ...(prefix ? { prefix } : {}) }) : await createTenant({ ...fields, slug: read("slug"), ...(prefix ? { prefix } : {}) }));
  };
  return (
    <FormDialog title={of ? "Edit tenant" : "New tenant"} submit={of ? "Save" : "Create tenant"} onEnd={onEnd} onSubmit={save}>
      {!of && <Text name="slug" label="Slug" required pattern="[a-z][a-z0-9\-]*" hint="How calls name it, such as acme." />}
      <Text name="name" label="Name" required={Boolean(of)} value={of?.name} maxLength={200} />
      <Text name="prefix" label="Prefix of its keys" value={of?.prefix} hint="Such as acme: then keys begin with acme_live_." />
      <div class="row">
        <Text name="expires_default" label="Keys live, in days" type="number" min={1} required value={Math.round((of?.expires_in_default_seconds ?? 90 * DAY) / DAY)} />
        <Text name="expires_max" label="At most, in days" type="number" min={1} required value={Math.round((of?.expires_in_max_seconds ?? 365 * DAY) / DAY)} />
      </div>
      <Check name="never_allowed" label="Keys may live for ever" checked={of?.never_allowed ?? true} />
      <Check name="self_rotation_allowed" label="A key may rotate itself" checked={of?.self_rotation_allowed ?? true} />
      <LimitRows label="Limits of each key that has none of its own" limits={each.value} onChange={(rows) => (each.value = rows)} />
      <LimitRows label="Limits of all keys together" limits={together.value} onChange={(rows) => (together.value = rows)} />
      <Choice name="on_leak" label="A key that leaks" of={{ revoke: "is revoked", flag: "is flagged" }} value={of?.on_leak ?? "revoke"} />
      <div class="row">
        <Text name="max_idle" label="Disable when unused for, in days" type="number" min={1} value={of?.max_idle_seconds ? Math.round(of.max_idle_seconds / DAY) : ""} />
        <Text name="time_zone" label="Time zone" value={of?.time_zone ?? "UTC"} required />
      </div>
      <Text name="contact" label="Mail address for notices" type="email" value={of?.contact} />
    </FormDialog>
  );
}
