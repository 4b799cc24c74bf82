// Imports: keys of other systems, which go on working.

import { useSignal } from "@preact/signals";
import { Invalid } from "../client/errors.js";
import type { ImportDocument } from "../client/operations.js";
import { runImport } from "./api.js";
import { Field, Form, Text } from "./form.js";
import { Badge, Card, Code, Link, Title } from "./parts.js";
import { address } from "./place.js";
import { COUNT, counted } from "./words.js";

const ROWS_MAX = 1000;
const EXAMPLE = `{"id": "17", "owner": "user-42", "name": "CI", "scopes": ["read:projects"], "hash": {"scheme": "sha256", "value": "4c80…"}, "hint": {"prefix": "tt_"}}`;
const TONES = { imported: "good", exists: "quiet", refused: "bad" } as const;

/** Return the rows of a text with one JSON object a line. */
function rowsOf(text: string): Record<string, unknown>[] {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (lines.length > ROWS_MAX) throw new Invalid(`These are ${COUNT.format(lines.length)} rows; a request holds ${COUNT.format(ROWS_MAX)}. The command line imports any number.`);
  return lines.map((line, place) => {
    try {
      return JSON.parse(line) as Record<string, unknown>;
    } catch {
      throw new Invalid(`Line ${place + 1} is no JSON object.`);
    }
  });
}

export function Imports() {
  const text = useSignal("");
  const result = useSignal<ImportDocument | null>(null);
  const checked = useSignal("");
  const isChecked = checked.value !== "" && checked.value === text.value;
  const load = async (event: Event) => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file) text.value = await file.text();
  };
  return (
    <>
      <Title text="Imports" lead="Keys of another system go on working: their hashes are imported, and your customers change nothing." />
      <Form
        class="wide-form"
        submit={isChecked ? "Import them" : "Try it: import nothing yet"}
        onSubmit={async (read) => {
          const rows = rowsOf(text.value);
          result.value = await runImport({ rows, source: read("source"), dry_run: !isChecked });
          checked.value = isChecked ? "" : text.value;
          if (isChecked) text.value = "";
        }}
      >
        <Text name="source" label="Source" required maxLength={100} hint="The name of the other system. A row whose id came from it before is skipped." />
        <Field label="Rows" hint="One JSON object a line. The hashes are encrypted before they are stored.">
          <textarea rows={8} required spellcheck={false} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
        </Field>
        <Field label="Or a file" hint="NDJSON, at most 1,000 rows. tokenry import takes any number."><input type="file" accept=".ndjson,.jsonl,.json" onChange={load} /></Field>
      </Form>
      {result.value && <Result of={result.value} />}
      <details><summary>What a row looks like</summary><Code label="A row" text={EXAMPLE} /></details>
    </>
  );
}

function Result({ of }: { of: ImportDocument }) {
  return (
    <Card title={of.dry_run ? "What would happen" : "What happened"}>
      <p role="status">
        <b>{counted(of.imported_count, "key")}</b> {of.dry_run ? "would be imported" : "imported"}, {COUNT.format(of.existing_count)} here already, {COUNT.format(of.refused_count)} refused.
      </p>
      <table>
        <thead><tr><th scope="col">Row</th><th scope="col">Result</th><th scope="col">Why</th></tr></thead>
        <tbody>
          {of.results.map((one) => (
            <tr key={one.id}>
              <th scope="row">{one.key ? <Link to={address(`/keys/${one.key}`)}><bdi>{one.id}</bdi></Link> : <bdi>{one.id}</bdi>}</th>
              <td><Badge tone={TONES[one.status as keyof typeof TONES] ?? "quiet"}>{one.status}</Badge></td>
              <td>{[...one.errors.map((error) => `${error.field}: ${error.message}`), ...one.notes].join("; ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
