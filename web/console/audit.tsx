// The audit log: who did what, how it looked before and after, and whether the record of it is whole.

import { useSignal } from "@preact/signals";
import type { AuditReportDocument, Entry } from "../client/operations.js";
import { checkAudit, listAudit } from "./api.js";
import { download } from "./download.js";
import { Actor, actionInWords, Changes, Subject } from "./entries.js";
import { Text } from "./form.js";
import { all, usePages } from "./loading.js";
import { Badge, Do, Empty, Loading, Problem, Time, Title, toast } from "./parts.js";
import { filter, place } from "./place.js";
import { clock, COUNT, counted } from "./words.js";

const NAMES = { action: "Action", subject: "About", actor: "By" } as const;
const HINTS: Readonly<Record<string, string>> = { action: "key.revoked", subject: "key_…", actor: "user-42" };
const EXPORTED_MAX = 10_000;

export function Audit() {
  const { query } = place.value;
  const filters: Record<string, string> = {};
  for (const name of Object.keys(NAMES)) {
    const value = query.get(name);
    if (value) filters[name] = value;
  }
  const entries = usePages((cursor) => listAudit({ ...filters, limit: 50, ...(cursor ? { cursor } : {}) }), [query.toString()]);
  const report = useSignal<{ found: AuditReportDocument; at: string } | null>(null);
  const page = entries.value.value;
  const save = async () => {
    const { items, isWhole } = await all((page) => listAudit({ ...filters, ...page }), EXPORTED_MAX);
    download("audit.ndjson", "application/x-ndjson", items.map((one) => `${JSON.stringify(one)}\n`).join(""));
    if (!isWhole) toast(`These are the newest ${COUNT.format(EXPORTED_MAX)}. The command line exports all of them.`, "warn");
  };
  return (
    <>
      <Title text="Audit" lead="Every change, chained and signed. The newest first.">
        <Do label="Check the log" does={async () => (report.value = { found: await checkAudit({}), at: new Date().toISOString() })} />
        <Do label="Export as NDJSON" does={save} />
      </Title>
      {report.value && <Checked {...report.value} />}
      <form
        class="filters"
        key={query.toString()}
        onSubmit={(event) => {
          event.preventDefault();
          const data = new FormData(event.currentTarget);
          filter(Object.fromEntries(Object.keys(NAMES).map((name) => [name, String(data.get(name)).trim()])));
        }}
      >
        {Object.entries(NAMES).map(([name, label]) => <Text key={name} name={name} label={label} value={query.get(name)} placeholder={HINTS[name] ?? ""} />)}
        <button>Filter</button>
      </form>
      <Problem error={entries.error.value} />
      {!page ? !entries.error.value && <Loading /> : page.items.length === 0 ? (
        <div class="empty"><Empty title={Object.keys(filters).length ? "No entry fits" : "No entries yet"} /></div>
      ) : (
        <ol class="entries" aria-label="Entries">{page.items.map((one) => <Line key={one.id} of={one} />)}</ol>
      )}
      {page?.next_cursor && <p class="more"><button type="button" onClick={entries.more}>Show more</button></p>}
    </>
  );
}

function Line({ of }: { of: Entry }) {
  return (
    <li>
      <details>
        <summary>
          <span class="when"><Time at={of.at} /></span>
          <b>{actionInWords(of.action)}</b>
          <span class="about"><bdi>{of.subject}</bdi></span>
          <span class="quiet">by <Actor of={of.actor} />{of.ip && <> from <code>{of.ip}</code></>}</span>
        </summary>
        <p>About <Subject of={of.subject} type={of.action} />{of.request_id && <small> Request <code>{of.request_id}</code></small>}{of.position !== null && <small> Position {COUNT.format(of.position)}</small>}</p>
        <Changes of={of} />
      </details>
    </li>
  );
}

function Checked({ found, at }: { found: AuditReportDocument; at: string }) {
  return (
    <div class={found.whole ? "ended" : "problem"} role="status">
      {found.whole ? <Badge tone="good">Checked</Badge> : <Badge tone="bad">Not whole</Badge>} {clock(at)}: {counted(found.entry_count, "entry", "entries")}, {found.whole ? "each as it was written, none missing." : "with problems:"}
      {found.problems.length > 0 && <ul>{found.problems.slice(0, 20).map((one) => <li key={one}>{one}</li>)}</ul>}
    </div>
  );
}
