// How a key was used in the last 30 days, and what is left of its limits and credits.

import type { Detail } from "./api.js";
import { usePage, useText } from "./app.js";
import { Time } from "./parts.js";

const DAYS = 30;
const DAY = 86_400_000;

export function Use({ of }: { of: Detail }) {
  const t = useText();
  return (
    <>
      <h3>{t("use_30")}</h3>
      <Chart of={of} />
      {(of.limits.length > 0 || of.credits) && <h3>{t("left")}</h3>}
      {(of.limits.length > 0 || of.credits) && <Left of={of} />}
    </>
  );
}

function Chart({ of }: { of: Detail }) {
  const t = useText();
  const { words } = usePage();
  const known = new Map(of.use.map((one) => [one.day, one]));
  const today = Date.now();
  const days = Array.from({ length: DAYS }, (_, place) => {
    const day = new Date(today - (DAYS - 1 - place) * DAY).toISOString().slice(0, 10);
    return known.get(day) ?? { day, valid: 0, refused: 0 };
  });
  const used = days.filter((one) => one.valid + one.refused > 0);
  if (used.length === 0) return <p class="quiet">{t("no_calls")}</p>;
  const most = Math.max(...days.map((one) => one.valid + one.refused));
  const refused = used.reduce((sum, one) => sum + one.refused, 0);
  const summary = t("calls", { count: used.reduce((sum, one) => sum + one.valid, refused), refused });
  return (
    <figure part="chart">
      <figcaption>{summary}</figcaption>
      <svg viewBox={`0 0 ${DAYS * 10} 100`} preserveAspectRatio="none" role="img" aria-label={summary}>
        {days.map((one, place) => {
          const good = (one.valid / most) * 96;
          const bad = (one.refused / most) * 96;
          return (
            <g key={one.day}>
              <rect class="good" x={place * 10 + 1} width={8} y={100 - good} height={good} />
              <rect class="bad" x={place * 10 + 1} width={8} y={100 - good - bad} height={bad} />
            </g>
          );
        })}
      </svg>
      <details>
        <summary>{t("as_table")}</summary>
        <table>
          <thead><tr><th scope="col">{t("day")}</th><th scope="col" class="number">{t("accepted")}</th><th scope="col" class="number">{t("refused")}</th></tr></thead>
          <tbody>
            {used.map((one) => (
              <tr key={one.day}><th scope="row">{words.day(one.day)}</th><td class="number">{words.count(one.valid)}</td><td class="number">{words.count(one.refused)}</td></tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function Left({ of: { limits, credits } }: { of: Detail }) {
  const t = useText();
  const rows = limits.map((one) => ({ name: one.name, left: one.remaining, most: one.limit, at: one.reset_at as string | null }));
  if (credits) rows.push({ name: t("credits"), left: credits.remaining, most: Math.max(credits.amount, credits.remaining), at: credits.reset_at });
  return (
    <table>
      <thead><tr><th scope="col">{t("limit")}</th><th scope="col" class="number">{t("left")}</th><th scope="col">{t("renewed")}</th></tr></thead>
      <tbody>
        {rows.map((one) => (
          <tr key={one.name}>
            <th scope="row"><bdi>{one.name}</bdi></th>
            <td class="number"><meter min={0} max={one.most} value={one.left} aria-label={one.name} /> {t("left_of", { left: one.left, limit: one.most })}</td>
            <td>{one.at ? <Time at={one.at} /> : t("never")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
