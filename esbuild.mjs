/**
 * `npm run build`: one file, `dist/sluice.cjs`, with everything that the sidecar needs, its source map, the licences of
 * what is in it and a list of that (an SBOM). `dist/sluice.js` starts it, `dist/warm-up.js` makes what starts it fast
 * (`src/launch/`). `--outdir` writes elsewhere.
 *
 * One file and not a file for each lazy `import()`: the two start equally fast (within the noise of 15 interleaved
 * runs), and what a lazy import holds is still evaluated only when it is asked for.
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
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
 * An import of one of Node's modules reads all of its exports, and some of them load more (of `node:http` one loads Node's
 * own copy of undici). Here each name that is used is read, once, and then is a constant.
 *
 * @type {import('esbuild').Plugin}
 */
const requireBuiltins = {
  name: 'require-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?[a-z][a-z0-9_/]*$/ }, ({ path, kind }) =>
      kind !== 'require-call' && isBuiltin(path) ? { path, namespace: 'builtin' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path)).filter(
        (name) => /^\w+$/.test(name) && name !== 'default',
      );
      // A call that is pure is left away where nobody uses its value.
      const reads = names.map(
        (name) => `const $${name}=/* @__PURE__ */(()=>all.${name})();export{$${name} as ${name}};`,
      );
      return { contents: `const all=require('${path}');export default all;${reads.join('')}` };
    });
  },
};

/**
 * What our own code imports of packages whose main file loads much more: fetch, caches and WebSockets; metrics of the
 * process. An import of a name that is not here stops the build: then it needs its line.
 *
 * @type {Readonly<Record<string, Readonly<Record<string, string>>>>}
 */
const parts = {
  undici: {
    Client: 'undici/lib/dispatcher/client.js',
    Pool: 'undici/lib/dispatcher/pool.js',
    buildConnector: 'undici/lib/core/connect.js',
  },
  'prom-client': {
    Counter: 'prom-client/lib/counter.js',
    Gauge: 'prom-client/lib/gauge.js',
    Registry: 'prom-client/lib/registry.js',
  },
};

/** @type {import('esbuild').Plugin} */
const onlyParts = {
  name: 'only-parts',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(undici|prom-client)$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'parts' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'parts' }, ({ path }) => ({
      contents: Object.entries(parts[path] ?? {})
        .map(([name, file]) => `export{default as ${name}}from'${file}';`)
        .join(''),
      resolveDir: root,
    }));
    // A file of client keys needs it, and nothing else once the schemas are compiled.
    onResolve({ filter: /^ajv$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'late' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'late' }, () => ({
      contents: "export function Ajv(options){return new(require('ajv').Ajv)(options)}",
      resolveDir: root,
    }));
    // HTTP/2 is never spoken; without the module undici takes this for it.
    onResolve({ filter: /^node:http2$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    onLoad({ filter: /^/, namespace: 'absent' }, () => ({ contents: 'module.exports = { constants: {} }' }));
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

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node24',
  // Identifiers stay: http-proxy-3 finds its passes by the names of functions, and stack traces stay readable.
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
};

/**
 * Bundles `src/main.ts` and its dependencies into `outdir`. Throws when something cannot be resolved, or when the licence
 * of a dependency is missing or not accepted.
 *
 * @param {string} outdir absolute path
 */
async function bundle(outdir) {
  const file = join(outdir, 'sluice.cjs');
  const result = await build({
    ...common,
    entryPoints: { sluice: 'src/main.ts' },
    outdir,
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    metafile: true,
    sourcemap: 'external',
    legalComments: 'external',
    plugins: [requireBuiltins, onlyParts, compileSchemas],
  });
  const made = result.outputFiles.find((output) => output.path === file)?.text ?? '';
  // A function of `require`, as a script has none; the line of the shebang gives its place, so that the map stays right.
  const code = `${made.replace(/^#!.*/, '(function(require){')}})\n`;
  // It is read byte by byte.
  if (/[^\0-\x7f]/.test(code)) throw new Error('the bundle must be ASCII: esbuild escapes everything else');
  const packages = await bundledPackages(result.metafile);
  const comments = result.outputFiles.find((output) => output.path.endsWith('.LEGAL.txt'))?.text ?? '';
  await mkdir(outdir, { recursive: true });
  await writeFile(join(outdir, 'THIRD-PARTY-LICENSES.txt'), await notices(packages, comments));
  await writeFile(join(outdir, 'sbom.cdx.json'), `${JSON.stringify(await sbom(packages), null, 2)}\n`);
  const map = result.outputFiles.find((output) => output.path.endsWith('.map'));
  if (map !== undefined) await writeFile(map.path, map.contents);
  await writeFile(file, code);
  await launchers(outdir, createHash('sha256').update(code).digest('hex').slice(0, 16));
  return { file, bytes: code.length, packages: packages.length };
}

/**
 * What starts the code of this digest, and what warms it up.
 *
 * @param {string} outdir
 * @param {string} digest
 */
async function launchers(outdir, digest) {
  await build({
    ...common,
    entryPoints: { sluice: 'src/launch/start.ts', 'warm-up': 'src/launch/warm-up.ts' },
    outdir,
    write: true,
    format: 'esm',
    define: { CODE_DIGEST: JSON.stringify(digest) },
  });
  await chmod(join(outdir, 'sluice.js'), 0o755);
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

const { values } = parseArgs({ options: { outdir: { type: 'string', default: 'dist' } } });
const { file, bytes, packages } = await bundle(resolve(root, values.outdir));
console.log(`${file}: ${(bytes / 1024 / 1024).toFixed(2)} MiB, ${packages} packages`);
