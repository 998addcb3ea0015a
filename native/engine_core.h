// What takes batches of entries to the kernel and their completions back to the event loop, over io_uring or threads.
#ifndef HAWSER_NATIVE_ENGINE_CORE_H_
#define HAWSER_NATIVE_ENGINE_CORE_H_

#include <napi.h>
#include <uv.h>

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "entry.h"
#include "ring.h"
#include "slab.h"
#include "worker_pool.h"

namespace hawser {

// The memory that JavaScript and the core share; the layout is that of lib/block/file/native-engine.ts.
struct SharedArrays {
  // Per entry: token, op, descriptor, slab number or -1.
  const int32_t* words = nullptr;
  // Per entry: offset in the slab, length, offset in the file; bytes.
  const double* numbers = nullptr;
  uint32_t batch_entries = 0;
  // Per completion: token, 0 or a negative errno.
  int32_t* completions = nullptr;
  uint32_t completion_entries = 0;
};
constexpr uint32_t kWordsPerEntry = 4;
constexpr uint32_t kNumbersPerEntry = 3;
constexpr uint32_t kWordsPerCompletion = 2;

// All on the thread of the event loop. Lives until its uv handles are closed.
class EngineCore {
 public:
  struct Options {
    bool use_ring = false;
    // Most entries given to the kernel or the threads at once; the rest waits here.
    unsigned depth = 0;
    unsigned threads = 0;
    SharedArrays arrays;
    // Called with the number of completions in the shared array; may submit.
    std::function<void(uint32_t)> deliver;
    std::shared_ptr<SlabRegistry> slabs;
  };

  // Null with *error set where io_uring is refused.
  static EngineCore* Create(uv_loop_t* loop, Options options, int* error);

  // Takes the first `count` entries of the shared arrays. False: a token is in use or a number makes no sense.
  bool Submit(uint32_t count);
  // Best effort; the entry ends in a completion as ever.
  void Cancel(uint32_t token);
  uint32_t in_flight() const { return in_flight_; }
  // Ends the threads, gives up what is in flight and closes the handles; `done` is called when the object is gone.
  void Close(std::function<void()> done);

 private:
  explicit EngineCore(Options options);
  ~EngineCore() = default;

  bool Accept(uint32_t index);
  void Pump();
  bool Start(Entry& entry);
  void OnRingResult(uint64_t user_data, int32_t result);
  void OnKernelDone(Entry& entry, int32_t result);
  void Finish(Entry& entry, int32_t result);
  void TakeFromPool();
  void Deliver();
  void WakeLater() { uv_async_send(&async_); }
  void UpdateReference();
  void AwaitRing();
  WorkerPool& Pool();

  const Options options_;
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<WorkerPool> pool_;
  uv_poll_t poll_ = {};
  uv_async_t async_ = {};
  unsigned open_handles_ = 0;
  std::function<void()> on_closed_;
  bool closing_ = false;
  bool referenced_ = false;
  // The kernel refused entries for want of resources.
  bool must_enter_ = false;

  // By token; a deque, as threads keep pointers while it grows.
  std::deque<Entry> entries_;
  std::vector<bool> busy_;
  std::deque<Entry*> waiting_;
  std::vector<Entry*> for_pool_;
  std::vector<Entry*> from_pool_;
  // Ended, not yet told.
  std::deque<Entry*> ended_;
  uint32_t in_flight_ = 0;
  uint32_t started_ = 0;
};

}  // namespace hawser

#endif  // HAWSER_NATIVE_ENGINE_CORE_H_
