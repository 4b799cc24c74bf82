// How the key page for owners looks in a tenant, and what owners may do there.

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { KeyPageSettings } from "../client/operations.js";
import { getKeyPage, may, putKeyPage } from "./api.js";
import { Check, Choice, Form, type Reader, Text } from "./form.js";
import { useAnswer } from "./loading.js";
import { Loading, Problem, Title, toast } from "./parts.js";

const PERMISSIONS = { make: "Make keys", rotate: "Rotate keys", revoke: "Revoke keys" } as const;
const DEFAULT_COLOURS = ["#1d4ed8", "#93c5fd"] as const;
type Shown = Pick<KeyPageSettings, "title" | "logo" | "colours" | "permissions">;

export function KeyPageScreen() {
  const settings = useAnswer(() => getKeyPage({}));
  const found = settings.value.value;
  const shown = useSignal<Shown | null>(null);
  if (!found) return <><Title text="Key page" /><Problem error={settings.error.value} />{!settings.error.value && <Loading />}</>;
  const write = may("tenants:write");
  return (
    <>
      <Title text="Key page" lead="The page where owners see and manage their own keys: in your application, or behind a link from this server. What an application sets itself counts before these settings." />
      <div class="beside">
        <Form
          submit="Save"
          onInput={(event) => (shown.value = drawn(event.currentTarget as HTMLFormElement))}
          onSubmit={async (read, form) => {
            settings.value.value = await putKeyPage({ ...given(read, form), texts: textsOf(read("texts")) });
            toast("Saved. The page shows it from its next loading.");
          }}
        >
          <fieldset disabled={!write}>
            <Text name="title" label="Title" value={found.title} maxLength={100} hint="Empty: the name of the tenant." />
            <Text name="logo" label="Logo" value={found.logo} placeholder="/static/logo.svg" hint="A path on the host that shows the page." />
            <Text name="colours" label="Colour on light" value={found.colours?.[0]} placeholder={DEFAULT_COLOURS[0]} hint="Buttons and links. A colour that is hard to read is refused, with the nearest one that is not." />
            <Text name="dark" label="Colour on dark" value={found.colours?.[1]} placeholder={DEFAULT_COLOURS[1]} />
            <Choice name="language" label="Language" value={found.language ?? ""} of={{ "": "That of the reader", en: "English", de: "German" }} />
            {Object.entries(PERMISSIONS).map(([name, label]) => <Check key={name} name={`may_${name}`} label={label} checked={found.permissions.includes(name)} />)}
            <Text name="keys_max" label="Keys of an owner at most" type="number" min={1} max={1000} value={found.keys_max} />
            <Text name="texts" label="Texts in place of ours" rows={4} value={Object.keys(found.texts).length ? JSON.stringify(found.texts, null, 2) : ""} placeholder={'{"en": {"title": "Your keys"}}'} hint="JSON: by language and name of the text." />
          </fieldset>
        </Form>
        <Preview of={shown.value ?? found} />
      </div>
    </>
  );
}

const given = (read: Reader, form: HTMLFormElement) => ({
  title: read("title"),
  logo: read("logo") || null,
  colours: read("colours") || read("dark") ? [read("colours"), read("dark")] : null,
  language: read("language") || null,
  permissions: Object.keys(PERMISSIONS).filter((name) => (form.elements.namedItem(`may_${name}`) as HTMLInputElement).checked),
  keys_max: Number(read("keys_max")),
});

const drawn = (form: HTMLFormElement): Shown => given((name) => String(new FormData(form).get(name) ?? "").trim(), form);

function textsOf(text: string): Record<string, Record<string, string>> | null {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("The texts are not JSON, such as {\"en\": {\"title\": \"Your keys\"}}. Nothing was saved.");
  }
}

/** The head of the page as it will look, light and dark. */
function Preview({ of }: { of: Shown }) {
  return (
    <section class="preview" aria-label="Preview">
      {(["light", "dark"] as const).map((mode, place) => <Sample key={mode} mode={mode} colour={of.colours?.[place] ?? ""} of={of} fallback={DEFAULT_COLOURS[place] ?? ""} />)}
    </section>
  );
}

function Sample({ mode, colour, fallback, of }: { mode: "light" | "dark"; colour: string; fallback: string; of: Shown }) {
  const sample = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => sample.current?.style.setProperty("--sample", CSS.supports("color", colour) ? colour : fallback));
  return (
    <div ref={sample} class={`sample ${mode}`}>
      <strong><bdi>{of.title || "Your keys"}</bdi></strong>
      {Object.entries(PERMISSIONS).map(([name, label]) => of.permissions.includes(name) && <span key={name} class="like-button">{label.replace("keys", "key")}</span>)}
    </div>
  );
}
