// What the open chart holds: the record as prefetch, the unsigned orders, and how to build a CDS Hooks request from them.

export class Session {
  constructor(data) {
    Object.assign(this, data);
    this.added = 0;
  }

  static ofPage() {
    const element = document.getElementById("session");
    return element ? new Session(JSON.parse(element.textContent)) : null;
  }

  /** Orders that order hooks speak about; an Appointment has a hook of its own. */
  get orders() {
    return this.drafts.filter((one) => one.resourceType !== "Appointment");
  }

  /** Keep an unsigned order; it gets an id, which selections and suggestions name. */
  add(resource) {
    this.added += 1;
    const kept = { ...resource, id: resource.id ?? `draft-${this.added}` };
    this.drafts.push(kept);
    return kept;
  }

  remove(reference) {
    this.drafts = this.drafts.filter((one) => referenceOf(one) !== reference && one.id !== reference);
  }

  replace(resource) {
    this.drafts = this.drafts.map((one) => (referenceOf(one) === referenceOf(resource) ? resource : one));
  }

  /** A request with the prefetch that discovery asks for. `extra` is what the hook adds to the context. */
  request(hook, extra = {}) {
    const prefetch = Object.fromEntries(this.services[hook].keys.map((key) => [key, this.prefetch[key]]));
    const context = { userId: this.user, patientId: this.patient, encounterId: this.encounter, ...extra };
    return { hook, hookInstance: uuid(), context, prefetch };
  }

  url(hook) {
    return `/cds-services/${this.services[hook].id}`;
  }
}

export function referenceOf(resource) {
  return `${resource.resourceType}/${resource.id}`;
}

export function collection(resources) {
  return { resourceType: "Bundle", type: "collection", entry: resources.map((resource) => ({ resource })) };
}

/** What a resource is about, for a list. */
export function nameOf(resource) {
  const coded = resource.medicationCodeableConcept ?? resource.code ?? resource.vaccineCode ?? resource.serviceType?.[0] ?? {};
  const text = coded.text ?? coded.coding?.[0]?.display ?? resource.description ?? resource.title ?? resource.resourceType;
  const dose = resource.dosageInstruction?.[0]?.text;
  return dose ? `${text}, ${dose}` : text;
}

/** RFC 4122 version 4; crypto.randomUUID exists only on secure origins. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
