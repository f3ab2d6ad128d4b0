/**
 * Metrics of the process under the names that dashboards for Node expect. prom-client's own collection of them cannot
 * be stopped (its event-loop timer and its observer of collections outlive the app), and samples the loop 100 times a
 * second; this one stops, samples 25 times a second, and reads the rest only when it is scraped.
 */
import { readdirSync, readFileSync } from 'node:fs';
import {
  constants,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { histogram } from './series.ts';

/** Milliseconds between two samples of the event loop's delay; what is shorter is not seen. */
const LOOP_RESOLUTION_MS = 40;

const GC_KINDS = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

/** Registers the metrics and watches the process until `stop()`. */
export function startProcessMetrics(registry: Registry): { stop(): void } {
  registerResources(registry);
  registerHeap(registry);
  const stopLoop = watchEventLoop(registry);
  const stopCollections = watchCollections(registry);
  return {
    stop() {
      stopLoop();
      stopCollections();
    },
  };
}

function onScrape(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

function registerResources(registry: Registry): void {
  const cpu = (name: string, help: string, read: (usage: NodeJS.CpuUsage) => number) => {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read(process.cpuUsage()) / 1e6);
      },
    });
  };
  cpu('process_cpu_seconds_total', 'User and system CPU time in seconds.', (usage) => usage.user + usage.system);
  cpu('process_cpu_user_seconds_total', 'User CPU time in seconds.', (usage) => usage.user);
  cpu('process_cpu_system_seconds_total', 'System CPU time in seconds.', (usage) => usage.system);

  const started = Date.now() / 1000 - process.uptime();
  onScrape(registry, 'process_start_time_seconds', 'Start of the process in seconds since 1970.', () => started);
  onScrape(registry, 'process_resident_memory_bytes', 'Resident memory in bytes.', () => process.memoryUsage.rss());
  onScrape(registry, 'process_open_fds', 'Open file descriptors.', openDescriptors);
  const limit = descriptorLimit();
  onScrape(registry, 'process_max_fds', 'Most file descriptors that may be open.', () => limit);
}

function registerHeap(registry: Registry): void {
  onScrape(
    registry,
    'nodejs_heap_size_total_bytes',
    'Size of the heap in bytes.',
    () => process.memoryUsage().heapTotal,
  );
  onScrape(registry, 'nodejs_heap_size_used_bytes', 'Used heap in bytes.', () => process.memoryUsage().heapUsed);
  onScrape(registry, 'nodejs_external_memory_bytes', 'Memory held by buffers in bytes.', () => {
    return process.memoryUsage().external;
  });
  new Gauge({
    name: 'nodejs_version_info',
    help: 'Version of Node.js.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: process.version }, 1);
}

function watchEventLoop(registry: Registry): () => void {
  const delays = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delays.enable();
  // The monitor reports the whole time between two samples: what the timer was meant to take is no delay.
  const seconds = (nanoseconds: number) => {
    return Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - LOOP_RESOLUTION_MS / 1000) : 0;
  };
  onScrape(registry, 'nodejs_eventloop_lag_mean_seconds', 'Mean delay of the event loop since the last scrape.', () => {
    return seconds(delays.mean);
  });
  onScrape(
    registry,
    'nodejs_eventloop_lag_p50_seconds',
    'Median delay of the event loop since the last scrape.',
    () => {
      return seconds(delays.percentile(50));
    },
  );
  onScrape(registry, 'nodejs_eventloop_lag_p99_seconds', '99th percentile of the delay since the last scrape.', () => {
    return seconds(delays.percentile(99));
  });
  // Registered, and so collected, last of the delays: it begins the next period.
  onScrape(
    registry,
    'nodejs_eventloop_lag_max_seconds',
    'Longest delay of the event loop since the last scrape.',
    () => {
      const longest = seconds(delays.max);
      delays.reset();
      return longest;
    },
  );
  let before = performance.eventLoopUtilization();
  onScrape(
    registry,
    'nodejs_eventloop_utilization',
    'Share of the time since the last scrape that was not idle.',
    () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
  );
  return () => {
    delays.disable();
  };
}

function watchCollections(registry: Registry): () => void {
  const bind = histogram(
    registry,
    'nodejs_gc_duration_seconds',
    'Duration of garbage collections by kind.',
    [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
  );
  const kinds = new Map([...GC_KINDS].map(([kind, label]) => [kind, bind({ kind: label })]));
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as GcEntry).detail; // entries of the type `gc` carry it
      kinds.get(kind)?.observe(entry.duration / 1000);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0; // not Linux
  }
}

function descriptorLimit(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return Number(found?.[1] ?? 0);
  } catch {
    return 0; // not Linux
  }
}
