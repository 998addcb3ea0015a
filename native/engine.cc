#include "engine.h"

#include <memory>
#include <string>
#include <utility>

#include "js.h"

namespace hawser {

// What must stay until the core is gone: references into JavaScript and the hook at the environment's end.
struct Engine::Life {
  napi_env env = nullptr;
  EngineCore* core = nullptr;
  // The engine object's own pointer to this, cleared when this goes.
  Engine* owner = nullptr;
  Napi::FunctionReference on_completions;
  // Keep the memory of the shared arrays.
  Napi::ObjectReference arrays[3];
  std::unique_ptr<Napi::AsyncContext> context;
  napi_async_cleanup_hook_handle hook = nullptr;

  void Deliver(uint32_t count) {
    Napi::HandleScope scope(env);
    napi_value argument = Napi::Number::New(env, count);
    napi_value global = Napi::Env(env).Global();
    const napi_status status = napi_make_callback(env, *context, global, on_completions.Value(), 1,
                                                  &argument, nullptr);
    if (status == napi_ok) return;
    // Without an exception the environment is ending and runs no JavaScript any more: nobody is left to be told.
    bool thrown = false;
    napi_is_exception_pending(env, &thrown);
    napi_value error = nullptr;
    if (thrown && napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      napi_fatal_exception(env, error);
    }
  }

  // From close() and from the environment's end, whichever comes first.
  void End() {
    if (core == nullptr) return;
    EngineCore* ending = std::exchange(core, nullptr);
    if (owner != nullptr) {
      owner->life_ = nullptr;
      owner->Unref();
      owner = nullptr;
    }
    on_completions.Reset();
    for (auto& array : arrays) array.Reset();
    context.reset();
    ending->Close([this] {
      napi_remove_async_cleanup_hook(hook);
      delete this;
    });
  }
};

namespace {

template <typename Array>
bool TakeArray(const Napi::Object& options, const char* name, Napi::ObjectReference& keep,
               Array* array) {
  const Napi::Value value = options.Get(name);
  if (!value.IsTypedArray()) return false;
  *array = value.As<Array>();
  keep = Napi::Persistent(value.As<Napi::Object>());
  return true;
}

}  // namespace

Napi::Function Engine::Define(Napi::Env env) {
  return DefineClass(env, "Engine",
                     {
                         InstanceMethod<&Engine::Submit>("submit"),
                         InstanceMethod<&Engine::Cancel>("cancel"),
                         InstanceMethod<&Engine::InFlight>("inFlight"),
                         InstanceMethod<&Engine::Close>("close"),
                     });
}

Engine::Engine(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Engine>(info) {
  Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  auto life = std::make_unique<Life>();
  Napi::Int32Array words, completions;
  Napi::Float64Array numbers;
  if (!TakeArray(options, "words", life->arrays[0], &words) ||
      !TakeArray(options, "numbers", life->arrays[1], &numbers) ||
      !TakeArray(options, "completions", life->arrays[2], &completions)) {
    Throw(env, "Engine takes words, numbers and completions as typed arrays");
    return;
  }
  EngineCore::Options core;
  core.use_ring = options.Get("kind").ToString().Utf8Value() == "io_uring";
  core.depth = options.Get("depth").ToNumber().Uint32Value();
  core.threads = options.Get("threads").ToNumber().Uint32Value();
  core.slabs = env.GetInstanceData<AddonData>()->slabs;
  core.arrays.words = words.Data();
  core.arrays.numbers = numbers.Data();
  core.arrays.batch_entries = static_cast<uint32_t>(
      std::min(words.ElementLength() / kWordsPerEntry, numbers.ElementLength() / kNumbersPerEntry));
  core.arrays.completions = completions.Data();
  core.arrays.completion_entries =
      static_cast<uint32_t>(completions.ElementLength() / kWordsPerCompletion);
  core.deliver = [life = life.get()](uint32_t count) { life->Deliver(count); };

  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  int error = 0;
  life->core = EngineCore::Create(loop, std::move(core), &error);
  if (life->core == nullptr) {
    ThrowErrno(env, error, "io_uring");
    return;
  }
  life->env = env;
  life->owner = this;
  life->on_completions = Napi::Persistent(options.Get("onCompletions").As<Napi::Function>());
  life->context = std::make_unique<Napi::AsyncContext>(env, "hawser.block_io");
  life_ = life.release();
  Ref();
  napi_add_async_cleanup_hook(
      env, [](napi_async_cleanup_hook_handle, void* data) { static_cast<Life*>(data)->End(); },
      life_, &life_->hook);
}

Napi::Value Engine::Submit(const Napi::CallbackInfo& info) {
  if (life_ == nullptr) return Throw(info.Env(), "the engine is closed");
  uint32_t count = 0;
  napi_get_value_uint32(info.Env(), info[0], &count);
  if (!life_->core->Submit(count)) return Throw(info.Env(), "the engine was given a bad batch");
  return info.Env().Undefined();
}

Napi::Value Engine::Cancel(const Napi::CallbackInfo& info) {
  if (life_ != nullptr) life_->core->Cancel(info[0].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

Napi::Value Engine::InFlight(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), life_ == nullptr ? 0 : life_->core->in_flight());
}

Napi::Value Engine::Close(const Napi::CallbackInfo& info) {
  if (life_ != nullptr) life_->End();
  return info.Env().Undefined();
}

}  // namespace hawser
