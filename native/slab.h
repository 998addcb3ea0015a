// Page-aligned, zeroed memory that entries transfer into and out of, known to JavaScript by a number and as an ArrayBuffer.
#ifndef HAWSER_NATIVE_SLAB_H_
#define HAWSER_NATIVE_SLAB_H_

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace hawser {

struct Slab {
  char* memory = nullptr;
  uint64_t bytes = 0;
  uint32_t id = 0;
  // The ArrayBuffer counts one, each entry in flight another: the collector can't unmap under a transfer.
  uint32_t references = 0;
};

// The slabs of one environment. Used from its thread only.
class SlabRegistry {
 public:
  ~SlabRegistry();
  // Null where the system gives no memory.
  Slab* Allocate(uint64_t bytes);
  // Null where there is no such slab.
  Slab* Find(uint32_t id) const { return id < slabs_.size() ? slabs_[id] : nullptr; }
  static void Retain(Slab* slab) { slab->references++; }
  void Release(Slab* slab);

 private:
  std::vector<Slab*> slabs_;
  std::vector<uint32_t> free_ids_;
};

// allocateSlab(bytes) → { id, buffer: ArrayBuffer }
Napi::Value AllocateSlab(const Napi::CallbackInfo& info);

// State that the functions of one environment share.
struct AddonData {
  std::shared_ptr<SlabRegistry> slabs = std::make_shared<SlabRegistry>();
};

}  // namespace hawser

#endif  // HAWSER_NATIVE_SLAB_H_
