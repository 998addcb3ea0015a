import tseslint from 'typescript-eslint';

/** Time, chance and the outside world reach lib/ only through what it is handed (docs/architecture.md). */
const outsideWorld = [
  { name: 'Date', message: 'Take a Clock.' },
  { name: 'setTimeout', message: 'Take timers from lib/transport.' },
  { name: 'setInterval', message: 'Take timers from lib/transport.' },
  { name: 'setImmediate', message: 'Take timers from lib/transport.' },
];
const impureModules = [
  'node:net',
  'node:tls',
  'node:fs',
  'node:fs/promises',
  'node:http',
  'node:dgram',
  'node:child_process',
];

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'node_modules/', 'var/'] },
  {
    files: ['lib/**/*.ts', 'scripts/**/*.ts', 'config/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.recommended],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['lib/**/*.ts'],
    ignores: [
      'lib/transport/**',
      'lib/admin/**',
      'lib/block/file/**',
      'lib/block/native-binding.ts',
    ],
    rules: {
      'no-restricted-globals': ['error', ...outsideWorld],
      'no-restricted-imports': [
        'error',
        {
          paths: impureModules.map((name) => ({
            name,
            message: 'Only lib/transport and lib/admin meet the outside world.',
          })),
        },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take a Random.' },
        { object: 'crypto', property: 'randomBytes', message: 'Take random bytes as a parameter.' },
        { object: 'Date', property: 'now', message: 'Take a Clock.' },
      ],
    },
  },
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-unused-expressions': 'off' } },
);
