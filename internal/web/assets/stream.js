// A stream of server-sent events that is told apart from silence, and comes back by itself. What it hears goes to told,
// and whether it hears anything goes to state: "live", "stale" (NATS is away), "lost" (the server is), "refused" (log in).

const first = 1000, longest = 10000; // ms until it is tried again

export class Stream {
  #url; #told; #state; #source; #timer; #wait = first;

  constructor(url, told, state) {
    this.#url = url;
    this.#told = told;
    this.#state = state;
  }

  open() {
    clearTimeout(this.#timer);
    this.#source?.close();
    const source = new EventSource(this.#url);
    this.#source = source;
    const on = (name, handle) => source.addEventListener(name, (event) => {
      if (source === this.#source) handle(event);
    });
    for (const name of ["reset", "call", "gone", "ready"]) {
      on(name, (event) => this.#told(name, JSON.parse(event.data)));
    }
    on("ready", () => {
      this.#wait = first;
      this.#state("live");
    });
    on("stale", () => this.#state("stale"));
    on("fresh", () => this.#state("live"));
    on("error", () => {
      // A browser tries again by itself after a connection broke, and never after an answer that is no stream.
      this.#state("lost");
      if (source.readyState === EventSource.CLOSED) this.#again();
    });
  }

  // broken is for whoever finds out by other means that nothing comes any more: a cable that was pulled says nothing.
  broken() {
    this.#state("lost");
    this.#source?.close();
    this.#again();
  }

  #again() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      try {
        const answer = await fetch(this.#url, { method: "HEAD", signal: AbortSignal.timeout(longest) });
        if (answer.status === 401 || answer.status === 403) {
          this.#state("refused");
          return; // it would be refused for ever; the page says what to do
        }
        if (answer.ok) {
          this.open();
          return;
        }
      } catch {
        // the server is still away
      }
      this.#again();
    }, this.#wait * (0.5 + Math.random() / 2)); // many boards should not all come back at once
    this.#wait = Math.min(2 * this.#wait, longest);
  }
}
