// The page round the picture: drop-downs, filter, files, messages. What is chosen is kept here (and over a reload), so that a
// server that was lost and started anew can be told to show it again.

import { View } from "./view.js";

const KEPT = ["dataset", "x", "y", "z", "color", "filter", "sample", "representation", "size", "legend"];
const PING_MS = 20000;
const CONNECTION_CLOSED = -32099; // wslink's code of a call that its connection did not outlive
const FILES = { pvsm: "state", pvcc: "camera", json: "color_map" };
const find = (id) => document.getElementById(id);
const counted = (number) => Number(number).toLocaleString("en-US");

class ServerError extends Error {
  constructor(message, isLost, isRestarted) {
    super(message);
    this.isLost = isLost;
    this.isRestarted = isRestarted;
  }
}

class Page {
  constructor() {
    this.id = crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`;
    this.kept = JSON.parse(sessionStorage.getItem("pvdask") || "{}");
    this.told = {};
    this.view = new View(find("view"), (wanted) => this.frame(wanted));
    this.view.onframe = (stats) => this.showFrame(stats);
    this.view.onerror = (error) => this.complain(error);
    this.view.onhome = () => this.look("");
    this.view.camera = this.kept.camera || null;
    this.isReady = false;
    this.listen();
  }

  // ---- the server

  async ask(name, values = {}, payload = null) {
    const session = window.trame?.client?.getConnection()?.getSession();
    if (!session) throw new ServerError("The page is not connected to the server.", true);
    const answer = await session.call("pvdask.ask", [this.id, name, values, payload]);
    if (answer.error) throw new ServerError(answer.error, answer.lost, answer.restarted);
    return answer;
  }

  async open() {
    await this.change("open", { settings: this.kept.dataset ? this.kept : {} });
  }

  async frame(wanted) {
    if (!this.isReady) return null;
    const { result, content } = await this.ask("render", wanted);
    if (this.view.camera) this.keep({ camera: this.view.camera });
    return { ...result, frame: content };
  }

  // Ask for a change; when it is done show what there is now. The picture stays where it fails.
  async change(name, values = {}, payload = null) {
    find("busy").hidden = false;
    try {
      const { result } = await this.ask(name, values, payload);
      this.showError("");
      this.hideMessage();
      this.show(result);
      return true;
    } catch (error) {
      this.complain(error);
      await this.showWhatThereIs();
      return false;
    } finally {
      find("busy").hidden = true;
    }
  }

  async showWhatThereIs() {
    try {
      this.show((await this.ask("describe")).result);
    } catch {
      // the message that is shown already says why
    }
  }

  // ---- what is shown

  show(told) {
    this.told = told;
    const { columns = [], axes = [[], [], []] } = told;
    fill(find("dataset"), told.datasets || [], told.dataset);
    ["x", "y", "z"].forEach((name, axis) => fill(find(name), axes[axis], told[name]));
    fill(find("color"), columns, told.color, "(one colour)");
    fill(find("preset"), told.presets || [], "", told.is_category ? "(categories)" : "(choose)");
    find("preset").disabled = !told.presets?.length || !told.color;
    for (const [id, index] of [["low", 0], ["high", 1]]) {
      find(id).disabled = !told.range;
      find(id).value = told.range ? Number(told.range[index].toPrecision(6)) : "";
    }
    find("rescale").disabled = !told.range;
    if (document.activeElement !== find("filter") && !find("filter").getAttribute("aria-invalid")) find("filter").value = told.filter ?? "";
    find("sample").value = Math.log10(told.sample || 1);
    find("sample-value").textContent = percent(told.sample || 1);
    if (!told.ready) return;
    find("representation").value = told.representation;
    find("size").value = Math.log10(told.size);
    find("size-value").textContent = told.size.toFixed(2);
    find("legend").checked = told.legend;
    const figures = told.figures;
    find("rows").textContent = `${counted(figures.PulledRows)} of ${counted(figures.TotalRows)}`;
    find("dropped").textContent = counted(figures.DroppedRows);
    find("received").textContent = `${(figures.BytesReceived / 1e6).toFixed(1)} MB, ${told.ranks} rank${told.ranks === 1 ? "" : "s"}`;
    find("received").dataset.bytes = figures.BytesReceived;
    this.keep(Object.fromEntries(KEPT.map((name) => [name, told[name]])));
    this.isReady = true;
    this.view.camera = told.camera;
    this.view.still();
  }

  showFrame(stats) {
    const { width, height } = this.view.canvas;
    find("frames").textContent = `${stats.perSecond} a second, ${Math.round(stats.seconds * 1000)} ms, ${width} x ${height}`;
    document.body.dataset.frames = stats.frames;
    document.body.dataset.drag = stats.isDrag;
  }

  showError(text) {
    find("filter-error").textContent = text;
    find("filter-error").hidden = !text;
    if (text) find("filter").setAttribute("aria-invalid", "true");
    else find("filter").removeAttribute("aria-invalid");
  }

  complain(error) {
    if (error.message?.startsWith("Filter:")) return this.showError(error.message);
    if (error.isRestarted) return this.open(); // another page had the server started again
    find("message-text").textContent = error.message || String(error);
    find("message").hidden = false;
    find("message").classList.toggle("lost", Boolean(error.isLost));
    if (error.isLost) this.isReady = false;
  }

  hideMessage() {
    find("message").hidden = true;
  }

  keep(values) {
    Object.assign(this.kept, values);
    try {
      sessionStorage.setItem("pvdask", JSON.stringify(this.kept));
    } catch {
      // a browser that keeps nothing: a reload starts afresh
    }
  }

  // ---- what the user does

  listen() {
    for (const name of ["x", "y", "z", "color", "representation"]) {
      find(name).addEventListener("change", (event) => this.change("change", { [name]: event.target.value }));
    }
    find("dataset").addEventListener("change", (event) => this.change("change", { dataset: event.target.value, filter: "" }));
    find("filter").addEventListener("change", (event) => this.change("change", { filter: event.target.value }));
    find("legend").addEventListener("change", (event) => this.change("change", { legend: event.target.checked }));
    find("preset").addEventListener("change", (event) => event.target.value && this.change("preset", { preset: event.target.value }));
    for (const [name, power] of [["sample", 0.05], ["size", 0.05]]) {
      const value = () => 10 ** (Math.round(find(name).value / power) * power);
      find(name).addEventListener("input", () => {
        find(`${name}-value`).textContent = name === "sample" ? percent(value()) : value().toFixed(2);
      });
      find(name).addEventListener("change", () => this.change("change", { [name]: Number(value().toPrecision(3)) }));
    }
    find("rescale").addEventListener("click", () => this.change("rescale"));
    for (const id of ["low", "high"]) find(id).addEventListener("change", () => this.rescale());
    find("refresh").addEventListener("click", () => this.change("refresh"));
    for (const button of document.querySelectorAll("[data-look]")) button.addEventListener("click", () => this.look(button.dataset.look));
    for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => this.save(button.dataset.save));
    find("load").addEventListener("change", (event) => this.load(event.target));
    find("message-close").addEventListener("click", () => this.hideMessage());
    find("message-again").addEventListener("click", () => (this.isReady ? this.change("refresh") : this.open()));
    find("panel").addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("beforeunload", () => {
      this.isLeaving = true;
      this.ask("close").catch(() => {});
    });
    this.pings = setInterval(() => this.ask("ping").catch(() => {}), PING_MS);
  }

  async rescale() {
    const [low, high] = ["low", "high"].map((id) => find(id).value);
    if (low !== "" && high !== "") await this.change("rescale", { low: Number(low), high: Number(high) });
  }

  async look(direction) {
    try {
      const { result } = await this.ask("look_from", direction ? { direction } : {});
      this.view.camera = result;
      this.view.still();
    } catch (error) {
      this.complain(error);
    }
  }

  async save(kind) {
    try {
      if (kind === "screenshot") {
        const { content } = await this.ask("render", { ...this.view.size(), form: "png", camera: this.view.camera });
        return offer(content, "pvdask.png", "image/png");
      }
      const { content } = await this.ask("save", { kind, camera: this.view.camera });
      offer(content, `pvdask.${Object.keys(FILES).find((suffix) => FILES[suffix] === kind)}`, "application/octet-stream");
    } catch (error) {
      this.complain(error);
    }
  }

  async load(input) {
    const [file] = input.files;
    if (!file) return;
    const kind = FILES[file.name.split(".").pop().toLowerCase()];
    if (kind) await this.change("load", { kind }, new Uint8Array(await file.arrayBuffer()));
    else this.complain(new Error(`${file.name}: expected a state (.pvsm), a camera (.pvcc) or a colour map (.json).`));
    input.value = "";
  }

  // The server itself is gone: say so, wait until it answers again, and begin anew with what was shown.
  async wait() {
    clearInterval(this.pings);
    if (this.isLeaving) return;
    const note = document.createElement("div");
    note.id = "gone";
    note.setAttribute("role", "alert");
    note.textContent =
      "The page has lost `pvdask view`, the program that it comes from. Start that again (in the terminal where it ran); this page goes on by itself when it is there.";
    note.style.cssText =
      "position:fixed;inset:auto 0 0 0;padding:14px 18px;background:#7a1f12;color:#fff;font:16px system-ui,sans-serif;z-index:9999";
    document.body.append(note);
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      try {
        if ((await fetch("index.html", { cache: "no-store" })).ok) return location.reload();
      } catch {
        // not yet
      }
    }
  }
}

function percent(share) {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function fill(select, names, chosen, none = null) {
  const options = [...(none === null ? [] : [["", none]]), ...names.map((name) => [name, name])];
  if (chosen && !names.includes(chosen)) options.unshift([chosen, chosen]);
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === (chosen ?? ""))));
}

function offer(content, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Where the connection closes, in a reload too, trame's client tells the server of it through that very connection.
window.addEventListener("unhandledrejection", (event) => {
  if (event.reason?.code === CONNECTION_CLOSED) event.preventDefault();
});

async function begin() {
  // Beside what trame's client draws, which it does anew whenever it likes.
  document.body.insertAdjacentHTML("beforeend", await (await fetch(new URL("./page.html", import.meta.url))).text());
  while (!window.trame?.client?.getConnection()) await new Promise((resolve) => setTimeout(resolve, 30));
  document.documentElement.lang = "en";
  const viewport = document.querySelector("meta[name=viewport]");
  if (viewport) viewport.content = "width=device-width,initial-scale=1"; // trame's own forbids to enlarge the page
  const page = new Page();
  window.pvdask = page;
  window.trame.client.onConnectionClose(() => page.wait());
  await page.open();
}

begin();
