// The notebook's widget: the picture, and what goes between it and the kernel. Joined to view.js, whose View this uses.

const LOST_MS = 120000;

const button = (text, title, action) => {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, title });
  made.addEventListener("click", () => action(made));
  return made;
};

function render({ model, el }) {
  const stage = Object.assign(document.createElement("div"), { className: "pvdask-stage" });
  const canvas = Object.assign(document.createElement("canvas"), { tabIndex: 0, className: "pvdask-view" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "3D view. Arrow keys turn it, with Shift they move it, plus and minus zoom, Home shows all.");
  canvas.style.height = `${model.get("height")}px`;
  stage.append(canvas);
  const bar = Object.assign(document.createElement("div"), { className: "pvdask-bar" });
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  const frames = document.createElement("span");
  el.append(stage, bar);

  const waiting = new Map();
  const key = Math.random().toString(36).slice(2);
  let count = 0;
  const draw = (wanted) =>
    new Promise((resolve) => {
      const id = `${key}-${count++}`;
      waiting.set(id, resolve);
      setTimeout(() => waiting.delete(id) && resolve(null), LOST_MS);
      model.send({ kind: "draw", id, ...wanted });
    });
  const answered = (message, buffers) => {
    const resolve = waiting.get(message.id);
    if (!waiting.delete(message.id)) return;
    const bytes = buffers?.[0];
    resolve(bytes ? { ...message, frame: new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength) } : null);
  };

  const view = new View(canvas, draw);
  const show = () => {
    view.camera = model.get("camera");
    view.still();
  };
  const tell = () => (status.textContent = model.get("status"));
  view.onframe = (stats) => (frames.textContent = `${stats.perSecond} frames a second`);
  view.onhome = () => model.send({ kind: "reset" });
  const pick = button("Pick rows", "Draw a rectangle round rows; .selection() gives them", (made) => {
    view.onpick = view.onpick ? null : (rectangle) => model.send({ kind: "pick", rectangle });
    made.setAttribute("aria-pressed", String(Boolean(view.onpick)));
  });
  bar.append(button("Reset camera", "Show all of the data", view.onhome), pick, status, frames);
  model.on("msg:custom", answered);
  model.on("change:shown", show);
  model.on("change:status", tell);
  tell();
  show();
  return () => {
    view.stop();
    model.off("msg:custom", answered);
    model.off("change:shown", show);
    model.off("change:status", tell);
  };
}

export default { render };
