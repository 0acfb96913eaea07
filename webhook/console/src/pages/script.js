// Shows what has changed. Pages work without it.
"use strict";
(() => {
  if (!window.EventSource || location.pathname.startsWith("/sign-")) return;
  const live = document.getElementById("live");
  // Nothing is taken from under somebody who types.
  const busy = () => document.activeElement && document.activeElement.matches("input, select, textarea");
  const refresh = async () => {
    if (busy()) return;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [now, next] = [document.querySelector("main"), page.querySelector("main")];
    if (!next || now.innerHTML === next.innerHTML) return;
    now.replaceWith(next);
    live.textContent = "Updated at " + new Date().toLocaleTimeString();
  };
  new EventSource("/api/events").onmessage = refresh;
})();
