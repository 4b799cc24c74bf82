// One endpoint: how it does, and what became of each delivery.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { CreatedWebhookDocument, Delivery, Webhook, WebhooksReplayAsked } from "../client/operations.js";
import { deleteWebhook, getWebhook, listDeliveries, may, pauseWebhook, replayWebhook, resumeWebhook, rotateWebhookSecret, testWebhook } from "./api.js";
import { actionInWords } from "./entries.js";
import { Check, Choice, Form, FormDialog, type Reader } from "./form.js";
import { useAnswer, usePages } from "./loading.js";
import { Badge, Card, Dialog, Do, Empty, Facts, Link, Loading, Problem, Time, Title, toast } from "./parts.js";
import { address, filter, go, place } from "./place.js";
import { Health, WebhookForm, WebhookSecret } from "./webhooks.js";
import { counted } from "./words.js";

type Open = "" | "edit" | "rotate" | "replay" | "delete";

const TONES = { delivered: "good", failed: "bad", pending: "warn" } as const;
const SOON_MILLISECONDS = 2000;
const GRACES: Readonly<Record<string, string>> = { "86400": "1 day", "3600": "1 hour", "0": "no time at all" };

export function WebhookPage({ id }: { id: string }) {
  const webhook = useAnswer(() => getWebhook({ id }), [id]);
  const open = useSignal<Open>("");
  const made = useSignal<CreatedWebhookDocument | null>(null);
  const tries = useSignal(0);
  const found = webhook.value.value;
  if (!found) return <><Title text="Webhook" /><Problem error={webhook.error.value} />{!webhook.error.value && <Loading />}</>;
  const close = () => (open.value = "");
  const change = (now: Webhook) => {
    close();
    webhook.value.value = now;
  };
  const test = async () => {
    await testWebhook({ id });
    tries.value++;
  };
  return (
    <>
      <Title text={found.url} above={<Link to={address("/webhooks")}>Webhooks</Link>}>
        {may("webhooks:write") && (
          <>
            <Do label="Send a test" said="A test is on its way." does={test} />
            {found.status === "active" ? (
              <Do label="Pause" said="Nothing is sent. What it misses is kept." does={async () => change(await pauseWebhook({ id, reason: "paused in the console" }))} />
            ) : (
              <Do label="Resume" said="It gets what it has missed first." does={async () => change(await resumeWebhook({ id }))} />
            )}
            <button type="button" onClick={() => (open.value = "edit")}>Edit</button>
            <button type="button" onClick={() => (open.value = "rotate")}>Rotate secret</button>
            <button type="button" onClick={() => (open.value = "replay")}>Replay…</button>
            <button type="button" class="danger" onClick={() => (open.value = "delete")}>Delete</button>
          </>
        )}
      </Title>
      <Facts of={{
        Health: <><Health of={found} />{found.failing_since && <> {counted(found.failure_count, "failure")} since <Time at={found.failing_since} /></>}</>,
        Paused: found.paused_at && <><Time at={found.paused_at} /> <bdi>{found.pause_reason}</bdi></>,
        Events: <code>{found.types.join(" ") || "all"}</code>,
        Sends: found.include ? "what happened, with the values" : "what happened",
        "Public key": <code>{found.public_key}</code>,
        Description: found.description && <bdi>{found.description}</bdi>,
      }} />
      <Deliveries id={id} turn={tries.value} />
      {open.value === "edit" && <WebhookForm of={found} onEnd={close} onSaved={(now) => { change(now); toast("Saved."); }} />}
      {open.value === "rotate" && (
        <FormDialog title="Rotate secret" submit="Rotate" onEnd={close} onSubmit={async (read) => { made.value = await rotateWebhookSecret({ id, grace_seconds: Number(read("grace")) }); change(made.value.webhook); }}>
          <Choice name="grace" label="Both secrets sign for" of={GRACES} value="86400" />
        </FormDialog>
      )}
      {open.value === "replay" && <ReplayDialog id={id} onEnd={close} onDone={(count) => { close(); tries.value++; toast(`${counted(count, "event")} sent again.`); }} />}
      {open.value === "delete" && (
        <FormDialog title="Delete endpoint" danger submit="Delete the endpoint" onEnd={close} onSubmit={async () => { await deleteWebhook({ id }); go(address("/webhooks")); }}>
          <p>It hears of nothing any more, and what waits for it is gone. To keep that, pause it.</p>
        </FormDialog>
      )}
      {made.value && <WebhookSecret of={made.value} onEnd={() => (made.value = null)} />}
    </>
  );
}

