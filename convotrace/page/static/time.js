// Times in the zone of whoever reads: the server writes UTC, the full time stays in the title.
const two = (number) => String(number).padStart(2, "0");
const DAY = 86400000;
// Written out: asking the browser for them takes longer than all the rest.
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WAYS = {
  clock: (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`,
  log: (at) => `${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`,
  full: (at) => `${at.getDate()} ${month(at)} ${at.getFullYear()}, ${WAYS.clock(at)}`,
  list: (at) => inList(at, new Date()),
};

function month(at) {
  return MONTHS[at.getMonth()];
}

function inList(at, now) {
  const midnight = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate());
  const days = Math.round((midnight(now) - midnight(at)) / DAY);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (days === 0) return clock;
  if (days > 0 && days < 7) return `${DAYS[at.getDay()]} ${clock}`;
  const day = `${at.getDate()} ${month(at)}`;
  return at.getFullYear() === now.getFullYear() ? day : `${day} ${at.getFullYear()}`;
}

/** Let what is still going on say how long: counted from what the server wrote, since clocks differ. */
export function goOn(root) {
  const going = [...root.querySelectorAll("[data-so-far]")];
  if (!going.length) return;
  const tell = () => {
    for (const one of going) one.textContent = soFar(Math.floor((Number(one.dataset.soFar) + performance.now()) / 1000));
  };
  setInterval(tell, 1000);
}

function soFar(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${seconds} s`;
  if (minutes < 60) return `${minutes} m ${two(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
}

export function localTimes(root) {
  for (const element of root.querySelectorAll("time[data-as]")) {
    const at = new Date(element.dateTime);
    if (!Number.isNaN(at.getTime())) element.textContent = WAYS[element.dataset.as](at);
  }
  const zone = root.querySelector("[data-zone]");
  if (zone) zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone || "your zone";
}
