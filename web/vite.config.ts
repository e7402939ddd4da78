import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const here = (path: string) => decodeURIComponent(new URL(path, import.meta.url).pathname);

// `#console-api/contract` and `#kernel/money` resolve through "imports" of package.json, so the
// browser and the server read the very same file.
export default defineConfig({
  root: here('.'),
  plugins: [react()],
  build: {
    outDir: here('../dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    // Inlined assets would be data: URLs, which the Console's content policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One file of all pages, from the same machine or a cache: a warning would only alarm whoever starts.
    chunkSizeWarningLimit: 1_000,
  },
});
