// An io_uring by its raw system calls (linux/io_uring.h). Knows entries, not JavaScript.
#ifndef HAWSER_NATIVE_RING_H_
#define HAWSER_NATIVE_RING_H_

#include <linux/io_uring.h>

#include <cstdint>
#include <memory>

#include "entry.h"

namespace hawser {

class Ring {
 public:
  ~Ring();
  // Null with *error set to an errno where the kernel refuses (containers, sysctl, too old).
  // At most `depth` entries may be in flight, then the completion queue can't overflow.
  static std::unique_ptr<Ring> Create(unsigned depth, int* error);

  int fd() const { return fd_; }
  // True where the ring can perform the operation.
  static bool Takes(Op op) { return op != Op::kDiscard; }

  // Writes the rest of the entry to the submission queue, entering the kernel where that is full. False: no room,
  // try again after completions.
  bool Queue(const Entry& entry);
  // Asks the kernel to end an entry early, best effort; ends in a completion with kIgnored.
  bool QueueCancel(const Entry& entry);
  // Hands the queue to the kernel. False: the kernel lacks resources now, call again later.
  bool Enter();

  static constexpr uint64_t kIgnored = UINT64_MAX;
  // Calls take(user_data, result) for at most `limit` completions; returns their number.
  template <typename Take>
  unsigned Reap(unsigned limit, Take take) {
    unsigned head = *cq_head_;
    unsigned count = 0;
    const unsigned tail = __atomic_load_n(cq_tail_, __ATOMIC_ACQUIRE);
    while (head != tail && count < limit) {
      const io_uring_cqe& cqe = cqes_[head & cq_mask_];
      const uint64_t user_data = cqe.user_data;
      const int32_t result = cqe.res;
      head++;
      count++;
      // given back first: `take` may lead to new completions
      __atomic_store_n(cq_head_, head, __ATOMIC_RELEASE);
      take(user_data, result);
    }
    return count;
  }

  static uint64_t UserData(const Entry& entry) {
    return (static_cast<uint64_t>(entry.generation) << 32) | entry.token;
  }

 private:
  Ring() = default;
  bool Map(const io_uring_params& params);
  bool Probe() const;
  io_uring_sqe* NextSqe();

  int fd_ = -1;
  void* ring_memory_ = nullptr;
  size_t ring_bytes_ = 0;
  io_uring_sqe* sqes_ = nullptr;
  size_t sqes_bytes_ = 0;
  unsigned* sq_head_ = nullptr;
  unsigned* sq_tail_ = nullptr;
  unsigned* sq_flags_ = nullptr;
  unsigned sq_mask_ = 0;
  unsigned sq_entries_ = 0;
  // The tail as we have it; published when the kernel is entered.
  unsigned local_tail_ = 0;
  unsigned* cq_head_ = nullptr;
  unsigned* cq_tail_ = nullptr;
  unsigned cq_mask_ = 0;
  io_uring_cqe* cqes_ = nullptr;
};

}  // namespace hawser

#endif  // HAWSER_NATIVE_RING_H_
