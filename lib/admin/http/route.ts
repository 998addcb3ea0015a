/**
 * A route of the API, declared once: it gives the handler, the checks of what comes in, and its
 * line in the document.
 */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface ApiRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** Checked against the route's schema. */
  readonly body: unknown;
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below /api/v1. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly query?: JsonSchema;
  readonly body?: JsonSchema;
  readonly answer: JsonSchema;
  /** 200 unless the answer is something new (201). */
  readonly status?: 200 | 201;
  /**
   * May take long: `Prefer: respond-async, wait=SECONDS` gets 202 and a task instead of waiting.
   */
  readonly title?: (request: ApiRequest) => string;
  readonly run: (request: ApiRequest) => unknown;
}

// ---- words of JSON Schema

export const text = { type: 'string' } as const;
export const whole = { type: 'integer' } as const;
export const flag = { type: 'boolean' } as const;
export const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] });
export const choice = (...values: readonly string[]): JsonSchema => ({
  type: 'string',
  enum: values,
});
export const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });

/**
 * All properties required but those named. Others are refused on the way in and dropped on the way
 * out.
 */
export const object = (
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});

/** Query parameters are text. */
export const switches = (...names: readonly string[]): JsonSchema =>
  object(Object.fromEntries(names.map((name) => [name, choice('true', 'false')])), names);
