// <convotrace-feedback token="…"></convotrace-feedback>: thumbs, and a comment after a thumb down. Text only, no styles
// but its own; `labels` and `question` may be set as attributes. Sends to the address that this script came from.
(() => {
  const to = document.currentScript.src;
  customElements.define("convotrace-feedback", class extends HTMLElement {
    connectedCallback() {
      if (this.firstChild) return;
      const [good, bad, send] = (this.getAttribute("labels") || "Good answer,Bad answer,Send").split(",");
      const button = (text, label, act) => {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = text;
        made.title = label;
        made.setAttribute("aria-label", label);
        made.addEventListener("click", act);
        this.append(made);
        return made;
      };
      const judge = (value, comment) => navigator.sendBeacon(
        to, JSON.stringify({ token: this.getAttribute("token"), value, comment }));
      const pressed = (which) => [up, down].forEach((one) => one.setAttribute("aria-pressed", String(one === which)));
      const up = button("\u{1F44D}", good, () => { pressed(up); form.hidden = true; judge(true); });
      const down = button("\u{1F44E}", bad, () => { pressed(down); form.hidden = false; judge(false); text.focus(); });
      const form = document.createElement("form");
      const text = document.createElement("input");
      text.maxLength = 4000;
      text.setAttribute("aria-label", text.placeholder = this.getAttribute("question") || "What was wrong?");
      const submit = document.createElement("button");
      submit.textContent = send;
      form.hidden = true;
      form.append(text, submit);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        judge(false, text.value);
        form.hidden = true;
      });
      this.append(form);
    }
  });
})();
