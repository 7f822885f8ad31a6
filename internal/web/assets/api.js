// What pages ask of the API. A refusal is an error with its status, what to tell (in English) and, of a definition, what
// is wrong with which field.

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `${status}`);
    this.status = status;
    this.errors = problem.errors ?? [];
  }
}

// send does one request and gives its answer's JSON, null where there is none.
export async function send(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: body === undefined ? { Accept: "application/json" } : { Accept: "application/json", "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(30000),
  });
  const text = await answer.text();
  let told = null;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    told = null; // a proxy's own page
  }
  if (!answer.ok) throw new Refusal(answer.status, told ?? {});
  return told;
}
