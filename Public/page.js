// Fills the page from the same API that every client uses. Everything is written as text, never as markup.
"use strict";

const root = new URL("..", location.href);
const find = (id) => document.getElementById(id);

function element(name, text, className) {
  const node = document.createElement(name);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

async function readiness() {
  const state = find("state");
  const checks = find("checks");
  try {
    const answer = await fetch(new URL("readyz?verbose", root), { cache: "no-store" });
    const text = await answer.text();
    state.textContent = answer.ok ? "ready" : "not ready";
    state.className = "badge " + (answer.ok ? "good" : "bad");
    const rows = text.split("\n").filter((line) => /^\[[+-]\]/.test(line)).map((line) => {
      const good = line.startsWith("[+]");
      const row = document.createElement("li");
      row.append(element("span", line.slice(3).replace(/ (ok|failed.*)$/, "")));
      row.append(element("span", good ? "ok" : "failed", good ? "good" : "bad"));
      return row;
    });
    checks.replaceChildren(...(rows.length ? rows : [element("li", text.trim())]));
  } catch {
    state.textContent = "unreachable";
    state.className = "badge bad";
    checks.replaceChildren(element("li", "The admin API does not answer."));
  }
}

async function version() {
  try {
    const answer = await fetch(new URL("version", root));
    if (!answer.ok) return;
    const body = await answer.json();
    find("version").textContent = "Gateway appliance and service mesh, " + (body.gatehouseVersion || body.gitVersion);
  } catch {
    find("version").textContent = "Gateway appliance and service mesh";
  }
}

async function proxies() {
  const rows = find("proxies");
  try {
    const answer = await fetch(new URL("apis/gatehouse.io/v1/proxies", root), {
      headers: { Accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" },
      cache: "no-store",
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const table = await answer.json();
    const columns = table.columnDefinitions.filter((column) => column.priority === 0);
    find("proxy-columns").replaceChildren(...columns.map((column) => {
      const head = element("th", column.name);
      head.scope = "col";
      return head;
    }));
    const lines = table.rows.map((row) => {
      const line = document.createElement("tr");
      line.append(...columns.map((column) => element("td", String(row.cells[table.columnDefinitions.indexOf(column)]))));
      return line;
    });
    const empty = document.createElement("tr");
    empty.append(element("td", "No proxy is connected."));
    rows.replaceChildren(...(lines.length ? lines : [empty]));
  } catch {
    const line = document.createElement("tr");
    line.append(element("td", "The list of proxies is not available."));
    rows.replaceChildren(line);
  }
}

find("origin").textContent = root.origin;
find("kubectl").textContent = "kubectl --server " + root.origin + " get virtualservices -A";
find("curl").textContent = "curl " + root.origin + "/apis/networking.istio.io/v1/gateways";

function refresh() {
  if (document.hidden) return;
  readiness();
  proxies();
}
version();
refresh();
setInterval(refresh, 5000);
