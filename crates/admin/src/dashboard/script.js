"use strict";
const REFRESH_MS = 5000;
const element = (id) => document.getElementById(id);

async function load(path) {
  const response = await fetch(path, { headers: { accept: "application/json" } });
  return response.json();
}

function shown(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function appendCells(row, kind, texts) {
  for (const text of texts) {
    row.appendChild(document.createElement(kind)).textContent = text;
  }
}

function fill(table, items) {
  const columns = [...new Set(items.flatMap((item) => Object.keys(item)))];
  table.replaceChildren();
  appendCells(table.insertRow(), "th", columns);
  for (const item of items) {
    appendCells(table.insertRow(), "td", columns.map((column) => shown(item[column])));
  }
}

function endpoints(upstreams) {
  return upstreams.flatMap(({ name, endpoints }) =>
    (endpoints || []).map((endpoint) => ({ upstream: name, ...endpoint })));
}

async function refresh() {
  try {
    const [ready, health, config, upstreams] =
      await Promise.all(["ready", "health", "config", "upstreams"].map(load));
    element("ready").textContent = ready.status;
    element("version").textContent = shown(config.version);
    fill(element("workers"), health.workers);
    fill(element("upstreams"), endpoints(upstreams));
    element("error").textContent = "";
  } catch (error) {
    element("error").textContent = String(error);
  }
  setTimeout(refresh, REFRESH_MS);
}

refresh();
