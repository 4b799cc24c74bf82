// Doctor: whether the installation is as it should be, and what to do where it is not.

import type { Diagnosis } from "../client/operations.js";
import { examine } from "./api.js";
import { useAnswer } from "./loading.js";
import { Badge, Code, Do, Loading, Problem, Time, Title } from "./parts.js";
import { counted } from "./words.js";

const KINDS = {
  failed: { tone: "bad", text: "Repair" },
  warning: { tone: "warn", text: "Look at" },
  ok: { tone: "good", text: "OK" },
} as const;
const WORST = Object.keys(KINDS);

export function Doctor() {
  const { value, error, load } = useAnswer(async () => ({ items: (await examine({})).items, at: new Date().toISOString() }));
  const found = value.value;
  return (
    <>
      <Title text="Doctor" lead={found ? <>{summary(found.items)} Examined <Time at={found.at} />.</> : "Examines the database, the keyring, the keys, the logs and the clock."}>
        {(found || Boolean(error.value)) && <Do label="Examine again" does={load} />}
      </Title>
      <Problem error={error.value} />
      {found ? (
        <ul class="diagnoses">
          {[...found.items].sort((one, other) => WORST.indexOf(one.status) - WORST.indexOf(other.status)).map((one, place) => <Found key={`${one.check} ${place}`} of={one} />)}
        </ul>
      ) : !error.value && <Loading />}
    </>
  );
}

function Found({ of }: { of: Diagnosis }) {
  const { tone, text } = KINDS[of.status];
  return (
    <li>
      <Badge tone={tone}>{text}</Badge>
      <div>
        <p><strong>{of.check}</strong>: <bdi>{of.message}</bdi></p>
        {of.step && <p class="step">{of.step}.</p>}
        {of.command && <Code label={`Command for ${of.check}`} text={of.command} />}
      </div>
    </li>
  );
}

function summary(found: readonly Diagnosis[]): string {
  const count = (status: Diagnosis["status"]) => found.filter((one) => one.status === status).length;
  const [failed, warnings] = [count("failed"), count("warning")];
  if (failed + warnings === 0) return "Everything is as it should be.";
  return `${counted(failed, "thing")} to repair, ${counted(warnings, "thing")} to look at.`;
}
