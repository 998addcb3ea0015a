{
  'targets': [
    {
      'target_name': 'block_io',
      'sources': [
        'native/addon.cc',
        'native/crc32c.cc',
        'native/engine.cc',
        'native/engine_core.cc',
        'native/file.cc',
        'native/notify.cc',
        'native/perform.cc',
        'native/ring.cc',
        'native/slab.cc',
        'native/worker_pool.cc',
      ],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
      ],
      'cflags': ['-Wall', '-Wextra', '-fvisibility=hidden', '-O2'],
      'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'libraries': ['-pthread'],
    },
  ],
}
