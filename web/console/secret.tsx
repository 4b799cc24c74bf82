// The secret of a key, shown once.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { IssuedDocument } from "../client/operations.js";
import { getKey, revokeKey } from "./api.js";
import { Code, Copy, Problem, Tabs, Title, toast } from "./parts.js";
import { guard } from "./place.js";

const POLL_MILLISECONDS = 2000;
const LEAVING = "The secret is shown this once. Leave, and never see it again?";

const SNIPPETS: Readonly<Record<string, (secret: string) => string>> = {
  ".env": (secret) => `API_KEY=${secret}`,
  curl: (secret) => `curl -H "Authorization: Bearer ${secret}" https://api.example.com/`,
  Python: (secret) => `import httpx\n\nhttpx.get("https://api.example.com/", headers={"Authorization": "Bearer ${secret}"})`,
  TypeScript: (secret) => `await fetch("https://api.example.com/", { headers: { Authorization: "Bearer ${secret}" } });`,
};

export function Secret({ issued, title, undo = false, onDone }: { issued: IssuedDocument; title: string; undo?: boolean; onDone: (id: string) => void }) {
  const { key, secret } = issued;
  const kind = useSignal(".env");
  const error = useSignal<unknown>(null);
  useEffect(() => {
    guard.value = LEAVING;
    return () => {
      guard.value = null;
    };
  }, []);
  const leave = () => {
    guard.value = null;
    onDone(key.id);
  };
  const revoke = async () => {
    try {
      await revokeKey({ id: key.id, reason: "undone at once" });
      toast("The key is revoked: it never was.");
      leave();
    } catch (problem) {
      error.value = problem;
    }
  };
  return (
    <div class="secret-page">
      <Title text={title} />
      <p class="lead">Copy the secret of <b><bdi>{key.name}</bdi></b> now. It is not kept, and nobody can show it again.</p>
      <div class="secret">
        <input readOnly value={secret} aria-label="The secret" onFocus={(event) => event.currentTarget.select()} />
        <Copy text={secret} />
      </div>
      <Tabs names={Object.keys(SNIPPETS)} chosen={kind.value} onChoose={(name) => (kind.value = name)} />
      <Code text={SNIPPETS[kind.value]?.(secret) ?? ""} label={kind.value} />
      <FirstUse id={key.id} kid={key.secrets[0]?.kid ?? ""} />
      <Problem error={error.value} />
      <p class="actions">
        <button type="button" class="primary" onClick={leave}>I have saved it</button>
        {undo && <button type="button" onClick={revoke}>Undo: revoke this key</button>}
      </p>
    </div>
  );
}

/** Waits for the first use of a secret. */
function FirstUse({ id, kid }: { id: string; kid: string }) {
  const used = useSignal("");
  useEffect(() => {
    const look = async () => {
      if (document.hidden) return;
      const key = await getKey({ id }).catch(() => null);
      const found = key?.secrets.find((one) => one.kid === kid);
      if (!found?.last_used_at) return;
      used.value = found.last_used_ip ? `from ${found.last_used_ip}` : "";
      if (!used.value) used.value = "now";
      clearInterval(timer);
    };
    const timer = setInterval(look, POLL_MILLISECONDS);
    return () => clearInterval(timer);
  }, [id, kid]);
  return used.value ? (
    <p class="first-use done" role="status">✓ First use {used.value}</p>
  ) : (
    <p class="first-use" role="status">Waiting for the first use…</p>
  );
}
