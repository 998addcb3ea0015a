// The JavaScript face of EngineCore.
#ifndef HAWSER_NATIVE_ENGINE_H_
#define HAWSER_NATIVE_ENGINE_H_

#include <napi.h>

#include "engine_core.h"

namespace hawser {

// new Engine({ kind, depth, threads, words, numbers, completions, onCompletions }): throws an Error with errno where the
// kernel refuses io_uring. submit(count), cancel(token), inFlight(), close().
class Engine : public Napi::ObjectWrap<Engine> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Engine(const Napi::CallbackInfo& info);

 private:
  struct Life;

  Napi::Value Submit(const Napi::CallbackInfo& info);
  Napi::Value Cancel(const Napi::CallbackInfo& info);
  Napi::Value InFlight(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  // Outlives this object until the handles are closed; null after close().
  Life* life_ = nullptr;
};

}  // namespace hawser

#endif  // HAWSER_NATIVE_ENGINE_H_
