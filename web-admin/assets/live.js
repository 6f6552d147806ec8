// Keeps the numbers on Overview and Services moving and draws the small charts.
"use strict";

const amount = (value) => {
  value = Math.max(0, value);
  for (const unit of ["", " k", " M", " G"]) {
    if (value < 999.5) {
      const digits = (unit !== "" && value < 99.95) || (value < 9.95 && value > 0) ? 1 : 0;
      return value.toFixed(digits) + unit;
    }
    value /= 1000;
  }
  return value.toFixed(1) + " T";
};

const duration = (seconds) => {
  const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return minutes ? `${minutes} min` : `${seconds} s`;
};

const put = (element, text) => {
  text = String(text);
  if (element && element.textContent !== text) element.textContent = text;
};

const show = (now) => {
  const live = (name, value) => put(document.querySelector(`[data-live="${name}"]`), value);
  const status = now.status;
  if (status) {
    live("uptime", duration(status.uptime));
    for (const nic of status.interfaces) {
      const row = document.querySelector(`[data-nic="${CSS.escape(nic.name)}"]`);
      if (!row) { location.reload(); return; }
      const cell = (name, value) => put(row.querySelector(`[data-cell="${name}"]`), value);
      for (const name of ["rx_packets", "rx_octets", "rx_dropped"]) cell(name, nic[name]);
      const rates = now.rates[nic.name] || { packets: 0, bits: 0, records: 0 };
      for (const name of ["packets", "bits", "records"]) cell(name, amount(rates[name]));
    }
  }
  if (now.radium) {
    live("sources", now.radium.sources.filter((source) => source.connected).length);
    live("clients", now.radium.clients.length);
    live("records", now.radium.totals.records);
    live("lost", now.radium.totals.dropped);
  }
  if (now.archive) {
    live("files", now.archive.files);
    live("archived", now.archive.records);
    live("synced", now.archive.synced_records);
    live("unwritten", now.archive.dropped);
  }
};

const showServices = (now) => {
  for (const service of now.status ? now.status.services : []) {
    const row = document.querySelector(`[data-service="${CSS.escape(service.name)}"]`);
    if (!row) { location.reload(); return; }
    const cell = (name, value) => put(row.querySelector(`[data-cell="${name}"]`), value);
    const state = row.querySelector('[data-cell="state"]');
    put(state, service.state);
    state.className = service.state;
    cell("pid", service.pid || "");
    cell("seconds", duration(service.seconds));
    cell("crashes", service.crashes);
  }
};

const draw = (chart, points) => {
  const most = Math.max(1e-9, ...points.map((point) => point.packets));
  const step = 160 / Math.max(1, points.length - 1);
  const line = points.map((point, at) => `${(at * step).toFixed(1)},${(30 - (28 * point.packets) / most).toFixed(1)}`);
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  shape.setAttribute("points", line.join(" "));
  chart.replaceChildren(shape);
};

const get = async (path) => {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (answer.status === 401) { location.assign("/login"); throw new Error("logged out"); }
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
};

const onServices = document.querySelector("[data-service]") !== null;
const onOverview = document.querySelector("[data-nic]") !== null;
let looks = 0;
const look = async () => {
  if (!onServices && !onOverview) return;
  try {
    const now = await get("/api/v1/status");
    (onServices ? showServices : show)(now);
    if (onOverview && looks++ % 3 === 0) {
      for (const chart of document.querySelectorAll("[data-chart]")) {
        const history = await get(`/api/v1/history?interface=${encodeURIComponent(chart.dataset.chart)}`);
        if (history.hour.length > 1) draw(chart, history.hour);
      }
    }
    document.body.removeAttribute("data-stale");
  } catch (_) {
    document.body.setAttribute("data-stale", "");
  }
  setTimeout(look, 2000);
};
look();
