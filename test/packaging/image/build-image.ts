import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../repository.ts';
import { bases, makeBases } from './bases.ts';
import { command } from './command.ts';

const name = 'localhost/sluice-test';

/** The image, and its file system unpacked in a folder. */
export interface Image {
  readonly rootfs: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly WorkingDir: string;
  };
  /** The layers above the base. */
  readonly layers: readonly { readonly compressed: number; readonly unpacked: number }[];
  remove(): Promise<void>;
}

/** Builds the Dockerfile of this tree with buildah on bases of {@link makeBases}. Needs root. */
export async function buildImage(): Promise<Image> {
  await makeBases();
  const args = [`BUILD_BASE=${bases.build}`, `BASE=${bases.run}`].flatMap((argument) => ['--build-arg', argument]);
  await command('buildah', 'build', '--pull-never', '--format', 'docker', ...args, '-t', name, root);
  const inspected = JSON.parse(await command('buildah', 'inspect', '--type', 'image', name));
  const container = await command('buildah', 'from', '--pull-never', name);
  return {
    rootfs: await command('buildah', 'mount', container),
    config: inspected.Docker.config,
    layers: await layersAboveBase(),
    async remove() {
      await command('buildah', 'rm', container);
      await command('buildah', 'rmi', name);
    },
  };
}

async function layersAboveBase(): Promise<Image['layers']> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-layers-'));
  try {
    const base = await pushed(bases.run, join(folder, 'base'));
    const image = await pushed(name, join(folder, 'image'));
    return image.slice(base.length);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The layers of an image as a registry would have them. */
async function pushed(image: string, folder: string): Promise<Image['layers']> {
  await command('buildah', 'push', '--format', 'oci', image, `dir:${folder}`);
  const manifest: { layers: { digest: string; size: number }[] } = JSON.parse(
    await readFile(join(folder, 'manifest.json'), 'utf8'),
  );
  return Promise.all(
    manifest.layers.map(async ({ digest, size }) => {
      const blob = await readFile(join(folder, digest.replace('sha256:', '')));
      const packed = blob.readUInt16BE(0) === 0x1f8b;
      return { compressed: size, unpacked: packed ? gunzipSync(blob).length : size };
    }),
  );
}
