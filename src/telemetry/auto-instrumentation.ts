/**
 * `npm run start:auto`: OpenTelemetry's auto-instrumentation beside Sluice's own spans, for who wants to see DNS, sockets,
 * file reads and the like. It is preloaded (`node --import`) in runs from source only; nothing imports it, its packages are
 * for development, and the bundle and the image know nothing of it. What it costs is in the README.
 *
 * Its server span becomes the parent of Sluice's, so that there is one trace. It injects nothing: the `traceparent` that
 * goes upstream is that of Sluice's attempt, and a second line of it would make both worthless.
 */
import type { IncomingMessage } from 'node:http';
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { TextMapPropagator } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';

/** Probes and scrapes of the admin port come every few seconds and say nothing. */
const admin = /^\/(?:livez|readyz|startupz|health|metrics)\b/;

if ((process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? '') === '') {
  process.stderr.write('start:auto: OTEL_EXPORTER_OTLP_ENDPOINT is not set, so nothing is instrumented\n');
} else {
  await instrument();
}

async function instrument(): Promise<void> {
  // Sluice has metrics and logs of its own.
  process.env.OTEL_METRICS_EXPORTER ??= 'none';
  process.env.OTEL_LOGS_EXPORTER ??= 'none';
  const packages = createRequire(import.meta.resolve('@opentelemetry/auto-instrumentations-node'));
  register(pathToFileURL(packages.resolve('@opentelemetry/instrumentation/hook.mjs')).href);
  const [{ getNodeAutoInstrumentations }, { NodeSDK }] = await Promise.all([
    import('@opentelemetry/auto-instrumentations-node'),
    import('@opentelemetry/sdk-node'),
  ]);
  const sdk = new NodeSDK({
    textMapPropagator: extractOnly(new W3CTraceContextPropagator()),
    instrumentations: getNodeAutoInstrumentations({
      '@opentelemetry/instrumentation-http': {
        ignoreIncomingRequestHook: ({ url = '' }) => admin.test(url),
        requestHook: (span, request) => {
          if (isIncoming(request)) continueFrom(span.spanContext(), request.rawHeaders);
        },
      },
    }),
  });
  sdk.start();
  process.once('beforeExit', () => void sdk.shutdown());
}

function extractOnly(propagator: TextMapPropagator): TextMapPropagator {
  return {
    inject: () => {},
    extract: (context, carrier, getter) => propagator.extract(context, carrier, getter),
    fields: () => [],
  };
}

function isIncoming(request: object): request is IncomingMessage {
  return 'rawHeaders' in request;
}

/** What Sluice reads as the client's `traceparent` is the span that was begun for the request. */
function continueFrom(span: { traceId: string; spanId: string; traceFlags: number }, rawHeaders: string[]): void {
  for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
    if (rawHeaders[i]?.toLowerCase() === 'traceparent') rawHeaders.splice(i, 2);
  }
  const flags = span.traceFlags.toString(16).padStart(2, '0');
  rawHeaders.push('traceparent', `00-${span.traceId}-${span.spanId}-${flags}`);
}
