// One queued operation on a file, from the batch that submits it to the completion that ends it.
#ifndef HAWSER_NATIVE_ENTRY_H_
#define HAWSER_NATIVE_ENTRY_H_

#include <cstddef>
#include <cstdint>

namespace hawser {

struct Slab;

// The numbers are shared with lib/block/file/engine.ts.
enum class Op : int32_t {
  kRead = 0,
  kWrite = 1,
  // Durable when it ends (RWF_DSYNC).
  kWriteDurable = 2,
  // fdatasync.
  kSync = 3,
  // Drops the storage of the range; it reads as zeros.
  kPunchHole = 4,
  // Zeros the range and keeps its storage.
  kZeroRange = 5,
  // BLKDISCARD: the range may read as anything afterwards.
  kDiscard = 6,
};
constexpr int32_t kOpLast = 6;

inline bool IsTransfer(Op op) { return op <= Op::kWriteDurable; }

struct Entry {
  uint32_t token = 0;
  // Changes with every use of the token, so that a late cancel can't hit the next use.
  uint32_t generation = 0;
  Op op = Op::kRead;
  int fd = -1;
  // Pinned while the entry is in flight; null for everything but transfers.
  Slab* slab = nullptr;
  char* memory = nullptr;
  uint64_t length = 0;
  uint64_t offset = 0;
  // Bytes transferred so far; the kernel may do less than it was asked for.
  uint64_t done = 0;
  // 0 or a negative errno.
  int32_t result = 0;
  uint32_t retries = 0;
  bool cancel_asked = false;
};

// Most bytes that one read or write call of the kernel transfers, on whole pages.
constexpr uint64_t kTransferBytesMax = 0x7ffff000;

// Performs the entry with blocking calls. Returns 0 or a negative errno.
int32_t Perform(Entry& entry);

// What a transfer that failed with `error` after some bytes reports: the range is torn, whatever the reason.
int32_t TransferError(const Entry& entry, int32_t error);

}  // namespace hawser

#endif  // HAWSER_NATIVE_ENTRY_H_
