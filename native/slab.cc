#include "slab.h"

#include <sys/mman.h>

#include "js.h"

namespace hawser {

namespace {
constexpr uint64_t kPageBytes = 4096;
}

SlabRegistry::~SlabRegistry() {
  // Slabs still in flight stay mapped: the kernel may be writing to them until the process ends.
  for (Slab* slab : slabs_) {
    if (slab != nullptr && slab->references == 0) munmap(slab->memory, slab->bytes);
  }
}

Slab* SlabRegistry::Allocate(uint64_t bytes) {
  const uint64_t rounded = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  void* memory =
      mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* slab = new Slab();
  slab->memory = static_cast<char*>(memory);
  slab->bytes = rounded;
  if (free_ids_.empty()) {
    slab->id = static_cast<uint32_t>(slabs_.size());
    slabs_.push_back(slab);
  } else {
    slab->id = free_ids_.back();
    free_ids_.pop_back();
    slabs_[slab->id] = slab;
  }
  return slab;
}

void SlabRegistry::Release(Slab* slab) {
  if (--slab->references > 0) return;
  munmap(slab->memory, slab->bytes);
  slabs_[slab->id] = nullptr;
  free_ids_.push_back(slab->id);
  delete slab;
}

Napi::Value AllocateSlab(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const double bytes = info[0].ToNumber().DoubleValue();
  if (!(bytes >= 1) || bytes > 9007199254740991.0) return Throw(env, "slab size is not a length");
  auto slabs = env.GetInstanceData<AddonData>()->slabs;
  Slab* slab = slabs->Allocate(static_cast<uint64_t>(bytes));
  if (slab == nullptr) return ThrowErrno(env, ENOMEM, "no memory for a slab");
  SlabRegistry::Retain(slab);
  auto* keep = new std::shared_ptr<SlabRegistry>(slabs);
  auto buffer = Napi::ArrayBuffer::New(
      env, slab->memory, static_cast<size_t>(bytes),
      [slab](Napi::Env, void*, std::shared_ptr<SlabRegistry>* registry) {
        (*registry)->Release(slab);
        delete registry;
      },
      keep);
  auto result = Napi::Object::New(env);
  result.Set("id", Napi::Number::New(env, slab->id));
  result.Set("buffer", buffer);
  return result;
}

}  // namespace hawser
