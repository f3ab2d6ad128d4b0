/**
 * Names of OpenTelemetry's semantic conventions (HTTP and databases: stable; GenAI: in development, so they are kept here
 * and nowhere else) and of Sluice's own attributes. Times of ours are in milliseconds, as their names say.
 */
import type { Dialect } from '../policy.ts';

export const HTTP_METHOD = 'http.request.method';
export const HTTP_METHOD_ORIGINAL = 'http.request.method_original';
export const HTTP_STATUS = 'http.response.status_code';
export const HTTP_ROUTE = 'http.route';
export const HTTP_RESEND_COUNT = 'http.request.resend_count';
export const HTTP_REQUEST_BYTES = 'http.request.body.size';
export const HTTP_RESPONSE_BYTES = 'http.response.body.size';
export const URL_PATH = 'url.path';
export const URL_SCHEME = 'url.scheme';
export const CLIENT_ADDRESS = 'client.address';
export const SERVER_ADDRESS = 'server.address';
export const SERVER_PORT = 'server.port';
export const ERROR_TYPE = 'error.type';

export const SERVICE_NAME = 'service.name';
export const SERVICE_VERSION = 'service.version';
export const SERVICE_INSTANCE_ID = 'service.instance.id';

export const GEN_AI_PROVIDER = 'gen_ai.provider.name';
export const GEN_AI_OPERATION = 'gen_ai.operation.name';
export const GEN_AI_REQUEST_MODEL = 'gen_ai.request.model';
export const GEN_AI_REQUEST_MAX_TOKENS = 'gen_ai.request.max_tokens';
export const GEN_AI_REQUEST_STREAM = 'gen_ai.request.stream';
export const GEN_AI_RESPONSE_ID = 'gen_ai.response.id';
export const GEN_AI_RESPONSE_MODEL = 'gen_ai.response.model';
export const GEN_AI_FINISH_REASONS = 'gen_ai.response.finish_reasons';
/** In seconds, from the attempt's beginning to the first event with output. */
export const GEN_AI_TIME_TO_FIRST_CHUNK = 'gen_ai.response.time_to_first_chunk';
export const GEN_AI_INPUT_TOKENS = 'gen_ai.usage.input_tokens';
export const GEN_AI_OUTPUT_TOKENS = 'gen_ai.usage.output_tokens';
export const GEN_AI_CACHE_READ_TOKENS = 'gen_ai.usage.cache_read.input_tokens';
export const GEN_AI_CACHE_CREATION_TOKENS = 'gen_ai.usage.cache_creation.input_tokens';
export const GEN_AI_REASONING_TOKENS = 'gen_ai.usage.reasoning.output_tokens';

export const DB_SYSTEM = 'db.system.name';
export const DB_OPERATION = 'db.operation.name';
export const DB_NAMESPACE = 'db.namespace';

export const SLUICE_REQUEST_ID = 'sluice.request_id';
export const SLUICE_OUTCOME = 'sluice.outcome';
export const SLUICE_UPSTREAM = 'sluice.upstream';
export const SLUICE_ATTEMPT = 'sluice.attempt';
/** Short id of the provider key that the attempt carried: name or position and generation. */
export const SLUICE_KEY_ID = 'sluice.key_id';
/** From the request's headers to the first byte to the client. */
export const SLUICE_TTFB = 'sluice.ttfb_ms';
/** How long policies made the request wait in queues; left out where it did not wait. */
export const SLUICE_QUEUE_WAIT = 'sluice.queue.wait_ms';
/** Where a response was cut: `head`, `body`, `event_boundary`, `terminator`. */
export const SLUICE_TRUNCATED = 'sluice.truncated';
/** Why an exchange that was not sampled is exported all the same: `error` or `slow`. */
export const SLUICE_KEPT_FOR = 'sluice.kept_for';
/** From the hand-over to the pool to the request's head on a connection; opening one is part of it. */
export const SLUICE_WAIT = 'sluice.connection.wait_ms';
/** Steps of opening the connection, where one was opened for the attempt. */
export const SLUICE_DNS = 'sluice.connection.dns_ms';
export const SLUICE_TCP = 'sluice.connection.tcp_ms';
export const SLUICE_TLS = 'sluice.connection.tls_ms';
/** True where output tokens are an estimate: the answer did not finish or told no usage. */
export const SLUICE_USAGE_ESTIMATED = 'sluice.usage.estimated';
/** The provider's own word for an error inside an answer that began as a success. */
export const SLUICE_ERROR_CODE = 'sluice.error.code';

/** Event of a server span: a policy has judged. */
export const POLICY_EVENT = 'sluice.policy';
export const POLICY_ID = 'sluice.policy.id';
export const POLICY_DECISION = 'sluice.policy.decision';
export const POLICY_MODE = 'sluice.policy.mode';
export const POLICY_DURATION = 'sluice.policy.duration_ms';

/** Events of a client span: the request's head is on a connection; the answer's head has come; its first output has. */
export const SENT_EVENT = 'sent';
export const FIRST_BYTE_EVENT = 'first_byte';
export const FIRST_TOKEN_EVENT = 'first_token';

/** `error.type` of a stream that ended cleanly before its dialect's terminator. */
export const UNTERMINATED = 'unterminated';

/** Value of `http.request.method` for a method that is not in the conventions' list. */
export const OTHER_METHOD = '_OTHER';

/** Methods that the conventions know (RFC 9110, RFC 5789). */
export const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
]);

/** `gen_ai.provider.name` of each dialect that has one. */
export const GEN_AI_PROVIDERS: Readonly<Partial<Record<Dialect, string>>> = {
  openai: 'openai',
  anthropic: 'anthropic',
  gemini: 'gcp.gemini',
  openrouter: 'openrouter',
  mistral: 'mistral_ai',
  'azure-openai': 'azure.ai.openai',
  ollama: 'ollama',
};
