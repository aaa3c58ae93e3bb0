// The chat page: one conversation a tab, its id in sessionStorage, answers streamed, history polled.
"use strict";

const POLL_MS = 20000;
const KEY = "demo_session";
const log = document.getElementById("log");
const form = document.getElementById("form");
const field = document.getElementById("text");
const send = document.getElementById("send");
const starters = document.getElementById("starters");
const status = document.getElementById("status");
let busy = false;

function sessionId() {
  let id = sessionStorage.getItem(KEY);
  if (!id) {
    // crypto.randomUUID exists on https and localhost only; a demo is also opened by host name.
    id = "chat-" + [...crypto.getRandomValues(new Uint8Array(9))].map((n) => n.toString(36).padStart(2, "0")).join("");
    sessionStorage.setItem(KEY, id);
  }
  return id;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function addMessage(role, text) {
  const item = element("li", role);
  const body = element("p", "text", text);
  body.dir = "auto";
  item.append(element("span", "who", role === "user" ? "You" : "Assistant"), body);
  log.append(item);
  starters.hidden = true;
  item.scrollIntoView({ block: "end" });
  return item;
}

function post(path, data) {
  const body = JSON.stringify({ session_id: sessionId(), ...data });
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

// Server-sent events arrive in any pieces: what is after the last blank line waits for the next one.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (waiting + value).split("\n\n");
    waiting = parts.pop();
    for (const part of parts) yield JSON.parse(part.replace(/^data: ?/, ""));
  }
}

async function stream(message, item) {
  const response = await post("chat/stream", { message });
  if (!response.ok) throw new Error("status " + response.status);
  const body = item.querySelector(".text");
  for await (const event of events(response)) {
    if (event.done) return;
    body.textContent += event.delta;
    item.scrollIntoView({ block: "end" });
  }
  throw new Error("the answer broke off");
}

function setBusy(now) {
  busy = now;
  send.disabled = now;
  log.setAttribute("aria-busy", String(now));
}

async function ask(message) {
  if (busy) return;
  setBusy(true);
  addMessage("user", message);
  await answer(message);
}

async function answer(message) {
  setBusy(true);
  log.querySelectorAll(".rate").forEach((old) => old.remove());
  const item = addMessage("assistant", "");
  item.classList.add("writing");
  try {
    await stream(message, item);
    addRating(item);
  } catch {
    showFailure(item, message);
  } finally {
    item.classList.remove("writing");
    setBusy(false);
    field.focus();
  }
}

function showFailure(item, message) {
  item.classList.add("failed");
  item.querySelector(".text").textContent = "Something went wrong on our side. Please try again.";
  const again = element("button", "", "Try again");
  again.type = "button";
  again.addEventListener("click", () => {
    item.remove();
    answer(message);
  });
  item.append(again);
  item.scrollIntoView({ block: "end" });
}

function addRating(item) {
  const row = element("div", "rate");
  row.append(element("span", "", "Was this helpful?"), thumb("👍", "Yes, helpful", true), thumb("👎", "No, not helpful", false));
  item.append(row);
  item.scrollIntoView({ block: "end" });
}

function thumb(sign, label, value) {
  const button = element("button", "", sign);
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", async () => {
    const row = button.parentElement;
    const sent = await post("rate", { value }).then((response) => response.ok, () => false);
    const words = sent ? "Thank you for telling us." : "That could not be sent.";
    row.replaceChildren(element("span", "", words));
    status.textContent = words;
  });
  return button;
}

async function loadHistory() {
  if (busy || document.hidden || log.querySelector(".failed")) return;
  const response = await fetch("history?session_id=" + encodeURIComponent(sessionId())).catch(() => null);
  if (!response || !response.ok || busy) return;
  const { messages } = await response.json();
  if (messages.length <= log.children.length) return;
  log.replaceChildren();
  messages.forEach(({ role, text }) => addMessage(role, text));
}

function submit() {
  const message = field.value.trim();
  if (!message || busy) return;
  field.value = "";
  ask(message);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
starters.addEventListener("click", (event) => {
  if (event.target instanceof HTMLButtonElement) ask(event.target.textContent);
});
document.getElementById("fresh").addEventListener("click", () => {
  if (busy) return;
  sessionStorage.removeItem(KEY);
  log.replaceChildren();
  starters.hidden = false;
  status.textContent = "New conversation";
  field.focus();
});

loadHistory();
setInterval(loadHistory, POLL_MS);