function Deliveries({ id, turn }: { id: string; turn: number }) {
  const status = place.value.query.get("status") ?? "";
  const deliveries = usePages(
    (cursor) => listDeliveries({ id, limit: 50, ...(status ? { status: status as Delivery["status"] } : {}), ...(cursor ? { cursor } : {}) }),
    [id, status, turn],
  );
  const page = deliveries.value.value;
  useEffect(() => {
    // Deliveries that are due end soon: load again then.
    if (!page?.items.some((one) => one.due_at && Date.parse(one.due_at) < Date.now() + SOON_MILLISECONDS)) return undefined;
    const timer = setTimeout(deliveries.load, SOON_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [page]);
  return (
    <Card
      title="Deliveries"
      actions={
        <select aria-label="Status of deliveries" value={status} onChange={(event) => filter({ status: event.currentTarget.value })}>
          {["", "pending", "delivered", "failed"].map((one) => <option key={one} value={one}>{one || "every status"}</option>)}
        </select>
      }
    >
      <Problem error={deliveries.error.value} />
      {page?.items.length === 0 && <Empty title="No deliveries" />}
      <ol class="entries" aria-label="Deliveries">
        {page?.items.map((one) => (
          <li key={one.id}>
            <details>
              <summary>
                <span class="when"><Time at={one.created_at} /></span>
                <b>{actionInWords(one.type)}</b>
                <Badge tone={TONES[one.status]}>{one.status}</Badge>
                <span class="quiet">{counted(one.attempt_count, "attempt")}{one.kind !== "event" && `, a ${one.kind}`}{one.due_at && <>, next <Time at={one.due_at} /></>}</span>
              </summary>
              <table>
                <thead><tr><th scope="col">Attempt</th><th scope="col" class="number">Took</th><th scope="col">Answer</th></tr></thead>
                <tbody>
                  {one.attempts.map((attempt) => (
                    <tr key={attempt.at}>
                      <th scope="row"><Time at={attempt.at} /></th>
                      <td class="number">{attempt.duration_ms} ms</td>
                      <td>{attempt.http_status ?? ""} {attempt.error} {attempt.excerpt && <code>{attempt.excerpt}</code>}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {one.kind === "event" && may("webhooks:write") && (
                <Do small label="Send again" said="Sent again." does={async () => { await replayWebhook({ id, event: one.event }); await deliveries.load(); }} />
              )}
            </details>
          </li>
        ))}
      </ol>
      {page?.next_cursor && <p class="more"><button type="button" onClick={deliveries.more}>Show more</button></p>}
    </Card>
  );
}

/** Sends events again, after a dry run that says how many. */
function ReplayDialog({ id, onEnd, onDone }: { id: string; onEnd: () => void; onDone: (count: number) => void }) {
  const count = useSignal<number | null>(null);
  const asked = (read: Reader): WebhooksReplayAsked => ({
    id,
    since: new Date(Date.now() - Number(read("hours")) * 3_600_000).toISOString(),
    failed: Boolean(read("failed")),
  });
  const send = async (read: Reader) => {
    const answer = await replayWebhook({ ...asked(read), dry_run: count.value === null });
    if (count.value === null) count.value = answer.count;
    else onDone(answer.count);
  };
  return (
    <Dialog title="Replay events" onEnd={onEnd}>
      <Form submit={count.value === null ? "Count them" : `Send ${counted(count.value, "event")} again`} onSubmit={send}>
        <div onChange={() => (count.value = null)}>
          <Choice name="hours" label="Of the last" of={{ "1": "hour", "24": "24 hours", "168": "7 days", "720": "30 days" }} value="24" />
          <Check name="failed" label="Only those whose delivery failed" checked />
        </div>
        {count.value !== null && <p class="note" role="status">{counted(count.value, "event")} would be sent, each with its old id.</p>}
      </Form>
    </Dialog>
  );
}
