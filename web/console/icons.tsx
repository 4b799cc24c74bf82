// The icons of the navigation: lines on a field of 24 by 24.

const PATHS = {
  keys: "M14 7a4 4 0 1 0 3 3l4-4V3h-3zM8.5 15.5h.01M10.2 10.2 3 17.4V21h3.6l1.9-1.9",
  attention: "M12 3 2.5 20h19zM12 10v4M12 17h.01",
  owners: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21c0-4 3-6.5 7-6.5s7 2.5 7 6.5M16 3.5a4 4 0 0 1 0 7.2M18.5 15c2.2.9 3.5 3 3.5 6",
  explain: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM21 21l-5-5M9.5 9a1.6 1.6 0 1 1 2.2 1.5c-.5.2-.7.6-.7 1.1M11 14h.01",
  usage: "M4 21V11M10 21V4M16 21v-7M21 21H3",
  audit: "M6 3h9l4 4v14H6zM14 3v5h5M9.5 13h6M9.5 17h6",
  live: "M2 12h4l3-8 5 16 3-8h5",
  sessions: "M3 5h18v11H3zM8 21h8M12 16v5",
  scopes: "M12 3 4 6v6c0 4.5 3.3 7.6 8 9 4.7-1.4 8-4.5 8-9V6zM9 12l2.2 2.2L15.5 10",
  webhooks: "M4 12h6M10 6h7a4 4 0 0 1 0 8H7a4 4 0 0 0 0 8M14 3l3 3-3 3",
  imports: "M12 3v12M7 10l5 5 5-5M4 17v4h16v-4",
  page: "M3 4h18v16H3zM3 9h18M7 13h6M7 16h4",
  tenants: "M3 21V8l9-5 9 5v13zM9 21v-7h6v7",
  operators: "M12 12a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM4 21c0-4.5 3.5-6.5 8-6.5s8 2 8 6.5",
  signing: "M4 20c3-1 4-6 7-6 2 0 1 4 3 4s3-2 6-2M14 4l4 4-7 7H7v-4z",
  doctor: "M9 3H5v6a5 5 0 0 0 10 0V3h-4M10 14v2a5 5 0 0 0 10 0v-2M20 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={PATHS[name]} /></svg>;
}
