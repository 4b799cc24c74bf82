// Webhooks: the endpoints that events are sent to.

import { useSignal } from "@preact/signals";
import type { CreatedWebhookDocument, Webhook } from "../client/operations.js";
import { createWebhook, listWebhooks, may, updateWebhook } from "./api.js";
import { Check, entries, FormDialog, type Reader, Text } from "./form.js";
import { usePages } from "./loading.js";
import { Badge, Copy, Dialog, Empty, Link, Time, Title } from "./parts.js";
import { address, go } from "./place.js";
import { List } from "./table.js";
import { counted } from "./words.js";

export function Health({ of }: { of: Webhook }) {
  if (of.status === "paused") return <Badge tone="warn">Paused</Badge>;
  if (of.failing_since) return <Badge tone="bad">Failing</Badge>;
  return <Badge tone="good">Healthy</Badge>;
}

export function Webhooks() {
  const webhooks = usePages((cursor) => listWebhooks({ limit: 50, ...(cursor ? { cursor } : {}) }));
  const isNew = useSignal(false);
  const made = useSignal<CreatedWebhookDocument | null>(null);
  return (
    <>
      <Title text="Webhooks" lead="Endpoints of yours that are told of events by signed requests.">
        {may("webhooks:write") && <button type="button" class="primary" onClick={() => (isNew.value = true)}>New endpoint</button>}
      </Title>
      <List
        of={webhooks}
        label="Endpoints"
        id={(one) => one.id}
        empty={<Empty title="No endpoints yet"><p>An endpoint hears of every event that its patterns mean, in order, and again after a failure.</p></Empty>}
        columns={[
          { name: "Endpoint", cell: (one) => <Link to={address(`/webhooks/${one.id}`)}><bdi>{one.url}</bdi></Link> },
          { name: "Events", kind: "wide", cell: (one) => <code>{one.types.join(" ") || "all"}</code> },
          { name: "Health", cell: (one) => <Health of={one} /> },
          { name: "Since", cell: (one) => <Time at={one.paused_at ?? one.failing_since ?? one.created_at} more={one.failure_count ? counted(one.failure_count, "failure") : ""} /> },
        ]}
      />
      {isNew.value && <WebhookForm onEnd={() => (isNew.value = false)} onMade={(answer) => { isNew.value = false; made.value = answer; }} />}
      {made.value && <WebhookSecret of={made.value} onEnd={() => { const id = made.value?.webhook.id; made.value = null; go(address(`/webhooks/${id}`)); }} />}
    </>
  );
}

export function WebhookForm({ of, onEnd, onMade, onSaved }: { of?: Webhook; onEnd: () => void; onMade?: (made: CreatedWebhookDocument) => void; onSaved?: (webhook: Webhook) => void }) {
  const save = async (read: Reader) => {
    const types = entries(read("types"));
    const fields = { url: read("url"), description: read("description"), types: types.length ? types : ["*"], include: read("include") ? ("object" as const) : null };
    if (of) onSaved?.(await updateWebhook({ ...fields, id: of.id }));
    else onMade?.(await createWebhook(fields));
  };
  return (
    <FormDialog title={of ? "Edit endpoint" : "New endpoint"} submit={of ? "Save" : "Create endpoint"} onEnd={onEnd} onSubmit={save}>
      <Text name="url" label="URL" type="url" required value={of?.url} hint="It needs https and a public address, unless the server allows others." />
      <Text name="types" label="Events" value={of?.types.join(" ") ?? "*"} hint="Types or patterns, separated by blanks: key.* owner.deleted" />
      <Text name="description" label="Description" value={of?.description} maxLength={1000} />
      <Check name="include" label="Send the values that an event recorded, too" checked={of?.include === "object"} />
    </FormDialog>
  );
}

/** The secret of an endpoint, shown once. */
export function WebhookSecret({ of, onEnd }: { of: CreatedWebhookDocument; onEnd: () => void }) {
  return (
    <Dialog title="It signs the requests" onEnd={onEnd}>
      <p>Your endpoint checks signatures with this secret. Copy it now: nobody can show it again.</p>
      <div class="secret">
        <input readOnly value={of.secret} aria-label="The secret" onFocus={(event) => event.currentTarget.select()} />
        <Copy text={of.secret} />
      </div>
      <p><button type="button" class="primary" onClick={onEnd}>I have saved it</button></p>
    </Dialog>
  );
}
