// The report of a secret that turned up where it should not be.

import { useSignal } from "@preact/signals";
import { usePage, useText } from "./app.js";
import { Field, Form } from "./parts.js";
import type { TextName } from "./words.js";

const ANSWERS: Readonly<Record<string, TextName>> = {
  revoked: "leak_revoked",
  flagged: "leak_flagged",
  ended: "leak_ended",
  expires: "leak_expires",
};

export function Leak() {
  const page = usePage();
  const t = useText();
  const secret = useSignal("");
  const url = useSignal("");
  const told = useSignal("");
  const send = async () => {
    told.value = "";
    const { action } = await page.api.leak(secret.value.trim(), url.value.trim());
    told.value = t(ANSWERS[action] ?? "leak_none");
    if (action in ANSWERS) {
      secret.value = url.value = "";
      page.tell("leak-reported", { action });
      page.keys.value = await page.api.keys();
    }
  };
  return (
    <details class="leak" part="leak">
      <summary>{t("leak")}</summary>
      <p>{t("leak_about")}</p>
      <Form submit={t("leak_do")} danger send={send}>
        <Field label={t("leak_secret")}>
          <input part="input" required maxLength={8192} autocomplete="off" spellcheck={false} value={secret.value} onInput={(event) => (secret.value = event.currentTarget.value)} />
        </Field>
        <Field label={`${t("leak_url")} (${t("optional")})`}>
          <input part="input" type="url" maxLength={500} autocomplete="off" value={url.value} onInput={(event) => (url.value = event.currentTarget.value)} />
        </Field>
      </Form>
      <p role="status">{told.value}</p>
    </details>
  );
}
