// What the scripts of the page share: JSON requests, and elements.

/** A refusal of the server: its sentence, and a page to see instead, if any. */
export class Refusal extends Error {
  /** @param {string} sentence @param {string} [see] */
  constructor(sentence, see) {
    super(sentence);
    this.see = see;
  }
}

/**
 * Ask the server for JSON, or send it some. Throws Refusal; any other error if nobody answers.
 * @param {string} address
 * @param {object} [body] what is sent, as a POST
 * @returns {Promise<any>}
 */
export async function ask(address, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const sent = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const answer = await fetch(address, sent);
  if (answer.headers.get("Content-Type")?.startsWith("application/json")) {
    const found = await answer.json();
    if (answer.ok) return found;
    if (answer.status < 500) throw new Refusal(found.sentence ?? "", found.see);
    throw new Error(found.sentence);
  }
  throw new Error("The page is not answered any more. Load it again; if that does not help, start `importer web` again.");
}

/**
 * Make an element.
 * @param {string} name
 * @param {Record<string, any>} [attributes] null and false: the element does not have it
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** @param {string} id @returns {any} the element with this ID */
export const at = (id) => document.getElementById(id);
