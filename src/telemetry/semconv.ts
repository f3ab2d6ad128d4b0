/**
 * Names of OpenTelemetry's semantic conventions (HTTP: stable; GenAI: in development, so they are kept here and
 * nowhere else) and of Sluice's own attributes.
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

export const SLUICE_REQUEST_ID = 'sluice.request_id';
export const SLUICE_OUTCOME = 'sluice.outcome';
export const SLUICE_UPSTREAM = 'sluice.upstream';
export const SLUICE_ATTEMPT = 'sluice.attempt';

/** Event of a client span: the first byte of the upstream's answer. */
export const FIRST_BYTE_EVENT = 'first_byte';

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
