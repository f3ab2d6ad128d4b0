/**
 * `npm run build`: one file, `dist/sluice.js`, with everything that the sidecar needs, its source map, the licences of
 * what is in it and a list of that (an SBOM). `--outdir` writes elsewhere, `--entry` bundles something else.
 *
 * One file and not a file for each lazy `import()`: the two start equally fast (within the noise of 15 interleaved
 * runs), and what a lazy import holds is still evaluated only when it is asked for.
 */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { policies } from './policies/index.ts';
import { precompiledModule } from './src/config/precompile.ts';
import { ConfigSchema } from './src/config/schema.ts';

const root = import.meta.dirname;

/** Licences that may be shipped inside the bundle; a dependency with another one stops the build until somebody has read it. */
const accepted = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT']);

/** Files of a package that must accompany its code. */
const noticeFile = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/**
 * An import of `node:http` reads all of its exports at once, and one of them loads Node's own copy of undici: 10 ms of a
 * start. `require` reads what is used.
 *
 * @type {import('esbuild').Plugin}
 */
const requireHttp = {
  name: 'require-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'node:http', namespace: 'required' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }));
  },
};

/**
 * Schemas of the configuration are compiled here and not at each start: a third of its time.
 *
 * @type {import('esbuild').Plugin}
 */
const compileSchemas = {
  name: 'compile-schemas',
  setup({ onResolve, onLoad }) {
    const original = join(root, 'src/config/compile-schema.ts');
    onResolve({ filter: /\/compile-schema\.ts$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: original, namespace: 'compiled' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'compiled' }, () => {
      const schemas = [ConfigSchema, ...[...policies.values()].map(({ schema }) => schema)];
      return { contents: precompiledModule(schemas, original), resolveDir: dirname(original) };
    });
  },
};

/**
 * Bundles `entry` and its dependencies into `outdir/sluice.js`. Throws when something cannot be resolved, or when the
 * licence of a dependency is missing or not accepted.
 *
 * @param {string} entry absolute path
 * @param {string} outdir absolute path
 */
async function bundle(entry, outdir) {
  const hasShebang = (await readFile(entry, 'utf8')).startsWith('#!');
  const result = await build({
    absWorkingDir: root,
    entryPoints: { sluice: entry },
    outdir,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    metafile: true,
    sourcemap: 'external',
    // Identifiers stay: http-proxy-3 finds its passes by the names of functions, and stack traces stay readable.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'external',
    plugins: [requireHttp, compileSchemas],
    // The CommonJS packages inside call `require` for Node's own modules, which an ES module does not have.
    banner: {
      js: `${hasShebang ? '' : '#!/usr/bin/env node\n'}import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);`,
    },
    logLevel: 'warning',
  });

  const packages = await bundledPackages(result.metafile);
  const comments = result.outputFiles.find((output) => output.path.endsWith('.LEGAL.txt'))?.text ?? '';
  await mkdir(outdir, { recursive: true });
  await writeFile(join(outdir, 'THIRD-PARTY-LICENSES.txt'), await notices(packages, comments));
  await writeFile(join(outdir, 'sbom.cdx.json'), `${JSON.stringify(await sbom(packages), null, 2)}\n`);
  for (const output of result.outputFiles) {
    if (!output.path.endsWith('.LEGAL.txt')) await writeFile(output.path, output.contents);
  }
  const file = join(outdir, 'sluice.js');
  await chmod(file, 0o755);
  const bytes = result.outputFiles.find((output) => output.path === file)?.contents.length ?? 0;
  return { file, bytes, packages: packages.length };
}

/**
 * The folders of the packages that left code in the bundle, sorted by package name.
 *
 * @param {import('esbuild').Metafile} metafile
 */
async function bundledPackages(metafile) {
  const folders = new Set();
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
      if (folder !== undefined && bytesInOutput > 0) folders.add(resolve(root, folder));
    }
  }
  const packages = [];
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    if (!accepted.has(license)) {
      throw new Error(
        `${name}@${version} is licensed under ${license ?? 'nothing that its package.json names'}. Read its licence; ` +
          'then add it to `accepted` in esbuild.mjs, or do without the package.',
      );
    }
    packages.push({ folder, name, version, license });
  }
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The licence texts and notices of the packages, and the legal comments found in their code.
 *
 * @param {Awaited<ReturnType<typeof bundledPackages>>} packages
 * @param {string} comments
 */
async function notices(packages, comments) {
  const rule = `\n${'-'.repeat(80)}\n\n`;
  const parts = ['Sluice is licensed under the Apache License 2.0. Its bundle contains these packages:\n'];
  for (const { folder, name, version, license } of packages) {
    const files = (await readdir(folder)).filter((file) => noticeFile.test(file)).sort();
    const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
    const body =
      texts.length > 0 ? texts.map((text) => text.trim()).join('\n\n') : `SPDX-License-Identifier: ${license}`;
    parts.push(`${name}@${version} (${license})\n\n${body}\n`);
  }
  if (comments !== '') parts.push(`Legal comments in the code of these packages:\n\n${comments.trim()}\n`);
  return parts.join(rule);
}

/**
 * What is in the bundle, as CycloneDX 1.6. `npm sbom` would list what is installed: also what no import reaches. It says
 * no time and no serial number, so that the same tree makes the same bytes.
 *
 * @param {Awaited<ReturnType<typeof bundledPackages>>} packages
 */
async function sbom(packages) {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const own = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const purl = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const components = packages.map(({ folder, name, version, license }) => {
    const [, digest] = /^sha512-(.+)$/.exec(lock.packages[installedAt(folder)]?.integrity ?? '') ?? [];
    return {
      type: 'library',
      'bom-ref': purl(name, version),
      name,
      version,
      licenses: [{ license: { id: license } }],
      purl: purl(name, version),
      // Of the package as the registry has it.
      ...(digest && { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] }),
    };
  });
  const component = {
    type: 'application',
    'bom-ref': own.name,
    name: own.name,
    version: own.version,
    licenses: [{ license: { id: own.license } }],
  };
  return { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata: { component }, components };
}

/** A package's key in the lock file, wherever node_modules lies. */
const installedAt = (/** @type {string} */ folder) => folder.slice(folder.indexOf('node_modules/'));

const { values } = parseArgs({
  options: { entry: { type: 'string', default: 'src/main.ts' }, outdir: { type: 'string', default: 'dist' } },
});
const { file, bytes, packages } = await bundle(resolve(root, values.entry), resolve(root, values.outdir));
console.log(`${file}: ${(bytes / 1024 / 1024).toFixed(2)} MiB, ${packages} packages`);
