// The picture: a canvas that is drawn on the server. It holds the camera, turns pointer, wheel, touch and keys into camera
// moves, and asks for one frame at a time: small ones while something moves, a full one when it has come to rest.
// Used by the page (page.js) and, joined to widget.js, by the notebook's widget.

const SETTLE_MS = 160;
const VIEW_ANGLE = (30 * Math.PI) / 180;
const MAXIMUM_PIXELS = 1920 * 1200;

const add = (a, b, k = 1) => a.map((value, axis) => value + k * b[axis]);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a) => a.map((value) => value / (Math.hypot(...a) || 1));
const turned = (a, axis, angle) => {
  const c = Math.cos(angle);
  const along = add(a.map((value) => value * c), cross(axis, a), Math.sin(angle));
  return add(along, axis, dot(axis, a) * (1 - c));
};

export class View {
  // draw({width, height, is_drag, camera}) gives {frame: bytes of a JPEG, ...}, or null where there is nothing to show.
  constructor(canvas, draw) {
    this.canvas = canvas;
    this.draw = draw;
    this.camera = null;
    this.stats = { latencies: [], frames: 0, seconds: 0, bytes: 0, isDrag: false };
    this.onframe = () => {};
    this.onerror = () => {};
    this.onpick = null; // set: a drag draws a rectangle in place of turning
    this.waiting = null;
    this.busy = false;
    this.times = [];
    this.pointers = new Map();
    this.listen();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.up(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.timeStamp);
    }, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.still());
    this.observer.observe(canvas);
  }

  stop() {
    this.observer.disconnect();
    clearTimeout(this.timer);
    this.stopped = true;
  }

  // ---- what moves the camera

  down(event) {
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const mouse = { 0: "rotate", 1: "pan", 2: "zoom" }[event.button] ?? "rotate";
    this.mode = event.shiftKey ? "pan" : event.ctrlKey ? "zoom" : mouse;
    if (this.onpick && this.mode === "rotate") {
      this.mode = "pick";
      this.start = { x: event.clientX, y: event.clientY };
    }
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before || !this.camera) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
      this.zoom(apart(now) / apart(before), event.timeStamp);
      this.pan((now.x - before.x) / 2, (now.y - before.y) / 2, event.timeStamp);
    } else if (this.mode === "pick") {
      this.rubber(now);
    } else if (this.mode === "pan") {
      this.pan(now.x - before.x, now.y - before.y, event.timeStamp);
    } else if (this.mode === "zoom") {
      this.zoom(Math.exp((before.y - now.y) * 0.01), event.timeStamp);
    } else {
      this.rotate(now.x - before.x, now.y - before.y, event.timeStamp);
    }
    this.pointers.set(event.pointerId, now);
  }

  up(event) {
    const had = this.pointers.delete(event.pointerId);
    if (had && this.mode === "pick") this.picked({ x: event.clientX, y: event.clientY });
    else if (had) this.settle();
  }

  key(event) {
    const step = event.shiftKey ? 0 : 12;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (arrows[event.key] && this.camera) {
      const [x, y] = arrows[event.key];
      if (step) this.rotate(x * step, y * step, event.timeStamp);
      else this.pan(x * 20, y * 20, event.timeStamp);
    } else if (event.key === "+" || event.key === "=") this.zoom(1.15, event.timeStamp);
    else if (event.key === "-") this.zoom(1 / 1.15, event.timeStamp);
    else if (event.key === "Home" && this.onhome) this.onhome();
    else return;
    event.preventDefault();
  }

  axes() {
    const ahead = unit(add(this.camera.focal_point, this.camera.position, -1));
    const right = unit(cross(ahead, this.camera.view_up));
    return { ahead, right, up: cross(right, ahead) };
  }

  rotate(x, y, time) {
    const { right, up } = this.axes();
    const speed = Math.PI / Math.max(this.canvas.clientHeight, 1);
    const { position, focal_point } = this.camera;
    let out = add(position, focal_point, -1);
    out = turned(turned(out, up, -x * speed), right, -y * speed);
    this.camera = { focal_point, position: add(focal_point, out), view_up: unit(turned(up, right, -y * speed)) };
    this.moved(time);
  }

  pan(x, y, time) {
    const { right, up } = this.axes();
    const { position, focal_point, view_up } = this.camera;
    const distance = Math.hypot(...add(position, focal_point, -1));
    const scale = (2 * distance * Math.tan(VIEW_ANGLE / 2)) / Math.max(this.canvas.clientHeight, 1);
    const shift = add(right.map((value) => -value * x * scale), up, y * scale);
    this.camera = { position: add(position, shift), focal_point: add(focal_point, shift), view_up };
    this.moved(time);
  }

  zoom(factor, time) {
    if (!this.camera) return;
    const { position, focal_point, view_up } = this.camera;
    const out = add(position, focal_point, -1).map((value) => value / Math.min(Math.max(factor, 0.1), 10));
    this.camera = { position: add(focal_point, out), focal_point, view_up };
    this.moved(time);
    this.settle();
  }

  moved(time) {
    this.ask({ isDrag: true, since: time ?? performance.now() });
    if (this.pointers.size === 0) this.settle();
  }

  settle() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.still(), SETTLE_MS);
  }

  still() {
    this.ask({ isDrag: false, since: performance.now() });
  }

  // ---- frames

  size() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    let width = Math.max(64, Math.round(this.canvas.clientWidth * ratio));
    let height = Math.max(64, Math.round(this.canvas.clientHeight * ratio));
    const shrink = Math.min(1, Math.sqrt(MAXIMUM_PIXELS / (width * height)));
    return { width: 2 * Math.floor((width * shrink) / 2), height: 2 * Math.floor((height * shrink) / 2) };
  }

  // One frame at a time: what comes meanwhile is drawn next, all of it in one frame.
  ask(request) {
    const since = Math.min(request.since, this.waiting?.since ?? Infinity);
    this.waiting = { ...request, since };
    if (!this.busy) this.run();
  }

  async run() {
    this.busy = true;
    while (this.waiting && !this.stopped) {
      const { isDrag, since } = this.waiting;
      this.waiting = null;
      try {
        const answer = await this.draw({ ...this.size(), is_drag: isDrag, camera: this.camera });
        if (answer) await this.paint(answer, isDrag, since);
      } catch (error) {
        this.onerror(error);
      }
    }
    this.busy = false;
  }

  async paint(answer, isDrag, since) {
    const picture = await createImageBitmap(new Blob([answer.frame], { type: "image/jpeg" }));
    const { width, height } = isDrag ? { width: picture.width * 2, height: picture.height * 2 } : picture;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.canvas.getContext("2d").drawImage(picture, 0, 0, width, height);
    picture.close();
    const now = performance.now();
    this.times = [...this.times.filter((time) => now - time < 1000), now];
    const latencies = isDrag ? [...this.stats.latencies, now - since].slice(-500) : this.stats.latencies;
    const bytes = answer.frame.byteLength ?? answer.frame.length;
    this.stats = { latencies, frames: this.stats.frames + 1, seconds: answer.seconds, bytes, isDrag, perSecond: this.times.length };
    this.onframe(this.stats);
  }

  // ---- a rectangle

  rectangle(end) {
    const box = this.canvas.getBoundingClientRect();
    const share = (value, low, length) => Math.min(Math.max((value - low) / length, 0), 1);
    const xs = [this.start.x, end.x].map((x) => share(x, box.left, box.width)).sort((a, b) => a - b);
    const ys = [this.start.y, end.y].map((y) => share(y, box.top, box.height)).sort((a, b) => a - b);
    return [xs[0], ys[0], xs[1], ys[1]];
  }

  rubber(end) {
    if (!this.band) {
      this.band = document.createElement("div");
      this.band.className = "pvdask-band";
      this.canvas.parentElement.append(this.band);
    }
    const [left, top, right, bottom] = this.rectangle(end);
    const percent = (value) => `${100 * value}%`;
    const size = { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) };
    Object.assign(this.band.style, { position: "absolute", border: "2px solid #ffd54a", pointerEvents: "none", ...size });
  }

  picked(end) {
    this.band?.remove();
    this.band = null;
    const rectangle = this.rectangle(end);
    if (rectangle[2] > rectangle[0] && rectangle[3] > rectangle[1]) this.onpick(rectangle);
  }
}
