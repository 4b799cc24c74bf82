// A new secret for a key, and the end of a key.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Detail, Key } from "./api.js";
import { changed, usePage, useText } from "./app.js";
import { Dialog, Field, Form } from "./parts.js";
import type { TextName } from "./words.js";

const GRACES: readonly [TextName, number][] = [["hour", 3600], ["one_day", 86_400], ["week", 604_800], ["no_time", 0]];

export function Rotate({ of, onEnd }: { of: Key; onEnd: () => void }) {
  const page = usePage();
  const t = useText();
  const grace = useSignal(86_400);
  const send = async () => {
    const issued = await page.api.rotate(of.id, grace.value);
    changed(page, issued.key);
    page.issued.value = issued;
    page.tell("rotated", { id: of.id, name: of.name });
    onEnd();
  };
  return (
    <Dialog title={t("rotate_title", { name: of.name })} onEnd={onEnd}>
      <Form submit={t("rotate_do")} send={send}>
        <p>{t("rotate_about")}</p>
        <Field label={t("grace")} hint={t("grace_hint")}>
          <select part="input" value={grace.value} onChange={(event) => (grace.value = Number(event.currentTarget.value))}>
            {GRACES.map(([name, seconds]) => <option key={seconds} value={seconds}>{t(name)}</option>)}
          </select>
        </Field>
      </Form>
    </Dialog>
  );
}

export function Revoke({ of, onEnd, onDone }: { of: Key; onEnd: () => void; onDone: (key: Key) => void }) {
  const page = usePage();
  const t = useText();
  const detail = useSignal<Detail | null>(null);
  useEffect(() => {
    // Without it the key can still be revoked: then the page tells less.
    page.api.key(of.id).then((found) => (detail.value = found), () => {});
  }, []);
  const send = async () => {
    const key = await page.api.revoke(of.id);
    page.said.value = t("revoked_done");
    page.tell("revoked", { id: of.id, name: of.name });
    onEnd();
    onDone(key);
  };
  const { last_used_at: at, last_used_ip: address } = detail.value?.key ?? of;
  const from = address ? t("from_address", { address }) : "";
  return (
    <Dialog title={t("revoke_title", { name: of.name })} onEnd={onEnd}>
      <Form submit={t("revoke_do")} danger send={send}>
        <ul class="impact">
          {detail.value && <li>{t("revoke_calls", { count: detail.value.calls_24h })}</li>}
          <li>{at ? t("revoke_used", { moment: page.words.ago(at), address: from }) : t("revoke_unused")}</li>
        </ul>
        <p>{t("revoke_about")}</p>
      </Form>
    </Dialog>
  );
}
