// The keys that sign access tokens.

import { useSignal } from "@preact/signals";
import type { SigningKey } from "../client/operations.js";
import { listSigningKeys, may, removeSigningKey, rotateSigningKey } from "./api.js";
import { FormDialog } from "./form.js";
import { useAnswer } from "./loading.js";
import { Badge, Empty, Loading, Problem, Time, Title, toast } from "./parts.js";
import { Table } from "./table.js";

const TONES = { active: "good", next: "quiet", retiring: "warn", removed: "bad" } as const;
const MEANS = { active: "Signs", next: "Signs next", retiring: "Its tokens are still good", removed: "Removed" } as const;

export function SigningKeys() {
  const keys = useAnswer(() => listSigningKeys({}));
  const removing = useSignal<SigningKey | null>(null);
  const isRotating = useSignal(false);
  const found = keys.value.value?.items;
  const done = async (said: string) => {
    removing.value = null;
    isRotating.value = false;
    toast(said);
    await keys.load();
  };
  return (
    <>
      <Title text="Signing keys" lead="They sign access tokens. Verifiers find the public ones in the JWKS of the tenant.">
        {may("signing_keys:write") && found && found.length > 0 && <button type="button" onClick={() => (isRotating.value = true)}>Rotate</button>}
      </Title>
      <Problem error={keys.error.value} />
      {!found ? !keys.error.value && <Loading /> : found.length === 0 ? (
        <div class="empty"><Empty title="No signing keys yet"><p>The first access token makes them.</p></Empty></div>
      ) : (
        <Table
          label="Signing keys"
          rows={[...found].reverse()}
          id={(one) => one.kid}
          columns={[
            { name: "Key", cell: (one) => <code>{one.kid}</code> },
            { name: "Algorithm", cell: (one) => one.algorithm },
            { name: "Status", cell: (one) => <Badge tone={TONES[one.status]}>{MEANS[one.status]}</Badge> },
            { name: "Made", cell: (one) => <Time at={one.created_at} /> },
            { name: "Signs since", cell: (one) => <Time at={one.active_at} none="–" /> },
            { name: "Until", cell: (one) => <Time at={one.retired_at ?? one.removed_at} none="–" /> },
            { name: "", kind: "fit", cell: (one) => one.status !== "removed" && may("signing_keys:write") && <button type="button" class="small danger" onClick={() => (removing.value = one)}>Remove</button> },
          ]}
        />
      )}
      {isRotating.value && (
        <FormDialog title="Rotate signing keys" submit="Rotate" onEnd={() => (isRotating.value = false)} onSubmit={async () => { await rotateSigningKey({}); await done("The next key signs."); }}>
          <p>The next key signs from now on. What the old one signed stays good until it expires.</p>
        </FormDialog>
      )}
      {removing.value && (
        <FormDialog title="Remove signing key" danger submit="Remove the key" onEnd={() => (removing.value = null)} onSubmit={async () => { await removeSigningKey({ kid: removing.value?.kid ?? "" }); await done("Nothing that it signed is accepted any more."); }}>
          <p>For a key that has become known: nothing that <code>{removing.value.kid}</code> signed is accepted any more.</p>
        </FormDialog>
      )}
    </>
  );
}
