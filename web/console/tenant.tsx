// One tenant: its rules, and how it is suspended and removed.

import { useSignal } from "@preact/signals";
import { deleteTenant, getTenant, may, resumeTenant, suspendTenant } from "./api.js";
import { FormDialog } from "./form.js";
import { inWords } from "./limits.js";
import { useAnswer } from "./loading.js";
import { Do, Facts, Link, Loading, Problem, Time, Title, toast } from "./parts.js";
import { address, go } from "./place.js";
import { inDays, TenantForm, TenantStatus } from "./tenants.js";

export function TenantPage({ id: slug }: { id: string }) {
  const tenant = useAnswer(() => getTenant({ slug }), [slug]);
  const open = useSignal<"" | "edit" | "suspend" | "delete">("");
  const found = tenant.value.value;
  if (!found) return <><Title text="Tenant" /><Problem error={tenant.error.value} />{!tenant.error.value && <Loading />}</>;
  const close = () => (open.value = "");
  return (
    <>
      <Title text={found.name || found.slug} above={<Link to={address("/tenants")}>Tenants</Link>}>
        <Link to={address("/", { tenant: slug })} class="button">Its keys</Link>
        {may("tenants:write") && (
          <>
            <button type="button" onClick={() => (open.value = "edit")}>Edit</button>
            {found.status === "active" ? (
              <button type="button" class="danger" onClick={() => (open.value = "suspend")}>Suspend</button>
            ) : (
              <>
                <Do label="Resume" said="The tenant is active." does={async () => (tenant.value.value = await resumeTenant({ slug }))} />
                <button type="button" class="danger" onClick={() => (open.value = "delete")}>Delete</button>
              </>
            )}
          </>
        )}
      </Title>
      <Facts of={{
        Status: <TenantStatus of={found} />,
        Slug: <code>{found.slug}</code>,
        Prefix: <code>{found.prefix}</code>,
        "Keys live": `${inDays(found.expires_in_default_seconds)}, at most ${inDays(found.expires_in_max_seconds)}${found.never_allowed ? ", or for ever" : ""}`,
        "Own rotation": found.self_rotation_allowed ? "allowed" : "not allowed",
        "A key that leaks": found.on_leak === "revoke" ? "is revoked" : "is flagged",
        "Unused keys": found.max_idle_seconds ? `are disabled after ${inDays(found.max_idle_seconds)}` : "stay as they are",
        "Each key": found.default_limits.map(inWords).join(", ") || "no limit",
        "All keys together": found.shared_limits.map(inWords).join(", ") || "no limit",
        "Time zone": found.time_zone,
        Contact: found.contact && <bdi>{found.contact}</bdi>,
        Since: <Time at={found.created_at} />,
      }} />
      {open.value === "edit" && <TenantForm of={found} onEnd={close} onDone={(now) => { close(); tenant.value.value = now; toast("Saved."); }} />}
      {open.value === "suspend" && (
        <FormDialog title={`Suspend ${found.slug}`} danger submit="Suspend the tenant" onEnd={close} onSubmit={async () => { tenant.value.value = await suspendTenant({ slug }); close(); toast("Since now none of its credentials answers valid."); }}>
          <p>None of its keys, tokens and sessions is valid until you resume it.</p>
        </FormDialog>
      )}
      {open.value === "delete" && (
        <FormDialog title={`Delete ${found.slug}`} danger submit="Delete the tenant" onEnd={close} onSubmit={async () => { await deleteTenant({ slug }); toast("The tenant is deleted."); go(address("/tenants")); }}>
          <p>A tenant without owners is removed for good. Its audit log stays.</p>
        </FormDialog>
      )}
    </>
  );
}
