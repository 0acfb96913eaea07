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
    // What has the keyboard's focus keeps it, where it is still there.
    const focused = now.contains(document.activeElement) && document.activeElement.getAttribute("href");
    now.replaceWith(next);
    if (focused) next.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
    live.textContent = "Updated at " + new Date().toLocaleTimeString();
  };
  // Browsers open six connections to a server at most, and keep the pages that one has left: only the page that is
  // looked at listens, or the seventh would wait for a minute.
  let events = null;
  const listen = () => {
    if (events || document.visibilityState !== "visible") return;
    events = new EventSource("/api/v1/events");
    // What has changed before it listened, too.
    events.onopen = refresh;
    events.onmessage = refresh;
  };
  const leave = () => {
    if (events) events.close();
    events = null;
  };
  // Away, something may have changed.
  const back = () => {
    listen();
    refresh();
  };
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => (event.persisted ? back() : listen()));
  document.addEventListener("visibilitychange", () =>
    document.visibilityState === "visible" ? back() : leave(),
  );
})();
