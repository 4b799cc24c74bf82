// The form for a new key.

import { useSignal } from "@preact/signals";
import { changed, usePage, useText } from "./app.js";
import { Dialog, Field, Form } from "./parts.js";

const DAY = 86_400;
const YEAR = 365 * DAY;
const LIVES = [30 * DAY, 90 * DAY, YEAR];

export function Make({ onEnd }: { onEnd: () => void }) {
  const page = usePage();
  const t = useText();
  const { facts, words } = page;
  const name = useSignal("");
  const description = useSignal("");
  const chosen = useSignal<readonly string[]>([]);
  const { max_seconds: most, default_seconds: usual, never } = facts.expiry;
  const lives = [...new Set([...LIVES, usual])].filter((life) => life <= most).sort((a, b) => a - b);
  const life = useSignal<number | null>(usual);
  const text = words.scopes(chosen.value);
  const until = life.value === null ? null : words.day(Date.now() + life.value * 1000);
  const sentence = until === null ? t("sentence_ever", { scopes: text }) : t("sentence_until", { scopes: text, moment: until });
  const choose = (scope: string, isChosen: boolean) => {
    // In the order of the host, so that the sentence does not jump.
    chosen.value = facts.scopes.filter((one) => (one === scope ? isChosen : chosen.value.includes(one)));
  };
  const send = async () => {
    const scopes = [...chosen.value];
    const issued = await page.api.make({ name: name.value.trim(), scopes, description: description.value, expires_in_seconds: life.value });
    changed(page, issued.key);
    page.issued.value = issued;
    page.tell("made", { id: issued.key.id, name: issued.key.name });
    onEnd();
  };
  const told = (seconds: number) => (seconds === YEAR ? t("one_year") : t("days", { count: Math.round(seconds / DAY) }));
  return (
    <Dialog title={t("new_key")} onEnd={onEnd}>
      <Form submit={t("make")} send={send}>
        <Field label={t("name")} hint={t("name_hint")}>
          <input part="input" required maxLength={100} autocomplete="off" value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
        </Field>
        {facts.scopes.length > 0 && (
          <fieldset>
            <legend>{t("choose_scopes")}</legend>
            {facts.scopes.map((scope) => (
              <label key={scope}>
                <input type="checkbox" checked={chosen.value.includes(scope)} onChange={(event) => choose(scope, event.currentTarget.checked)} />
                <span><bdi>{words.scope(scope)}</bdi> <code>{scope}</code></span>
              </label>
            ))}
          </fieldset>
        )}
        <Field label={t("life")}>
          <select part="input" value={life.value ?? ""} onChange={(event) => (life.value = Number(event.currentTarget.value) || null)}>
            {lives.map((seconds) => <option key={seconds} value={seconds}>{told(seconds)}</option>)}
            {never && <option value="">{t("for_ever")}</option>}
          </select>
        </Field>
        <Field label={`${t("description")} (${t("optional")})`}>
          <input part="input" maxLength={500} autocomplete="off" value={description.value} onInput={(event) => (description.value = event.currentTarget.value)} />
        </Field>
        <p class="sentence" part="sentence">{sentence}</p>
      </Form>
    </Dialog>
  );
}
