// What JavaScript sees. The typed face is lib/block/native-binding.ts.
#include <napi.h>

#include "crc32c.h"
#include "engine.h"
#include "file.h"
#include "notify.h"
#include "slab.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new hawser::AddonData());
  const struct {
    const char* name;
    Napi::Value (*call)(const Napi::CallbackInfo&);
  } functions[] = {
      {"allocateSlab", hawser::AllocateSlab},
      {"openFile", hawser::OpenFile},
      {"fileSize", hawser::FileSize},
      {"preallocate", hawser::Preallocate},
      {"dataRanges", hawser::DataRanges},
      {"closeFile", hawser::CloseFile},
      {"crc32c", hawser::Crc32cOf},
      {"crc32cPortable", hawser::Crc32cPortableOf},
      {"notify", hawser::Notify},
      {"duplicate", hawser::Duplicate},
  };
  for (const auto& function : functions) {
    exports.Set(function.name, Napi::Function::New(env, function.call, function.name));
  }
  exports.Set("Engine", hawser::Engine::Define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(block_io, Init)
